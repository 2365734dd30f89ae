# The options of NixOS that the module sets, as far as it does.
{ lib, ... }:
let
  inherit (lib) mkOption types;
  anything = mkOption {
    type = types.attrsOf types.anything;
    default = { };
  };
  list = mkOption {
    type = types.listOf types.str;
    default = [ ];
  };
  text = mkOption {
    type = types.str;
    default = "";
  };
  flag = mkOption {
    type = types.bool;
    default = true;
  };
  unit = {
    description = text;
    after = list;
    before = list;
    partOf = list;
    requires = list;
    wantedBy = list;
    wants = list;
    unitConfig = anything;
  };
  unitsOf =
    options:
    mkOption {
      type = types.attrsOf (types.submodule { inherit options; });
      default = { };
    };
in
{
  options = {
    assertions = mkOption {
      type = types.listOf types.anything;
      default = [ ];
    };
    environment.systemPackages = mkOption {
      type = types.listOf types.package;
      default = [ ];
    };
    users.users = mkOption {
      type = types.attrsOf types.anything;
      default = { };
    };
    users.groups = mkOption {
      type = types.attrsOf types.anything;
      default = { };
    };
    systemd.tmpfiles.rules = list;
    systemd.slices = unitsOf unit;
    systemd.targets = unitsOf unit;
    systemd.services = unitsOf (
      unit
      // {
        environment = anything;
        path = mkOption {
          type = types.listOf types.package;
          default = [ ];
        };
        serviceConfig = anything;
        restartIfChanged = flag;
        stopIfChanged = flag;
      }
    );
  };
}
