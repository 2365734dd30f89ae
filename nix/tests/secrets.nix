# Secrets come from systemd's credentials and from the directory, reach the agent, and can be read nowhere else.
{ agentd }:
{
  name = "agentd-secrets";

  nodes.machine = {
    imports = [ agentd ];
    systemd.tmpfiles.rules = [ "f /run/keys/from-unit 0600 root root - value-of-unit" ];
    services.agentd = {
      enable = true;
      secrets.FROM_UNIT.file = "/run/keys/from-unit";
      settings.agents.reader = {
        harness = "custom";
        command = [
          "sh"
          "-c"
          "echo $FROM_UNIT $FROM_DIR > /home/agent/seen; exec sleep infinity"
        ];
        workdir = "/home/agent";
      };
    };
  };

  testScript = ''
    machine.wait_for_unit("agentd.service")
    machine.succeed("echo value-of-dir > /run/stereos/secrets/FROM_DIR.tmp")
    machine.succeed("mv /run/stereos/secrets/FROM_DIR.tmp /run/stereos/secrets/FROM_DIR")
    machine.wait_until_succeeds("grep 'value-of-unit value-of-dir' /home/agent/seen")

    # Each is there, so that what follows means something.
    for path in ("/run/keys/from-unit", "/run/stereos/secrets/FROM_DIR", "/run/credentials/agentd.service/FROM_UNIT"):
        machine.succeed(f"test -s {path}")
        machine.fail(f"sudo -u agent cat {path}")
    for where in (
        "systemctl show agentd agentd-agents",
        "journalctl -o export -u agentd -u agentd-agents",
        "systemctl cat agentd agentd-agents",
        "cat /proc/$(systemctl show --value -p MainPID agentd)/environ",
        "curl -sS --fail --unix-socket /run/stereos/agentd.sock http://localhost/v1/declared",
    ):
        machine.succeed(f"{where} > /root/said")
        machine.succeed("test -s /root/said")
        machine.fail("grep -a value-of- /root/said")
  '';
}
