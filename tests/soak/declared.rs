//! What is declared, as values, and as the text of `jcard.toml`. Written from README.md alone.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use crate::dice::Dice;

/// Names that agents are picked from: few, so that they come back.
pub const NAMES: [&str; 7] = ["ant", "bee", "cat", "dog", "eel", "fox", "gnu"];

/// Names of secrets.
pub const SECRETS: [&str; 3] = ["SOAK_KEY", "SOAK_TOKEN", "SOAK_EXTRA"];

/// How every secret's value begins, and nothing else on the host.
pub const SECRET_MARK: &str = "sk-soak-";

/// How an agent behaves from its start on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quirk {
    /// It waits for orders.
    Calm,
    /// It ignores what asks it to end.
    Deaf,
    /// It has children that left its session.
    Family,
    /// It ends at once, with this status.
    Brief(u8),
    /// There is no such program.
    Absent,
}

/// What kind of agent it is, which says how it is asked to end. Whichever it is, what is found under its name is the puppet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harness {
    /// By SIGINT.
    Custom,
    /// By C-c, typed twice.
    Claude,
    /// By SIGTERM.
    Opencode,
}

/// When it is restarted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    No,
    OnFailure,
    Always,
}

/// How an agent is kept: a change of it must not touch what runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    pub restart: Restart,
    /// 0 is no limit.
    pub max_restarts: u32,
    pub backoff: Duration,
    pub grace: Duration,
    /// What all its runs may take together, from the start of the first.
    pub timeout: Option<Duration>,
}

/// Which secrets it sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sees {
    All,
    Nothing,
    One(&'static str),
}

/// One table of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    pub name: &'static str,
    pub replicas: usize,
    /// Another one with every change of what is run.
    pub life: u32,
    pub harness: Harness,
    pub quirk: Quirk,
    pub policy: Policy,
    pub sees: Sees,
}

/// A delay that no round outlives.
pub const LONG: Duration = Duration::from_secs(3600);

/// A timeout that strikes in every round.
pub const SHORT: Duration = Duration::from_millis(200);

impl Policy {
    /// One as chance has it.
    pub fn any(dice: &mut Dice) -> Self {
        let millis = Duration::from_millis;
        Self {
            restart: dice.pick(&[Restart::No, Restart::OnFailure, Restart::Always, Restart::Always]),
            max_restarts: dice.pick(&[0, 0, 1, 3]),
            backoff: dice.pick(&[millis(0), millis(1), millis(30), millis(100), LONG]),
            grace: dice.pick(&[millis(0), millis(150), millis(600)]),
            timeout: dice.weighted(&[(9, None), (2, Some(SHORT)), (1, Some(LONG))]),
        }
    }

    /// It runs for a moment only.
    pub fn is_short(&self) -> bool {
        self.timeout == Some(SHORT)
    }

    /// Whatever ends is begun again, at once.
    pub fn comes_back(&self) -> bool {
        self.restart == Restart::Always && self.max_restarts == 0 && self.backoff < LONG && !self.is_short()
    }

    /// Whether an end is followed by a restart. `None` is an end that is a failure whatever its status.
    pub fn restarts_after(&self, is_success: bool, restarts: u32) -> bool {
        let wanted = match self.restart {
            Restart::No => false,
            Restart::OnFailure => !is_success,
            Restart::Always => true,
        };
        wanted && (self.max_restarts == 0 || restarts < self.max_restarts)
    }
}

impl Harness {
    /// One as chance has it.
    pub fn any(dice: &mut Dice) -> Self {
        dice.pick(&[Self::Custom, Self::Custom, Self::Claude, Self::Opencode])
    }

    /// As it is declared.
    pub fn name(self) -> &'static str {
        match self {
            Self::Custom => "custom",
            Self::Claude => "claude-code",
            Self::Opencode => "opencode",
        }
    }
}

impl Quirk {
    /// One as chance has it.
    pub fn any(dice: &mut Dice) -> Self {
        let brief = Self::Brief(u8::try_from(dice.below(4)).unwrap() * 40);
        dice.weighted(&[(10, Self::Calm), (3, Self::Deaf), (4, Self::Family), (2, brief), (1, Self::Absent)])
    }

    fn words(self) -> String {
        match self {
            Self::Calm | Self::Absent => String::new(),
            Self::Deaf => "deaf".to_owned(),
            Self::Family => "setsid double-fork".to_owned(),
            Self::Brief(code) => format!("exit {code}"),
        }
    }
}

impl Agent {
    /// The agents that the table stands for.
    pub fn instances(&self) -> Vec<String> {
        match self.replicas {
            1 => vec![self.name.to_owned()],
            count => (0..count).map(|number| format!("{}-{number}", self.name)).collect(),
        }
    }

    /// The secrets that it is to have, of those that there are.
    pub fn secrets<'s>(&self, there: impl Iterator<Item = &'s str>) -> BTreeSet<&'s str> {
        there.filter(|name| self.sees == Sees::All || matches!(self.sees, Sees::One(own) if own == *name)).collect()
    }

    /// As TOML. `$DIR` and `$ID` are to be filled in.
    pub fn table(&self) -> String {
        let Policy { restart, max_restarts, backoff, grace, timeout } = self.policy;
        // Under the names of the harnesses' own programs, too.
        let programs = if self.quirk == Quirk::Absent { "$DIR/no" } else { "$DIR/bin" };
        let quirk = self.quirk.words();
        let quirk = if quirk.is_empty() { String::new() } else { format!(", \"{quirk}\"") };
        let words = format!("\"$DIR/work/journal\", \"$ID\"{quirk}");
        let words = match self.harness {
            Harness::Custom => format!("command = [\"{programs}/puppet\", {words}]"),
            // A puppet knows no options of theirs.
            Harness::Claude | Harness::Opencode => format!("args = [{words}]\nevents = false\nresume = \"never\""),
        };
        let restart = match restart {
            Restart::No => "no",
            Restart::OnFailure => "on-failure",
            Restart::Always => "always",
        };
        let mut table = format!(
            "[[agents]]\nname = \"{}\"\nharness = \"{}\"\nworkdir = \"$DIR/work\"\n\
             {words}\nenv = {{ SOAK_ID = \"$ID\", SOAK_LIFE = \"{}\", PATH = \"{programs}\" }}\nrestart = \"{restart}\"\nmax_restarts = {max_restarts}\n\
             backoff = \"{}ms\"\ngrace_period = \"{}ms\"\nreplicas = {}\n",
            self.name,
            self.harness.name(),
            self.life,
            backoff.as_millis(),
            grace.as_millis(),
            self.replicas,
        );
        if let Some(timeout) = timeout {
            writeln!(table, "timeout = \"{}ms\"", timeout.as_millis()).unwrap();
        }
        match self.sees {
            Sees::All => {}
            Sees::Nothing => table.push_str("secrets = []\n"),
            Sees::One(name) => writeln!(table, "secrets = [\"{name}\"]").unwrap(),
        }
        table
    }
}
