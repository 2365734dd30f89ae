# The plain units, evaluated without NixOS.
{ lib }:
let
  pkgs = import ./stand-in/pkgs.nix { inherit lib; } // {
    coreutils = "/usr";
  };
in
import ../../nix/render.nix {
  inherit lib;
  inherit (pkgs) package;
  evaluate = (import ./evaluate.nix { inherit lib pkgs; }).nixos;
}
