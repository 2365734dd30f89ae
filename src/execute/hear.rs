//! What agents tell of themselves, without their secrets.
//!
//! A harness tells in its own words what it is about to do and why it failed, and these may hold a key. Whoever may ask the
//! API is not whoever may have that, so the secrets of an agent are cut out of what it tells before anybody sees it. While
//! nobody knows yet what they are, as when a daemon begins, words wait; what isn't words is heard at once.

use std::sync::Arc;

use crate::model::{AgentName, AgentSpec, Desired, Observed, RunId};
use crate::observed;
use crate::shim::protocol::Notice;

use super::Executor;
use super::mask::mask;

/// Shorter ones are no keys, and cutting them out would leave nothing of the words.
const LEAST_SECRET: usize = 8;
/// Stands for a secret.
const HIDDEN: &[u8] = "…".as_bytes();
/// The keys whose values are a harness's own words.
const WORDS: [&[u8]; 2] = [b"QUESTION=", b"DETAIL="];

/// What an agent told of a run before its secrets were known.
#[derive(Debug)]
pub(super) struct Unheard {
    agent: AgentName,
    run: RunId,
    notices: Vec<Notice>,
}

impl Executor {
    /// Takes note of what is declared, and of what agents told before that was known.
    pub fn declare(&mut self, desired: Arc<Desired>, observed: &mut Observed) {
        self.declared = Some(desired);
        for Unheard { agent, run, notices } in std::mem::take(&mut self.unheard) {
            self.hear(&agent, run, &notices, observed);
        }
    }

    /// Takes in what an agent told of a run.
    pub(super) fn hear(&mut self, agent: &AgentName, run: RunId, notices: &[Notice], observed: &mut Observed) {
        let Some(seat) = observed.seats.get_mut(agent) else { return };
        let launched = self.places.get(agent).and_then(|place| place.spec.as_ref());
        let declared = self.declared.as_ref().and_then(|desired| desired.agents.get(agent));
        let specs: Vec<&Arc<AgentSpec>> = launched.into_iter().chain(declared).collect();
        if specs.is_empty() {
            let is_harmless = |notice: &&Notice| !WORDS.iter().any(|key| notice.text.starts_with(key));
            let harmless: Vec<Notice> = notices.iter().filter(is_harmless).cloned().collect();
            observed::hear(&mut seat.told, run, &harmless);
            if self.declared.is_none() {
                self.unheard.push(Unheard { agent: agent.clone(), run, notices: notices.to_vec() });
            }
            return;
        }
        let secrets: Vec<&[u8]> = specs.iter().flat_map(|spec| secrets(spec)).collect();
        let hidden = |notice: &Notice| Notice { at: notice.at, text: hide(&notice.text, &secrets) };
        observed::hear(&mut seat.told, run, &notices.iter().map(hidden).collect::<Vec<_>>());
    }
}

/// Those of an agent that are long enough to be keys.
fn secrets(spec: &AgentSpec) -> impl Iterator<Item = &[u8]> {
    let env = spec.launch.env.iter().filter(|(name, _)| !spec.origin.env.contains(*name));
    env.map(|(_, value)| value.expose().trim_ascii()).filter(|value| value.len() >= LEAST_SECRET)
}

/// A text without any of these, also where it was cut within one.
fn hide(text: &[u8], secrets: &[&[u8]]) -> Vec<u8> {
    let whole = text.strip_suffix(HIDDEN).unwrap_or(text);
    let starts =
        secrets.iter().flat_map(|secret| (LEAST_SECRET..=secret.len()).filter_map(|length| secret.get(..length)));
    let cut = starts.filter(|start| whole.ends_with(start)).max_by_key(|start| start.len());
    match cut.and_then(|cut| whole.strip_suffix(cut)) {
        Some(left) => [&*mask(left, secrets, HIDDEN), HIDDEN].concat(),
        None => mask(text, secrets, HIDDEN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(text: &str, secrets: &[&str]) -> String {
        let secrets: Vec<&[u8]> = secrets.iter().map(|secret| secret.as_bytes()).collect();
        String::from_utf8(hide(text.as_bytes(), &secrets)).unwrap()
    }

    #[test]
    fn secrets_are_cut_out_wherever_they_stand() {
        assert_eq!(hidden("DETAIL=no sk-12345678 here, sk-12345678", &["sk-12345678"]), "DETAIL=no … here, …");
        assert_eq!(hidden("DETAIL=nothing", &["sk-12345678"]), "DETAIL=nothing");
        assert_eq!(hidden("QUESTION=a-secret-1b-secret-2", &["a-secret-1", "b-secret-2"]), "QUESTION=……");
    }

    #[test]
    fn a_secret_that_begins_another_leaves_no_rest_of_it() {
        let both = ["sk-12345678", "sk-12345678-abcdef"];
        assert_eq!(hidden("DETAIL=no sk-12345678-abcdef or sk-12345678!", &both), "DETAIL=no … or …!");
        assert_eq!(hidden("DETAIL=no sk-12345678-abcde…", &both), "DETAIL=no …");
    }

    #[test]
    fn a_secret_that_was_cut_with_its_text_is_cut_out_as_well() {
        assert_eq!(hidden("DETAIL=no sk-1234567…", &["sk-12345678"]), "DETAIL=no …");
        assert_eq!(hidden("DETAIL=no sk-12345", &["sk-12345678"]), "DETAIL=no …");
        assert_eq!(hidden("DETAIL=no sk-1234", &["sk-12345678"]), "DETAIL=no sk-1234", "that says too little");
    }
}
