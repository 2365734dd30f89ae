//! Keeps a tmux server and a control client on it, for as long as the daemon lives.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::event::Event;
use crate::sys::cgroup::CgroupRoot;
use crate::sys::identity::Identity;
use crate::sys::tmux::{command, control, server};

/// The pause after a failed attempt: the first, doubling up to the last.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// What it takes to reach the server.
#[derive(Clone, Debug)]
pub struct ServerAccess {
    /// The tmux program.
    pub tmux: PathBuf,
    /// The server's socket.
    pub socket: PathBuf,
    /// The shim's program, which rests in the control session.
    pub shim: PathBuf,
    /// The user to run the server and the client as; none for ourselves.
    pub user: Option<Identity>,
    /// Users who may attach beside root and the server's own.
    pub admins: Vec<String>,
}

/// Why there is no server to work with.
#[derive(Debug, thiserror::Error)]
enum AccessError {
    #[error("could not look for a tmux server on {0}: {1}")]
    Find(PathBuf, std::io::Error),
    #[error("the tmux server on {socket} runs as uid {found}, and agents as uid {wanted}: stop it (pid {pid}), or choose another --tmux-socket")]
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
    let mut pause = RETRY.0;
    while !events.is_closed() {
        match connect_once(&access, &events).await {
            Ok(()) => {
                tracing::warn!("the connection to the tmux server was lost");
                pause = RETRY.0;
                if events.send(Event::ServerDown).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::error!("{error}");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(RETRY.1);
            }
        }
    }
}

/// One connection, from the search for the server to its end.
async fn connect_once(access: &ServerAccess, events: &mpsc::Sender<Event>) -> Result<(), AccessError> {
    let socket = &access.socket;
    let found = server::find(socket).map_err(|error| AccessError::Find(socket.clone(), error))?;
    let started = found.is_none();
    let server = match found {
        Some(server) => server,
        None => server::start(&access.tmux, socket, access.user.as_ref())
            .await
            .map_err(|error| AccessError::Start(access.tmux.clone(), error))?,
    };
    let wanted = access.user.as_ref().map_or_else(|| nix::unistd::geteuid().as_raw(), |user| user.uid);
    if server.uid != wanted {
        let (socket, found, pid) = (socket.clone(), server.uid, server.pid);
        return Err(AccessError::OtherUser { socket, found, wanted, pid });
    }
    let cgroups = match CgroupRoot::find_or_create(server.pid, started) {
        Ok(root) => Some(Arc::new(root)),
        Err(reason) => {
            tracing::info!(%reason, "agents get no cgroups; their processes are found as descendants of their shims");
            None
        }
    };
    let (control, task) = control::connect(&access.tmux, socket, &access.shim, access.user.as_ref())
        .await
        .map_err(AccessError::Connect)?;
    let client = task.run();
    tokio::pin!(client);
    let set_up = async {
        control.send(command::setup()).await?;
        for admin in &access.admins {
            if let Err(error) = control.send(command::allow_user(admin)).await {
                tracing::warn!(user = admin, %error, "could not be allowed to attach");
            }
        }
        let rows = control.send(command::list_panes()).await?;
        Ok::<_, control::CommandError>(rows.iter().filter_map(|row| command::parse_pane(row)).collect())
    };
    let panes = tokio::select! {
        () = &mut client => return Err(AccessError::Setup(control::CommandError::Lost)),
        panes = set_up => panes?,
    };
    tracing::info!(pid = server.pid, started, socket = %socket.display(), "the tmux server is connected");
    if events.send(Event::ServerUp { control, panes, cgroups }).await.is_ok() {
        client.await;
    }
    Ok(())
}
