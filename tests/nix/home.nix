# What the module for Home Manager makes of each case.
{ lib }:
let
  inherit (import ./evaluate.nix { inherit lib; }) home pkgs result;
  show = config: {
    inherit (config.systemd) user;
    packages = map (package: package.name) config.home.packages;
  };
  agentd = settings: { services.agentd = { enable = true; } // settings; };
in
lib.mapAttrs (_: settings: result show (home (agentd settings))) {
  default = { };
  full = {
    settings.agents.one = {
      harness = "codex";
      grace_period = "1m";
    };
    secrets.KEY.file = "/run/user/1000/key";
    secretsDir = "/run/user/1000/100% secret";
    harnessPackages = [ pkgs.git ];
    extraArgs = [ "--debug" ];
  };
  both-settings-and-a-file = {
    configFile = "/home/u/jcard.toml";
    settings.agents.one.harness = "codex";
  };
  of-the-system-only = {
    user = "u";
  };
}
