//! What the kernel and the service's limits allow, for as many agents as are declared.

use std::fs;

use crate::sys::limits;
use crate::sys::tmux::server;

use super::finding::Finding;
use super::place::Place;

/// Descriptors of the daemon for one agent: the shim's connection, its process, its cgroup, its process of the moment.
const FILES_EACH: u64 = 4;
/// Processes of one agent: the shim, the agent, and what it usually starts.
const PROCESSES_EACH: u64 = 16;
/// Watches of files below which programs that watch a source tree often fail.
const WATCHES: u64 = 8192;

/// What there is; none where it can't be read.
#[derive(Clone, Copy, Debug, Default)]
struct Facts {
    agents: u64,
    terminals: Option<u64>,
    daemon_files: Option<u64>,
    server_files: Option<u64>,
    processes: Option<u64>,
    instances: Option<u64>,
    watches: Option<u64>,
    pids: Option<u64>,
}

/// Looks.
pub fn look(place: &Place, agents: usize) -> Vec<Finding> {
    let server = place.tmux_socket.as_deref().and_then(|socket| server::find(socket).ok().flatten());
    let of = |pid: Option<u32>| {
        let running = pid.and_then(|pid| fs::read_to_string(format!("/proc/{pid}/limits")).ok());
        Limits { is_running: running.is_some(), text: running.or_else(own_limits).unwrap_or_default() }
    };
    let (daemon, server) = (of(place.daemon_pid()), of(server.map(|server| server.pid)));
    let number = |path: &str| fs::read_to_string(format!("/proc/sys/{path}")).ok()?.trim().parse().ok();
    judge(&Facts {
        agents: agents as u64,
        terminals: number("kernel/pty/max"),
        daemon_files: daemon.open_files(),
        server_files: server.open_files(),
        processes: limit(&server.text, "Max processes", 0),
        instances: number("fs/inotify/max_user_instances"),
        watches: number("fs/inotify/max_user_watches"),
        pids: number("kernel/pid_max"),
    })
}

fn own_limits() -> Option<String> {
    fs::read_to_string("/proc/self/limits").ok()
}

/// A process's `/proc/PID/limits`: its own, or ours where it doesn't run yet.
struct Limits {
    is_running: bool,
    text: String,
}

impl Limits {
    /// The soft limit; of what doesn't run yet, what the daemon will raise it to.
    fn open_files(&self) -> Option<u64> {
        let of = |column| limit(&self.text, "Max open files", column);
        if self.is_running { of(0) } else { of(1).map(limits::attainable) }
    }
}

/// From `/proc/PID/limits`: name, soft (column 0), hard (column 1), unit. No limit is a large one.
fn limit(text: &str, name: &str, column: usize) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    let value = rest.split_whitespace().nth(column)?;
    if value == "unlimited" { Some(u64::MAX) } else { value.parse().ok() }
}

fn judge(facts: &Facts) -> Vec<Finding> {
    let agents = facts.agents;
    let terminals = agents + 8;
    let files = agents * FILES_EACH + 64;
    // What the API's clients may hold comes on top: a quarter of all, 512 at most.
    let files = files + (files / 3).min(512);
    let least = agents * 2 + 16;
    let usual = agents * PROCESSES_EACH + 64;
    let sysctl = |name: &str, value: u64| {
        format!("echo {name}={} | sudo tee -a /etc/sysctl.d/90-agentd.conf && sudo sysctl --system", round_up(value))
    };
    let below = |limit: Option<u64>, needed: u64| limit.filter(|limit| *limit < needed);
    let mut findings = Vec::new();
    if let Some(limit) = below(facts.terminals, terminals) {
        let what = format!("kernel.pty.max is {limit}: too few terminals for {agents} agents");
        findings.push(Finding::problem("limit-terminals", what).mend(sysctl("kernel.pty.max", terminals * 2)));
    }
    let programs = [("agentd", facts.daemon_files, files), ("the tmux server", facts.server_files, terminals + 56)];
    for (program, limit, needed) in programs {
        if let Some(limit) = below(limit, needed) {
            let what = format!("{program} may open {limit} files: too few for {agents} agents");
            let mend = format!("LimitNOFILE={} in its unit, or `ulimit -n`", round_up(needed));
            findings.push(Finding::problem("limit-files", what).advise(mend));
        }
    }
    if let Some(limit) = below(facts.processes, usual) {
        let what = format!("the agents' user may have {limit} processes, {agents} agents may want {usual}");
        let finding = if limit < least {
            Finding::problem("limit-processes", what)
        } else {
            Finding::warning("limit-processes", what)
        };
        findings.push(finding.advise(format!("LimitNPROC={} in the unit, or `ulimit -u`", round_up(usual))));
    }
    let instances = agents + 16;
    if let Some(limit) = below(facts.instances, instances) {
        let what = format!("a user may have {limit} inotify instances, and most agents use one");
        let mend = sysctl("fs.inotify.max_user_instances", instances * 2);
        findings.push(Finding::warning("limit-inotify", what).mend(mend));
    }
    if let Some(limit) = below(facts.watches, WATCHES) {
        let what = format!("a user may watch {limit} files and directories, which agents on a large tree exhaust");
        findings.push(Finding::warning("limit-inotify", what).mend(sysctl("fs.inotify.max_user_watches", 524_288)));
    }
    if let Some(limit) = below(facts.pids, usual * 2) {
        let what = format!("kernel.pid_max is {limit}: little for {agents} agents");
        findings.push(Finding::warning("limit-pids", what).mend(sysctl("kernel.pid_max", usual * 4)));
    }
    if findings.is_empty() {
        let agents = if agents == 1 { "1 agent".to_owned() } else { format!("{agents} agents") };
        findings
            .push(Finding::ok("limits", format!("terminals, files, processes and watches are enough for {agents}")));
    }
    findings
}

/// To a number that people would choose.
fn round_up(value: u64) -> u64 {
    value.checked_next_power_of_two().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_held_against_the_number_of_agents() {
        let plenty = Facts {
            agents: 3,
            terminals: Some(4096),
            daemon_files: Some(1024),
            server_files: Some(1024),
            processes: Some(u64::MAX),
            instances: Some(128),
            watches: Some(65_536),
            pids: Some(4_194_304),
        };
        let checks = |facts| judge(&facts).iter().map(|finding| finding.check).collect::<Vec<_>>();
        assert_eq!(checks(plenty), ["limits"]);
        assert_eq!(checks(Facts { agents: 3, ..Facts::default() }), ["limits"], "what can't be read is no limit");
        assert_eq!(checks(Facts { terminals: Some(10), ..plenty }), ["limit-terminals"]);
        assert_eq!(checks(Facts { daemon_files: Some(64), ..plenty }), ["limit-files"]);
        assert_eq!(checks(Facts { server_files: Some(64), ..plenty }), ["limit-files"]);
        assert_eq!(checks(Facts { processes: Some(20), ..plenty }), ["limit-processes"]);
        assert_eq!(
            checks(Facts { instances: Some(8), watches: Some(8), ..plenty }),
            ["limit-inotify", "limit-inotify"]
        );
        assert_eq!(checks(Facts { pids: Some(100), ..plenty }), ["limit-pids"]);
        assert_eq!(checks(Facts { agents: 1000, ..plenty }), ["limit-files", "limit-files", "limit-inotify"]);
    }

    #[test]
    fn limits_are_read_as_the_kernel_writes_them() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
                    Max processes             unlimited            unlimited            processes \n\
                    Max open files            1024                 524288               files     \n";
        assert_eq!(limit(text, "Max open files", 0), Some(1024));
        assert_eq!(limit(text, "Max processes", 0), Some(u64::MAX));
        assert_eq!(limit(text, "Max cpu time", 0), None);
        let open_files = |is_running| Limits { is_running, text: text.to_owned() }.open_files();
        assert_eq!(open_files(true), Some(1024));
        assert_eq!(open_files(false), Some(limits::OPEN_FILES));
    }
}
