# The options of one agent, made from the program's own description of jcard.toml: `agentd schema` writes
# ../jcard-schema.json, and the tests hold the two equal. A field that isn't given is not written, so that its default is
# always that of the agentd that runs.
{ lib }:
let
  inherit (lib) types;
  schema = builtins.fromJSON (builtins.readFile ../jcard-schema.json);

  typeOf =
    field:
    if field ? enum then
      types.enum field.enum
    # One of these, or one that the settings declare: the check when the system is built knows.
    else if field ? anyOf then
      types.str
    else if field.type == "boolean" then
      types.bool
    else if field.type == "integer" then
      types.ints.between field.minimum field.maximum
    else if field.type == "array" then
      types.listOf types.str
    else if field ? properties then
      types.submodule { options = lib.mapAttrs option field.properties; }
    else if field.type == "object" then
      types.attrsOf types.str
    else
      types.str;

  describe =
    field:
    field.description
    + lib.optionalString (field ? default) " Default: `${builtins.toJSON field.default}`.";

  option =
    name: field:
    lib.mkOption {
      type = types.nullOr (typeOf field);
      default = null;
      description = describe field;
      example = builtins.head field.examples;
    };
in
# The name is that of the attribute.
lib.mapAttrs option (removeAttrs schema.definitions.agent.properties [ "name" ])
