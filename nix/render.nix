# The units as files, for systems that NixOS doesn't make: as the module has them, with programs where others keep them.
{
  lib,
  evaluate,
  package,
}:
let
  config = evaluate {
    services.agentd = {
      enable = true;
      package = package "agentd" "/usr/local";
      tmuxPackage = package "tmux" "/usr";
    };
  };

  word =
    value:
    if builtins.isBool value then
      (if value then "yes" else "no")
    else if builtins.isList value then
      lib.concatStringsSep " " value
    else
      toString value;
  line = name: value: lib.optionalString (value != [ ] && value != "") "${name}=${word value}\n";
  lines = settings: lib.concatStringsSep "" (lib.mapAttrsToList line settings);
  section = name: text: lib.optionalString (text != "") "\n[${name}]\n${text}";

  unit =
    kind: unit:
    "# Made from nix/module.nix, where the reasons are.\n\n[Unit]\n"
    + line "Description" unit.description
    + line "Requires" unit.requires
    + line "Wants" unit.wants
    + line "After" unit.after
    + line "PartOf" unit.partOf
    + lines unit.unitConfig
    + section kind (lines (unit.serviceConfig or { }))
    + section "Install" (line "WantedBy" unit.wantedBy);

  files = suffix: kind: units: lib.mapAttrsToList (name: each: { name = "${name}.${suffix}"; text = unit kind each; }) units;
in
files "service" "Service" config.systemd.services
++ files "slice" "Slice" config.systemd.slices
++ files "target" "Target" config.systemd.targets
++ [
  {
    name = "agentd.tmpfiles.conf";
    text = lib.concatStringsSep "" (
      map (rule: rule + "\n") (
        config.systemd.tmpfiles.rules
        ++ [
          "d /etc/stereos 0755 root root -"
          "d /home/agent 0750 agent agent -"
        ]
      )
    );
  }
  {
    name = "agentd.sysusers.conf";
    text = ''
      g admin - -
      u agent - "AI coding agents" /home/agent /bin/bash
    '';
  }
]
