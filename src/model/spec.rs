//! One agent as declared, resolved and valid.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CString, OsString};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{AgentName, Secret, SessionName};

/// Says whether two launches are the same: SHA-256 over everything in [`Launch`] and the session, secrets included.
///
/// It is made in `desired/`, kept by the shims, and must not change between versions of agentd: a daemon that comes
/// back replaces the agents whose fingerprint differs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);

/// One agent, resolved: replicas are expanded, the harness is turned into arguments, files are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentSpec {
    /// Unique, also without regard to case.
    pub name: AgentName,
    /// Unique.
    pub session: SessionName,
    /// The harness's name in `jcard.toml`, for display.
    pub harness: Arc<str>,
    /// What is run. A change of it (or of the session) replaces the running agent.
    pub launch: Launch,
    /// How it is kept running. A change of it applies to the running agent, which isn't touched.
    pub policy: Policy,
    /// What is typed into its terminal when it has stalled, if anything is.
    pub nudge: Option<Arc<str>>,
    /// Of `launch` and `session`.
    pub fingerprint: Fingerprint,
    /// What `launch` was made of. Replicas share it.
    pub origin: Arc<Origin>,
}

/// What a launch was made of, to say which fields changed when it did. It decides nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The start of a SHA-256 over the value of each field that is only a part of the arguments.
    pub fields: BTreeMap<&'static str, u64>,
    /// The variables that are declared as `env`; the others are secrets.
    pub env: BTreeSet<OsString>,
}

/// What is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// The program and its arguments, each without NUL and at most 131,071 bytes; never empty.
    pub argv: Vec<CString>,
    /// An absolute path.
    pub workdir: PathBuf,
    /// Secrets and the declared environment, merged; it wins over the login environment. No name has `=` or NUL.
    pub env: BTreeMap<OsString, Secret>,
    /// What agentd is to do in the agent's place, right before each start of it: the words after `agentd prepare`.
    /// Nothing if there are none.
    pub prepare: Vec<CString>,
    /// What agentd adds of its own. It isn't in the fingerprint: who runs without it, or with another, runs on.
    pub extra: Extra,
}

/// What agentd adds to a launch to learn of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extra {
    /// Where in the arguments further options can stand.
    pub place: usize,
    /// Options that have the program tell of itself, in which `{agentd}` stands for agentd's own program.
    pub events: Vec<CString>,
    /// Variables to the same end, in which [`HOOKS`] stands for the directory of our own files. All are added, or none: none if
    /// the agent has one of that name already.
    pub env: BTreeMap<String, String>,
    /// How to read what the program then prints: an argument of `agentd filter`.
    pub filter: Option<&'static str>,
    /// How it goes on with its conversation; none if it can't, or isn't to.
    pub resume: Option<Resume>,
}

impl Extra {
    /// The same without all that has the program tell of itself.
    #[must_use]
    pub fn silent(self) -> Self {
        Self { place: self.place, resume: self.resume, ..Self::default() }
    }
}

impl Extra {
    /// Whether the program is asked to tell of itself.
    pub fn tells(&self) -> bool {
        self.filter.is_some() || !self.events.is_empty() || !self.env.is_empty()
    }
}

/// How a program goes on with a conversation, which [`SESSION`] stands for in options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// Options of a fresh start that have it call its conversation so; empty if it chooses.
    pub fresh: Vec<CString>,
    /// The arguments of a start that goes on with one, without the next. They are those of a fresh start up to
    /// [`Extra::place`].
    pub argv: Vec<CString>,
    /// Options that say which.
    pub options: Vec<CString>,
    /// Where in `argv` these stand.
    pub place: usize,
}

/// What a harness's terminal shows of what it does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shows {
    /// Nothing that could be relied on.
    #[default]
    Nothing,
    /// It writes all the time while it works, so that one that doesn't has come to rest.
    Motion,
    /// Its title says what it does.
    Title,
}

/// How an agent is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Which ends are followed by a restart.
    pub restart: Restart,
    /// How many restarts at most; none is no limit.
    pub max_restarts: Option<NonZeroU32>,
    /// The delay before the first restart; doubles with each.
    pub backoff: Duration,
    /// The longest delay; at least `backoff`.
    pub backoff_max: Duration,
    /// How long the agent may run, restarts and delays included.
    pub timeout: Option<Duration>,
    /// What one run may use.
    pub limits: Limits,
    /// From the interrupt to the kill.
    pub grace_period: Duration,
    /// How this harness is asked to end.
    pub interrupt: Interrupt,
    /// What its terminal shows of what it does.
    pub shows: Shows,
    /// How long a run has to begin to work; one that hasn't by then has failed to start.
    pub startup_deadline: Option<Duration>,
    /// What follows when nothing happens.
    pub stall: Option<Stall>,
}

/// What follows when a running agent gives no sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// For this long.
    pub after: Duration,
    /// How many times in a row it is nudged first, if there is anything to say to it.
    pub max_nudges: u32,
    /// What follows then.
    pub on_stall: OnStall,
}

/// What follows when an agent has stalled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnStall {
    /// It is told.
    #[default]
    Notify,
    /// It is stopped and started again, as after a failure.
    Restart,
    /// It is stopped and stays so.
    Stop,
}

/// What one run may use of its model, by its harness's account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Turns of the model.
    pub turns: Option<NonZeroU32>,
    /// Millionths of a US dollar; more than none.
    pub cost_micros: Option<u64>,
}

/// Which ends are followed by a restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Restart {
    /// None.
    #[default]
    No,
    /// Every one that came to nothing, unless another would end in the same way.
    OnFailure,
    /// Every one.
    Always,
}

/// A harness's own way to be asked to end: the first step of a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupt {
    /// SIGINT to the agent's process group.
    Sigint,
    /// SIGTERM to the agent's process group, for programs that are known to ignore SIGINT.
    Sigterm,
    /// C-c typed into the pane this many times at once, for full-screen programs that read it as a key.
    TypeCtrlC(u8),
}

/// Stands for a conversation in the options of [`Resume`].
pub const SESSION: &str = "{session}";

/// Stands for agentd's own program in the options of [`Extra`].
pub const AGENTD: &str = "{agentd}";
/// Stands for the directory of the files that agentd makes for programs that read of hooks in a file.
pub const HOOKS: &str = "{hooks}";
/// The files in it.
pub const HOOK_FILES: [&str; 4] = ["gemini.json", "opencode.js", "opencode.json", "qwen.json"];

/// Whether a value names nothing in the directory that [`HOOKS`] stands for but these files.
pub fn hooks_are_among(files: &[&str], value: &str) -> bool {
    let is_file =
        |rest: &str| rest.strip_prefix('/').is_some_and(|rest| files.iter().any(|name| rest.starts_with(name)));
    value.split(HOOKS).skip(1).all(is_file)
}

#[cfg(test)]
impl AgentSpec {
    /// One that is run once, of which a test says what counts in it.
    ///
    /// # Panics
    /// If that is no name.
    pub fn sample(name: &str, harness: &str, launch: Launch) -> Self {
        Self {
            name: AgentName::new(name).unwrap(),
            session: SessionName::new(name).unwrap(),
            harness: harness.into(),
            launch,
            policy: Policy {
                restart: Restart::No,
                max_restarts: None,
                backoff: Duration::ZERO,
                backoff_max: Duration::ZERO,
                timeout: None,
                limits: Limits::default(),
                grace_period: Duration::ZERO,
                interrupt: Interrupt::Sigint,
                shows: Shows::Nothing,
                startup_deadline: None,
                stall: None,
            },
            nudge: None,
            fingerprint: Fingerprint::default(),
            origin: Arc::default(),
        }
    }
}
