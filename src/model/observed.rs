//! What was seen to run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::{AgentName, Ending, Mono, RunId, SessionName, StartError, Told};

/// The world as last seen. Only the event loop writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// The tmux server.
    pub server: Server,
    /// At most one pane an agent.
    pub seats: BTreeMap<AgentName, Seat>,
}

/// The tmux server, as the control client sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Server {
    /// Not connected: nothing can be opened or closed.
    #[default]
    Down,
    /// Connected, and everything that was there before us is in `seats`.
    Up,
}

/// Where an agent sits: a tmux session with a shim in its pane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    /// The session's declared name, as it was when the seat was opened.
    pub session: SessionName,
    /// How far it is.
    pub state: SeatState,
    /// What the agent told of the newest run of which it told anything.
    pub told: Arc<Told>,
    /// When something was last written to its terminal, as far as anybody has looked.
    pub output: Option<Output>,
    /// What the terminal showed, if somebody wanted to know.
    pub shown: Option<Shown>,
    /// How the newest nudge went, by its time: an error says why nothing was typed, or not submitted.
    pub nudged: Option<(Mono, Result<(), String>)>,
    /// Whether what its program tells of itself can be heard.
    pub hears: bool,
}

/// What a terminal showed of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The run.
    pub run: RunId,
    /// Not before this.
    pub asked: Mono,
    /// What.
    pub screen: Screen,
}

/// What a terminal shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Screen {
    /// It is being looked at.
    Asked,
    /// A dialog that is known, in a few words.
    Dialog(String),
    /// An empty prompt that is known: it waits for work.
    Prompt,
    /// The same with a line in it that is not submitted; these are the last words.
    Typed(String),
    /// By its title, it works.
    Working,
    /// By its title, it waits for the answer to this.
    Asking(String),
    /// Something else, of which these are the last words.
    Other(String),
    /// Nobody can tell, for this reason.
    Unknown(String),
}

/// When something was last written to a terminal. The kernel tells no better than by eight seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output {
    /// Something was written then.
    pub at: Mono,
    /// Nothing was written after that.
    pub until: Mono,
    /// When somebody looked.
    pub looked: Mono,
}

impl Seat {
    /// One of which nothing else is known.
    pub fn new(session: SessionName, state: SeatState) -> Self {
        Self { session, state, told: Arc::default(), output: None, shown: None, nudged: None, hears: false }
    }
}

/// Where an agent runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// The tmux pane, `%N`, which never means another one while that server lives.
    pub pane: String,
    /// The process in the pane, of which all that the agent starts descends.
    pub shim: u32,
    /// The cgroup that has the agent's processes and no others, if there is one.
    pub cgroup: Option<PathBuf>,
}

/// How far a seat is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeatState {
    /// The session is being made, or its shim hasn't connected yet.
    Opening {
        /// Since when.
        since: Mono,
    },
    /// The session could not be made.
    Refused {
        /// The run that it was made for.
        run: RunId,
        /// Why.
        error: StartError,
    },
    /// The shim is connected.
    Ready(Child),
    /// The shim is gone; what it left is being killed.
    Sweeping,
    /// The session is being closed.
    Closing {
        /// Since when.
        since: Mono,
    },
}

/// The child of a connected shim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Child {
    /// There has been none.
    None,
    /// Ordered; neither running nor refused yet.
    Starting(RunId),
    /// The program was executed.
    Running {
        /// The run.
        run: RunId,
        /// The program's process id.
        pid: u32,
        /// When it was executed.
        at: Mono,
    },
    /// The program ended or never ran.
    Ended {
        /// The run.
        run: RunId,
        /// How.
        ending: Ending,
        /// When it was executed, if it was.
        started: Option<Mono>,
        /// When.
        at: Mono,
        /// Whether everything that it started is gone too.
        tree_empty: bool,
    },
}

impl Child {
    /// The run that this is about.
    pub fn run(&self) -> Option<RunId> {
        match self {
            Self::None => None,
            Self::Starting(run) | Self::Running { run, .. } | Self::Ended { run, .. } => Some(*run),
        }
    }
}
