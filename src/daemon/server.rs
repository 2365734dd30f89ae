//! Keeps a tmux server and a control client on it, for as long as the daemon lives.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::retry::Retry;
use crate::event::Event;
use crate::execute::Server;
use crate::sys::cgroup::CgroupRoot;
use crate::sys::identity::Identity;
use crate::sys::process::PidFd;
use crate::sys::tmux::server::ServerProcess;
use crate::sys::tmux::{command, control, server};
use crate::sys::watch::DirectoryEvents;

/// The pause after a directory that couldn't be watched.
const BREATH: Duration = Duration::from_millis(100);

/// A server that another unit runs is looked for this often, in case nobody said that its socket is there.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A socket that has just been made listens within this.
const LISTENS_WITHIN: Duration = Duration::from_millis(200);

/// Who runs the tmux server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// The daemon starts it where there is none, and ends it when it has stopped all agents.
    Daemon,
    /// Somebody else: the daemon waits for it.
    Other,
}

/// What it takes to reach the server.
#[derive(Clone, Debug)]
pub struct ServerAccess {
    /// The tmux program.
    pub tmux: PathBuf,
    /// The server's socket.
    pub socket: PathBuf,
    /// The shim's program, which rests in the control session.
    pub shim: PathBuf,
    /// Who runs the server.
    pub keeper: Keeper,
    /// The user to run the server and the client as; none for ourselves.
    pub user: Option<Identity>,
    /// The group that may attach, as its members.
    pub group: Option<u32>,
    /// Users who may attach beside root and the server's own.
    pub admins: Vec<String>,
}

/// Why there is no server to work with.
#[derive(Debug, thiserror::Error)]
enum AccessError {
    #[error("waits for the tmux server on {0}, which another unit is to run")]
    NotThere(PathBuf),
    #[error("could not look for a tmux server on {0}: {1}")]
    Find(PathBuf, std::io::Error),
    #[error(
        "the tmux server on {socket} runs as uid {found}, and agents as uid {wanted}: stop it (pid {pid}), or choose another --tmux-socket"
    )]
    OtherUser { socket: PathBuf, found: u32, wanted: u32, pid: u32 },
    #[error("could not start `{0}`: {1}: install tmux 3.3 or newer, or name it with --tmux")]
    Start(PathBuf, std::io::Error),
    #[error("could not connect to the tmux server: {0}")]
    Connect(std::io::Error),
    #[error("the tmux server did not answer: {0}")]
    Setup(#[from] control::CommandError),
}

/// Connects again and again; ends when nobody listens to its events. It must be driven by a thread that lives as long
/// as the daemon: the client dies with the thread that started it.
pub async fn keep_connected(access: ServerAccess, events: mpsc::Sender<Event>) {
    let mut retry = Retry::default();
    let mut waits = false;
    while !events.is_closed() {
        match connect(&access).await {
            Ok((server, panes, client)) => {
                waits = false;
                retry.note(true);
                if events.send(Event::ServerUp { server, panes }).await.is_ok() {
                    client.await;
                }
                tracing::warn!("the connection to the tmux server was lost");
                if events.send(Event::ServerDown).await.is_err() {
                    return;
                }
            }
            Err(error @ AccessError::NotThere(_)) => {
                if !std::mem::replace(&mut waits, true) {
                    tracing::info!("{error}");
                }
                wait_for_socket(&access.socket).await;
            }
            Err(error) => {
                tracing::error!("{error}");
                retry.note(false);
                retry.passed().await;
            }
        }
    }
}

/// Waits until the socket may be there.
async fn wait_for_socket(socket: &Path) {
    let appeared = async {
        let directory = socket.parent().unwrap_or(socket).canonicalize()?;
        let mut changes = DirectoryEvents::new()?;
        changes.watch(&directory)?;
        while !listens_soon(socket).await {
            changes.next().await?;
        }
        Ok::<(), std::io::Error>(())
    };
    let look_anyway = tokio::time::sleep(LOOK_EVERY);
    tokio::select! {
        appeared = appeared => {
            if let Err(error) = appeared {
                tracing::debug!(%error, "could not watch for the tmux server's socket");
                tokio::time::sleep(BREATH).await;
            }
        }
        () = look_anyway => {}
    }
}

/// A socket is made first, and listened on a moment later.
async fn listens_soon(socket: &Path) -> bool {
    let listens = async {
        let mut look = tokio::time::interval(Duration::from_millis(5));
        loop {
            look.tick().await;
            match server::find(socket) {
                Ok(None) if socket.exists() => {}
                found => return found.is_ok_and(|server| server.is_some()),
            }
        }
    };
    tokio::time::timeout(LISTENS_WITHIN, listens).await.unwrap_or(false)
}

/// A connection, and its client to be driven.
type Connected = (Server, Vec<command::PaneRow>, Pin<Box<dyn Future<Output = ()> + Send>>);

/// One connection, from the search for the server to the list of what is on it.
async fn connect(access: &ServerAccess) -> Result<Connected, AccessError> {
    let socket = &access.socket;
    let found = server::find(socket).map_err(|error| AccessError::Find(socket.clone(), error))?;
    let started = found.is_none();
    let process = match found {
        Some(process) => process,
        None if access.keeper == Keeper::Other => return Err(AccessError::NotThere(socket.clone())),
        None => server::start(&access.tmux, socket, access.user.as_ref())
            .await
            .map_err(|error| AccessError::Start(access.tmux.clone(), error))?,
    };
    let wanted = access.user.as_ref().map_or_else(|| nix::unistd::geteuid().as_raw(), |user| user.uid);
    if process.uid != wanted {
        let (socket, found, pid) = (socket.clone(), process.uid, process.pid);
        return Err(AccessError::OtherUser { socket, found, wanted, pid });
    }
    if access.user.is_some() {
        server::open_to_group(socket, process.uid, access.group)
            .map_err(|error| AccessError::Find(socket.clone(), error))?;
    }
    let pidfd = held(process.pid, wanted).map_err(|error| AccessError::Find(socket.clone(), error))?;
    let pidfd = Arc::new(pidfd);
    let connected = talk(access, process, started, &pidfd).await;
    let is_lost = matches!(connected, Err(AccessError::Connect(_) | AccessError::Setup(control::CommandError::Lost)));
    if is_lost && server::is_ending(socket).await {
        // All that ran on it is gone. It ends by itself, or it never will, unless it is told once more.
        tracing::warn!(pid = process.pid, "the tmux server is ending, and is told so");
        let _asked = pidfd.signal(libc::SIGTERM);
    }
    connected
}

/// Holds the server's process. The pid is that of who began to listen, and may be somebody else's by now.
fn held(pid: u32, uid: u32) -> std::io::Result<PidFd> {
    let process = PidFd::open(pid)?;
    if std::fs::metadata(format!("/proc/{pid}"))?.uid() != uid {
        return Err(std::io::Error::other(format!("process {pid}, which made it, is gone, and another has its pid")));
    }
    Ok(process)
}

/// Connects to the server that was found, or started.
async fn talk(
    access: &ServerAccess,
    process: ServerProcess,
    started: bool,
    pidfd: &Arc<PidFd>,
) -> Result<Connected, AccessError> {
    let socket = &access.socket;
    let cgroups = match CgroupRoot::find_or_create(process.pid) {
        Ok(root) => Some(Arc::new(root)),
        Err(reason) => {
            tracing::info!(%reason, "agents get no cgroups; their processes are found as descendants of their shims");
            None
        }
    };
    let (control, task) = control::connect(&access.tmux, socket, process, &access.shim, access.user.as_ref())
        .await
        .map_err(AccessError::Connect)?;
    let mut client: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(task.run());
    let panes = tokio::select! {
        () = &mut client => return Err(AccessError::Setup(control::CommandError::Lost)),
        panes = set_up(&control, &access.admins) => panes?,
    };
    tracing::info!(pid = process.pid, started, socket = %socket.display(), "the tmux server is connected");
    Ok((Server { control, process: Arc::clone(pidfd), cgroups }, panes, client))
}

/// Tells the server how it is to be, and asks what is on it.
async fn set_up(control: &control::Control, admins: &[String]) -> Result<Vec<command::PaneRow>, control::CommandError> {
    control.send(command::setup()).await?;
    for admin in admins {
        match control.send(command::allow_user(admin)).await {
            Ok(_) => {}
            // By an earlier connection to the same server.
            Err(control::CommandError::Refused(why)) if why.ends_with("is already added") => {}
            Err(error) => tracing::warn!(user = admin, %error, "could not be allowed to attach"),
        }
    }
    let rows = control.send(command::list_panes()).await?;
    Ok(rows.iter().filter_map(|row| command::parse_pane(row)).collect())
}
