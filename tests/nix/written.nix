# The files that settings become, for agentd to check.
{ lib }:
let
  inherit (import ./evaluate.nix { inherit lib; }) nixos;
  inherit (import ../../nix/lib { inherit lib; }) settings;
  written = given: settings.toFile (nixos { services.agentd.settings = given; }).services.agentd.settings;
  good = given: {
    settings = written given;
    good = true;
  };
  bad = given: says: {
    settings = written given;
    good = false;
    inherit says;
  };
in
{
  everything = good {
    memory = "2G";
    agents."release notes" = {
      harness = "claude-code";
      prompt_file = "/srv/not/here.md";
      workdir = "~/project";
      restart = "on-failure";
      max_restarts = 5;
      backoff = "1s";
      backoff_max = "1m";
      timeout = "8h";
      grace_period = "2m";
      model = "opus";
      permissions = "bypass";
      args = [ "--verbose" ];
      env.LANG = "C.UTF-8";
      secrets = [ ];
      replicas = 2;
      session = "notes";
      type = "native";
    };
    agents.other = {
      harness = "custom";
      command = [
        "sh"
        "-c"
        "echo \"$1\""
        "{prompt}"
      ];
      prompt = "a \\ \"quoted\"\nline\t$HOME 100%";
    };
  };
  no-agents = good { memory = "1G"; };
  no-duration = bad {
    agents.one = {
      harness = "codex";
      grace_period = "soon";
    };
  } "grace_period";
  no-harness = bad { agents.one.prompt = "x"; } "harness";
}
