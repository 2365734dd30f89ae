//! agentd: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    agentd::cli::main()
}
