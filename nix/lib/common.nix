# What both modules make of their options: the units but for where and as whom, and the file that settings become.
{
  config,
  lib,
  pkgs,
}:
let
  cfg = config.services.agentd;
  agentdLib = import ./. { inherit lib; };
  options = import ../options.nix { inherit lib pkgs agentdLib; };
  known = agentdLib.knownHarnesses ++ builtins.attrNames (cfg.settings.harness or { });
  harnesses = builtins.filter (name: name != null) (
    map (agent: agent.harness) (builtins.attrValues cfg.settings.agents)
  );
  unknownHarnesses = builtins.filter (name: !(builtins.elem name known)) harnesses;
  hasSettings = !(agentdLib.settings.isEmpty cfg.settings);
in
{
  inherit cfg options;
  tmux = "${cfg.tmuxPackage}/bin/tmux";
  packages = [
    cfg.package
    cfg.tmuxPackage
  ];

  # Whoever sets it beside settings is told by the assertion.
  configFile = lib.mkIf hasSettings (lib.mkOverride 1400 (options.written cfg));
  assertions = [
    {
      assertion = hasSettings -> cfg.configFile == options.written cfg;
      message = "services.agentd has both settings and a configFile (${toString cfg.configFile}): remove one. What is in settings is written to a file of its own.";
    }
    {
      assertion = unknownHarnesses == [ ];
      message = "services.agentd.settings.agents has harnesses that nobody knows: ${lib.concatStringsSep ", " unknownHarnesses}. It knows ${lib.concatStringsSep ", " agentdLib.knownHarnesses}, and those in services.agentd.settings.harness.";
    }
  ];

  units =
    more:
    import ./units.nix { inherit lib; } (
      {
        agentd = "${cfg.package}/bin/agentd";
        tmux = "${cfg.tmuxPackage}/bin/tmux";
        kill = "${pkgs.coreutils}/bin/kill";
        inherit (cfg)
          configFile
          secretsDir
          secrets
          extraArgs
          ;
        agentPath = map (package: "${package}/bin") cfg.harnessPackages;
        longestGrace = if hasSettings then agentdLib.settings.longestGrace cfg.settings else null;
      }
      // more
    );
}
