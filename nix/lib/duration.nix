# Durations as jcard.toml has them ("1m 30s"), in whole seconds, rounded up. Null if it is none: `agentd check` says why.
{ lib }:
let
  minute = 60;
  hour = 60 * minute;
  day = 24 * hour;
  named = names: seconds: lib.genAttrs names (_: seconds);
  # As the crate humantime has them.
  units =
    named [ "s" "sec" "secs" "second" "seconds" ] 1
    // named [ "m" "min" "mins" "minute" "minutes" ] minute
    // named [ "h" "hr" "hrs" "hour" "hours" ] hour
    // named [ "d" "day" "days" ] day
    // named [ "w" "wk" "wks" "week" "weeks" ] (7 * day)
    // named [ "M" "month" "months" ] 2630016
    // named [ "y" "yr" "yrs" "year" "years" ] 31557600;
  fractions =
    named [ "ms" "msec" "millis" ] 1000
    // named [ "us" "µs" "μs" "usec" "micros" ] 1000000
    // named [ "ns" "nsec" "nanos" ] 1000000000;

  part =
    text:
    let
      found = builtins.match "([0-9]*)([.][0-9]*)?[[:space:]]*([^0-9.[:space:]]+)" text;
      # Leading zeros are no number in JSON.
      whole = builtins.fromJSON (builtins.head (builtins.match "0*([0-9]+)" ("0" + builtins.elemAt found 0)));
      more = if builtins.elemAt found 1 == null then 0 else 1;
      unit = builtins.elemAt found 2;
    in
    if found == null then
      null
    else if units ? ${unit} then
      (whole + more) * units.${unit}
    else if fractions ? ${unit} then
      whole / fractions.${unit} + 1
    else
      null;

  parts = text: lib.filter builtins.isList (builtins.split "([0-9.]+[[:space:]]*[^0-9.[:space:]]+)" text);
in
{
  seconds =
    text:
    let
      values = map (found: part (builtins.head found)) (parts text);
    in
    if values == [ ] || builtins.elem null values then null else lib.foldl' builtins.add 0 values;
}
