//! Launches: a session with a shim, then the program in it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::sync::Arc;

use crate::model::{
    AGENTD, AgentName, AgentSpec, Child, Ending, Mono, Observed, RunId, Seat, SeatState, SessionName, StartError,
    StartStage,
};
use crate::reconcile::Begin;
use crate::shim::protocol::{Order, Start, VERSION_WITH_NOTICES};
use crate::sys::notify::VARIABLE as NOTIFY_VARIABLE;
use crate::sys::tmux::command::{self, AGENT_VARIABLE};
use crate::sys::tmux::control::CommandError;
use crate::sys::{process, unix_socket};

use super::{Executor, What, arguments, hooks};

/// The variable by which a run's processes are found where there is no cgroup. Its value names the run.
pub(super) const RUN_VARIABLE: &str = "AGENTD_RUN";

/// Variables of the login shell's own terminal and process, which say nothing true about the agent's.
const NOT_INHERITED: [&str; 8] = ["TERM", "TMUX", "TMUX_PANE", "PWD", "OLDPWD", "SHLVL", "_", NOTIFY_VARIABLE];

/// A program to be handed to a shim.
#[derive(Debug)]
pub(super) struct Launch {
    pub agent: AgentName,
    pub run: RunId,
    pub spec: Arc<AgentSpec>,
    pub begin: Begin,
    pub line: String,
    pub memo: Vec<u8>,
}

/// The value of [`RUN_VARIABLE`].
pub(super) fn run_marker(agent: &AgentName, run: RunId) -> String {
    format!("{agent}:{}", run.0)
}

impl Executor {
    /// Orders a session; the outcome says what came of it.
    pub(super) fn open(
        &mut self,
        agent: AgentName,
        session: SessionName,
        run: RunId,
        observed: &mut Observed,
        now: Mono,
    ) {
        let Some(control) = self.server.as_ref().map(|server| server.control.clone()) else { return };
        let line = command::new_session(session.as_str(), agent.as_str(), &self.ground.shim, &self.ground.shim_socket);
        let answer = control.send(line);
        let place = self.places.add(&agent, control.clone());
        place.run = Some(run);
        let id = place.id;
        let socket = self.ground.tmux_socket.display().to_string();
        observed.seats.insert(agent.clone(), Seat::new(session.clone(), SeatState::Opening { since: now }));
        self.report_later(agent, id, async move {
            match answer.await {
                Ok(lines) => match lines.last().and_then(|line| command::parse_pane(line)) {
                    Some(pane) => {
                        // Nobody waits for the answer, which is an error only if the session is gone already.
                        drop(control.send(command::keep_size(&pane.session_id)));
                        What::Opened(pane)
                    }
                    None => What::Refused(run, refused(format!("tmux answered {lines:?} to new-session"))),
                },
                Err(CommandError::Lost) => What::ServerLost,
                Err(CommandError::Refused(message)) if message.starts_with("duplicate session") => {
                    let text = format!(
                        "a tmux session named {session:?} exists that agentd did not make: close it with \
                         `tmux -S {socket} kill-session -t '={session}'`, or declare another `session`"
                    );
                    What::Refused(run, refused(text))
                }
                Err(CommandError::Refused(message)) => {
                    let limit = limit(&message).map(|limit| format!(": {limit}")).unwrap_or_default();
                    What::Refused(run, refused(format!("tmux could not make the session: {message}{limit}")))
                }
            }
        });
    }

    /// Hands the program to the shim, as soon as the login environment is known.
    pub(super) fn start(&mut self, launch: Launch, observed: &mut Observed) {
        if let Some(seat) = observed.seats.get_mut(&launch.agent) {
            seat.state = SeatState::Ready(Child::Starting(launch.run));
        }
        if self.login_environment.is_none() {
            self.waiting.push(launch);
            return;
        }
        let Launch { agent, run, spec, begin, line, memo } = launch;
        let mut environment = self.environment(&agent, run, &spec);
        let notify = self.notify_socket(&agent);
        if let Some(path) = &notify {
            environment.insert(NOTIFY_VARIABLE.into(), path.as_os_str().as_bytes().to_vec());
            let further = self.further_environment(&spec, &environment);
            environment.extend(further);
        }
        self.log_launch(&agent, &spec, &environment);
        let cgroups = self.cgroups().cloned();
        let (argv, filter) = self.arguments(&agent, &spec, &begin);
        let before = self.preparation(&spec);
        let Some(place) = self.places.get_mut(&agent) else { return };
        place.run = Some(run);
        if place.cgroup.is_none()
            && let Some(root) = cgroups
        {
            place.cgroup = root
                .agent(agent.as_str())
                .map(Arc::new)
                .inspect_err(|error| tracing::warn!(%agent, %error, "its processes are not kept in a cgroup"))
                .ok();
        }
        let start = Start {
            run: run.0,
            hold: place.cgroup.is_some(),
            memo,
            line,
            workdir: spec.launch.workdir.as_os_str().as_bytes().to_vec(),
            argv,
            env: environment.into_iter().map(|(name, value)| join(&name, &value)).collect(),
            notify: notify.map(|path| path.into_os_string().into_vec()).unwrap_or_default(),
            before,
            filter,
        };
        place.spec = Some(spec);
        self.order(&agent, Order::Start(start));
    }

    /// Gives up a launch that still waits. True if there was one.
    pub(super) fn withdraw(&mut self, agent: &AgentName, run: RunId, observed: &mut Observed, now: Mono) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|launch| !(launch.agent == *agent && launch.run == run));
        let withdrawn = self.waiting.len() < before;
        if let Some(seat) = observed.seats.get_mut(agent).filter(|_| withdrawn) {
            let error = StartError { stage: StartStage::Fork, message: "it was stopped before it began".to_owned() };
            let ending = Ending::NotStarted(error);
            seat.state = SeatState::Ready(Child::Ended { run, ending, started: None, at: now, tree_empty: true });
        }
        self.changed |= withdrawn;
        withdrawn
    }

    /// The child waits between fork and exec: puts it into its agent's cgroup, and lets it go.
    ///
    /// The shim runs as the agent's user and may lie, so only a child of the shim is moved. Where the move fails, the
    /// run goes on: the shim finds its descendants without a cgroup too.
    pub(super) fn forked(&mut self, agent: &AgentName, run: u64, pid: u32) {
        let Some(place) = self.places.get(agent) else { return };
        // The shim is alive, as it is connected, so its number is its own.
        let shim_pid = place.pane.as_ref().map(|pane| pane.pane_pid);
        let is_child_of_shim = || process::ppid_and_start_time(pid).is_ok_and(|(parent, _)| Some(parent) == shim_pid);
        if let Some(cgroup) = &place.cgroup {
            if is_child_of_shim() {
                if let Err(error) = cgroup.place(pid) {
                    tracing::warn!(%agent, %error, "its processes are not kept in a cgroup");
                }
            } else {
                tracing::warn!(%agent, pid, "its shim named a process that isn't its child");
            }
        }
        self.order(agent, Order::Go { run });
    }

    /// The login environment, what the spec adds or changes, and our own two variables.
    fn environment(&self, agent: &AgentName, run: RunId, spec: &AgentSpec) -> BTreeMap<OsString, Vec<u8>> {
        let login = self.login_environment.iter().flat_map(|environment| environment.iter());
        let inherited = login.filter(|(name, _)| !NOT_INHERITED.iter().any(|skipped| name == skipped));
        let mut environment: BTreeMap<OsString, Vec<u8>> =
            inherited.map(|(name, value)| (name.clone(), value.as_bytes().to_vec())).collect();
        for (name, value) in &spec.launch.env {
            environment.insert(name.clone(), value.expose().to_vec());
        }
        environment.insert(RUN_VARIABLE.into(), run_marker(agent, run).into_bytes());
        environment.insert(AGENT_VARIABLE.into(), agent.as_str().as_bytes().to_vec());
        environment.entry("PWD".into()).or_insert_with(|| spec.launch.workdir.as_os_str().as_bytes().to_vec());
        environment
    }

    /// The variables that have the program tell of itself: all that its harness has, or none if the agent has one of them.
    fn further_environment(
        &self,
        spec: &AgentSpec,
        environment: &BTreeMap<OsString, Vec<u8>>,
    ) -> Vec<(OsString, Vec<u8>)> {
        let wanted = &spec.launch.extra.env;
        let Some(path) = self.own_word() else { return Vec::new() };
        if wanted.keys().any(|name| environment.contains_key(OsStr::new(name))) {
            return Vec::new();
        }
        let fill_in = |(name, value): (&String, &String)| {
            Some((name.into(), self.ground.hooks.fill_in(&value.replace(AGENTD, path))?.into_bytes()))
        };
        wanted.iter().map(fill_in).collect::<Option<_>>().unwrap_or_default()
    }

    /// The program's arguments, and the filter that reads what it then prints.
    fn arguments(&self, agent: &AgentName, spec: &AgentSpec, begin: &Begin) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
        let extra = &spec.launch.extra;
        let agentd = self.own_word().filter(|_| self.takes_notices(agent));
        let filter = agentd.zip(extra.filter).map(|(path, dialect)| [path, "filter", dialect]);
        let filter = filter.into_iter().flatten().map(|word| word.as_bytes().to_vec()).collect();
        (arguments::of(&spec.launch, agentd, begin), filter)
    }

    /// Whether the agent's program can be made to tell of itself, if it knows how to.
    pub(super) fn hears(&self, agent: &AgentName) -> bool {
        self.takes_notices(agent) && self.own_word().is_some()
    }

    /// agentd's own program, if it can stand in words that harnesses hand to a shell, or read as JSON.
    fn own_word(&self) -> Option<&str> {
        hooks::plain(&self.ground.agentd)
    }

    /// Whether the agent's shim takes notices: an older one has no place for them, nor for a filter that makes them.
    fn takes_notices(&self, agent: &AgentName) -> bool {
        let link = self.places.get(agent).and_then(|place| place.link.as_ref());
        link.is_some_and(|link| link.version >= VERSION_WITH_NOTICES)
    }

    /// What makes the agent's place ready, if it is to be.
    fn preparation(&self, spec: &AgentSpec) -> Vec<Vec<u8>> {
        if spec.launch.prepare.is_empty() {
            return Vec::new();
        }
        let words = spec.launch.prepare.iter().map(|word| word.as_bytes().to_vec());
        [self.ground.agentd.as_os_str().as_bytes().to_vec(), b"prepare".to_vec()].into_iter().chain(words).collect()
    }

    /// Where the agent's shim takes its notices, if it can: beside the tmux socket, in a directory of the agents' user.
    fn notify_socket(&self, agent: &AgentName) -> Option<PathBuf> {
        let path = self.ground.tmux_socket.parent()?.join("notify").join(agent.as_str());
        (self.takes_notices(agent) && unix_socket::check_length(&path).is_ok()).then_some(path)
    }

    fn log_launch(&self, agent: &AgentName, spec: &AgentSpec, environment: &BTreeMap<OsString, Vec<u8>>) {
        if self.ground.debug {
            let names: Vec<_> = environment.keys().map(|name| name.to_string_lossy()).collect();
            let workdir = spec.launch.workdir.display();
            tracing::debug!(%agent, command = ?spec.launch.argv, %workdir, environment = ?names, "launches");
        }
    }
}

/// What to do about the limit that tmux met with when it made a terminal and forked, if that was it.
fn limit(message: &str) -> Option<&'static str> {
    let limits = [
        ("No space left on device", "no terminal is left, raise kernel.pty.max (`agentd doctor` says to what)"),
        ("Too many open files", "raise LimitNOFILE= in the tmux server's unit, or `ulimit -n`"),
        ("Resource temporarily unavailable", "its user may have no more processes, raise TasksMax= or `ulimit -u`"),
    ];
    limits.iter().find(|(error, _)| message.contains(error)).map(|(_, advice)| *advice)
}

fn refused(message: String) -> StartError {
    StartError { stage: StartStage::Session, message }
}

fn join(name: &OsStr, value: &[u8]) -> Vec<u8> {
    [name.as_bytes(), b"=", value].concat()
}
