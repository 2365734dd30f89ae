//! What a restart does about the agent's conversation: it goes on with one that was not finished, and begins anew else.
//!
//! Nobody can look into a harness's files from here, so what is known of a conversation is what was told of it. One that
//! could not be gone on with is never tried twice in a row: the next start begins anew, as a part of the same restart. One
//! that is gone on with again and again and finishes no turn may itself be what is wrong, and is given up as well.

use super::restart::GOOD_RUN;
use crate::model::{AgentName, AgentSpec, End, Ending, Now, Outcome, RunId, Told, Verdict};

/// After so many runs in a row that went on with a conversation and finished no turn of it, the next begins anew.
const MOST_IN_VAIN: u32 = 3;

/// What is known of an agent's conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Conversation {
    /// There is none to go on with.
    #[default]
    None,
    /// The newest run has begun one.
    Begun {
        /// What it is called unless the harness says otherwise; none if only the harness can say that there is one.
        session: Option<String>,
    },
    /// The newest run was to begin one, and tells of itself: there is one once it has told of work.
    Named {
        /// What it is called unless the harness says otherwise.
        session: String,
    },
    /// The newest run goes on with one.
    Continued {
        /// Which.
        session: String,
        /// How many runs in a row have gone on with it and finished no turn: this one too, until it has.
        in_vain: u32,
    },
    /// The newest run that there was ended before it was done: the next one goes on with it.
    Unfinished {
        /// Which.
        session: String,
        /// How many runs in a row have gone on with it and finished no turn.
        in_vain: u32,
    },
    /// The newest run could not go on with it: the next one begins anew, in its place.
    Lost,
    /// Too many runs in a row went on with it and finished no turn: the next one begins anew.
    Futile,
}

/// How a start is to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begin {
    /// With a new conversation.
    Fresh {
        /// What it is called, if the harness takes a name: a UUID.
        session: String,
    },
    /// With the conversation of an earlier run.
    Resumed {
        /// Which.
        session: String,
    },
}

impl Begin {
    /// Why the program is executed.
    pub(super) fn reason(&self, before: &Conversation) -> &'static str {
        match (self, before) {
            (Self::Resumed { .. }, _) => "goes on with its conversation",
            (Self::Fresh { .. }, Conversation::Lost) => "begins anew, as its conversation could not be gone on with",
            (Self::Fresh { .. }, Conversation::Futile) => {
                "begins anew, as its conversation came to nothing three times in a row"
            }
            (Self::Fresh { .. }, _) => "declared",
        }
    }
}

impl Conversation {
    /// How the next run begins.
    pub(super) fn next(&self, agent: &AgentName, spec: &AgentSpec, run: RunId, now: Now) -> Begin {
        match self {
            Self::Unfinished { session, .. } if spec.launch.extra.resume.is_some() => {
                Begin::Resumed { session: session.clone() }
            }
            Self::None
            | Self::Begun { .. }
            | Self::Named { .. }
            | Self::Continued { .. }
            | Self::Unfinished { .. }
            | Self::Lost
            | Self::Futile => Begin::Fresh { session: mint(agent, run, now) },
        }
    }

    /// What is known while a run lasts that begins so.
    pub(super) fn during(&self, begin: &Begin, spec: &AgentSpec) -> Self {
        let extra = &spec.launch.extra;
        match begin {
            Begin::Resumed { session } => {
                Self::Continued { session: session.clone(), in_vain: self.in_vain().saturating_add(1) }
            }
            Begin::Fresh { session } => {
                let is_ours = extra.resume.as_ref().is_some_and(|resume| !resume.fresh.is_empty());
                match is_ours.then(|| session.clone()) {
                    // Who is asked to tell of itself and didn't has come to no conversation.
                    Some(session) if extra.tells() => Self::Named { session },
                    session => Self::Begun { session },
                }
            }
        }
    }

    /// Takes in what a run has told so far; whether that changes anything. A turn that it has finished stays so, whatever
    /// becomes of the next.
    pub(super) fn hear(&mut self, told: &Told) -> bool {
        let has_finished = matches!(told.verdict, Some((Verdict::Succeeded, _)));
        match self {
            Self::Continued { in_vain, .. } => has_finished && std::mem::take(in_vain) != 0,
            Self::None
            | Self::Begun { .. }
            | Self::Named { .. }
            | Self::Unfinished { .. }
            | Self::Lost
            | Self::Futile => false,
        }
    }

    /// How many runs in a row have gone on with it and finished no turn.
    pub fn in_vain(&self) -> u32 {
        match self {
            Self::Continued { in_vain, .. } | Self::Unfinished { in_vain, .. } => *in_vain,
            Self::None | Self::Begun { .. } | Self::Named { .. } | Self::Lost | Self::Futile => 0,
        }
    }

    /// The conversation that a run of ours works in, as far as its harness has told of work.
    pub fn worked_in(&self, told: &Told) -> Option<String> {
        match self {
            Self::Named { session } | Self::Continued { session, .. } => told.is_at_work().then(|| session.clone()),
            Self::None | Self::Begun { .. } | Self::Unfinished { .. } | Self::Lost | Self::Futile => None,
        }
    }

    /// What is known after the end of a run.
    pub(super) fn after(&self, end: &End, told: &Told, started: Option<Now>) -> Self {
        let begun = |session: Option<String>| match session {
            Some(session) => Self::Unfinished { session, in_vain: 0 },
            None => Self::None,
        };
        let said = told.session.as_deref().filter(|session| is_plain(session)).map(str::to_owned);
        match self {
            Self::Begun { .. } | Self::Named { .. } | Self::Continued { .. } if end.is_success() => Self::None,
            Self::Begun { session } if was_executed(end) => begun(said.or_else(|| session.clone())),
            Self::Named { session } if was_executed(end) => {
                begun(said.or_else(|| told.is_at_work().then(|| session.clone())))
            }
            Self::None | Self::Lost | Self::Futile | Self::Begun { .. } | Self::Named { .. } => Self::None,
            Self::Continued { session, in_vain } if was_executed(end) => {
                let lasted = started.is_some_and(|started| end.at.mono.since(started.mono) >= GOOD_RUN);
                if said.is_none() && !told.is_at_work() && !lasted {
                    return Self::Lost;
                }
                let in_vain = in_vain.saturating_sub(u32::from(is_blameless(end)));
                if in_vain >= MOST_IN_VAIN {
                    return Self::Futile;
                }
                Self::Unfinished { session: said.unwrap_or_else(|| session.clone()), in_vain }
            }
            // Nobody has tried yet.
            Self::Continued { session, in_vain } => {
                Self::Unfinished { session: session.clone(), in_vain: in_vain.saturating_sub(1) }
            }
            Self::Unfinished { session, in_vain } => Self::Unfinished { session: session.clone(), in_vain: *in_vain },
        }
    }
}

/// Whatever the conversation is like, this end came from elsewhere.
fn is_blameless(end: &End) -> bool {
    match end.ending {
        Ending::TerminalLost(_) | Ending::ShimLost => true,
        Ending::NotStarted(_) | Ending::Exited { .. } => end.outcome == Outcome::RateLimited,
    }
}

fn was_executed(end: &End) -> bool {
    match end.ending {
        Ending::NotStarted(_) => false,
        Ending::Exited { .. } | Ending::TerminalLost(_) | Ending::ShimLost => true,
    }
}

/// Whether it can be nothing but a name among a program's arguments. Whoever runs beside the agent can tell any.
pub(super) fn is_plain(session: &str) -> bool {
    session.starts_with(|first: char| first.is_ascii_alphanumeric())
        && session.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// A UUID (version 8) of the run, the time, and the agent's name: no other start of any agent has it.
pub(super) fn mint(agent: &AgentName, run: RunId, now: Now) -> String {
    // FNV-1a.
    let hash = agent.as_str().bytes().chain(now.wall.0.to_le_bytes()).chain(run.0.to_le_bytes());
    let hash =
        hash.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let version = (run.0 & !0xf000) | 0x8000;
    let variant = (hash & !(0b11 << 62)) | (0b10 << 62);
    let group = |number: u64, from: u32, digits: u32| number >> from & ((1 << (digits * 4)) - 1);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        group(version, 32, 8),
        group(version, 16, 4),
        group(version, 0, 4),
        group(variant, 48, 4),
        group(variant, 0, 12)
    )
}
