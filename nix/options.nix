# The options of both modules, and the file that settings become.
{
  lib,
  pkgs,
  agentdLib,
}:
let
  inherit (lib) mkOption types;
  toml = pkgs.formats.toml { };

  # Refused by the program that would refuse it at run time. Where it can't be executed, as in a cross build, it isn't.
  check =
    package: file:
    if pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform then
      pkgs.runCommand "jcard.toml" { } ''
        ${package}/bin/agentd check --without-files ${file}
        cp ${file} $out
      ''
    else
      file;
in
{
  # The file that the settings of this configuration become.
  written = cfg: toString (check cfg.package (toml.generate "jcard.toml" (agentdLib.settings.toFile cfg.settings)));

  common = {
    enable = lib.mkEnableOption "agentd, which keeps a declared set of AI coding agents running, each in its tmux session";

    package = mkOption {
      type = types.package;
      default = pkgs.agentd;
      defaultText = lib.literalExpression "pkgs.agentd";
      description = "The agentd to run.";
    };

    tmuxPackage = mkOption {
      type = types.package;
      default = pkgs.tmux;
      defaultText = lib.literalExpression "pkgs.tmux";
      description = "The tmux that agents run in: 3.3 or newer.";
    };

    settings = mkOption {
      type = types.submodule {
        freeformType = toml.type;
        options.agents = mkOption {
          type = types.attrsOf (types.submodule { options = agentdLib.agentOptions; });
          default = { };
          description = "The agents, by name. What isn't given is left to agentd.";
        };
      };
      default = { };
      example = lib.literalExpression ''
        {
          agents.reviewer = {
            harness = "claude-code";
            prompt = "Review every new pull request.";
            workdir = "/srv/project";
            restart = "on-failure";
          };
        }
      '';
      description = ''
        What is written to jcard.toml, checked when the system is built. It is in the store, and so for everybody to
        read: keys belong into {option}`services.agentd.secrets`.
      '';
    };

    secrets = mkOption {
      type = types.attrsOf (
        types.submodule {
          options.file = mkOption {
            type = agentdLib.secretFile;
            example = "/run/keys/anthropic";
            description = "The file that has the value, read by systemd when agentd starts. Never one of the store.";
          };
        }
      );
      default = { };
      example = lib.literalExpression ''{ ANTHROPIC_API_KEY.file = "/run/keys/anthropic"; }'';
      description = "Secrets by the name of the variable that agents get. Of two with the same name the one in {option}`services.agentd.secretsDir` counts.";
    };

    harnessPackages = mkOption {
      type = types.listOf types.package;
      default = [ ];
      example = lib.literalExpression "[ pkgs.claude-code pkgs.git ]";
      description = "Where agents look for programs first. A change is for the next start of an agent.";
    };

    extraArgs = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "--debug" ];
      description = "Further arguments of `agentd run`.";
    };
  };

  home = {
    configFile = mkOption {
      type = types.nullOr types.str;
      default = null;
      description = "The file that declares the agents. It is made of {option}`services.agentd.settings` where there are any; else it is agentd/jcard.toml in `$XDG_CONFIG_HOME`.";
    };

    secretsDir = mkOption {
      type = types.nullOr types.str;
      default = null;
      description = "A directory with one file for each secret, which may change at any time. Default: agentd/secrets in `$XDG_RUNTIME_DIR`.";
    };
  };

  system = {
    configFile = mkOption {
      type = types.str;
      default = "/etc/stereos/jcard.toml";
      description = "The file that declares the agents. It is made of {option}`services.agentd.settings` where there are any; else it may come, change and go at any time.";
    };

    secretsDir = mkOption {
      type = types.str;
      default = "/run/stereos/secrets";
      description = "A directory with one file for each secret, which may change at any time. It should be in memory, and root's alone.";
    };

    user = mkOption {
      type = types.str;
      default = "agent";
      description = "As whom agents run. The user \"agent\" is made; any other is yours to make.";
    };

    group = mkOption {
      type = types.str;
      default = "agent";
      description = "The group of that user.";
    };

    adminGroup = mkOption {
      type = types.str;
      default = "admin";
      description = "Whose members may attach to agents and ask the API. Who may attach may do whatever agents may.";
    };

    admins = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "alice" ];
      description = "Users to be members of that group.";
    };

    hardening = mkOption {
      type = types.bool;
      default = true;
      description = "Whether the daemon runs in a sandbox. The agents never do.";
    };
  };
}
