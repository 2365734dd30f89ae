//! The terminal that this process is controlled by: the keys that are pressed there, and being put aside by its shell.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Reads what is typed. The terminal's modes are others' business.
#[derive(Debug)]
pub struct Keyboard {
    terminal: AsyncFd<File>,
}

impl Keyboard {
    /// Opens the controlling terminal anew: a descriptor of our own can be non-blocking without being so for the shell, with
    /// which standard input is shared. Needs a runtime.
    #[allow(unsafe_code)]
    pub fn open() -> io::Result<Self> {
        let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
        let file = OpenOptions::new().read(true).custom_flags(flags).open("/dev/tty")?;
        // SAFETY: the result owns the file, whose descriptor is thus open and the same for as long as it is watched.
        let terminal = unsafe { AsyncFd::register_with_interest(file, Interest::READABLE) }?;
        Ok(Self { terminal })
    }

    /// What has been typed, some bytes at least; an error when the terminal is gone. Cancel-safe.
    pub async fn read(&self) -> io::Result<Vec<u8>> {
        let mut buffer = [0; 1024];
        let count = self.terminal.async_io(Interest::READABLE, |mut file| file.read(&mut buffer)).await?;
        if count == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(buffer[..count].to_vec()) }
    }
}

/// Stops this process and those that run with it, as C-z does, until the shell continues them.
pub fn suspend() -> io::Result<()> {
    Ok(kill(Pid::from_raw(0), Signal::SIGTSTP)?)
}
