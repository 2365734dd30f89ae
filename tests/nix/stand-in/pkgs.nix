# A stand-in for nixpkgs: packages are names with paths, and what would be built is shown instead.
{ lib }:
let
  package = name: path: {
    type = "derivation";
    inherit name;
    outPath = path;
  };
  store = name: package name "/nix/store/00000000000000000000000000000000-${name}";
  # What the file would hold stands in its name, so that it shows in the results.
  shown = name: content: "/nix/store/${builtins.hashString "md5" content}-${name}";
in
{
  agentd = store "agentd";
  tmux = store "tmux";
  coreutils = store "coreutils";
  claude-code = store "claude-code";
  git = store "git";
  stdenv = rec {
    buildPlatform.canExecute = _: true;
    hostPlatform = { };
  };
  runCommand = name: _: script: shown name script;
  formats.toml = _: {
    type = lib.types.attrsOf lib.types.anything;
    generate = name: value: shown name (builtins.toJSON value);
  };
  inherit package;
}
