# The agents go on while the daemon is restarted, killed, and replaced by a switch to a system with another agentd.
{ agentd }:
{
  name = "agentd-upgrade";

  nodes.machine =
    { config, pkgs, ... }:
    {
      imports = [ agentd ];
      environment.systemPackages = [ pkgs.jq ];
      services.agentd = {
        enable = true;
        settings.agents = {
          plain = {
            harness = "custom";
            command = [
              "sleep"
              "infinity"
            ];
            workdir = "/home/agent";
          };
          waits = {
            harness = "custom";
            command = [ "false" ];
            workdir = "/home/agent";
            restart = "on-failure";
            backoff = "1h";
          };
        };
      };
      # The same program at another path.
      specialisation.next.configuration.services.agentd.package = config.services.agentd.package.overrideAttrs { pname = "agentd-next"; };
    };

  testScript = ''
    PICTURE = "curl -sS --fail --unix-socket /run/stereos/agentd.sock http://localhost/v1/agents" \
        " | jq -c '[.[] | {name, pid, started_at, restarts, next_restart_at}]'"

    def daemon():
        return machine.succeed("systemctl show --value -p MainPID agentd").strip()

    machine.wait_for_unit("agentd.service")
    machine.wait_until_succeeds("agentd status | grep -E 'waits.*backing'")
    machine.wait_until_succeeds("agentd status | grep -E 'plain.*running'")
    before, tmux = machine.succeed(PICTURE), machine.succeed("systemctl show --value -p MainPID agentd-agents")

    for what in (
        "systemctl restart agentd",
        "systemctl kill --kill-whom=main --signal=KILL agentd",
        "/run/current-system/specialisation/next/bin/switch-to-configuration test",
    ):
        with subtest(what):
            old = daemon()
            machine.succeed(what)
            machine.wait_until_succeeds(f"test $(systemctl show --value -p MainPID agentd) -ne {old}")
            machine.wait_for_unit("agentd.service")
            assert machine.succeed(PICTURE) == before
            assert machine.succeed("systemctl show --value -p MainPID agentd-agents") == tmux

    assert "agentd-next" in machine.succeed(f"readlink /proc/{daemon()}/exe")
  '';
}
