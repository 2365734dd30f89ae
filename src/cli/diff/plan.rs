//! The difference of two declarations, agent by agent: what a reconcile would do with it.
//!
//! An agent is replaced if what is launched differs, and only then. Its fields say why; a field that differs without that
//! (a policy, or the same variable from another source) applies to the program that runs.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::api::declared::Agent;

/// What happens to an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is new.
    Start,
    /// What is launched differs.
    Restart,
    /// It goes on under another policy.
    Update,
    /// It is no longer declared.
    Stop,
}

/// One agent of which something changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Its name.
    pub name: String,
    /// What happens to it.
    pub action: Action,
    /// Which fields differ, sorted.
    pub fields: Vec<String>,
}

/// All that happens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The agents of which something changes, by name.
    pub agents: Vec<Change>,
    /// How many stay as they are.
    pub unchanged: usize,
}

/// What can be compared of the variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// Everything.
    Known,
    /// The secrets weren't read, so they don't count.
    Unread,
}

/// From what the daemon has taken to what a file declares.
pub fn plan(old: &[Agent], new: &[Agent], secrets: Secrets) -> Plan {
    let by_name = |agents: &'_ [Agent]| agents.iter().map(|agent| (agent.name.clone(), agent.clone())).collect();
    let (old, new): (BTreeMap<String, Agent>, BTreeMap<String, Agent>) = (by_name(old), by_name(new));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut plan = Plan::default();
    for name in names {
        let (action, fields) = match (old.get(name), new.get(name)) {
            (Some(old), Some(new)) => {
                let Some(change) = compare(old, new, secrets) else {
                    plan.unchanged += 1;
                    continue;
                };
                change
            }
            (None, _) => (Action::Start, Vec::new()),
            (Some(_), None) => (Action::Stop, Vec::new()),
        };
        plan.agents.push(Change { name: name.clone(), action, fields });
    }
    plan
}

fn compare(old: &Agent, new: &Agent, secrets: Secrets) -> Option<(Action, Vec<String>)> {
    let (old_variables, old_fields) = split(old, secrets);
    let (new_variables, new_fields) = split(new, secrets);
    let names: BTreeSet<&str> = old_variables.keys().chain(new_variables.keys()).copied().collect();
    let differs = |name: &&str| match (old_variables.get(name), new_variables.get(name)) {
        (Some((_, Some(old))), Some((_, Some(new)))) => old != new,
        // A value that wasn't told is taken for the same.
        (Some(_), Some(_)) => false,
        (old, new) => old.is_some() != new.is_some(),
    };
    let label = |name: &str| new_variables.get(name).or(old_variables.get(name)).map(|(key, _)| (*key).to_owned());
    let mut fields: Vec<String> = names.into_iter().filter(differs).filter_map(label).collect();
    let is_replaced = !fields.is_empty() || old.launch != new.launch;
    let names: BTreeSet<&str> = old_fields.keys().chain(new_fields.keys()).copied().collect();
    fields.extend(names.into_iter().filter(|name| old_fields.get(name) != new_fields.get(name)).map(str::to_owned));
    fields.sort_unstable();
    match (is_replaced, fields.is_empty()) {
        (true, _) => Some((Action::Restart, fields)),
        (false, false) => Some((Action::Update, fields)),
        (false, true) => None,
    }
}

/// A variable's field and digest.
type Variable<'a> = (&'a str, Option<&'a str>);

/// The variables by their names, and the other fields.
fn split(agent: &Agent, secrets: Secrets) -> (BTreeMap<&str, Variable<'_>>, BTreeMap<&str, Option<&str>>) {
    let (mut variables, mut others) = (BTreeMap::new(), BTreeMap::new());
    for (key, digest) in &agent.fields {
        let digest = digest.as_deref();
        match (key.strip_prefix("secrets."), key.strip_prefix("env."), secrets) {
            (Some(_), _, Secrets::Unread) => {}
            (Some(name), _, Secrets::Known) | (None, Some(name), _) => {
                variables.insert(name, (key.as_str(), digest));
            }
            (None, None, _) => {
                others.insert(key.as_str(), digest);
            }
        }
    }
    (variables, others)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(name: &str, launch: &str, fields: &[(&str, &str)]) -> Agent {
        let value = |value: &str| (value != "?").then(|| value.to_owned());
        let fields = fields.iter().map(|(field, digest)| ((*field).to_owned(), value(digest))).collect();
        Agent { name: name.to_owned(), launch: launch.to_owned(), fields }
    }

    /// What happens to the one agent.
    fn change(old: &[(&str, &str)], new: &[(&str, &str)], secrets: Secrets) -> String {
        let plan = plan(&[agent("a", "1", old)], &[agent("a", "1", new)], secrets);
        match plan.agents.as_slice() {
            [] => "nothing".to_owned(),
            [change] => format!("{:?} {}", change.action, change.fields.join(" ")),
            more => panic!("{more:?}"),
        }
    }

    #[test]
    fn agents_come_go_and_stay() {
        let old = [agent("a", "1", &[]), agent("b", "1", &[]), agent("c", "1", &[])];
        let new = [agent("b", "1", &[]), agent("c", "2", &[]), agent("d", "1", &[])];
        let plan = plan(&old, &new, Secrets::Known);
        let said: Vec<_> = plan.agents.iter().map(|change| (change.name.as_str(), change.action)).collect();
        assert_eq!(said, [("a", Action::Stop), ("c", Action::Restart), ("d", Action::Start)]);
        assert_eq!(plan.unchanged, 1);
    }

    #[test]
    fn variables_replace_an_agent_and_policies_do_not() {
        let known = Secrets::Known;
        assert_eq!(change(&[("restart", "1")], &[("restart", "2")], known), "Update restart");
        assert_eq!(change(&[("env.A", "1")], &[("env.A", "2")], known), "Restart env.A");
        assert_eq!(change(&[("env.A", "1")], &[], known), "Restart env.A");
        assert_eq!(change(&[], &[("secrets.A", "1"), ("model", "2")], known), "Restart model secrets.A");
        assert_eq!(change(&[("env.A", "1")], &[("secrets.A", "1")], known), "nothing");
        assert_eq!(change(&[("env.A", "1")], &[("secrets.A", "2")], known), "Restart secrets.A");
    }

    #[test]
    fn what_is_not_known_is_not_said_to_differ() {
        assert_eq!(change(&[("env.A", "?")], &[("env.A", "2")], Secrets::Known), "nothing");
        assert_eq!(change(&[("env.A", "?")], &[("env.B", "2")], Secrets::Known), "Restart env.A env.B");
        assert_eq!(change(&[("secrets.A", "1"), ("env.B", "1")], &[("env.B", "2")], Secrets::Unread), "Restart env.B");
        assert_eq!(change(&[("secrets.A", "1")], &[], Secrets::Unread), "nothing");
    }
}
