# What Nix makes of durations, in seconds, and how long the agents' unit may take to stop with such settings.
{ lib }:
let
  inherit (import ../../nix/lib { inherit lib; }) duration settings;
  grace = text: { grace_period = text; };
  longest = given: settings.longestGrace ({ agents = { }; } // given);
  units = [
    "ns" "nsec" "nanos" "us" "usec" "micros" "µs" "μs" "ms" "msec" "millis"
    "s" "sec" "secs" "second" "seconds" "m" "min" "mins" "minute" "minutes"
    "h" "hr" "hrs" "hour" "hours" "d" "day" "days" "w" "wk" "wks" "week" "weeks"
    "M" "month" "months" "y" "yr" "yrs" "year" "years"
  ];
in
{
  seconds = lib.genAttrs (
    map (unit: "2${unit}") units
    ++ [
      "0s"
      "08s"
      "1m30s"
      "1m 30s"
      "  1h 2 min  3s "
      "1500ms"
      "1s500ms"
      "1.5h"
      ".5s"
      ""
      "5"
      "soon"
      "5S"
      "5s,6s"
    ]
  ) duration.seconds;

  longest = {
    none = longest { };
    not-given = longest { agents.one = { }; };
    # Options that aren't given are null.
    null = longest { agents.one = grace null; };
    short = longest { agents.one = grace "5s"; };
    several = longest {
      agents.one = grace "5s";
      agents.two = grace "1m30s";
      agents.three = { };
    };
    shorter-than-what-is-not-given = longest {
      agents.one = grace "5s";
      agents.two = { };
    };
    the-one-agent = longest { agent = grace "2m"; };
    both = longest {
      agents.one = grace "5s";
      agent = grace "3m";
    };
    wrong = longest {
      agents.one = grace "soon";
      agents.two = grace "1m";
    };
  };
}
