//! An event as a line.

use serde::Deserialize;

use crate::cli::client::types::Exit;
use crate::cli::output::harmless_json;
use crate::cli::sse::Event;
use crate::cli::table::{Tone, one_line, paint, width};
use crate::cli::time::{Zone, full_of};
use crate::desired::diagnostic::Look;

/// Longer names move what follows only in their own line.
const NAME_CELLS: usize = 24;

/// `running → backing_off`, as the longest that is common.
const STATES_CELLS: usize = 21;

/// What the daemon tells.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Told {
    Transition(Box<Transition>),
    Activity {
        at: String,
        agent: String,
        activity: Option<Doing>,
    },
    Stall {
        at: String,
        agent: String,
        since: Option<String>,
        #[serde(default)]
        reason: String,
    },
    ConfigLoaded {
        at: String,
        agents: u64,
    },
    ConfigError {
        at: String,
        message: String,
    },
    Stopping {
        at: String,
    },
    Missed {
        at: String,
        count: Option<u64>,
    },
    /// A newer daemon knows more.
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Deserialize)]
struct Doing {
    state: String,
    #[serde(default)]
    question: String,
}

#[derive(Debug, Deserialize)]
struct Transition {
    at: String,
    agent: String,
    from: Option<String>,
    to: Option<String>,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    restarts: u32,
    exit: Option<Exit>,
}

/// Makes lines whose parts stand below each other, as far as names allow.
#[derive(Debug)]
pub(super) struct Lines {
    look: Look,
    zone: Zone,
    name_cells: usize,
}

impl Lines {
    /// For agents with these names, and others.
    pub(super) fn new<'a>(look: Look, zone: Zone, names: impl Iterator<Item = &'a str>) -> Self {
        let cells = names.chain(["agentd"]).map(|name| width(&one_line(name)).min(NAME_CELLS)).max();
        Self { look, zone, name_cells: cells.unwrap_or(0) }
    }

    pub(super) fn line(&mut self, event: &Event) -> String {
        match serde_json::from_str(&event.data) {
            Ok(Told::Transition(transition)) => self.transition(&transition),
            Ok(Told::Activity { at, agent, activity }) => self.activity(&at, &agent, activity.as_ref()),
            Ok(Told::Stall { at, agent, since, reason }) => self.stall(&at, &agent, since.is_some(), &reason),
            Ok(Told::ConfigLoaded { at, agents }) => {
                let agents = if agents == 1 { "1 agent".to_owned() } else { format!("{agents} agents") };
                self.of_daemon(&at, &format!("took the configuration: {agents}"), Tone::Normal)
            }
            Ok(Told::ConfigError { at, message }) => {
                let lines: Vec<&str> = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
                let more = if lines.len() > 1 { " … (see `agentd check`)" } else { "" };
                let first = lines.first().unwrap_or(&"");
                self.of_daemon(&at, &format!("refused the configuration: {first}{more}"), Tone::Bad)
            }
            Ok(Told::Stopping { at }) => self.of_daemon(&at, "stops all agents, and then itself", Tone::Warning),
            Ok(Told::Missed { at, count }) => {
                let what = match count {
                    Some(1) => "1 event was missed".to_owned(),
                    Some(count) => format!("{count} events were missed"),
                    None => "is another one than before: what happened in between is in its log".to_owned(),
                };
                self.of_daemon(&at, &what, Tone::Warning)
            }
            Ok(Told::Unknown) | Err(_) => one_line(&format!("{} {}", event.kind, event.data)),
        }
    }

    fn transition(&mut self, event: &Transition) -> String {
        let Transition { at, agent, from, to, reason, restarts, exit } = event;
        let (from, to) = (from.as_deref().unwrap_or("new"), to.as_deref().unwrap_or("gone"));
        let (from, to) = (one_line(from), one_line(to));
        let cells = width(&from) + width(&to) + 3;
        let pad = " ".repeat(STATES_CELLS.saturating_sub(cells));
        let arrow = paint("→", Tone::Quiet, self.look);
        let mut reason = one_line(reason);
        // Where that isn't what the reason says.
        if let Some(cause) = exit.as_ref().and_then(|exit| exit.cause.as_deref()).filter(|_| reason.is_empty()) {
            reason = one_line(&cause.replace('_', " "));
        }
        if let Some(number) = restart(&from, &to, *restarts) {
            reason += &paint(&format!(" (restart {number})"), Tone::Quiet, self.look);
        }
        let head = self.head(at, agent, Tone::Strong);
        let to = paint(&to, Tone::of_state(&to), self.look);
        format!("{head}  {from} {arrow} {to}{pad}  {}", reason.trim_start()).trim_end().to_owned()
    }

    fn activity(&mut self, at: &str, agent: &str, activity: Option<&Doing>) -> String {
        let head = self.head(at, agent, Tone::Strong);
        let (word, question) = activity.map_or(("of unknown activity", ""), |doing| (&doing.state, &doing.question));
        let tone = if word == "waiting" { Tone::Warning } else { Tone::Quiet };
        let word = paint(&one_line(&format!("is {word}")), tone, self.look);
        if question.is_empty() { format!("{head}  {word}") } else { format!("{head}  {word}: {}", one_line(question)) }
    }

    fn stall(&mut self, at: &str, agent: &str, is_stalled: bool, reason: &str) -> String {
        let head = self.head(at, agent, Tone::Strong);
        let (what, tone) = if is_stalled { ("stalled: ", Tone::Warning) } else { ("", Tone::Quiet) };
        format!("{head}  {}", paint(&one_line(&format!("{what}{reason}")), tone, self.look))
    }

    fn of_daemon(&mut self, at: &str, what: &str, tone: Tone) -> String {
        let head = self.head(at, "agentd", Tone::Quiet);
        format!("{head}  {}", paint(&one_line(what), tone, self.look))
    }

    fn head(&mut self, at: &str, who: &str, tone: Tone) -> String {
        let who = one_line(who);
        self.name_cells = self.name_cells.max(width(&who).min(NAME_CELLS));
        let pad = " ".repeat(self.name_cells.saturating_sub(width(&who)));
        let at = paint(&one_line(&full_of(at, self.zone)), Tone::Quiet, self.look);
        format!("{at}  {}{pad}", paint(&who, tone, self.look))
    }
}

/// Which restart comes, or begins; there were so many by then.
fn restart(from: &str, to: &str, restarts: u32) -> Option<u32> {
    match (from, to) {
        (_, "backing_off") => restarts.checked_add(1),
        ("backing_off", "starting") => Some(restarts),
        (_, _) => None,
    }
}

/// The event's own object on one line.
pub(super) fn json(event: &Event) -> String {
    let value = serde_json::from_str::<serde_json::Value>(&event.data);
    // What isn't JSON at all is still told as JSON.
    let value = value.unwrap_or_else(|_| serde_json::Value::String(event.data.clone()));
    harmless_json(&value.to_string()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events() -> Vec<Event> {
        let data = [
            r#"{"type":"config_loaded","at":"2026-11-21T08:20:30.000Z","agents":2}"#,
            r#"{"type":"transition","at":"2026-11-21T08:20:30.100Z","agent":"reviewer","from":null,"to":"pending","reason":"declared","restarts":0}"#,
            r#"{"type":"transition","at":"2026-11-21T08:20:31.000Z","agent":"日本","from":"running","to":"backing_off","reason":"exited with status 3","exit":{"kind":"exited","code":3,"at":"2026-11-21T08:20:31.000Z"},"restarts":2,"new":[]}"#,
            r#"{"type":"transition","at":"2026-11-21T08:20:32.000Z","agent":"a-name-that-is-longer-than-most-of-them","from":"stopping","to":null,"reason":"no longer\n declared \u001b]0;x\u0007","restarts":0}"#,
            r#"{"type":"activity","at":"2026-11-21T08:20:32.500Z","agent":"日本","activity":{"state":"waiting","since":"2026-11-21T08:20:32.500Z","source":"hook","question":"May I use \u001bBash?"}}"#,
            r#"{"type":"activity","at":"2026-11-21T08:20:32.600Z","agent":"日本","activity":{"state":"busy","since":"2026-11-21T08:20:32.500Z","source":"hook"}}"#,
            r#"{"type":"stall","at":"2026-11-21T08:20:32.700Z","agent":"日本","since":"2026-11-21T08:10:32.700Z","reason":"no sign of life for 10 m; nudge 1 of 3"}"#,
            r#"{"type":"stall","at":"2026-11-21T08:20:32.800Z","agent":"日本","since":null,"reason":"gives signs of life"}"#,
            r#"{"type":"config_error","at":"2026-11-21T08:20:33.000Z","message":"error: unknown field\n --> jcard.toml:3:1\n"}"#,
            r#"{"type":"missed","at":"2026-11-21T08:20:34.000Z","count":12}"#,
            r#"{"type":"missed","at":"2026-11-21T08:20:34.000Z","count":null}"#,
            r#"{"type":"stopping","at":"2026-11-21T08:20:35.000Z"}"#,
            r#"{"type":"slept","at":"2026-11-21T08:20:36.000Z"}"#,
            "no JSON \u{1b}[2J",
        ];
        data.map(|data| Event { id: None, kind: "kind".to_owned(), data: data.to_owned() }).into()
    }

    fn lines(look: Look) -> String {
        let mut lines = Lines::new(look, Zone::Utc, ["reviewer"].into_iter());
        events().iter().map(|event| lines.line(event)).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_event_is_a_line() {
        insta::assert_snapshot!(lines(Look::Plain));
    }

    #[test]
    fn colours_change_nothing_but_colours() {
        let painted = lines(Look::Colour);
        assert!(painted.contains("\x1b[33mbacking_off\x1b[0m"), "{painted:?}");
        let mut plain = painted;
        for sgr in ["0", "1", "2", "31", "32", "33"] {
            plain = plain.replace(&format!("\x1b[{sgr}m"), "");
        }
        assert_eq!(plain, lines(Look::Plain));
    }

    #[test]
    fn json_is_one_line_each_and_complete() {
        for event in events() {
            let line = json(&event);
            assert!(!line.contains('\n'));
            serde_json::from_str::<serde_json::Value>(&line).unwrap();
        }
        assert!(json(&events()[2]).contains(r#""new":[]"#));
    }
}
