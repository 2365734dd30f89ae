# What the module for Home Manager makes of each case.
{
  lib,
  pkgs ? import ./stand-in/pkgs.nix { inherit lib; },
}:
let
  result =
    settings:
    let
      config =
        (lib.evalModules {
          specialArgs = { inherit pkgs; };
          modules = [
            ./stand-in/home.nix
            ../../nix/home-module.nix
            { services.agentd = { enable = true; } // settings; }
          ];
        }).config;
      broken = lib.filter (each: !each.assertion) config.assertions;
      shown =
        if broken != [ ] then
          { assertions = map (each: each.message) broken; }
        else
          {
            inherit (config.systemd) user;
            packages = map (package: package.name) config.home.packages;
          };
      tried = builtins.tryEval (builtins.deepSeq shown shown);
    in
    if tried.success then tried.value else "refused";
in
lib.mapAttrs (_: result) {
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
