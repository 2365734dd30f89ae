//! The figures: as a table and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use crate::measure::Life;
use crate::plot;
use crate::supervisors::version;

/// Requests a second and how long each took, once for each turn.
pub type Turns = Vec<(f64, Vec<u64>)>;

/// How the API does beside a server that has nothing else to do.
#[derive(Default)]
pub struct Api {
    pub count: usize,
    pub list_bytes: usize,
    pub one_bytes: usize,
    pub list: Turns,
    pub list_floor: Turns,
    pub one: Turns,
    pub one_floor: Turns,
    pub one_64: Turns,
    pub one_64_floor: Turns,
}

impl Api {
    /// What is asked for, how agentd does, and how the floor does.
    fn rows(&self) -> [(String, &Turns, &Turns); 3] {
        let (list, one) = (self.list_bytes, self.one_bytes);
        [
            (format!("GET /v1/agents ({list} bytes), 1 connection"), &self.list, &self.list_floor),
            (format!("GET /v1/agents/NAME ({one} bytes), 1 connection"), &self.one, &self.one_floor),
            (format!("GET /v1/agents/NAME ({one} bytes), 64 connections"), &self.one_64, &self.one_64_floor),
        ]
    }

    fn json(&self) -> serde_json::Value {
        let figures = |turns| serde_json::json!({ "requests_a_second": best(turns), "p99_ms": slowest(turns) });
        let rows = self.rows().map(
            |(what, ours, floor)| serde_json::json!({ "what": what, "agentd": figures(ours), "hyper": figures(floor) }),
        );
        serde_json::json!({ "count": self.count, "rows": rows })
    }
}

/// Everything of one run.
pub struct Figures {
    versions: Vec<(String, String)>,
    load_before: String,
    lives: BTreeMap<usize, Vec<(String, Life)>>,
    pub api: Vec<Api>,
    pub plans: Vec<(usize, Vec<u64>)>,
}

/// The load of the last minute.
pub fn load() -> String {
    fs::read_to_string("/proc/loadavg").unwrap().split(' ').next().unwrap_or_default().to_owned()
}

/// The value that so many hundredths are not above.
fn percentile(values: &[u64], percent: usize) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len().saturating_sub(1) * percent / 100).copied().unwrap_or_default()
}

fn millis(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}

fn best(turns: &Turns) -> f64 {
    let mut rates: Vec<f64> = turns.iter().map(|(rate, _)| *rate).collect();
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn slowest(turns: &Turns) -> f64 {
    millis(percentile(&turns.iter().flat_map(|(_, taken)| taken.clone()).collect::<Vec<_>>(), 99))
}

/// A row of the table, and what of a life it shows, in its unit.
type Row = (&'static str, fn(&Life) -> Option<f64>);

fn known(nanos: u64) -> Option<f64> {
    (nanos > 0).then(|| millis(nanos))
}

const ROWS: [Row; 14] = [
    ("exit to the replacement's main, p50, ms", |life| known(percentile(&life.replaced, 50))),
    ("exit to the replacement's main, p99, ms", |life| known(percentile(&life.replaced, 99))),
    ("all killed at once: the last one back, ms", |life| known(life.all_replaced)),
    ("edited to the new one's main, p50, ms", |life| known(percentile(&life.edited, 50))),
    ("edited to the new one's main, p99, ms", |life| known(percentile(&life.edited, 99))),
    ("start all, ms", |life| known(life.start_all)),
    ("stop all: the last one gone, ms", |life| known(life.last_child_gone)),
    ("stop all: the supervisor gone, ms", |life| known(life.gone)),
    ("idle for 30 s: CPU of all but the children, ms", |life| (life.gone > 0).then(|| millis(life.idle_cpu))),
    ("idle for 30 s: forks on this machine", |life| (life.gone > 0).then_some(life.idle_forks as f64)),
    ("memory of the supervisor, RSS, MB", |life| known(life.rss_kib * 1000).map(|_| life.rss_kib as f64 / 1024.0)),
    ("memory of its tmux server, RSS, MB", |life| known(life.tmux_rss_kib).map(|_| life.tmux_rss_kib as f64 / 1024.0)),
    ("memory of its other processes, PSS, MB", |life| {
        known(life.others_pss_kib).map(|_| life.others_pss_kib as f64 / 1024.0)
    }),
    ("adopted after a kill: the API has all, ms", |life| known(life.adopted)),
];

impl Figures {
    /// Before everything.
    pub fn begin() -> Self {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap().trim().to_owned();
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let versions = vec![
            ("agentd".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            ("tmux".to_owned(), version("tmux", "-V")),
            ("kernel".to_owned(), kernel),
            ("cores".to_owned(), cores.to_string()),
        ];
        Self { versions, load_before: load(), lives: BTreeMap::new(), api: Vec::new(), plans: Vec::new() }
    }

    /// One life.
    pub fn add(&mut self, count: usize, name: &str, life: Life) {
        self.lives.entry(count).or_default().push((name.to_owned(), life));
    }

    /// Prints and writes.
    pub fn end(&self) {
        let table = self.table();
        println!("{table}");
        let lives: BTreeMap<_, BTreeMap<_, _>> = self
            .lives
            .iter()
            .map(|(count, lives)| (count, lives.iter().map(|(name, life)| (name, life)).collect()))
            .collect();
        let json = serde_json::json!({
            "versions": self.versions.iter().cloned().collect::<BTreeMap<_, _>>(),
            "load": [self.load_before, load()],
            "nanoseconds": lives,
            "api": self.api.iter().map(Api::json).collect::<Vec<_>>(),
            "plans": self.plans.iter().map(|(count, taken)| (count.to_string(), taken)).collect::<BTreeMap<_, _>>(),
        });
        fs::write("target/fleet.json", serde_json::to_vec_pretty(&json).unwrap()).unwrap();
        plot::draw(&json, "target/fleet.svg");
    }

    fn table(&self) -> String {
        let mut text = String::new();
        for (name, version) in &self.versions {
            let _ = write!(text, "{name} {version}   ");
        }
        let _ = writeln!(text, "load {} to {}", self.load_before, load());
        for (count, lives) in &self.lives {
            let _ = write!(text, "\n{:<48}", format!("N = {count}"));
            for (name, _) in lives {
                let _ = write!(text, "{name:>13}");
            }
            for (what, value) in ROWS {
                let values: Vec<Option<f64>> = lives.iter().map(|(_, life)| value(life)).collect();
                if values.iter().any(Option::is_some) {
                    let _ = write!(text, "\n{what:<48}");
                    for value in values {
                        let shown = value.map_or("-".to_owned(), |value| format!("{value:.2}"));
                        let _ = write!(text, "{shown:>13}");
                    }
                }
            }
            let _ = writeln!(text);
        }
        for api in &self.api {
            let _ = writeln!(
                text,
                "\nAPI, N = {}: requests a second, p99 in ms{:>12}{:>9}{:>10}{:>9}",
                api.count, "agentd", "p99", "floor", "p99"
            );
            for (what, ours, floor) in api.rows() {
                let _ = writeln!(
                    text,
                    "{what:<54}{:>10.0}{:>9.3}{:>10.0}{:>9.3}",
                    best(ours),
                    slowest(ours),
                    best(floor),
                    slowest(floor)
                );
            }
        }
        for (count, taken) in &self.plans {
            let _ = writeln!(
                text,
                "plan of one change among {count}: {:.3} ms, p99 {:.3}",
                millis(percentile(taken, 50)),
                millis(percentile(taken, 99))
            );
        }
        text
    }
}
