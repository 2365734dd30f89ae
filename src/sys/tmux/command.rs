//! The commands that agentd sends, each as one line of control-mode input, and what their answers look like.

use std::fmt::Write as _;
use std::path::Path;

/// The user option on a session that says which agent it was made for.
pub const AGENT_OPTION: &str = "@agentd";

/// The screen of a new session, columns and rows. It stays so when a smaller terminal attaches.
const SIZE: &str = "-x 200 -y 50";

/// One line of control-mode input: commands of which each but the last runs only if the one before it succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Without its line end.
    pub text: String,
    /// How many commands it has; tmux answers each with a block of its own.
    pub commands: usize,
}

impl Line {
    fn of(commands: &[String]) -> Self {
        Self { text: commands.join(" ; "), commands: commands.len() }
    }
}

/// A pane with its session, as tmux names them. The ids never mean another one while the server lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaneRow {
    /// `$N`.
    pub session_id: String,
    /// `%N`.
    pub pane_id: String,
    /// The process that tmux started in the pane.
    pub pane_pid: u32,
    /// The agent that the session was made for; empty for sessions of others.
    pub agent: String,
    /// The session's name at this moment.
    pub session_name: String,
}

const PANE_FORMAT: &str = "#{session_id} #{pane_id} #{pane_pid} #{l:|}#{@agentd}#{l:|}#{session_name}";

/// Makes a detached session that runs `shim socket agent` directly, without a shell, and prints its [`PaneRow`].
pub fn new_session(session: &str, agent: &str, shim: &Path, socket: &Path) -> Line {
    let (shim, socket) = (shim.to_string_lossy(), socket.to_string_lossy());
    let name = quote(&escape_format(session));
    let run = format!("{} {} {}", quote(&shim), quote(&socket), quote(agent));
    Line::of(&[format!("new-session -d -P -F {} -s {name} -n {name} {SIZE} -c / -- {run}", quote(PANE_FORMAT))])
}

/// Marks a session as an agent's, for the next daemon, and keeps its size.
///
/// By its id: tmux rewrites names that it can't show. `window-size manual` is set on the window and never globally:
/// with the global option, tmux up to 3.5a crashes at the next new session.
pub fn mark_session(session_id: &str, agent: &str) -> Line {
    let target = quote(session_id);
    Line::of(&[
        format!("set-option -t {target} {AGENT_OPTION} {}", quote(agent)),
        format!("set-option -w -t {target} window-size manual"),
    ])
}

/// Lists the panes of all sessions, one [`PaneRow`] a line.
pub fn list_panes() -> Line {
    Line::of(&[format!("list-panes -a -F {}", quote(PANE_FORMAT))])
}

/// Reads one line of [`list_panes`] or [`new_session`]; none if it isn't one.
pub fn parse_pane(line: &str) -> Option<PaneRow> {
    let (ids, names) = line.split_once(" |")?;
    let (agent, session_name) = names.split_once('|')?;
    let mut ids = ids.split(' ');
    let (session_id, pane_id, pid) = (ids.next()?, ids.next()?, ids.next()?);
    (session_id.starts_with('$') && pane_id.starts_with('%') && ids.next().is_none()).then_some(PaneRow {
        session_id: session_id.to_owned(),
        pane_id: pane_id.to_owned(),
        pane_pid: pid.parse().ok()?,
        agent: agent.to_owned(),
        session_name: session_name.to_owned(),
    })
}

/// Closes a session.
pub fn kill_session(session_id: &str) -> Line {
    Line::of(&[format!("kill-session -t {}", quote(session_id))])
}

/// Types C-c into a pane, so many times at once, out of copy mode if somebody scrolls.
pub fn type_ctrl_c(pane_id: &str, times: u8) -> Line {
    let pane = quote(pane_id);
    let keys = " C-c".repeat(times.into());
    Line::of(&[format!("copy-mode -q -t {pane}"), format!("send-keys -t {pane}{keys}")])
}

/// Prints the last lines of a pane's screen.
pub fn capture(pane_id: &str, lines: u32) -> Line {
    Line::of(&[format!("capture-pane -p -J -S -{lines} -t {}", quote(pane_id))])
}

/// What the server is told once: nothing of an operator's environment reaches agents, and it stays without sessions.
pub fn setup() -> Line {
    Line::of(
        &["set-option -s exit-empty off", "set-option -g update-environment ''", "set-option -g remain-on-exit off"]
            .map(ToOwned::to_owned),
    )
}

/// Lets a user attach to a server that runs as another user.
pub fn allow_user(user: &str) -> Line {
    Line::of(&[format!("server-access -a {}", quote(user))])
}

/// An argument of a control-mode line, taken literally: in single quotes, with `'` itself in double quotes.
/// A line can't hold a line end; names and paths that have one are refused long before.
fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    for (index, part) in text.split('\'').enumerate() {
        let separator = if index > 0 { "\"'\"" } else { "" };
        let _ = write!(quoted, "{separator}'{}'", part.replace(['\n', '\r'], " "));
    }
    quoted
}

/// tmux expands formats in the name of a new session, `#(command)` among them; `##` stands for `#`.
fn escape_format(text: &str) -> String {
    text.replace('#', "##")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_taken_literally() {
        assert_eq!(quote("a b"), "'a b'");
        assert_eq!(quote("it's; #{x} $HOME \"\\"), "'it'\"'\"'s; #{x} $HOME \"\\'");
        assert_eq!(quote(""), "''");
    }

    #[test]
    fn rows_are_read_back() {
        let row = parse_pane("$1 %2 345 |rev|my | session").unwrap();
        let expected = ("$1", "%2", 345, "rev", "my | session");
        let read = (&*row.session_id, &*row.pane_id, row.pane_pid, &*row.agent, &*row.session_name);
        assert_eq!(read, expected);
        assert_eq!(parse_pane("$1 %2 345 ||foreign").unwrap().agent, "");
        for nonsense in ["", "$1 %2", "1 2 3 |a|b", "$1 %2 x |a|b", "$1 %2 3 4 |a|b"] {
            assert_eq!(parse_pane(nonsense), None, "{nonsense}");
        }
    }
}
