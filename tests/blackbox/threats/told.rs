//! What an agent tells of itself, in words that are agentd's own.

use crate::harness::{AGENTD, Host};
use crate::threats::Siege;

#[test]
fn who_speaks_as_agentd_itself_is_not_believed() {
    let host = Host::as_root().unwrap_or_else(Host::new);
    let script = format!(
        "{AGENTD} notify ACTIVITY=busy ACTIVITY_SOURCE=terminal OUTCOME=failed OUTCOME_SOURCE=agentd; touch told; \
         while [ ! -e end ]; do sleep 0.01; done"
    );
    // A stall would be restarted, whatever `restart` says.
    let fields = "restart = \"no\"\nbackoff = \"1h\"\nbackoff_max = \"1h\"\n\
                  [agents.stall]\nafter = \"1h\"\non_stall = \"restart\"\n";
    let siege = Siege::begin(host, &script, fields);
    siege.host.file("told");
    let busy = || Some(siege.daemon.agent("attacker")).filter(|agent| agent["activity"]["state"] == "busy");
    let told = crate::harness::until("what it tells", busy);
    assert_eq!(told["activity"]["source"], "", "{told}");
    std::fs::write(siege.host.at("work/end"), "").unwrap();
    siege.daemon.wait_state("attacker", "failed");
    let told = siege.daemon.agent("attacker");
    assert_eq!((&told["exit"]["outcome"], told["exit"].get("source")), (&"failed".into(), None), "{told}");
    siege.the_rest_still_works();
}
