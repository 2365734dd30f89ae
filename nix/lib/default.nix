# What the NixOS module, the Home Manager module and the plain units share.
{ lib }:
{
  agentOptions = import ./agent-options.nix { inherit lib; };
  duration = import ./duration.nix { inherit lib; };
  settings = import ./settings.nix { inherit lib; };
  # The program's own description again: its harnesses are the first of what it takes.
  knownHarnesses =
    (builtins.head
      (builtins.fromJSON (builtins.readFile ../jcard-schema.json)).definitions.agent.properties.harness.anyOf
    ).enum;
  secretFile = import ./secret-file.nix { inherit lib; };
}
