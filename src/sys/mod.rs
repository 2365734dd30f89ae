//! The only place with syscalls, subprocesses and `unsafe`. Everything here is a mechanism: it returns owned
//! descriptors and typed errors, decides nothing, and knows nothing of agents beyond what it is handed.

pub mod acceptor;
pub mod blocking;
pub mod cgroup;
pub mod clock;
pub mod fd;
pub mod filter;
pub mod identity;
pub mod last_output;
pub mod limits;
pub mod local_time;
pub mod login_env;
pub mod memory;
pub mod notify;
pub mod orphans;
pub mod own_files;
pub mod privileges;
pub mod probe;
pub mod process;
pub mod random;
pub mod read_file;
pub mod replace_file;
pub mod runtime_dir;
pub mod shim_link;
pub mod socket_lock;
pub mod spawn;
pub mod systemd;
pub mod terminal;
pub mod tmux;
pub mod unix_socket;
pub mod usage;
pub mod watch;
