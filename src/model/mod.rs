//! The vocabulary that every other module speaks: names, specs, exits, what is declared and what was seen.
//!
//! Plain data on `std` alone, without I/O or clocks. An invalid value can't be built: the constructors of the
//! newtypes are the only way in, and `desired/` is where they are called.

mod desired;
mod exit;
mod name;
mod notice;
mod observed;
mod outcome;
mod secret;
mod spec;
mod state;
mod time;
mod told;

pub use desired::{Desired, Shutdown};
pub use exit::{Ending, Exit, StartError, StartStage};
pub use name::{AgentName, NameError, SessionName};
pub use notice::{Activity, Key, Notices, Verdict};
pub use observed::{Child, Observed, Output, Screen, Seat, SeatState, Server, Shown, Terminal};
pub use outcome::{End, Evidence, Outcome};
pub use secret::Secret;
pub use spec::{
    AGENTD, AgentSpec, Extra, Fingerprint, HOOK_FILES, HOOKS, Interrupt, Launch, Limits, OnStall, Origin, Policy,
    Restart, Resume, SESSION, Shows, Stall, hooks_are_among,
};
pub use state::State;
pub use time::{Mono, Now, RunId, Wall};
pub use told::{Doing, Spent, Told};
