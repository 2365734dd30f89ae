{
  description = "agentd keeps a declared set of AI coding agents running, each in its own tmux session";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      forEach = f: lib.genAttrs systems (system: f (nixpkgs.legacyPackages.${system}.extend self.overlays.default));
      # The package is made of whatever nixpkgs the system is made of. No overlay is needed, and none gets in the way.
      withPackage =
        module:
        { lib, pkgs, ... }:
        {
          imports = [ module ];
          services.agentd.package = lib.mkDefault (pkgs.callPackage ./nix/package.nix { });
        };
    in
    {
      overlays.default = final: _: { agentd = final.callPackage ./nix/package.nix { }; };

      packages = forEach (pkgs: {
        inherit (pkgs) agentd;
        default = pkgs.agentd;
      });
      devShells = forEach (pkgs: {
        default = pkgs.callPackage ./nix/devshell.nix { };
      });
      checks = forEach (pkgs: import ./nix/checks.nix { inherit pkgs self; });
      formatter = forEach (pkgs: pkgs.nixfmt-tree);

      nixosModules = rec {
        default = agentd;
        agentd = withPackage ./nix/module.nix;
      };
      homeModules.default = withPackage ./nix/home-module.nix;
    };
}
