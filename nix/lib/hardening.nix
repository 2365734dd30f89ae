# The daemon's sandbox; `systemd-analyze security` gives it 2.7. It writes its sockets and the agents' cgroups, reads what they
# declare, becomes the agents' user for whatever is that user's, and looks at that user's processes.
#
# Deliberately absent: ProtectControlGroups and ProtectProc, because of the cgroups and the processes; PrivateUsers, as there
# are two users; PrivateTmp, as a prompt or a socket may be in /tmp; MemoryDenyWriteExecute, as the user's login shell is
# asked for its environment here.
{
  CapabilityBoundingSet = [
    "CAP_CHOWN"
    "CAP_DAC_OVERRIDE"
    "CAP_FOWNER"
    "CAP_KILL"
    "CAP_SETGID"
    "CAP_SETUID"
    "CAP_SYS_PTRACE"
  ];
  IPAddressDeny = "any";
  LockPersonality = true;
  NoNewPrivileges = true;
  PrivateDevices = true;
  PrivateNetwork = true;
  ProtectClock = true;
  ProtectHome = "read-only";
  ProtectHostname = true;
  ProtectKernelLogs = true;
  ProtectKernelModules = true;
  # Together with this one, ProtectSystem=strict leaves /run to be written to.
  ProtectKernelTunables = true;
  ProtectSystem = "strict";
  # PrivateDevices leaves these three as the host has them.
  ReadOnlyPaths = [
    "/run"
    "-/dev/shm"
    "-/dev/mqueue"
    "-/dev/hugepages"
  ];
  ReadWritePaths = [
    "/run/agentd"
    "/run/stereos"
  ];
  RestrictAddressFamilies = [ "AF_UNIX" ];
  RestrictNamespaces = true;
  RestrictRealtime = true;
  RestrictSUIDSGID = true;
  SystemCallArchitectures = "native";
  SystemCallErrorNumber = "EPERM";
  SystemCallFilter = [ "@system-service" ];
  UMask = "0077";
}
