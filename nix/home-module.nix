# services.agentd for Home Manager: the same agents for one ordinary user, as that user, without root. They go on after a logout
# where the user lingers (`loginctl enable-linger`).
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.agentd;
  agentdLib = import ./lib { inherit lib; };
  options = import ./options.nix { inherit lib pkgs agentdLib; };

  hasSettings = !(agentdLib.settings.isEmpty cfg.settings);
  tmux = "${cfg.tmuxPackage}/bin/tmux";
  units = import ./lib/units.nix { inherit lib; } {
    system = false;
    agentd = "${cfg.package}/bin/agentd";
    inherit tmux;
    tmuxSocket.raw = "%t/agentd/tmux.sock";
    kill = "${pkgs.coreutils}/bin/kill";
    ground = [
      "--tmux"
      tmux
    ];
    configFile = if cfg.configFile == null then { raw = "%E/agentd/jcard.toml"; } else cfg.configFile;
    secretsDir = if cfg.secretsDir == null then { raw = "%t/agentd/secrets"; } else cfg.secretsDir;
    inherit (cfg) secrets extraArgs;
    agentPath = map (package: "${package}/bin") cfg.harnessPackages;
    longestGrace = if hasSettings then agentdLib.settings.longestGrace cfg.settings else null;
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
    services.agentd.configFile = lib.mkIf hasSettings (lib.mkOverride 1400 (options.written cfg));

    assertions = [
      {
        assertion = hasSettings -> cfg.configFile == options.written cfg;
        message = "services.agentd has both settings and a configFile (${toString cfg.configFile}): remove one. What is in settings is written to a file of its own.";
      }
    ];

    home.packages = [
      cfg.package
      cfg.tmuxPackage
    ];

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
