# The units, as NixOS writes units down. `system` is a service of root's whose agents are another user's; without it, it is
# one of the agents' user's own.
#
# - The agents' unit holds the tmux server and with it every agent. Nothing that happens to the daemon's unit happens to it.
# - It is stopped before the daemon, so that the daemon does it, and a stop of the daemon's unit waits for it.
# - agentd-stop.target hands on a stop that somebody asks for, and nothing else: PropagatesStopTo= in the daemon's own unit
#   would stop the agents whenever the daemon is killed or the watchdog ends it, too.
{ lib }:
{
  system,
  agentd,
  tmux,
  tmuxSocket,
  kill,
  # Arguments that say where and as whom, for the daemon and for the drain.
  ground ? [ ],
  configFile,
  secretsDir,
  secrets ? { },
  extraArgs ? [ ],
  # Directories of programs.
  agentPath ? [ ],
  # Seconds; null if not known.
  longestGrace,
}:
let
  inherit (import ./exec.nix { inherit lib; }) line literal;
  # What is certain to be enough for the grace period, with some time for the rest. While a drain is at work it says so to
  # systemd, which then waits for it, whatever it says here.
  stopWithin = if longestGrace == null then 90 else longestGrace + 15;
in
{
  targets.agentd-stop = {
    description = "Stop the agents when agentd is stopped";
    partOf = [ "agentd.service" ];
    unitConfig.PropagatesStopTo = "agentd-agents.service";
  };

  services.agentd-agents = {
    description = "AI coding agents, each in its tmux session";
    after = [ "agentd.service" ];
    unitConfig.StartLimitIntervalSec = 0;
    serviceConfig = {
      Type = "exec";
      ExecStart = line [ tmux "-u" "-D" "-f" "/dev/null" "-S" tmuxSocket ];
      # As root and without any sandbox, where agents are another user's.
      ExecStop = lib.optionalString system "+" + line ([ agentd "drain" ] ++ ground);
      # Of an ExecStop=, too.
      NotifyAccess = "exec";
      TimeoutStopSec = stopWithin;
      Restart = "always";
      RestartSec = 1;
      Slice = "agents.slice";
      Delegate = true;
      # One agent that takes too much memory is that agent's end, not all agents'.
      OOMPolicy = "continue";
      TasksMax = "infinity";
      LimitNOFILE = "65536:524288";
    };
  };

  services.agentd = {
    description = "agentd, which keeps AI coding agents running";
    wants = [
      "agentd-agents.service"
      "agentd-stop.target"
    ];
    unitConfig.StartLimitIntervalSec = 0;
    environment = lib.optionalAttrs (agentPath != [ ]) { AGENTD_AGENT_PATH = lib.concatStringsSep ":" agentPath; };
    serviceConfig = {
      Type = "notify";
      ExecStart = line (
        [
          agentd
          "run"
          "--config"
          configFile
          "--secret-dir"
          secretsDir
        ]
        ++ ground
        ++ [
          "--tmux-server"
          "external"
          "--on-exit"
          "detach"
        ]
        ++ extraArgs
      );
      ExecReload = "${kill} -HUP $MAINPID";
      WatchdogSec = 30;
      Restart = "always";
      RestartSec = 1;
      TimeoutStopSec = 15;
    }
    // lib.optionalAttrs system { OOMScoreAdjust = -500; }
    // lib.optionalAttrs (secrets != { }) {
      LoadCredential = lib.mapAttrsToList (name: secret: "${name}:${literal secret.file}") secrets;
    };
  };
}
