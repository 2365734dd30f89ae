//! Puts the parts together, and takes them apart in the right order.
//!
//! One thread runs the event loop and everything that feeds it; the API has a thread of its own, so that its clients
//! are never in the loop's way. Every task is in the one `JoinSet` of [`run`]: a task that panics ends the daemon with
//! an error, and the agents go on for the next daemon to adopt.

mod declared;
mod server;
mod shims;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::api;
use crate::desired::Sources;
use crate::event::Event;
use crate::event_loop::{EventLoop, LoopError};
use crate::execute::{Executor, Ground, Server};
use crate::status::{About, Publisher, Snapshot};
use crate::sys::identity::{AccessGroup, Identity};
use crate::sys::runtime_dir::{Access, DirError, ensure_dir};
use crate::sys::shim_link::ShimListener;
use crate::sys::tmux::{capture, server as tmux_server};
use crate::sys::unix_socket::{self, SocketError, SocketFile};
use crate::sys::{clock, login_env};

/// Events that wait for the loop before their sources wait too.
const QUEUE: usize = 4096;

/// Agents that were there before are waited for this long before the API answers without them.
const ADOPT_WITHIN: Duration = Duration::from_secs(1);

/// Answers that are on their way when the daemon ends have this long.
const API_ENDS_WITHIN: Duration = Duration::from_millis(200);

/// What the daemon needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// The declared agents.
    pub config: PathBuf,
    /// Their secrets.
    pub secret_dir: PathBuf,
    /// The tmux server's socket.
    pub tmux_socket: PathBuf,
    /// The API's socket.
    pub api_socket: PathBuf,
    /// Where shims connect to.
    pub shim_socket: PathBuf,
    /// The user that agents run as.
    pub user: Identity,
    /// That user isn't us: drop to it for whatever is its.
    pub drop_to_user: bool,
    /// Who may use the API and attach, beside root and the user.
    pub admins: Option<AccessGroup>,
    /// This program.
    pub agentd: PathBuf,
    /// The shim's program.
    pub shim: PathBuf,
    /// The tmux program.
    pub tmux: PathBuf,
    /// How often to look for changes that nobody reported.
    pub resync: Duration,
    /// Leave the agents running at the end.
    pub detach_on_exit: bool,
    /// Log launches and last lines.
    pub debug: bool,
}

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

/// The shim beside this program; this program itself, if there is none.
pub fn find_shim(agentd: &Path) -> PathBuf {
    let sibling = agentd.with_file_name("agentd-shim");
    if sibling.is_file() { sibling } else { agentd.to_owned() }
}

/// Runs until everything was asked to end and has ended.
pub fn run(options: Options) -> Result<(), DaemonError> {
    let fail = |what| move |error| DaemonError::System(what, error);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(4)
        .build()
        .map_err(fail("start the runtime"))?;
    let result = runtime.block_on(run_here(options));
    // A disk that hangs under a reading thread doesn't keep the daemon from ending.
    runtime.shutdown_background();
    result
}

/// The sockets, bound before anything else: whoever comes second is told so before it can do harm.
struct Sockets {
    api: (std::os::unix::net::UnixListener, SocketFile),
    shims: (ShimListener, SocketFile),
}

impl Sockets {
    fn bind(options: &Options) -> Result<Self, DaemonError> {
        let group = options.admins.as_ref().map(|group| group.gid);
        let user = options.drop_to_user.then_some(options.user.uid);
        let private = !options.drop_to_user;
        let api_dir = Access { owner: None, group: None, mode: if private { 0o700 } else { 0o755 } };
        // Set-group-id, so that the socket that tmux makes in it is the group's; the user owns it, as tmux runs as that.
        let run_dir = Access { owner: user, group, mode: if private { 0o700 } else { 0o2750 } };
        // tmux would fail again and again, and tell nobody why.
        unix_socket::check_length(&options.tmux_socket)?;
        make_parent(&options.tmux_socket, run_dir)?;
        make_parent(&options.shim_socket, run_dir)?;
        make_parent(&options.api_socket, api_dir)?;
        let api_access = Access { owner: None, group, mode: if private { 0o600 } else { 0o660 } };
        let api = unix_socket::serve(&options.api_socket, api_access)?;
        let shim_access = Access { owner: user, group: None, mode: 0o600 };
        let (listener, file) = unix_socket::serve(&options.shim_socket, shim_access)?;
        let listener = ShimListener::new(listener).map_err(|error| DaemonError::System("listen for shims", error))?;
        Ok(Self { api, shims: (listener, file) })
    }
}

fn make_parent(socket: &Path, access: Access) -> Result<(), DirError> {
    socket.parent().map_or(Ok(()), |directory| ensure_dir(directory, access))
}

async fn run_here(options: Options) -> Result<(), DaemonError> {
    let fail = |error| DaemonError::System("handle signals", error);
    let mut terminations = Terminations::new().map_err(fail)?;
    let hangups = signal(SignalKind::hangup()).map_err(fail)?;
    let Sockets { api: (api_listener, api_file), shims: (shim_listener, shim_file) } = Sockets::bind(&options)?;
    let started = clock::now();
    let about = Arc::new(options.about());
    let (publisher, views) = Publisher::new(Snapshot { started, about, ..Snapshot::default() });
    let (events, event_queue) = mpsc::channel(QUEUE);
    let (outcomes, outcome_queue) = mpsc::unbounded_channel();
    let (adopted, all_adopted) = oneshot::channel();
    let nobody_to_adopt = matches!(tmux_server::find(&options.tmux_socket), Ok(None));
    let executor = Executor::new(options.ground(), outcomes);
    let mut world = EventLoop::new(event_queue, outcome_queue, executor, publisher, Some(adopted));
    let mut tasks = start_sources(&options, &events, shim_listener, hangups);
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"), config = %options.config.display(), api = %options.api_socket.display(),
        user = options.user.name, "agentd starts"
    );
    let api = async {
        if !nobody_to_adopt {
            // The API says what is true, or nothing yet: its clients wait in the socket's queue.
            let _ = tokio::time::timeout(ADOPT_WITHIN, all_adopted).await;
        }
        api::serve(api_listener, views, options.terminals(), api::Limits::default()).map_err(DaemonError::from)
    };
    let mut api = tokio::select! {
        biased;
        api = api => api?,
        result = world.run() => return Ok(result?),
    };
    let result = loop {
        tokio::select! {
            biased;
            () = terminations.next() => {
                if options.detach_on_exit {
                    tracing::info!("ends; the agents go on");
                    break Ok(());
                }
                world.terminate();
            }
            result = world.run() => {
                if result.is_ok() && let Some(server) = world.release_server().await {
                    // Whoever keeps the connection would connect again.
                    tasks.shutdown().await;
                    end_server(server, &options).await;
                }
                break result.map_err(DaemonError::from);
            }
            Some(ended) = tasks.join_next() => break Err(DaemonError::Task(match ended {
                Ok(()) => "a source of events".to_owned(),
                Err(error) => error.to_string(),
            })),
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

impl Options {
    fn about(&self) -> About {
        About {
            config: self.config.clone(),
            secret_dir: self.secret_dir.clone(),
            tmux_socket: self.tmux_socket.clone(),
            user: self.user.name.clone(),
            pid: std::process::id(),
        }
    }

    fn terminals(&self) -> capture::Access {
        capture::Access {
            tmux: self.tmux.clone(),
            socket: self.tmux_socket.clone(),
            user: self.drop_to_user.then(|| self.user.clone()),
        }
    }

    fn ground(&self) -> Ground {
        Ground {
            shim: self.shim.clone(),
            shim_socket: self.shim_socket.clone(),
            tmux_socket: self.tmux_socket.clone(),
            agent_uid: self.user.uid,
            debug: self.debug,
        }
    }
}

/// Starts everything that feeds the event loop. None of it ends by itself while the loop listens.
fn start_sources(
    options: &Options,
    events: &mpsc::Sender<Event>,
    shim_listener: ShimListener,
    hangups: Signal,
) -> JoinSet<()> {
    let access = server::ServerAccess {
        tmux: options.tmux.clone(),
        socket: options.tmux_socket.clone(),
        shim: options.shim.clone(),
        user: options.drop_to_user.then(|| options.user.clone()),
        admins: options.admins.as_ref().map(|group| group.members.clone()).unwrap_or_default(),
    };
    let sources = Sources {
        config: options.config.clone(),
        secret_dir: Some(options.secret_dir.clone()),
        agent_home: options.user.home.clone(),
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(server::keep_connected(access, events.clone()));
    tasks.spawn(ask_login_environment(options, events.clone()));
    tasks.spawn(declared::follow(sources, hangups, options.resync, events.clone()));
    tasks.spawn(shims::accept(shim_listener, events.clone()));
    tasks
}

async fn end_server(server: Server, options: &Options) {
    server.end().await;
    let user = options.drop_to_user.then_some(options.user.uid);
    if let Err(error) = tmux_server::remove_socket(&options.tmux_socket, user) {
        tracing::debug!(%error, "could not remove the tmux server's socket");
    }
}

/// SIGTERM and SIGINT.
struct Terminations {
    terminate: Signal,
    interrupt: Signal,
}

impl Terminations {
    fn new() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Asks for the login environment, beside everything else that has to be done before the first launch; then rests.
fn ask_login_environment(options: &Options, events: mpsc::Sender<Event>) -> impl Future<Output = ()> + Send + use<> {
    let (agentd, user, drop_to_user) = (options.agentd.clone(), options.user.clone(), options.drop_to_user);
    async move {
        let environment = login_env::ask(&agentd, &user, drop_to_user).await;
        if events.send(Event::LoginEnvironment(environment.into())).await.is_ok() {
            std::future::pending::<()>().await;
        }
    }
}
