//! What agentd adds of its own to a launch: how it learns of the run, and how a restart goes on with the conversation.

use std::ffi::CString;

use crate::dialect::Dialect;
use crate::model::{Extra, Resume};

use super::harness::{Events, Harness, Request};

/// What agentd adds, where it stands among the other arguments.
pub fn of(harness: &Harness, request: &Request, place: usize, resumes: bool) -> Extra {
    let resume = resumes.then(|| resume(harness, request)).flatten();
    let silent = Extra { place, resume, ..Extra::default() };
    let Some(Events { args, env, filter }) = harness.events(request) else { return silent };
    Extra { events: words(args), env: env.clone(), filter: filter.map(Dialect::as_str), ..silent }
}

fn resume(harness: &Harness, request: &Request) -> Option<Resume> {
    let (fresh, options) = harness.sessions(request)?;
    let (argv, place) = harness.resumed(request)?;
    let argv: Option<Vec<CString>> = argv.words.into_iter().map(|word| CString::new(word).ok()).collect();
    Some(Resume { fresh: words(fresh), argv: argv?, options: words(options), place })
}

/// A NUL was reported where it stands.
fn words(texts: &[String]) -> Vec<CString> {
    texts.iter().filter_map(|text| CString::new(text.as_str()).ok()).collect()
}
