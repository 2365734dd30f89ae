//! The only place with syscalls, subprocesses and `unsafe`. Everything here is a mechanism: it returns owned
//! descriptors and typed errors, decides nothing, and knows nothing of agents beyond what it is handed.

pub mod acceptor;
pub mod clock;
pub mod identity;
pub mod privileges;
pub mod runtime_dir;
pub mod socket_lock;
pub mod unix_socket;
