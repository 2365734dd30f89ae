//! An agent's pane, for commands by which a person goes there: the tmux server and the pane are those that the API tells.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::client::Client;
use super::client::types::{Agent, Health};
use super::failure::Failure;
use super::output::harmless;
use crate::sys::tmux::client::{ClientError, Clients};

/// Where an agent is.
#[derive(Clone, Debug)]
pub(super) struct Pane {
    /// As the API shows it.
    pub(super) agent: Agent,
    /// The tmux server's socket.
    pub(super) socket: PathBuf,
    /// For tmux's `-t`.
    pub(super) target: String,
    /// Makes clients of the server.
    pub(super) clients: Clients,
}

impl Pane {
    /// Asks the daemon.
    pub(super) async fn find(client: &Client, name: &str) -> Result<Self, Failure> {
        let agent = client.agent(name).await?;
        Self::of(agent, &client.health().await?)
    }

    /// From what the daemon has said.
    pub(super) fn of(agent: Agent, health: &Health) -> Result<Self, Failure> {
        if health.tmux_socket.is_empty() {
            return Err(Failure::Other(
                "the running agentd is older than this program and does not tell where its tmux server is: restart it"
                    .to_owned(),
            ));
        }
        let Some(target) = target(&agent) else {
            let state = harmless(&agent.state).into_owned();
            return Err(Failure::Other(format!("{} has no terminal yet: it is {state}", harmless(&agent.name))));
        };
        let socket = PathBuf::from(&health.tmux_socket);
        let clients = Clients::of(&socket, &health.user).map_err(failure)?;
        Ok(Self { agent, socket, target, clients })
    }
}

/// The pane by its id, which never means another one; by its session's exact name where the daemon doesn't tell.
fn target(agent: &Agent) -> Option<String> {
    match agent.pane.as_deref() {
        Some(pane) if is_pane_id(pane) => Some(pane.to_owned()),
        Some(_) => None,
        // A running agent has a terminal: this daemon is older.
        None => agent.running.then(|| format!("={}:", agent.session)),
    }
}

fn is_pane_id(pane: &str) -> bool {
    pane.strip_prefix('%').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What to tell the person.
pub(super) fn failure(error: ClientError) -> Failure {
    match error {
        ClientError::Denied(socket) => {
            let group = group_of(&socket);
            Failure::Denied { socket, group }
        }
        ClientError::NoServer(_)
        | ClientError::Foreign { .. }
        | ClientError::User(_)
        | ClientError::Silent
        | ClientError::Run(_) => Failure::Other(error.to_string()),
        ClientError::Refused(_) => {
            Failure::Other(error.to_string().lines().map(harmless).collect::<Vec<_>>().join("; "))
        }
    }
}

/// The group that may connect. Who can't look into the socket's directory sees the directory, which has the same group.
fn group_of(socket: &Path) -> Option<String> {
    let metadata = socket.metadata().or_else(|_| socket.parent().unwrap_or(socket).metadata()).ok()?;
    let gid = Some(metadata.gid()).filter(|gid| *gid != 0)?;
    nix::unistd::Group::from_gid(gid.into()).ok().flatten().map(|group| group.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pane_is_named_by_its_id_or_by_its_sessions_exact_name() {
        let agent = |pane: Option<&str>, running| Agent {
            session: "job".to_owned(),
            pane: pane.map(ToOwned::to_owned),
            running,
            ..Agent::default()
        };
        assert_eq!(target(&agent(Some("%12"), false)).as_deref(), Some("%12"));
        assert_eq!(target(&agent(None, true)).as_deref(), Some("=job:"));
        assert_eq!(target(&agent(None, false)), None);
        for odd in ["", "%", "12", "%1;x", "=job:"] {
            assert_eq!(target(&agent(Some(odd), true)), None, "{odd}");
        }
    }

    #[test]
    fn a_daemon_that_does_not_tell_its_socket_is_older() {
        let failed = Pane::of(Agent::default(), &Health::default()).unwrap_err();
        assert!(failed.to_string().contains("older"), "{failed}");
    }
}
