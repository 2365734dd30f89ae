# Command lines as systemd reads them (systemd.service(5), "Command lines"; systemd.unit(5), "Specifiers").
{ lib }:
let
  # So that systemd finds no specifiers in it.
  literal = builtins.replaceStrings [ "%" ] [ "%%" ];

  # `{ raw = "%t"; }` is a specifier, left to systemd.
  quote =
    argument:
    let
      text = builtins.replaceStrings [ "$" ] [ "$$" ] (literal (toString argument));
    in
    if argument ? raw then
      argument.raw
    else if builtins.match "[a-zA-Z0-9_@%+=:,./-]+" text == null then builtins.toJSON text else text;
in
{
  inherit literal;
  line = arguments: lib.concatStringsSep " " (map quote arguments);
}
