//! The configuration, as `agentd check` sees it: how many mistakes there are, and the first.

use std::time::Duration;

use crate::desired::diagnostic::{Diagnostic, LoadError};
use crate::desired::{self, Loaded, Sources};
use crate::sys::probe::bounded;

use super::finding::{Finding, word};
use super::place::Place;

/// A configuration and its files may be on a network.
const LOAD_WITHIN: Duration = Duration::from_secs(10);

/// What the daemon would load, as far as we can.
pub fn load(place: &Place) -> (Vec<Finding>, Option<Loaded>) {
    let home = place.user.as_ref().map_or_else(|_| "/".into(), |user| user.home.clone());
    let secret_dir = place.has_daemons_rights().then(|| place.secret_dir.clone());
    let credentials_dir = place.credentials_dir.clone().filter(|_| secret_dir.is_some());
    let sources = Sources { secret_dir, credentials_dir, ..Sources::new(place.config.clone(), home) };
    match bounded(None, LOAD_WITHIN, move || desired::load(&sources)) {
        Ok(loaded) => (judge(place, &loaded), Some(loaded)),
        Err(missed) => (vec![Finding::problem("configuration", format!("{}: {missed}", place.config.display()))], None),
    }
}

fn judge(place: &Place, loaded: &Loaded) -> Vec<Finding> {
    let config = word(&place.config);
    let check = format!("agentd check {config} --secret-dir {}", word(&place.secret_dir));
    let (shown, is_there) = (place.config.display(), place.config.exists());
    let mut findings = match &loaded.result {
        Ok(desired) => {
            vec![Finding::ok("configuration", format!("{shown} declares {}", count(desired.agents.len(), "agent")))]
        }
        Err(_) if !place.has_daemons_rights() && std::fs::File::open(&place.config).is_err() => {
            vec![Finding::unknown("configuration", format!("{shown} can't be read")).mend("sudo agentd doctor")]
        }
        Err(_) if !is_there => {
            vec![
                Finding::problem("configuration", format!("there is no configuration {shown}"))
                    .advise("write one: `agentd init` shows how"),
            ]
        }
        Err(LoadError { diagnostics }) => {
            let what = format!("{shown} has {}, first {}", count(diagnostics.len(), "mistake"), first(diagnostics));
            vec![Finding::problem("configuration", what).mend(&check)]
        }
    };
    // Which secret an agent lacks, it says as well as we could.
    let is_of_secret = |diagnostic: &&Diagnostic| diagnostic.message.starts_with("there is no secret ");
    let (secrets, others): (Vec<&Diagnostic>, Vec<&Diagnostic>) = loaded.warnings.iter().partition(is_of_secret);
    for diagnostic in secrets {
        let what = format!("{}{}", diagnostic.message, line_of(diagnostic));
        let mend = format!("put it into {}, one file a secret", word(&place.secret_dir));
        findings.push(Finding::warning("agent-secrets", what).advise(mend));
    }
    if let Some(one) = others.first() {
        let what = format!("{}, first: {}{}", count(others.len(), "warning"), one.message, line_of(one));
        findings.push(Finding::warning("configuration-warnings", what).mend(&check));
    }
    findings
}

fn first(diagnostics: &[Diagnostic]) -> String {
    diagnostics.first().map(|one| format!("{}{}", one.message, line_of(one))).unwrap_or_default()
}

fn line_of(diagnostic: &Diagnostic) -> String {
    diagnostic.line().map(|line| format!(" (line {line})")).unwrap_or_default()
}

fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}
