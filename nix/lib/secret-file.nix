# A file that systemd reads at run time. One in the store could be read by everybody, for good.
{ lib }:
lib.mkOptionType {
  name = "secretFile";
  description = "absolute path of a file outside of the Nix store, as a string";
  check = value: builtins.isString value && lib.hasPrefix "/" value && !(lib.hasPrefix builtins.storeDir value);
  merge = lib.mergeEqualOption;
}
