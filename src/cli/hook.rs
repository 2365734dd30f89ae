//! `agentd hook DIALECT`: a harness runs it as one of its hooks, and hands it a payload on standard input, or as codex does
//! it, as the last argument. What that tells goes to the shim.
//!
//! A harness takes what a hook prints, and its exit status, for orders. So nothing is printed, the status is 0 whatever
//! happens, and it is over soon.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::filter::{self, LONGEST_LINE};
use crate::dialect::{self, Dialect};
use crate::sys::filter::read_within;
use crate::sys::notify::Listener;

/// A harness that has not handed over its payload by then, does not.
const HANDED_OVER_WITHIN: Duration = Duration::from_secs(2);

/// A shim that has not taken in what was told before by then, does not hear of this.
const HEARD_WITHIN: Duration = Duration::from_millis(500);

/// Anything at all: a mistake of whoever wrote the hook down must not become an order to the harness.
#[derive(Debug, Args)]
pub struct Flags {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "DIALECT")]
    words: Vec<OsString>,
}

/// Tells what there is to tell.
pub fn run(flags: &Flags) -> ExitCode {
    let dialect = flags.words.first().and_then(|word| word.to_str()).and_then(Dialect::of);
    let payload = match &flags.words[..] {
        [_, .., payload] => payload.as_bytes().to_vec(),
        [] | [_] => read_within(io::stdin(), LONGEST_LINE, HANDED_OVER_WITHIN),
    };
    if let (Some(dialect), Some(listener)) = (dialect, Listener::from_environment()) {
        let datagram = dialect::hook(dialect, &payload, filter::now()).encode();
        if !datagram.is_empty() && !listener.tell(&datagram) {
            listener.wait(HEARD_WITHIN);
            listener.tell(&datagram);
        }
    }
    ExitCode::SUCCESS
}
