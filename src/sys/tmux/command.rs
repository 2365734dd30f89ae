//! The commands that agentd sends, each as one line of control-mode input, and what their answers look like.

use std::fmt::Write as _;
use std::path::Path;

use crate::model::SessionName;

/// The variable in a session's environment that says which agent it was made for.
///
/// Not a user option: those can only be set once the session is there, and each `set-option` has tmux walk all sessions
/// and all windows.
pub const AGENT_VARIABLE: &str = "AGENTD_AGENT";

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
    /// Whether its window keeps its size when a smaller terminal attaches.
    pub keeps_size: bool,
    /// The agent that the session was made for; empty for sessions of others.
    pub agent: String,
    /// The session's name at this moment.
    pub session_name: String,
}

const PANE_FORMAT: &str =
    "#{session_id} #{pane_id} #{pane_pid} #{window-size} #{l:|}#{AGENTD_AGENT}#{l:|}#{session_name}";

/// Makes a detached session, marked as the agent's, that runs `shim socket agent` directly, without a shell, and prints
/// its [`PaneRow`].
pub fn new_session(session: &str, agent: &str, shim: &Path, socket: &Path) -> Line {
    let (shim, socket) = (shim.to_string_lossy(), socket.to_string_lossy());
    let name = quote(&escape_format(session));
    let run = format!("{} {} {}", quote(&shim), quote(&socket), quote(agent));
    let (format, mark) = (quote(PANE_FORMAT), quote(&format!("{AGENT_VARIABLE}={agent}")));
    Line::of(&[format!("new-session -d -P -F {format} -s {name} -n {name} {SIZE} -e {mark} -c / -- {run}")])
}

/// Has a session's window keep its size when a smaller terminal attaches.
///
/// By its id: tmux rewrites names that it can't show. Not with `set-option -w window-size manual`, to the same end, which
/// has tmux walk all windows; and never globally: with the global option, tmux up to 3.5a crashes at the next new session.
pub fn keep_size(session_id: &str) -> Line {
    Line::of(&[format!("resize-window -t {} {SIZE}", quote(session_id))])
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
    let (session_id, pane_id, pid, size) = (ids.next()?, ids.next()?, ids.next()?, ids.next()?);
    (session_id.starts_with('$') && pane_id.starts_with('%') && ids.next().is_none()).then_some(PaneRow {
        session_id: session_id.to_owned(),
        pane_id: pane_id.to_owned(),
        pane_pid: pid.parse().ok()?,
        keeps_size: size == "manual",
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

/// Whether a pane takes keys, and where its cursor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaneState {
    /// It is alive, nobody scrolls in it, and its input is not switched off.
    pub takes_keys: bool,
    /// From the left, from 0.
    pub column: usize,
    /// From the top, from 0.
    pub row: usize,
}

impl PaneState {
    /// Reads the first line of [`look`]; behind it stands the terminal's title.
    pub fn parse(line: &str) -> Option<(Self, &str)> {
        let mut words = line.splitn(6, ' ');
        let mut number = || words.next()?.parse::<usize>().ok();
        let (dead, modes, off, column, row) = (number()?, number()?, number()?, number()?, number()?);
        Some((Self { takes_keys: dead + modes + off == 0, column, row }, words.next().unwrap_or_default()))
    }
}

/// Prints a pane's [`PaneState`] with its title, then its screen, with its attributes.
pub fn look(pane_id: &str) -> Line {
    let pane = quote(pane_id);
    let format = "#{pane_dead} #{pane_in_mode} #{pane_input_off} #{cursor_x} #{cursor_y} #{pane_title}";
    Line::of(&[format!("display-message -p -t {pane} '{format}'"), format!("capture-pane -p -e -t {pane}")])
}

/// Prints when each client that is attached to a session has last typed, in seconds since 1970.
pub fn list_clients(session_id: &str) -> Line {
    Line::of(&[format!("list-clients -t {} -F '#{{client_activity}}'", quote(session_id))])
}

/// Pastes one line of text into a pane, byte for byte and in brackets where the program knows them.
pub fn paste(pane_id: &str, text: &str) -> Line {
    let (pane, buffer) = (quote(pane_id), quote(&format!("agentd-nudge-{pane_id}")));
    Line::of(&[
        format!("set-buffer -b {buffer} -- {}", quote(text)),
        format!("paste-buffer -p -r -d -b {buffer} -t {pane}"),
    ])
}

/// Presses Enter in a pane.
pub fn press_enter(pane_id: &str) -> Line {
    Line::of(&[format!("send-keys -t {} Enter", quote(pane_id))])
}

/// What the server is told once: nothing of an operator's environment reaches agents, no session is an agent's unless it
/// was made so, and the server stays without sessions.
///
/// The session of agentd's own client has no status line, which nobody sees: to draw it, tmux would wake up every 15
/// seconds and walk all windows.
pub fn setup() -> Line {
    Line::of(&[
        "set-option -s exit-empty off".to_owned(),
        "set-option -g update-environment ''".to_owned(),
        "set-option -g remain-on-exit off".to_owned(),
        format!("set-environment -gu {AGENT_VARIABLE}"),
        format!("set-option -t ={}: status off", SessionName::CONTROL),
    ])
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
        let row = parse_pane("$1 %2 345 latest |rev|my | session").unwrap();
        let expected = ("$1", "%2", 345, "rev", "my | session");
        let read = (&*row.session_id, &*row.pane_id, row.pane_pid, &*row.agent, &*row.session_name);
        assert_eq!(read, expected);
        assert!(!row.keeps_size);
        assert!(parse_pane("$1 %2 345 manual |rev|session").unwrap().keeps_size);
        assert_eq!(parse_pane("$1 %2 345 manual ||foreign").unwrap().agent, "");
        for nonsense in ["", "$1 %2", "1 2 3 latest |a|b", "$1 %2 x latest |a|b", "$1 %2 3 |a|b", "$1 %2 3 a b |a|b"] {
            assert_eq!(parse_pane(nonsense), None, "{nonsense}");
        }
    }
}
