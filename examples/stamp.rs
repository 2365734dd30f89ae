//! The child of the benchmarks: sends the time at which its `main` began (`CLOCK_MONOTONIC`, nanoseconds) and the number
//! that is its second argument as a datagram to the socket of its first argument, and waits for a signal.
#![allow(unsafe_code, clippy::unwrap_used)]

fn main() {
    let now = agentd::sys::clock::now().mono.0;
    let mut arguments = std::env::args().skip(1);
    let to = arguments.next().unwrap();
    let number: u32 = arguments.next().and_then(|number| number.parse().ok()).unwrap_or_default();
    let message = [&now.to_le_bytes()[..], &number.to_le_bytes()].concat();
    std::os::unix::net::UnixDatagram::unbound().unwrap().send_to(&message, to).unwrap();
    loop {
        // SAFETY: takes nothing.
        unsafe { libc::pause() };
    }
}
