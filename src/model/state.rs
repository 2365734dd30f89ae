//! The public states of an agent.

/// Where an agent is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Declared; waits for its turn.
    Pending,
    /// Being launched.
    Starting,
    /// Its process runs.
    Running,
    /// Its process was asked to end.
    Stopping,
    /// It ended and will be started again.
    BackingOff,
    /// It ended well and stays so.
    Exited,
    /// It ended badly or could not be started, and stays so.
    Failed,
    /// It was stopped at the end of its timeout, and stays so.
    TimedOut,
}

impl State {
    /// All states, in the order of a life.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Starting,
        Self::Running,
        Self::Stopping,
        Self::BackingOff,
        Self::Exited,
        Self::Failed,
        Self::TimedOut,
    ];

    /// The word for it in the API and in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::BackingOff => "backing_off",
            Self::Exited => "exited",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
        }
    }

    /// Whether a process of the agent is alive.
    pub fn has_process(self) -> bool {
        matches!(self, Self::Running | Self::Stopping)
    }
}
