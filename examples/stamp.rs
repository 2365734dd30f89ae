//! The child of the benchmarks: sends the time at which its `main` began (`CLOCK_MONOTONIC`, nanoseconds) as a datagram
//! to the socket of its first argument, and waits for a signal.
#![allow(unsafe_code, clippy::unwrap_used)]

fn main() {
    let now = agentd::sys::clock::now().mono.0;
    let socket = std::os::unix::net::UnixDatagram::unbound().unwrap();
    socket.send_to(&now.to_le_bytes(), std::env::args_os().nth(1).unwrap()).unwrap();
    loop {
        // SAFETY: takes nothing.
        unsafe { libc::pause() };
    }
}
