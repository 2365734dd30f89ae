# services.agentd for NixOS.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  common = import ./lib/common.nix { inherit config lib pkgs; };
  inherit (common) cfg options tmux;

  units = common.units {
    system = true;
    tmuxSocket = "/run/agentd/tmux.sock";
    ground = [
      "--agent-user"
      cfg.user
      "--admin-group"
      cfg.adminGroup
      "--tmux"
      tmux
    ];
  };
  hardening = lib.optionalAttrs cfg.hardening (lib.mapAttrs (_: lib.mkDefault) (import ./lib/hardening.nix));

  isVariable = name: builtins.match "[A-Za-z_][A-Za-z0-9_]*" name != null && !(lib.hasPrefix "AGENTD_" name);
  unknownAdmins = lib.filter (name: !(config.users.users ? ${name})) cfg.admins;
  notVariables = lib.filter (name: !(isVariable name)) (lib.attrNames cfg.secrets);
in
{
  options.services.agentd = options.common // options.system;

  config = lib.mkIf cfg.enable {
    services.agentd = { inherit (common) configFile; };

    assertions = common.assertions ++ [
      {
        assertion = cfg.user != "root";
        message = "services.agentd.user is root, and agents may do whatever their user may: name an ordinary user, or leave it at \"agent\".";
      }
      {
        assertion = notVariables == [ ];
        message = "services.agentd.secrets has names that no variable can have: ${lib.concatStringsSep ", " notVariables}. Use letters, digits and _, no digit first, and not AGENTD_ at the beginning.";
      }
      {
        assertion = !(builtins.elem cfg.user cfg.admins);
        message = "services.agentd.admins contains ${cfg.user}, as whom the agents run: who may attach may do what agents may, not the other way round. Remove it.";
      }
      {
        assertion = unknownAdmins == [ ];
        message = "services.agentd.admins has users that users.users doesn't define: ${lib.concatStringsSep ", " unknownAdmins}. Define them there or correct the names; one from elsewhere, as from LDAP, belongs into users.groups.${cfg.adminGroup}.members.";
      }
      {
        assertion = cfg.group != cfg.adminGroup;
        message = "services.agentd.group and adminGroup are both ${cfg.group}, which makes every agent an admin: name another group for one of them.";
      }
    ];

    environment.systemPackages = common.packages;

    # Whoever defines them elsewhere is right.
    users.users = lib.mkIf (cfg.user == "agent") {
      agent = {
        isNormalUser = lib.mkDefault true;
        description = lib.mkDefault "AI coding agents";
        group = lib.mkOverride 900 cfg.group;
      };
    };
    # By the groups: a name among the users would be half a user, where nobody defines the rest.
    users.groups = lib.mkMerge [
      { ${cfg.group} = { }; }
      { ${cfg.adminGroup}.members = cfg.admins; }
    ];

    systemd.tmpfiles.rules = [
      # Set-group-id, so that the socket that tmux makes in it is the group's.
      "d /run/agentd 2750 ${cfg.user} ${cfg.adminGroup} -"
      "d /run/stereos 0755 root root -"
    ]
    ++ lib.optional (cfg.secretsDir == "/run/stereos/secrets") "d /run/stereos/secrets 0700 root root -";

    systemd.slices.agents.description = "AI coding agents";
    systemd.targets = units.targets;
    systemd.services = {
      agentd-agents = units.services.agentd-agents // {
        # The agents go on when the system is switched to another configuration.
        restartIfChanged = false;
        serviceConfig = units.services.agentd-agents.serviceConfig // {
          User = cfg.user;
          Group = cfg.group;
        };
      };
      agentd = units.services.agentd // {
        wantedBy = [ "multi-user.target" ];
        # Restarted in one step: stopped and started in two, it would stop the agents.
        stopIfChanged = false;
        serviceConfig =
          units.services.agentd.serviceConfig
          // lib.mapAttrs (_: lib.mkDefault) { inherit (units.services.agentd.serviceConfig) Restart RestartSec; }
          // hardening;
      };
    };
  };
}
