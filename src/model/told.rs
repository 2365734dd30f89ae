//! What an agent's harness has told of the present run, as far as anybody knows: the sum of its notices.

use super::{Activity, Evidence, Key, Mono, Notices, RunId, Verdict, Wall};

/// The sum of a run's notices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The run.
    pub run: RunId,
    /// When it told anything last.
    pub heard: Option<Mono>,
    /// What it does.
    pub activity: Option<Doing>,
    /// How its last turn ended, if it has had one and none has begun since.
    pub verdict: Option<(Verdict, Evidence)>,
    /// The harness's own name for the conversation.
    pub session: Option<String>,
    /// What the run has used.
    pub spent: Spent,
}

/// What a harness does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doing {
    /// What.
    pub activity: Activity,
    /// Since when.
    pub since: Mono,
    /// What told it.
    pub source: String,
    /// What it waits on, in the words in which a person is asked; empty if it doesn't say.
    pub question: String,
}

impl Doing {
    /// The source of what agentd itself sees on the terminal of who tells nothing.
    pub const SEEN: &str = "terminal";

    /// The source of what it sees there against what was told: nothing moves, and a prompt is on it.
    pub const SCREEN: &str = "screen";

    /// The source of what it reads in the terminal's title.
    pub const TITLE: &str = "title";

    /// All that is agentd's own.
    const OURS: [&str; 3] = [Self::SEEN, Self::SCREEN, Self::TITLE];
}

/// What was used of a model, as far as it was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Turns of the model.
    pub turns: Option<u64>,
    /// Millionths of a US dollar.
    pub cost_micros: Option<u64>,
    /// Tokens sent, without those that a cache had.
    pub input_tokens: Option<u64>,
    /// Tokens that came back.
    pub output_tokens: Option<u64>,
    /// Tokens sent that a cache had.
    pub cache_read_tokens: Option<u64>,
    /// Tokens put into the cache.
    pub cache_write_tokens: Option<u64>,
}

impl Spent {
    /// The cost, if it was told.
    #[allow(clippy::cast_precision_loss, reason = "no more than nine billion dollars is exact to a millionth")]
    pub fn dollars(self) -> Option<f64> {
        self.cost_micros.map(|micros| micros as f64 / 1e6)
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let sum = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.saturating_add(b)),
            (one, other) => one.or(other),
        };
        Self {
            turns: sum(self.turns, other.turns),
            cost_micros: sum(self.cost_micros, other.cost_micros),
            input_tokens: sum(self.input_tokens, other.input_tokens),
            output_tokens: sum(self.output_tokens, other.output_tokens),
            cache_read_tokens: sum(self.cache_read_tokens, other.cache_read_tokens),
            cache_write_tokens: sum(self.cache_write_tokens, other.cache_write_tokens),
        }
    }
}

impl Told {
    /// Of a run of which nothing is told yet.
    pub fn of(run: RunId) -> Self {
        Self { run, ..Self::default() }
    }

    /// Whether it has told of something that it is in the middle of.
    pub fn is_at_work(&self) -> bool {
        self.activity.as_ref().is_some_and(|doing| match doing.activity {
            Activity::Busy | Activity::Waiting => true,
            Activity::Starting | Activity::Idle => false,
        })
    }

    /// Takes in what is new, told at this time.
    pub fn hear(&mut self, news: &Notices, at: Mono) {
        self.heard = self.heard.max(Some(at));
        self.hear_activity(news, at);
        self.hear_verdict(news);
        if let Some(session) = news.get(Key::Session) {
            self.session = Some(session.to_owned()).filter(|session| !session.is_empty());
        }
        let Spent { turns, cost_micros, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens } =
            &mut self.spent;
        for (key, place) in [
            (Key::Turns, turns),
            (Key::InputTokens, input_tokens),
            (Key::OutputTokens, output_tokens),
            (Key::CacheReadTokens, cache_read_tokens),
            (Key::CacheWriteTokens, cache_write_tokens),
        ] {
            hear_number(place, news.get(key), |text| text.parse().ok());
        }
        hear_number(cost_micros, news.get(Key::CostUsd), micros);
    }

    fn hear_activity(&mut self, news: &Notices, at: Mono) {
        if let Some(word) = news.get(Key::Activity) {
            self.activity = Activity::of(word).map(|activity| match self.activity.take() {
                Some(doing) if doing.activity == activity => doing,
                _ => Doing { activity, since: at, source: String::new(), question: String::new() },
            });
        }
        let Some(doing) = &mut self.activity else { return };
        if let Some(source) = news.get(Key::ActivitySource) {
            hear_source(&mut doing.source, source);
        }
        if let Some(question) = news.get(Key::Question) {
            question.clone_into(&mut doing.question);
        }
    }

    fn hear_verdict(&mut self, news: &Notices) {
        if let Some(word) = news.get(Key::Outcome) {
            let evidence = self.verdict.take().map(|(_, evidence)| evidence).unwrap_or_default();
            self.verdict = Verdict::of(word).map(|verdict| (verdict, evidence));
        }
        let Some((_, evidence)) = &mut self.verdict else { return };
        if let Some(detail) = news.get(Key::Detail) {
            detail.clone_into(&mut evidence.detail);
        }
        if let Some(source) = news.get(Key::OutcomeSource) {
            hear_source(&mut evidence.source, source);
        }
        if let Some(reset) = news.get(Key::ResetAt) {
            evidence.reset_at = reset.parse::<u64>().ok().and_then(|at| at.checked_mul(1_000_000_000)).map(Wall);
        }
    }
}

/// Anything beside an agent can tell any source. What agentd did, judged or saw itself is for it alone to say: policies go by it.
fn hear_source(place: &mut String, source: &str) {
    let is_by_exit = source.strip_prefix(Evidence::EXIT).is_some_and(|more| more.is_empty() || more.starts_with(' '));
    let is_ours = is_by_exit || source == Evidence::OURS || Doing::OURS.contains(&source);
    if is_ours { "" } else { source }.clone_into(place);
}

/// What is no number is not heard; what is empty is taken back.
fn hear_number(place: &mut Option<u64>, text: Option<&str>, read: impl Fn(&str) -> Option<u64>) {
    match text {
        None => {}
        Some("") => *place = None,
        Some(text) => *place = read(text).or(*place),
    }
}

/// Millionths, from a decimal number. What is finer is dropped.
fn micros(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if !part.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let padded: String = part.chars().chain("000000".chars()).take(6).collect();
    whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(padded.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(datagrams: &[&str]) -> Told {
        let mut told = Told::of(RunId(1));
        for (at, datagram) in (1..).zip(datagrams) {
            told.hear(&Notices::parse(datagram.as_bytes()), Mono(at));
        }
        told
    }

    #[test]
    fn an_activity_lasts_until_another_is_told() {
        let told = heard(&["ACTIVITY=busy\nACTIVITY_SOURCE=a", "ACTIVITY=busy\nACTIVITY_SOURCE=b", "TURNS=1"]);
        let doing = told.activity.unwrap();
        assert_eq!((doing.activity, doing.since, &*doing.source), (Activity::Busy, Mono(1), "b"));
        let told = heard(&["ACTIVITY=busy", "ACTIVITY=waiting\nQUESTION=May I?\nACTIVITY_SOURCE=b"]);
        let doing = told.activity.unwrap();
        assert_eq!((doing.activity, doing.since, &*doing.question), (Activity::Waiting, Mono(2), "May I?"));
        assert_eq!(heard(&["ACTIVITY=waiting\nQUESTION=May I?", "ACTIVITY=idle"]).activity.unwrap().question, "");
        assert_eq!(heard(&["ACTIVITY=busy", "ACTIVITY="]).activity, None);
        assert_eq!(heard(&["ACTIVITY=dancing", "QUESTION=x"]).activity, None);
    }

    #[test]
    fn a_verdict_is_taken_back_by_the_next_turn() {
        let told = heard(&["OUTCOME=rate_limited\nDETAIL=later\nRESET_AT=5\nOUTCOME_SOURCE=s"]);
        let evidence = Evidence { source: "s".into(), detail: "later".into(), reset_at: Some(Wall(5_000_000_000)) };
        assert_eq!(told.verdict, Some((Verdict::RateLimited, evidence)));
        let told = heard(&["OUTCOME=failed\nDETAIL=x", "OUTCOME=\nDETAIL=\nRESET_AT=\nOUTCOME_SOURCE="]);
        assert_eq!(told.verdict, None);
        assert_eq!(heard(&["DETAIL=x", "OUTCOME=splendid"]).verdict, None);
    }

    #[test]
    fn nobody_tells_by_a_source_that_is_agentds_own() {
        for ours in [
            Evidence::OURS,
            Doing::SEEN,
            Doing::SCREEN,
            Doing::TITLE,
            Evidence::EXIT,
            "exit after stream result",
            " agen\u{7}td",
        ] {
            let told = heard(&[
                "ACTIVITY=busy\nACTIVITY_SOURCE=before\nOUTCOME=failed\nOUTCOME_SOURCE=before",
                &format!("ACTIVITY_SOURCE={ours}\nOUTCOME_SOURCE={ours}"),
            ]);
            assert_eq!(told.activity.unwrap().source, "", "{ours}");
            assert_eq!(told.verdict, Some((Verdict::Failed, Evidence::default())), "{ours}");
        }
        let told = heard(&["ACTIVITY=busy\nACTIVITY_SOURCE=agentd notify\nOUTCOME=failed\nOUTCOME_SOURCE=exits"]);
        assert_eq!((&*told.activity.unwrap().source, &*told.verdict.unwrap().1.source), ("agentd notify", "exits"));
    }

    #[test]
    fn numbers_are_the_newest_that_were_any() {
        let told = heard(&["TURNS=1\nCOST_USD=0.0123\nINPUT_TOKENS=7", "TURNS=2\nCOST_USD=much\nINPUT_TOKENS="]);
        assert_eq!(told.spent, Spent { turns: Some(2), cost_micros: Some(12_300), ..Spent::default() });
        assert_eq!(micros("1.23456789"), Some(1_234_567));
        assert_eq!(
            [micros("3"), micros("0.5"), micros("-1"), micros("1.-2"), micros("")],
            [Some(3_000_000), Some(500_000), None, None, None]
        );
        assert_eq!(micros("99999999999999999999"), None);
    }

    #[test]
    fn what_two_runs_spent_is_added_as_far_as_it_is_known() {
        let one = Spent { turns: Some(1), cost_micros: None, input_tokens: Some(5), ..Spent::default() };
        let two = Spent { turns: Some(2), cost_micros: Some(3), ..Spent::default() };
        let both = Spent { turns: Some(3), cost_micros: Some(3), input_tokens: Some(5), ..Spent::default() };
        assert_eq!(one.plus(two), both);
    }

    #[test]
    fn a_session_is_known_until_it_is_taken_back() {
        assert_eq!(heard(&["SESSION=a", "TURNS=1"]).session.as_deref(), Some("a"));
        assert_eq!(heard(&["SESSION=a", "SESSION="]).session, None);
    }
}
