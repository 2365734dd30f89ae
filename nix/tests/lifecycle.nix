# An agent from its declaration to the end: it runs as its user, comes back when it crashes, can be attached to by an admin and
# by nobody else, and is gone with all that it started when agentd is stopped.
{ agentd }:
{
  name = "agentd-lifecycle";

  nodes.machine =
    { pkgs, ... }:
    {
      imports = [ agentd ];
      environment.systemPackages = [ pkgs.jq ];
      users.users.alice.isNormalUser = true;
      users.users.mallory.isNormalUser = true;
      services.agentd = {
        enable = true;
        admins = [ "alice" ];
        settings.agents.worker = {
          harness = "custom";
          command = [
            "sh"
            "-c"
            "echo at work; setsid sleep 1000 & exec sleep infinity"
          ];
          workdir = "/home/agent";
          restart = "always";
          backoff = "100ms";
          grace_period = "5s";
        };
      };
    };

  testScript = ''
    import json

    API = "curl -sS --fail --unix-socket /run/stereos/agentd.sock http://localhost/v1/agents/worker"

    def worker():
        return json.loads(machine.succeed(API))

    machine.wait_for_unit("agentd.service")
    machine.wait_until_succeeds(API + " | jq -e '.state == \"running\"'")

    with subtest("it runs as its user, outside of the daemon's unit"):
        pid = worker()["pid"]
        assert machine.succeed(f"ps -o user= -p {pid}").strip() == "agent"
        assert "agents.slice/agentd-agents.service" in machine.succeed(f"cat /proc/{pid}/cgroup")

    with subtest("it comes back when it is killed"):
        machine.succeed(f"kill -9 {pid}")
        machine.wait_until_succeeds(API + f" | jq -e '.state == \"running\" and .pid != {pid} and .restarts == 1'")

    with subtest("an admin attaches and asks, and nobody else"):
        screen = "tmux -S /run/agentd/tmux.sock capture-pane -p -t =worker:"
        machine.wait_until_succeeds(f"sudo -u alice {screen} | grep 'at work'")
        machine.succeed("sudo -u alice agentd status | grep worker")
        machine.fail(f"sudo -u mallory {screen}")
        machine.fail("sudo -u mallory agentd status")

    with subtest("a stop leaves nothing"):
        machine.succeed("systemctl stop agentd")
        machine.fail("pgrep -u agent sleep")
        machine.fail("test -e /run/agentd/tmux.sock")
        machine.fail("test -e /run/stereos/agentd.sock")
  '';
}
