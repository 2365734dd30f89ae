# Evaluates our modules among the stand-ins for those of NixOS or of Home Manager.
{
  lib,
  pkgs ? import ./stand-in/pkgs.nix { inherit lib; },
}:
let
  evaluate =
    modules: module:
    (lib.evalModules {
      specialArgs = { inherit pkgs; };
      modules = modules ++ [ module ];
    }).config;
in
{
  inherit pkgs;
  nixos = evaluate [
    ./stand-in/nixos.nix
    ../../nix/module.nix
  ];
  home = evaluate [
    ./stand-in/home.nix
    ../../nix/home-module.nix
  ];

  # What is to be shown of a configuration; the sentences of its assertions; or that Nix refuses it.
  result =
    show: config:
    let
      broken = lib.filter (each: !each.assertion) config.assertions;
      shown = if broken != [ ] then { assertions = map (each: each.message) broken; } else show config;
      tried = builtins.tryEval (builtins.deepSeq shown shown);
    in
    if tried.success then tried.value else "refused";
}
