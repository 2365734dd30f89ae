//! The process in each agent's pane: `agentd-shim SOCKET NAME`. `agentd-shim --hold` only keeps a session alive.

use std::process::ExitCode;

fn main() -> ExitCode {
    agentd::shim::main(std::env::args_os().skip(1))
}
