//! Puts the parts together, and takes them apart in the right order.
//!
//! One thread runs the event loop and everything that feeds it; the API has a thread of its own, so that its clients
//! are never in the loop's way. Every task is in the one `JoinSet` of [`run`]: a task that panics ends the daemon with
//! an error, and the agents go on for the next daemon to adopt.

mod declared;
mod options;
mod retry;
mod server;
mod shims;
mod signals;
mod sockets;
mod terminals;
mod told;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinSet};

use crate::api;
use crate::event::Event;
use crate::event_loop::{EventLoop, Finished, LoopError, Milestones};
use crate::execute::hooks::HookFiles;
use crate::execute::{Executor, Server};
use crate::status::{Publisher, Snapshot, Views};
use crate::sys::runtime_dir::DirError;
use crate::sys::systemd::ServiceManager;
use crate::sys::tmux::server as tmux_server;
use crate::sys::unix_socket::SocketError;
use crate::sys::{clock, limits, login_env};

pub use options::{Options, find_shim};
pub use server::Keeper;
use signals::{Request, Requests};
use sockets::Sockets;
pub use sockets::{Other, serving};

/// Events that wait for the loop before their sources wait too.
const QUEUE: usize = 4096;

/// Agents that were there before are waited for this long before the API answers without them.
const ADOPT_WITHIN: Duration = Duration::from_secs(1);

/// When they are to be stopped, they are waited for this long.
const FIND_WITHIN: Duration = Duration::from_secs(10);

/// A configuration that takes longer to be read is not waited for before the service is said to be ready.
const LOAD_WITHIN: Duration = Duration::from_secs(5);

/// A tmux server that is being started when the daemon is to end is waited for this long.
const CONNECTS_WITHIN: Duration = Duration::from_secs(3);

/// Answers that are on their way when the daemon ends have this long.
const API_ENDS_WITHIN: Duration = Duration::from_millis(200);

/// Why the daemon did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// A directory for a socket.
    #[error(transparent)]
    Directory(#[from] DirError),
    /// A socket.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The API.
    #[error(transparent)]
    Api(#[from] api::ApiError),
    /// The runtime, a signal handler, a listener.
    #[error("could not {0}: {1}")]
    System(&'static str, io::Error),
    /// The event loop.
    #[error("the event loop ended: {0}")]
    Loop(#[from] LoopError),
    /// A task.
    #[error("a task ended that should not have: {0}")]
    Task(String),
}

/// What a daemon is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mission {
    /// To keep running what is declared.
    Keep,
    /// To stop whatever runs, in place of a daemon that isn't there, and then the tmux server.
    Drain,
}

/// Keeps running what is declared, until it was asked to end and everything has ended that is to.
pub fn run(options: Options) -> Result<(), DaemonError> {
    block_on(options, Mission::Keep)
}

/// Stops all agents, each as its own stop ladder says, and then the tmux server. Needs no configuration.
pub fn drain(options: Options) -> Result<(), DaemonError> {
    block_on(options, Mission::Drain)
}

fn block_on(options: Options, mission: Mission) -> Result<(), DaemonError> {
    let fail = |what| move |error| DaemonError::System(what, error);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(fail("start the runtime"))?;
    runtime.block_on(run_here(options, mission))
}

async fn run_here(options: Options, mission: Mission) -> Result<(), DaemonError> {
    let fail = |error| DaemonError::System("handle signals", error);
    let mut requests = Requests::new().map_err(fail)?;
    let hangups = signal(SignalKind::hangup()).map_err(fail)?;
    let manager = ServiceManager::from_environment();
    let Sockets { api: (api_listener, api_file), shims: (shim_listener, shim_file) } = Sockets::bind(&options)?;
    let about = Arc::new(options.about());
    let (publisher, views) = Publisher::new(Snapshot { started: clock::now(), about, ..Snapshot::default() });
    let (events, event_queue) = mpsc::channel(QUEUE);
    let (outcomes, outcome_queue) = mpsc::unbounded_channel();
    let (milestones, adopted, loaded) = milestones();
    let nobody_to_adopt = matches!(tmux_server::find(&options.tmux_socket), Ok(None));
    // Whoever only stops agents launches none.
    let hooks = if mission == Mission::Keep { options.make_hooks() } else { HookFiles::default() };
    let executor = Executor::new(options.ground(hooks), outcomes);
    let mut world = EventLoop::new(event_queue, outcome_queue, executor, publisher, milestones, manager);
    let mut tasks = JoinSet::new();
    tasks.spawn(server::keep_connected(options.server_access(), events.clone()));
    tasks.spawn(shims::accept(shim_listener, events.clone()));
    if manager.listens() {
        tasks.spawn(told::follow(views.snapshots.clone(), manager));
    }
    if mission == Mission::Keep {
        start_sources_of_what_is_declared(&mut tasks, &options, manager, hangups, (&events, &views));
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"), config = %options.config.display(),
            api = %options.api_socket.display(), user = options.user.name, "agentd starts"
        );
    }
    let adopt_within = if mission == Mission::Drain { FIND_WITHIN } else { ADOPT_WITHIN };
    let api = async {
        if !nobody_to_adopt {
            // The API says what is true, or nothing yet: its clients wait in the socket's queue.
            let _ = tokio::time::timeout(adopt_within, adopted).await;
        }
        let api = api::serve(api_listener, views, options.terminals(), api::Limits::within(limits::open_files()))?;
        if mission == Mission::Keep {
            // Whoever waits for the service finds its agents there, at least as pending.
            let _ = tokio::time::timeout(LOAD_WITHIN, loaded).await;
        }
        Ok::<_, DaemonError>(api)
    };
    let mut api = tokio::select! {
        biased;
        api = api => api?,
        result = world.run() => return Ok(result.map(drop)?),
    };
    match mission {
        Mission::Keep => manager.ready(),
        Mission::Drain => world.drain().await,
    }
    let mut has_waited = false;
    let result = loop {
        tokio::select! {
            biased;
            request = requests.next() => match request {
                Request::End if options.detach_on_exit && mission == Mission::Keep => {
                    tracing::info!("ends; the agents go on");
                    manager.stopping();
                    break Ok(());
                }
                Request::Drain if options.keeper == Keeper::Other => world.drain().await,
                Request::End | Request::Drain => {
                    manager.stopping();
                    world.terminate().await;
                }
            },
            finished = world.run() => match finished {
                Ok(Finished::Drained) if mission == Mission::Keep => {
                    if let Some(server) = world.take_server() {
                        // Its socket is for whoever drains to remove, who is waited for before there is another server.
                        server.end().await;
                    }
                }
                Ok(Finished::Ended) if options.keeper == Keeper::Daemon && !world.is_connected() && !has_waited => {
                    // It is being started, perhaps, and would be left behind with nobody to end it.
                    has_waited = true;
                    let _ = tokio::time::timeout(CONNECTS_WITHIN, world.connected()).await;
                    world.wake();
                }
                Ok(finished) => {
                    world.end_orphans().await;
                    let server = match (finished, options.keeper) {
                        (Finished::Drained, _) => world.take_server(),
                        (Finished::Ended, Keeper::Daemon) => world.release_server().await,
                        (Finished::Ended, Keeper::Other) => None,
                    };
                    // Whoever keeps the connection would connect again.
                    tasks.shutdown().await;
                    if let Some(server) = server {
                        end_server(server, &options).await;
                    }
                    break Ok(());
                }
                Err(error) => break Err(error.into()),
            },
            Some(ended) = tasks.join_next() => break Err(of_a_task(ended)),
            error = api.failed() => break Err(error.into()),
        }
    };
    // Clients find no socket before they find no answer; shims wait for the next daemon's.
    drop((api_file, shim_file));
    if let Err(error) = api.shutdown(API_ENDS_WITHIN).await {
        tracing::warn!(%error, "the API did not end well");
    }
    result
}

fn milestones() -> (Milestones, oneshot::Receiver<()>, oneshot::Receiver<()>) {
    let ((adopted, all_adopted), (loaded, first_loaded)) = (oneshot::channel(), oneshot::channel());
    (Milestones { adopted: Some(adopted), loaded: Some(loaded) }, all_adopted, first_loaded)
}

/// None of it ends by itself while the loop listens.
fn start_sources_of_what_is_declared(
    tasks: &mut JoinSet<()>,
    options: &Options,
    manager: ServiceManager,
    hangups: Signal,
    (events, views): (&mpsc::Sender<Event>, &Views),
) {
    tasks.spawn(terminals::follow(views.snapshots.clone(), options.resync, events.clone()));
    tasks.spawn(ask_login_environment(options, events.clone()));
    tasks.spawn(declared::follow(options.sources(), hangups, options.resync, manager, events.clone()));
}

fn of_a_task(ended: Result<(), JoinError>) -> DaemonError {
    DaemonError::Task(match ended {
        Ok(()) => "a source of events".to_owned(),
        Err(error) => error.to_string(),
    })
}

async fn end_server(server: Server, options: &Options) {
    server.end().await;
    if let Err(error) = options.remove_tmux_socket() {
        tracing::debug!(%error, "could not remove the tmux server's socket");
    }
}

/// Asks for the login environment, beside everything else that has to be done before the first launch; then rests.
fn ask_login_environment(options: &Options, events: mpsc::Sender<Event>) -> impl Future<Output = ()> + Send + use<> {
    let (agentd, user, drop_to_user) = (options.agentd.clone(), options.user.clone(), options.drop_to_user);
    let agent_path = options.agent_path.clone();
    async move {
        let mut environment = login_env::ask(&agentd, &user, drop_to_user).await;
        if let Some(before) = agent_path {
            login_env::put_before_path(&mut environment, &before);
        }
        if events.send(Event::LoginEnvironment(environment.into())).await.is_ok() {
            std::future::pending::<()>().await;
        }
    }
}
