# What `nix flake check` builds: the package with its unit tests, and the tests in machines.
{ pkgs, self }:
let
  machine = test: pkgs.testers.runNixOSTest (import test { agentd = self.nixosModules.agentd; });
in
{
  package = pkgs.agentd;
  lifecycle = machine ./tests/lifecycle.nix;
  upgrade = machine ./tests/upgrade.nix;
  secrets = machine ./tests/secrets.nix;
}
