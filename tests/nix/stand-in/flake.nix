{
  description = "Stands for nixpkgs where there is no network: enough of it for our flake to be shown and checked, not built";

  outputs =
    { self }:
    let
      lib = import ./lib.nix;
      there = file: if builtins.pathExists file then file else throw "${toString file} is not there";
      # What only the package needs.
      more = {
        fileset.unions = files: files;
        fileset.toSource = { root, fileset }: builtins.deepSeq (map there fileset) {
          outPath = toString root;
          parts = lib.concatStringsSep " " (map toString fileset);
        };
        importTOML = file: builtins.fromTOML (builtins.readFile file);
        makeBinPath = packages: lib.concatStringsSep ":" (map (package: "${package}/bin") packages);
        licenses.mit = "MIT";
        platforms.linux = [ ];
      };

      make =
        system: overlay:
        let
          stand-in = import ./pkgs.nix { inherit lib; };
          derive = name: texts: derivation ({ inherit name system; builder = "/bin/sh"; } // texts);
          packages = lib.genAttrs [
            "cargo-deny"
            "clippy"
            "curl"
            "fish"
            "git"
            "installShellFiles"
            "jq"
            "makeWrapper"
            "nixfmt-tree"
            "nodejs"
            "prometheus"
            "python3"
            "rust-analyzer"
            "rustfmt"
            "tcsh"
            "tmux"
            "util-linux"
            "zsh"
          ] (name: derive name { });
          # The machine of a test, as far as our modules make it.
          machine =
            node:
            (lib.evalModules {
              specialArgs.pkgs = pkgs;
              modules = [
                ./nixos.nix
                (
                  { lib, ... }:
                  {
                    options.specialisation = lib.mkOption {
                      type = lib.types.attrsOf lib.types.anything;
                      default = { };
                    };
                  }
                )
                node
              ];
            }).config;
          pkgs =
            stand-in
            // packages
            // {
              inherit system;
              lib = lib // more;
              stdenv = {
                buildPlatform.canExecute = _: true;
                hostPlatform = {
                  isGnu = true;
                  rust.rustcTarget = "x86_64-unknown-linux-gnu";
                };
                cc.libc.static = derive "glibc-static" { };
              };
              rustPlatform.buildRustPackage =
                arguments:
                derive "${arguments.pname}-${arguments.version}" {
                  inherit (arguments) src postInstall postBuild;
                  cargoLock = toString (there arguments.cargoLock.lockFile);
                }
                // {
                  overrideAttrs = more: derive "${more.pname or arguments.pname}-${arguments.version}" { };
                  inherit (arguments) meta;
                  inherit (arguments.src) parts;
                };
              mkShell = arguments: derive "shell" { inherit (arguments) packages; };
              testers.runNixOSTest =
                test:
                let
                  shown = machine test.nodes.machine;
                in
                derive test.name {
                  inherit (test) testScript;
                  units = builtins.toJSON shown.systemd;
                  specialisation = builtins.toJSON shown.specialisation;
                  wrong = builtins.toJSON (lib.filter (each: !each.assertion) shown.assertions);
                };
              callPackage =
                file: given:
                let
                  function = import file;
                in
                function (builtins.intersectAttrs (builtins.functionArgs function) pkgs // given);
              extend = next: make system next;
            }
            // overlay pkgs { };
        in
        pkgs;
    in
    {
      lib = lib // more;
      legacyPackages = lib.genAttrs [
        "x86_64-linux"
        "aarch64-linux"
      ] (system: make system (_: _: { }));
    };
}
