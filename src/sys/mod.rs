//! The only place with syscalls, subprocesses and `unsafe`. Everything here is a mechanism: it returns owned
//! descriptors and typed errors, decides nothing, and knows nothing of agents beyond what it is handed.

pub mod cgroup;
pub mod clock;
mod fd;
pub mod process;
pub mod shim_link;
