//! One test for each line of the threat model (`src/threat_model.md`) that no other test tries already.
//!
//! The daemon is root where that is possible: what could be gained from it is the most.

mod disk;
mod links;
mod others;
mod processes;
mod terminal;
mod told;

use serde_json::Value;

use crate::declare::agent;
use crate::harness::{Daemon, Host, is_alive, kill, until};

/// A daemon with an agent that means no harm and one that does.
struct Siege {
    daemon: Daemon,
    host: Host,
}

impl Siege {
    /// Both run. The attacker is a shell script, in the work directory, that begins when both do.
    fn begin(host: Host, script: &str, fields: &str) -> Self {
        let script = format!("while [ ! -e go ]; do sleep 0.01; done; {script}");
        let tables = [Self::bystander(), agent("attacker", &["/bin/sh", "-c", &script], fields)];
        host.configure(&tables.concat());
        let daemon = host.start();
        daemon.wait_states(&[("bystander", "running"), ("attacker", "running")]);
        let go = host.at("work/.go");
        std::fs::write(&go, "").unwrap();
        host.own(&go);
        std::fs::rename(go, host.at("work/go")).unwrap();
        Self { daemon, host }
    }

    fn bystander() -> String {
        agent("bystander", &["$PROBE", "wait"], "restart = \"always\"\nbackoff = \"0s\"")
    }

    /// The attacker is no longer declared.
    fn lift(&self) {
        self.host.configure(&Self::bystander());
        self.daemon.wait_state("attacker", "none");
    }

    /// The API answers, an agent that dies is started again, and what is said of it is true.
    fn the_rest_still_works(&self) {
        assert_eq!(self.daemon.get("/v1/health").0, 200);
        let old = pid(&self.daemon.agent("bystander"));
        kill(old, nix::sys::signal::Signal::SIGKILL);
        let new = until("the bystander to run again", || {
            let agent = self.daemon.agent("bystander");
            (agent["state"] == "running" && pid(&agent) != old).then(|| pid(&agent))
        });
        assert!(is_alive(new) && !is_alive(old));
    }
}

fn pid(agent: &Value) -> u32 {
    agent["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).unwrap_or_default()
}
