//! `/metrics`: OpenMetrics text for Prometheus and its kin, named by their conventions. It is made when it is asked for, from
//! the snapshot; what isn't in that is measured.

use std::fmt::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, HeaderMap};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use super::respond::{self, Answer};
use super::routes::Router;
use super::usage::Usage;
use crate::status::{Activity, AgentStatus, EndCounts, Now, Outcome, PlanTimes, Snapshot, State};
use crate::sys::clock;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What Prometheus had before, and `promtool check metrics` still reads.
const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";

type Labels = Vec<(&'static str, String)>;

/// All metrics.
pub(super) async fn answer(router: &Router, headers: &HeaderMap) -> Answer {
    let snapshot = router.snapshot();
    let usage = match router.meter.measure(&snapshot, false).await {
        Ok(usage) => usage,
        Err(error) => {
            return respond::error(StatusCode::SERVICE_UNAVAILABLE, &format!("/proc can't be read: {error}"));
        }
    };
    let plans = *router.views.plans.borrow();
    match text_of(&snapshot, &usage, plans, clock::now()) {
        Ok(text) if wants_classic(headers) => respond::typed(CLASSIC, Bytes::from(classic(&text))),
        Ok(text) => respond::typed(OPEN_METRICS, Bytes::from(text)),
        Err(fmt::Error) => respond::error(StatusCode::SERVICE_UNAVAILABLE, "the metrics can't be written"),
    }
}

/// Whether a client names the older text, and not the newer. Who takes anything gets the newer.
fn wants_classic(headers: &HeaderMap) -> bool {
    let names =
        |kind: &str| headers.get_all(ACCEPT).iter().any(|value| value.to_str().is_ok_and(|text| text.contains(kind)));
    names("text/plain") && !names("application/openmetrics-text")
}

/// The older text. There, a counter is called by the name of its sample, and units and the end aren't told.
fn classic(text: &str) -> String {
    let (mut classic, mut help) = (String::with_capacity(text.len()), None);
    for line in text.lines() {
        // A string takes all that is written.
        let _ = if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ');
            Ok(())
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            let total = if kind == "counter" { "_total" } else { "" };
            let help = help.take().map_or("", |(_, help)| help);
            write!(classic, "# HELP {name}{total} {help}\n# TYPE {name}{total} {kind}\n")
        } else if line.starts_with('#') {
            Ok(())
        } else {
            writeln!(classic, "{line}")
        };
    }
    classic
}

fn text_of(
    snapshot: &Snapshot,
    usage: &[(Arc<AgentStatus>, Usage)],
    plans: PlanTimes,
    now: Now,
) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("agentd");
    let of_agents = of_agents(snapshot, now).into_iter().chain(of_harnesses(snapshot)).chain(of_trees(usage));
    let families = of_daemon(snapshot, now).into_iter().chain(of_agents);
    families.for_each(|family| registry.register_collector(Box::new(family)));
    registry.register_collector(Box::new(Plans(plans)));
    let mut text = String::new();
    text::encode(&mut text, &registry)?;
    Ok(text)
}

fn of_daemon(snapshot: &Snapshot, now: Now) -> [Family; 3] {
    let mut build = Family::gauge("build_info", "The daemon's version");
    build.add(vec![("version", env!("CARGO_PKG_VERSION").to_owned())], 1.0);
    let mut uptime = Family::gauge("uptime", "For how long the daemon has run").in_unit(Unit::Seconds);
    uptime.add(vec![], now.mono.since(snapshot.started.mono).as_secs_f64());
    let help = "1 while the newest configuration is not in force because of a mistake";
    let mut refused = Family::gauge("config_error", help);
    refused.add(vec![], is(snapshot.config_error.is_some()));
    [build, uptime, refused]
}

/// What the agents' harnesses tell.
fn of_harnesses(snapshot: &Snapshot) -> [Family; 6] {
    let mut outcomes =
        Family::counter("agent_outcomes", "Runs that ended since the daemon started, by what came of them");
    let mut activities =
        Family::gauge("agent_activity", "1 for what the agent does, by its harness's account or its terminal");
    let mut stalled = Family::gauge("agent_stalled", "1 while the agent gives no sign of life, where that is declared");
    let mut turns = Family::counter("agent_turns", "Turns of the model in all runs, by the harness's account");
    let mut tokens = Family::counter("agent_tokens", "Tokens in all runs, by the harness's account");
    let mut cost = Family::counter("agent_cost_usd", "What all runs cost in US dollars, by the harness's account");
    for agent in &snapshot.agents {
        for (outcome, count) in Outcome::ALL.into_iter().zip(agent.ends.outcomes) {
            outcomes.add([called(agent), vec![("outcome", outcome.as_str().to_owned())]].concat(), float(count));
        }
        for activity in Activity::ALL {
            let Some(status) = &agent.activity else { break };
            let labels = [called(agent), vec![("activity", activity.as_str().to_owned())]].concat();
            activities.add(labels, is(status.activity == *activity));
        }
        stalled.add(called(agent), is(agent.stalled_since.is_some()));
        let spent = agent.spent_total;
        for (kind, count) in [
            ("input", spent.input_tokens),
            ("output", spent.output_tokens),
            ("cache_read", spent.cache_read_tokens),
            ("cache_write", spent.cache_write_tokens),
        ] {
            let Some(count) = count else { continue };
            tokens.add([called(agent), vec![("kind", kind.to_owned())]].concat(), float(count));
        }
        spent.turns.into_iter().for_each(|count| turns.add(called(agent), float(count)));
        spent.dollars().into_iter().for_each(|dollars| cost.add(called(agent), dollars));
    }
    [outcomes, activities, stalled, turns, tokens, cost]
}

fn of_agents(snapshot: &Snapshot, now: Now) -> [Family; 4] {
    let mut states = Family::gauge("agent_state", "1 for the state that an agent is in");
    let mut restarts = Family::counter("agent_restarts", "Restarts by policy since the agent was declared or changed");
    let mut ends = Family::counter("agent_exits", "Runs that ended since the daemon started, by how");
    let mut uptime = Family::gauge("agent_uptime", "For how long the present run has lasted").in_unit(Unit::Seconds);
    for agent in &snapshot.agents {
        for state in State::ALL {
            let labels = [called(agent), vec![("state", state.as_str().to_owned())]].concat();
            states.add(labels, is(agent.state == state));
        }
        restarts.add(called(agent), f64::from(agent.restarts));
        for (reason, count) in reasons(&agent.ends) {
            ends.add([called(agent), vec![("reason", reason.to_owned())]].concat(), float(count));
        }
        if let Some(started) = agent.started_at.filter(|_| agent.state.has_process()) {
            let lasted = Duration::from_nanos(now.wall.0.saturating_sub(started.0));
            uptime.add(called(agent), lasted.as_secs_f64());
        }
    }
    [states, restarts, ends, uptime]
}

fn of_trees(usage: &[(Arc<AgentStatus>, Usage)]) -> [Family; 3] {
    let help = "CPU time of the agent's processes in its session, ended ones included";
    let mut cpu = Family::counter("agent_cpu", help).in_unit(Unit::Seconds);
    let help = "Resident memory of the agent's processes";
    let mut memory = Family::gauge("agent_memory", help).in_unit(Unit::Bytes);
    let mut processes = Family::gauge("agent_processes", "Processes of the agent");
    for (agent, Usage { tree, .. }) in usage {
        cpu.add(called(agent), tree.cpu.as_secs_f64());
        memory.add(called(agent), float(tree.memory));
        processes.add(called(agent), float(tree.processes));
    }
    [cpu, memory, processes]
}

fn called(agent: &AgentStatus) -> Labels {
    vec![("agent", agent.name.as_str().to_owned())]
}

fn is(condition: bool) -> f64 {
    f64::from(u8::from(condition))
}

#[allow(clippy::cast_precision_loss, reason = "a float is what the format has")]
fn float(count: u64) -> f64 {
    count as f64
}

/// Metrics of one name, in the order in which they were added.
#[derive(Debug)]
struct Family {
    name: &'static str,
    help: &'static str,
    unit: Option<Unit>,
    kind: MetricType,
    rows: Vec<(Labels, f64)>,
}

impl Family {
    fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, help, unit: None, kind: MetricType::Gauge, rows: Vec::new() }
    }

    fn counter(name: &'static str, help: &'static str) -> Self {
        Self { kind: MetricType::Counter, ..Self::gauge(name, help) }
    }

    fn in_unit(self, unit: Unit) -> Self {
        Self { unit: Some(unit), ..self }
    }

    fn add(&mut self, labels: Labels, value: f64) {
        self.rows.push((labels, value));
    }

    fn encode_value(&self, value: f64, encoder: MetricEncoder) -> Result<(), fmt::Error> {
        if matches!(self.kind, MetricType::Counter) {
            ConstCounter::new(value).encode(encoder)
        } else {
            ConstGauge::new(value).encode(encoder)
        }
    }
}

impl Collector for Family {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let mut family = encoder.encode_descriptor(self.name, self.help, self.unit.as_ref(), self.kind)?;
        for (labels, value) in &self.rows {
            if labels.is_empty() {
                // An empty set would be written as `{}`.
                return self.encode_value(*value, family);
            }
            self.encode_value(*value, family.encode_family(labels)?)?;
        }
        Ok(())
    }
}

fn reasons(ends: &EndCounts) -> [(&'static str, u64); 6] {
    let EndCounts { success, failure, signal, not_started, lost, unknown, outcomes: _ } = *ends;
    [
        ("success", success),
        ("failure", failure),
        ("signal", signal),
        ("not_started", not_started),
        ("lost", lost),
        ("unknown", unknown),
    ]
}

/// How long plans took.
#[derive(Debug)]
struct Plans(PlanTimes);

impl Collector for Plans {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let help = "How long the daemon took to plan and to hand out what is to be done";
        let unit = Unit::Seconds;
        let mut metric = encoder.encode_descriptor("reconcile_duration", help, Some(&unit), MetricType::Histogram)?;
        let buckets: Vec<_> = self.0.buckets().collect();
        metric.encode_histogram::<Labels>(self.0.total().as_secs_f64(), self.0.count(), &buckets, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{ActivityStatus, AgentName, Mono, SessionName, Spent, Wall};
    use crate::sys::usage::TreeUsage;

    #[test]
    fn the_older_text_is_for_who_asks_for_it() {
        for (accept, classic) in [
            ("*/*", false),
            ("text/plain", true),
            ("text/plain; version=0.0.4", true),
            ("application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5", false),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())]);
            assert_eq!(wants_classic(&headers), classic, "{accept}");
        }
        assert!(!wants_classic(&HeaderMap::new()));
    }

    #[test]
    fn every_metric_is_written_as_the_format_wants_it() {
        let (name, session) = (AgentName::new("a \"b\" ä").unwrap(), SessionName::new("a").unwrap());
        let agent = Arc::new(AgentStatus {
            restarts: 3,
            pid: Some(7),
            started_at: Some(Wall(1_000_000_000)),
            ends: EndCounts { failure: 3, outcomes: [1, 2, 0, 0, 0, 0, 0, 0, 0, 0], ..EndCounts::default() },
            activity: Some(ActivityStatus {
                activity: Activity::Busy,
                since: Wall(0),
                source: "stream assistant".to_owned(),
                question: String::new(),
            }),
            spent_total: Spent {
                turns: Some(3),
                cost_micros: Some(12_300),
                output_tokens: Some(7),
                ..Spent::default()
            },
            ..AgentStatus::new(name, session, "custom", State::Running)
        });
        let now = Now { mono: Mono(5_000_000_000), wall: Wall(3_500_000_000) };
        let snapshot = Snapshot { agents: vec![Arc::clone(&agent)], ..Snapshot::default() };
        let tree = TreeUsage { cpu: Duration::from_millis(1500), memory: 4096, processes: 2 };
        let mut plans = PlanTimes::default();
        plans.add(Duration::from_micros(20));
        plans.add(Duration::from_secs(20));
        let text = text_of(&snapshot, &[(agent, Usage { tree, load: None })], plans, now).unwrap();
        insta::assert_snapshot!("open_metrics", text);
        insta::assert_snapshot!("classic", classic(&text));
    }
}
