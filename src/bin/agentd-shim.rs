//! agentd-shim.
fn main() {}
