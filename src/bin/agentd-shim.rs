//! The process in each agent's pane: `agentd-shim SOCKET NAME`. `agentd-shim --hold` only keeps a session alive.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match (arguments.next(), arguments.next(), arguments.next()) {
        (Some(flag), None, None) if flag == "--hold" => agentd::shim::hold(),
        (Some(socket), Some(name), None) => agentd::shim::main(&socket, &name.to_string_lossy()),
        _ => ExitCode::from(2),
    }
}
