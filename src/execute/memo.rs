//! The memo that a shim keeps for the daemon: all of an agent's memory that must outlive it, as JSON.
//!
//! Fields are only ever added, each with a default: a memo is read by later versions of agentd. It holds no argument
//! and no value of the environment; of these it has the fingerprint.

mod conversation;
mod policy;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Child, End, Ending, Evidence, Fingerprint, Mono, Now, Outcome, RunId, SessionName, Spent, Wall};
use crate::reconcile::{AgentMemory, Declared, Phase};

use conversation::ConversationMemo;
use policy::PolicyMemo;

use super::memo_pulse::PulseMemo;

#[derive(Serialize, Deserialize)]
struct Memo {
    fingerprint: String,
    session: String,
    harness: String,
    policy: PolicyMemo,
    run: u64,
    #[serde(default)]
    restarts: u32,
    #[serde(default)]
    streak: u32,
    #[serde(default)]
    first_started: Option<Stamp>,
    #[serde(default)]
    started: Option<Stamp>,
    #[serde(default)]
    handled: bool,
    #[serde(default)]
    timed_out_after_ns: Option<u64>,
    /// Of the end that was handled: the wall clock may have been set since.
    #[serde(default)]
    ended: Option<Stamp>,
    /// Why the program was not executed, in the words of whoever knew its spec.
    #[serde(default)]
    not_started: Option<String>,
    /// What came of the end that was handled.
    #[serde(default)]
    outcome: Option<OutcomeMemo>,
    /// What the runs before this one spent.
    #[serde(default, skip_serializing_if = "is_default")]
    spent: SpentMemo,
    /// How this run lives.
    #[serde(default, skip_serializing_if = "is_default")]
    pulse: PulseMemo,
    /// What there is to go on with.
    #[serde(default, skip_serializing_if = "is_default")]
    conversation: ConversationMemo,
    /// How many runs in a row have gone on with it and finished no turn.
    #[serde(default, skip_serializing_if = "is_default")]
    in_vain: u32,
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[derive(Serialize, Deserialize)]
struct OutcomeMemo {
    word: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    reset_at_ns: Option<u64>,
}

impl OutcomeMemo {
    fn of(end: &End) -> Self {
        let Evidence { source, detail, reset_at } = end.evidence.clone();
        Self { word: end.outcome.as_str().to_owned(), source, detail, reset_at_ns: reset_at.map(|at| at.0) }
    }

    /// None if only a later version knows the word.
    fn read(self) -> Option<(Outcome, Evidence)> {
        let Self { word, source, detail, reset_at_ns } = self;
        Some((Outcome::of(&word)?, Evidence { source, detail, reset_at: reset_at_ns.map(Wall) }))
    }
}

#[derive(Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct SpentMemo {
    turns: Option<u64>,
    cost_micros: Option<u64>,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

impl From<Spent> for SpentMemo {
    fn from(spent: Spent) -> Self {
        let Spent { turns, cost_micros, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens } = spent;
        Self { turns, cost_micros, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens }
    }
}

impl From<SpentMemo> for Spent {
    fn from(memo: SpentMemo) -> Self {
        let SpentMemo { turns, cost_micros, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens } = memo;
        Self { turns, cost_micros, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens }
    }
}

/// Both clocks: nanoseconds since boot, nanoseconds since 1970.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Stamp(u64, u64);

impl From<Now> for Stamp {
    fn from(now: Now) -> Self {
        Self(now.mono.0, now.wall.0)
    }
}

impl From<Stamp> for Now {
    fn from(Stamp(mono, wall): Stamp) -> Self {
        Self { mono: Mono(mono), wall: Wall(wall) }
    }
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Writes the memo for an agent.
pub(super) fn encode(memory: &AgentMemory) -> Vec<u8> {
    let (handled, timed_out) = match memory.phase {
        Phase::TimedOut { limit } => (true, Some(limit)),
        Phase::BackingOff { .. } | Phase::Exited | Phase::Failed { .. } => (true, None),
        Phase::Pending
        | Phase::Opening
        | Phase::Starting
        | Phase::Running { .. }
        | Phase::Stopping { .. }
        | Phase::Closing => (false, None),
    };
    let end = memory.last_end.as_ref().filter(|_| handled);
    let memo = Memo {
        fingerprint: hex(&memory.declared.fingerprint),
        session: memory.declared.session.as_str().to_owned(),
        harness: memory.declared.harness.to_string(),
        policy: memory.declared.policy.into(),
        run: memory.run.0,
        restarts: memory.restarts,
        streak: memory.streak,
        first_started: memory.first_started.map(Stamp::from),
        started: memory.started.map(Stamp::from),
        handled,
        timed_out_after_ns: timed_out.map(nanos),
        ended: end.map(|end| Stamp::from(end.at)),
        outcome: end.map(OutcomeMemo::of),
        spent: memory.spent.into(),
        pulse: PulseMemo::of(memory),
        conversation: (&memory.conversation).into(),
        in_vain: memory.conversation.in_vain(),
        not_started: end.and_then(|end| match &end.ending {
            Ending::NotStarted(error) => Some(error.message.clone()),
            Ending::Exited { .. } | Ending::TerminalLost(_) | Ending::ShimLost => None,
        }),
    };
    serde_json::to_vec(&memo).unwrap_or_default()
}

/// Reads a memo back, beside what its shim says of the child. None if it isn't a memo, or of another run than the
/// child: then nothing can be known of what runs.
pub(super) fn recall(bytes: &[u8], child: &Child, now: Now) -> Option<AgentMemory> {
    let memo: Memo = serde_json::from_slice(bytes).ok()?;
    let mut memory = AgentMemory {
        declared: Declared {
            fingerprint: fingerprint(&memo.fingerprint)?,
            session: SessionName::new(&memo.session).ok()?,
            harness: memo.harness.into(),
            policy: memo.policy.into(),
        },
        phase: Phase::Pending,
        run: RunId(memo.run),
        restarts: memo.restarts,
        streak: memo.streak,
        first_started: memo.first_started.map(Now::from),
        started: memo.started.map(Now::from),
        last_end: None,
        told: Arc::default(),
        seen: None,
        spent: memo.spent.into(),
        pulse: memo.pulse.read(),
        conversation: memo.conversation.read(memo.in_vain),
    };
    if child.run() != Some(memory.run) {
        return None;
    }
    let stamp = |at: Mono| Now { mono: at, wall: now.wall_at(at) };
    memory.phase = match child {
        Child::None => return None,
        Child::Running { at, pid, .. } => {
            memory.started.get_or_insert(stamp(*at));
            memory.first_started.get_or_insert(stamp(*at));
            memo.pulse.stop(Some(*pid), now.mono).unwrap_or(Phase::Running { pid: *pid })
        }
        Child::Ended { ending, at, started, .. } if memo.handled => {
            memory.started = memory.started.or(started.map(stamp));
            let mut ending = ending.clone();
            if let (Ending::NotStarted(error), Some(message)) = (&mut ending, memo.not_started) {
                error.message = message;
            }
            let mut end = End::bare(ending, memo.ended.map_or_else(|| stamp(*at), Now::from));
            if let Some((outcome, evidence)) = memo.outcome.and_then(OutcomeMemo::read) {
                (end.outcome, end.evidence) = (outcome, evidence);
            }
            memory.last_end = Some(end);
            memo.timed_out_after_ns
                .map_or_else(|| memory.settled(), |limit| Phase::TimedOut { limit: Duration::from_nanos(limit) })
        }
        // Of an end that was not handled, too: reconcile treats it as news.
        Child::Ended { .. } => memo.pulse.stop(None, now.mono).unwrap_or(Phase::Starting),
        Child::Starting(_) => Phase::Starting,
    };
    Some(memory)
}

fn hex(fingerprint: &Fingerprint) -> String {
    fingerprint.0.iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn fingerprint(hex: &str) -> Option<Fingerprint> {
    let mut bytes = [0; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(Fingerprint(bytes))
}
