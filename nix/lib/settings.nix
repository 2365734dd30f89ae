# jcard.toml from settings: agents are attributes in Nix, and a list in the file.
{ lib }:
let
  # Also in tables within.
  given =
    fields:
    lib.mapAttrs (_: value: if builtins.isAttrs value then given value else value) (
      lib.filterAttrs (_: value: value != null) fields
    );
  agent = name: fields: { inherit name; } // given fields;
  duration = import ./duration.nix { inherit lib; };
in
{
  isEmpty = settings: settings.agents == { } && removeAttrs settings [ "agents" ] == { };

  toFile =
    settings:
    removeAttrs settings [ "agents" ]
    // lib.optionalAttrs (settings.agents != { }) { agents = lib.mapAttrsToList agent settings.agents; };

  # The longest time that an agent may take to stop, in seconds; null where somebody else writes the file.
  longestGrace =
    settings:
    let
      of = fields: if fields.grace_period or null == null then 30 else duration.seconds fields.grace_period;
      all = map of (lib.attrValues settings.agents ++ lib.optional (settings ? agent) settings.agent);
    in
    if all == [ ] || builtins.elem null all then null else lib.foldl' lib.max 0 all;
}
