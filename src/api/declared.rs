//! `/v1/declared`: what the daemon has taken, as digests that can be compared with those of another configuration and
//! are of no other use: each is salted with this daemon's own salt and cut to 32 bits.
//!
//! A digest of a variable's value is only for those who can read that value anyway. The same code makes both sides of a
//! comparison, so it is public.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use hyper::body::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::net::UnixStream;
use utoipa::ToSchema;

use crate::model::{AgentSpec, Desired, Policy, Restart};
use crate::sys::random;

/// What makes the digests of one daemon differ from those of another.
pub type Salt = [u8; 16];

/// The user on the other end of a connection, as far as the kernel knows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(Option<u32>);

impl Peer {
    /// Of a connection.
    pub(super) fn of(stream: &UnixStream) -> Self {
        Self(stream.peer_cred().ok().map(|peer| peer.uid()))
    }

    /// What may be told to that user.
    fn values(self) -> Values {
        let own = nix::unistd::geteuid().as_raw();
        if self.0.is_some_and(|uid| uid == 0 || uid == own) { Values::Told } else { Values::Kept }
    }
}

/// Answers `/v1/declared`. Until somebody asks, it costs nothing.
#[derive(Debug, Default)]
pub(super) struct Teller {
    salt: OnceCell<Salt>,
}

impl Teller {
    /// The body.
    pub(super) fn tell(&self, desired: Option<&Desired>, peer: Option<Peer>) -> io::Result<Bytes> {
        let salt = if let Some(salt) = self.salt.get() { *salt } else { random::bytes()? };
        self.salt.get_or_init(|| salt);
        let answer = Declared::new(desired, salt, peer.map_or(Values::Kept, Peer::values));
        Ok(serde_json::to_vec(&answer)?.into())
    }
}

/// Whether digests of the values of variables are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// To root and to the daemon's own user.
    Told,
    /// To everybody else: only the names.
    Kept,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Declared {
    /// As hex digits.
    pub salt: String,
    /// By name; none while nothing was ever taken.
    pub agents: Option<Vec<Agent>>,
}

/// One agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = DeclaredAgent)]
pub struct Agent {
    /// Its name.
    pub name: String,
    /// Of the session, the directory, the arguments and what is prepared: with the variables, what a running agent is replaced for.
    pub launch: String,
    /// By field; `env.NAME` and `secrets.NAME` are the variables. None of a value that isn't told.
    pub fields: BTreeMap<String, Option<String>>,
}

impl Declared {
    /// Of what is declared.
    pub fn new(desired: Option<&Desired>, salt: Salt, values: Values) -> Self {
        let agents = desired.map(|desired| desired.agents.values().map(|spec| agent(spec, salt, values)).collect());
        Self { salt: hex(&salt), agents }
    }

    /// The salt, if it is one.
    pub fn salt(&self) -> Option<Salt> {
        let digit =
            |at: usize| self.salt.get(at * 2..at * 2 + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let bytes: Option<Vec<u8>> = (0..self.salt.len() / 2).map(digit).collect();
        bytes?.try_into().ok()
    }
}

fn agent(spec: &AgentSpec, salt: Salt, values: Values) -> Agent {
    let (session, workdir) = (spec.session.as_str().as_bytes(), spec.launch.workdir.as_os_str().as_bytes());
    let argv = spec.launch.argv.iter().map(|argument| argument.to_bytes());
    let prepare = spec.launch.prepare.iter().map(|word| word.to_bytes());
    let launch = digest(salt, [b"launch", session, workdir].into_iter().chain(argv).chain(prepare));
    let mut fields = BTreeMap::new();
    for (field, value) in &spec.origin.fields {
        fields.insert((*field).to_owned(), Some(digest(salt, [field.as_bytes(), &value.to_le_bytes()])));
    }
    for (field, value) in [("harness", spec.harness.as_bytes()), ("session", session), ("workdir", workdir)] {
        fields.insert(field.to_owned(), Some(digest(salt, [field.as_bytes(), value])));
    }
    for (field, value) in policy(spec) {
        fields.insert(field.to_owned(), Some(digest(salt, [field.as_bytes(), value.as_bytes()])));
    }
    for (name, value) in &spec.launch.env {
        let source = if spec.origin.env.contains(name) { "env" } else { "secrets" };
        // The same for both sources: a variable that only moves from one to the other is no change.
        let value = match values {
            Values::Told => Some(digest(salt, [b"variable", name.as_bytes(), value.expose()])),
            Values::Kept => None,
        };
        fields.insert(format!("{source}.{}", name.to_string_lossy()), value);
    }
    Agent { name: spec.name.as_str().to_owned(), launch, fields }
}

/// The fields that apply to a program that runs.
fn policy(spec: &AgentSpec) -> [(&'static str, String); 10] {
    let Policy { restart, max_restarts, backoff, backoff_max, timeout, limits, grace_period, .. } = &spec.policy;
    let Policy { startup_deadline, stall, .. } = &spec.policy;
    let restart = match restart {
        Restart::No => "no",
        Restart::OnFailure => "on-failure",
        Restart::Always => "always",
    };
    let nanos = |duration: &Duration| duration.as_nanos().to_string();
    [
        ("restart", restart.to_owned()),
        ("max_restarts", max_restarts.map_or(0, std::num::NonZeroU32::get).to_string()),
        ("backoff", nanos(backoff)),
        ("backoff_max", nanos(backoff_max)),
        ("timeout", timeout.as_ref().map(nanos).unwrap_or_default()),
        ("grace_period", nanos(grace_period)),
        ("startup_deadline", startup_deadline.as_ref().map(nanos).unwrap_or_default()),
        ("stall", stall.map(|stall| format!("{stall:?} {:?}", spec.nudge)).unwrap_or_default()),
        ("max_turns", limits.turns.map(|turns| turns.to_string()).unwrap_or_default()),
        ("max_cost_usd", limits.cost_micros.map(|micros| micros.to_string()).unwrap_or_default()),
    ]
}

/// Each text after its length.
fn digest<'t>(salt: Salt, texts: impl IntoIterator<Item = &'t [u8]>) -> String {
    let mut hash = Sha256::new();
    hash.update(salt);
    for text in texts {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    let hash: [u8; 32] = hash.finalize().into();
    hex(&hash[..4])
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::ffi::CString;
    use std::sync::Arc;

    use super::*;
    use crate::model::{AgentName, Launch, Origin, Secret};

    fn desired(argument: &str, secret: &str) -> Desired {
        let name = AgentName::new("a").unwrap();
        let launch = Launch {
            argv: vec![CString::new(argument).unwrap()],
            workdir: "/".into(),
            env: [("E".into(), Secret::new("1")), ("S".into(), Secret::new(secret))].into(),
            extra: crate::model::Extra::default(),
            prepare: Vec::new(),
        };
        let origin = Arc::new(Origin { fields: [("command", 1)].into(), env: BTreeSet::from(["E".into()]) });
        let spec = AgentSpec { origin, ..AgentSpec::sample("a", "custom", launch) };
        Desired { agents: [(name, Arc::new(spec))].into(), ..Desired::default() }
    }

    fn agent(desired: &Desired, salt: u8, values: Values) -> Agent {
        Declared::new(Some(desired), [salt; 16], values).agents.unwrap().remove(0)
    }

    #[test]
    fn what_differs_is_seen_where_it_differs() {
        let before = agent(&desired("x", "s1"), 1, Values::Told);
        assert_eq!(agent(&desired("x", "s1"), 1, Values::Told), before);
        let after = agent(&desired("x", "s2"), 1, Values::Told);
        let differs: Vec<_> =
            before.fields.iter().filter(|(field, value)| after.fields.get(*field) != Some(value)).collect();
        assert_eq!(differs.iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>(), ["secrets.S"]);
        assert_eq!(before.launch, after.launch);
        assert_ne!(agent(&desired("y", "s1"), 1, Values::Told).launch, before.launch);
    }

    #[test]
    fn every_daemon_has_digests_of_its_own_and_values_are_for_those_who_may_know() {
        let (one, two) = (agent(&desired("x", "s"), 1, Values::Told), agent(&desired("x", "s"), 2, Values::Kept));
        assert_ne!(one.launch, two.launch);
        for (field, value) in &one.fields {
            let is_variable = ["env.E", "secrets.S"].contains(&field.as_str());
            assert_eq!(two.fields[field].is_none(), is_variable, "{field}");
            assert_ne!(&two.fields[field], value, "{field}");
        }
    }

    #[test]
    fn a_salt_is_read_back_and_nothing_else_is_one() {
        let declared = Declared::new(None, [0xa5; 16], Values::Kept);
        assert_eq!((declared.salt(), &declared.agents), (Some([0xa5; 16]), &None));
        for salt in ["", "a5", "xx", "ä5ä5", &"a5".repeat(17)] {
            assert_eq!(Declared { salt: salt.to_owned(), agents: None }.salt(), None, "{salt}");
        }
    }
}
