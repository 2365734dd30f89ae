# What the NixOS module, the Home Manager module and the plain units share.
{ lib }:
{
  agentOptions = import ./agent-options.nix { inherit lib; };
  duration = import ./duration.nix { inherit lib; };
  settings = import ./settings.nix { inherit lib; };
  secretFile = import ./secret-file.nix { inherit lib; };
}
