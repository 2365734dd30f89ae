# What the module makes of each case: the units, or the sentences of the assertions, or that Nix refuses it.
{ lib }:
let
  inherit (import ./evaluate.nix { inherit lib; }) nixos pkgs result;
  show = config: {
    inherit (config) systemd users;
    packages = map (package: package.name) config.environment.systemPackages;
    configFile = config.services.agentd.configFile;
  };

  agentd = settings: { services.agentd = { enable = true; } // settings; };
in
lib.mapAttrs (_: module: result show (nixos module)) {
  absent = { };
  default = agentd { };

  full = {
    users.users.alice.isNormalUser = true;
    services.agentd = {
      enable = true;
      settings = {
        memory = "2G";
        agents.reviewer = {
          harness = "claude-code";
          prompt = "Review it.";
          grace_period = "2m";
          prepare = true;
          startup_deadline = "90s";
          stall = {
            after = "10m";
            nudge = "Continue.";
          };
          secrets = [ "ANTHROPIC_API_KEY" ];
          env.LANG = "C.UTF-8";
        };
        agents.helper = {
          harness = "custom";
          command = [
            "helper"
            "{prompt}"
          ];
          replicas = 3;
        };
      };
      secretsDir = "/run/keys";
      secrets.ANTHROPIC_API_KEY.file = "/run/keys/100% my own";
      user = "worker";
      group = "workers";
      adminGroup = "wheel";
      admins = [ "alice" ];
      harnessPackages = [
        pkgs.claude-code
        pkgs.git
      ];
      extraArgs = [
        "--debug"
        "--log-format"
        "100% of $HOME"
      ];
    };
  };

  without-hardening = agentd { hardening = false; };

  # As stereOS has it: a service of its own before, its own users and directory, its own policy of restarts.
  stereos = {
    services.agentd = {
      enable = true;
      extraArgs = [ "--debug" ];
    };
    systemd.services.agentd = {
      after = [ "stereosd.service" ];
      requires = [ "stereosd.service" ];
      path = [ pkgs.git ];
      serviceConfig = {
        DynamicUser = lib.mkForce false;
        Restart = lib.mkForce "on-failure";
        RestartSec = 5;
      };
    };
    systemd.tmpfiles.rules = [ "d /run/agentd 0750 agent admin -" ];
    users.users.agent = {
      isNormalUser = true;
      group = "agent";
      description = "Agent";
    };
    users.users.admin = {
      isNormalUser = true;
      extraGroups = [ "wheel" ];
    };
  };

  own-harness = agentd {
    settings = {
      harness.mine.program = "mine";
      agents.one.harness = "mine";
    };
  };

  # Sentences.
  unknown-harness = agentd { settings.agents.one.harness = "vim"; };
  both-settings-and-a-file = agentd {
    configFile = "/etc/other.toml";
    settings.agents.one.harness = "codex";
  };
  root = agentd { user = "root"; };
  names-of-secrets = agentd {
    secrets."1ST".file = "/run/a";
    secrets.AGENTD_X.file = "/run/a";
    secrets.GOOD.file = "/run/a";
  };
  the-agent-as-admin = agentd { admins = [ "agent" ]; };
  unknown-admin = agentd { admins = [ "alcie" ]; };
  every-agent-as-admin = agentd { adminGroup = "agent"; };

  # Refused.
  unknown-option = agentd { agents = { }; };
  unknown-field = agentd { settings.agents.one.harnes = "codex"; };
  wrong-type = agentd { settings.agents.one.replicas = "3"; };
  no-flag = agentd { settings.agents.one.prepare = "true"; };
  out-of-range = agentd { settings.agents.one.replicas = 5000; };
  secret-in-the-store = agentd { secrets.KEY.file = "/nix/store/00000000000000000000000000000000-key"; };
  secret-as-a-path = agentd { secrets.KEY.file = ./cases.nix; };
  secret-relative = agentd { secrets.KEY.file = "key"; };
  arguments-as-a-text = agentd { extraArgs = "--debug"; };
}
