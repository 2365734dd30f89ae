//! From declared names to unique ones: defaults, numbers of unnamed agents, replicas, sessions.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::model::{AgentName, NameError, SessionName};

use super::diagnostic::Severity;
use super::fields::Entry;
use super::report::Reporter;

/// What an agent's table says of its names.
#[derive(Clone, Debug)]
pub struct Naming<'t> {
    /// Where the table begins, and what may be shown of that line.
    pub header: (Range<usize>, Range<usize>),
    /// The name, if it has one of its own.
    pub name: Option<(Entry<'t>, &'t str)>,
    /// The harness, which names the unnamed.
    pub harness: Arc<str>,
    /// The session, if it has one of its own.
    pub session: Option<(Entry<'t>, &'t str)>,
    /// How many of it run.
    pub replicas: u32,
}

/// The names of one running agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Unique without regard to case.
    pub name: AgentName,
    /// Unique.
    pub session: SessionName,
}

/// The identities of each agent, in the order given. Mistakes are reported; the agent then has fewer identities.
pub fn expand(namings: &[Naming], reporter: &mut Reporter) -> Vec<Vec<Identity>> {
    let mut unnamed: BTreeMap<&str, u32> = BTreeMap::new();
    for naming in namings.iter().filter(|naming| naming.name.is_none()) {
        *unnamed.entry(&*naming.harness).or_default() += 1;
    }
    let mut number: BTreeMap<&str, u32> = BTreeMap::new();
    let mut taken = Taken::default();
    let mut expanded = Vec::new();
    for naming in namings {
        let base = match naming.name {
            Some((_, name)) => name.to_owned(),
            None if unnamed.get(&*naming.harness) == Some(&1) => naming.harness.to_string(),
            None => {
                let number = number.entry(&*naming.harness).or_default();
                *number += 1;
                format!("{}-{}", naming.harness, *number - 1)
            }
        };
        expanded.push(replicas(naming, &base, &mut taken, reporter));
    }
    expanded
}

/// Who has a name, to point at both.
#[derive(Default)]
struct Taken<'n> {
    names: BTreeMap<String, &'n Naming<'n>>,
    sessions: BTreeMap<String, &'n Naming<'n>>,
}

fn replicas<'n>(naming: &'n Naming<'n>, base: &str, taken: &mut Taken<'n>, reporter: &mut Reporter) -> Vec<Identity> {
    let mut identities = Vec::new();
    for replica in 0..naming.replicas {
        let suffix = if naming.replicas == 1 { String::new() } else { format!("-{replica}") };
        let before = reporter.found.len();
        let name = agent_name(naming, &format!("{base}{suffix}"), taken, reporter);
        let name_is_wrong = reporter.found.len() > before;
        let session = match naming.session {
            Some((_, session)) => session_name(naming, &format!("{session}{suffix}"), taken, reporter),
            // One mistake is reported once.
            None if name_is_wrong => None,
            None => session_name(naming, &format!("{base}{suffix}"), taken, reporter),
        };
        if reporter.found.len() > before {
            // The other replicas would only say the same.
            break;
        }
        identities.extend(name.zip(session).map(|(name, session)| Identity { name, session }));
    }
    identities
}

fn agent_name<'n>(
    naming: &'n Naming<'n>,
    text: &str,
    taken: &mut Taken<'n>,
    reporter: &mut Reporter,
) -> Option<AgentName> {
    let place = naming.place(naming.name);
    let name = match AgentName::new(text) {
        Ok(name) => name,
        Err(error) => {
            let message = format!("{text:?} is not a valid name: it {error}");
            reporter.at(
                Severity::Error,
                place.0,
                place.1,
                message,
                "expected 1 to 64 bytes without / or control characters",
            );
            return None;
        }
    };
    if let Some(first) = taken.names.insert(text.to_lowercase(), naming) {
        let other = first.place(first.name);
        let message = format!("the agent name {text:?} is used twice (case does not matter)");
        let other = reporter.spot(other.0, other.1, "first here");
        let diagnostic = reporter.at(Severity::Error, place.0, place.1, message, "and again here");
        diagnostic.other = Some(other);
        diagnostic.help.push("give each agent a name of its own".to_owned());
        return None;
    }
    Some(name)
}

fn session_name<'n>(
    naming: &'n Naming<'n>,
    text: &str,
    taken: &mut Taken<'n>,
    reporter: &mut Reporter,
) -> Option<SessionName> {
    let place = naming.place(naming.session.or(naming.name));
    let name = match SessionName::new(text) {
        Ok(name) => name,
        Err(error) => {
            let message = format!("{text:?} is not a valid session name: it {error}");
            let label = "expected 1 to 64 bytes without . : \\ or control characters";
            let diagnostic = reporter.at(Severity::Error, place.0, place.1, message, label);
            if let NameError::Forbidden('.' | ':' | '\\' | '$') = error {
                let own = naming.session.or(naming.name).map_or(text, |(_, own)| own);
                diagnostic.help.push(format!("write session = {:?}", own.replace(['.', ':', '\\', '$'], "_")));
            }
            return None;
        }
    };
    if let Some(first) = taken.sessions.insert(text.to_owned(), naming) {
        let other = first.place(first.session.or(first.name));
        let other = reporter.spot(other.0, other.1, "first here");
        let message = format!("the session {text:?} is used twice");
        let diagnostic = reporter.at(Severity::Error, place.0, place.1, message, "and again here");
        diagnostic.other = Some(other);
        diagnostic.help.push("give each agent a session of its own".to_owned());
        return None;
    }
    Some(name)
}

impl Naming<'_> {
    /// Where this entry is, or else the table, and what may be shown of that.
    fn place(&self, entry: Option<(Entry, &str)>) -> (Range<usize>, Range<usize>) {
        entry.map_or(self.header.clone(), |(entry, _)| (entry.span(), entry.harmless()))
    }
}
