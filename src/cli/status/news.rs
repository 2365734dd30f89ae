//! The line on an agent that is more than a word: what it asks, or why it isn't running.

use crate::cli::client::types::Agent;
use crate::cli::table::Tone;
use crate::cli::told;
use crate::model;

/// What is to be read of an agent, and how.
#[derive(Debug)]
pub(super) struct News {
    pub(super) text: String,
    pub(super) tone: Tone,
    is_question: bool,
}

/// What it asks, or its error, unless that says no more than its last exit.
pub(super) fn of(agent: &Agent) -> Option<News> {
    if let Some(question) = told::question(agent) {
        // Said also where there is no room for what it does.
        let text = if question.is_empty() { "waits, and doesn't say for what" } else { question };
        return Some(News { text: text.to_owned(), tone: Tone::Warning, is_question: true });
    }
    let error = agent.error.as_deref()?;
    let exit = agent.exit.as_ref();
    let known = exit.and_then(|exit| match (exit.cause.as_deref(), exit.code, exit.signal) {
        (None, Some(code), _) => Some(model::Exit::Code(code)),
        (None, None, Some(signal)) => Some(model::Exit::Signal(signal)),
        (_, _, _) => None,
    });
    (known.map(|exit| exit.to_string()).as_deref() != Some(error)).then(|| News {
        text: error.to_owned(),
        tone: Tone::of_state(&agent.state),
        is_question: false,
    })
}

/// What stands above all news, if there are any.
pub(super) fn title(news: &[Option<News>]) -> Option<&'static str> {
    let any = |is_question| news.iter().flatten().any(|news| news.is_question == is_question);
    match (any(false), any(true)) {
        (true, true) => Some("ERROR, QUESTION"),
        (true, false) => Some("ERROR"),
        (false, true) => Some("QUESTION"),
        (false, false) => None,
    }
}
