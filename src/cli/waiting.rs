//! For commands that go on: a daemon that is restarted is waited for.

use std::io::{self, Write};
use std::time::Duration;

use tokio::time::sleep;

use super::client::{Client, Connect};
use super::failure::Failure;

/// The first attempts come quickly, as a restart takes milliseconds.
const SOON: Duration = Duration::from_millis(50);

/// Between two attempts, if it takes longer.
const LATER: Duration = Duration::from_secs(1);

/// Whether there is no daemon at this moment, where there was one.
pub fn is_gone(failure: &Failure) -> bool {
    match failure {
        Failure::NotRunning { .. } | Failure::Conversation { .. } => true,
        Failure::Denied { .. }
        | Failure::NoSuchAgent { .. }
        | Failure::Refused { .. }
        | Failure::System { .. }
        | Failure::Output(_)
        | Failure::Other(_) => false,
    }
}

/// Waits until somebody listens where the daemon did, and says so.
pub async fn wait(client: &Client) -> Result<(), Failure> {
    // The one that was found, not the next best.
    let connect = Connect { api_socket: Some(client.socket().to_owned()) };
    let (mut pause, mut has_said) = (SOON, false);
    loop {
        sleep(pause).await;
        match Client::connect(&connect) {
            Ok(_) => {
                if has_said {
                    writeln!(io::stderr().lock(), "agentd: it is back")?;
                }
                return Ok(());
            }
            Err(failure) if is_gone(&failure) => {}
            Err(failure) => return Err(failure),
        }
        pause = (pause * 2).min(LATER);
        if pause == LATER && !std::mem::replace(&mut has_said, true) {
            writeln!(io::stderr().lock(), "agentd: it isn't running any more; waiting for it")?;
        }
    }
}
