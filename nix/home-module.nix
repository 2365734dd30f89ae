# services.agentd for Home Manager: the same agents for one ordinary user, as that user, without root. They go on after a logout
# where the user lingers (`loginctl enable-linger`).
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
    system = false;
    tmuxSocket.raw = "%t/agentd/tmux.sock";
    ground = [
      "--tmux"
      tmux
    ];
    configFile = if cfg.configFile == null then { raw = "%E/agentd/jcard.toml"; } else cfg.configFile;
    secretsDir = if cfg.secretsDir == null then { raw = "%t/agentd/secrets"; } else cfg.secretsDir;
  };

  # As Home Manager writes units down.
  given = lib.filterAttrs (_: value: value != [ ]);
  unit =
    each: more:
    {
      Unit =
        given {
          Description = each.description;
          Wants = each.wants or [ ];
          After = each.after or [ ];
          PartOf = each.partOf or [ ];
        }
        // each.unitConfig
        // more;
    }
    // lib.optionalAttrs (each ? serviceConfig) {
      Service =
        each.serviceConfig
        // given { Environment = lib.mapAttrsToList (name: value: "${name}=${value}") (each.environment or { }); };
    };
in
{
  options.services.agentd = options.common // options.home;

  config = lib.mkIf cfg.enable {
    services.agentd = { inherit (common) configFile; };

    inherit (common) assertions;

    home.packages = common.packages;

    systemd.user.targets.agentd-stop = unit units.targets.agentd-stop { };
    systemd.user.services = {
      # The agents go on when another generation is activated.
      agentd-agents = unit units.services.agentd-agents { X-SwitchMethod = "keep-old"; };
      agentd = unit units.services.agentd { X-SwitchMethod = "restart"; } // {
        Install.WantedBy = [ "default.target" ];
      };
    };
  };
}
