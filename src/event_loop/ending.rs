//! The end of everything: all agents are stopped, and the server that they ran on is handed out.

use super::{EventLoop, Goal};
use crate::execute::Server;
use crate::model::Shutdown;

impl EventLoop {
    /// Begins to stop everything; when it is being stopped, without waiting for grace periods. [`EventLoop::run`] does it.
    pub async fn terminate(&mut self) {
        let shutdown = match self.goal {
            Goal::End(_) | Goal::Drain => Shutdown::Now,
            Goal::Keep | Goal::Drained => Shutdown::Graceful,
        };
        tracing::info!(?shutdown, "stops all agents");
        self.executor.begin_the_end().await;
        self.aim(Goal::End(shutdown));
    }

    /// Begins to stop everything that is on the tmux server there is, which is to be ended then. On the next one, what is
    /// declared is started anew.
    pub async fn drain(&mut self) {
        if self.goal == Goal::Keep && self.is_connected() {
            tracing::info!("stops all agents, and then the tmux server");
            self.executor.begin_the_end().await;
            self.aim(Goal::Drain);
        }
    }

    /// Hands out the tmux server that was drained, whatever else is on it: it is to be ended.
    pub fn take_server(&mut self) -> Option<Server> {
        let server = self.executor.take_server();
        self.aim(if server.is_some() { Goal::Drained } else { Goal::Keep });
        server
    }

    /// Hands out the tmux server to be ended, once everything on it has, unless somebody else uses it.
    pub async fn release_server(&mut self) -> Option<Server> {
        self.executor.release_server().await
    }

    /// Kills what shims left that were killed while nobody looked.
    pub async fn end_orphans(&self) {
        self.executor.end_orphans().await;
    }
}
