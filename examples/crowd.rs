//! Clients of the API that take what they can and give nothing back, for the tests. What the daemon takes from one, it asks
//! for again.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stdout)]

use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// So much is between two connections that are made again: the load is one that is held, and no contest for the processor.
const PAUSE: Duration = Duration::from_millis(10);

/// What a client does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rude {
    /// Sends nothing.
    Silent,
    /// Sends half a head.
    HalfHead,
    /// Sends a head of a megabyte.
    LongHead,
    /// Sends a body of ten megabytes.
    Body,
    /// Asks thousands of times on one connection, and reads nothing.
    Pipelines,
    /// The same, and reads a byte now and then.
    Sips,
    /// Follows the events, and reads nothing.
    Follows,
    /// Asks for what takes the daemon its time, and reads nothing.
    Looks,
}

impl Rude {
    fn of(kind: &str) -> Self {
        match kind {
            "silent" => Self::Silent,
            "half-head" => Self::HalfHead,
            "long-head" => Self::LongHead,
            "body" => Self::Body,
            "pipelines" => Self::Pipelines,
            "sips" => Self::Sips,
            "follows" => Self::Follows,
            "looks" => Self::Looks,
            _ => panic!("there is no kind {kind}"),
        }
    }

    fn says(self) -> &'static [u8] {
        static LONG_HEAD: LazyLock<Vec<u8>> =
            LazyLock::new(|| [b"GET /v1/health HTTP/1.1\r\nX: ".as_slice(), &vec![b'x'; 1 << 20]].concat());
        static BODY: LazyLock<Vec<u8>> = LazyLock::new(|| {
            let head = b"POST /v1/health HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n";
            [head.as_slice(), &vec![b'x'; 10_000_000]].concat()
        });
        static REQUESTS: LazyLock<Vec<u8>> =
            LazyLock::new(|| b"GET /v1/agents HTTP/1.1\r\nHost: x\r\n\r\n".repeat(5000));
        static LOOKS: LazyLock<Vec<u8>> = LazyLock::new(|| {
            b"GET /v1/usage HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/agents/a0/output HTTP/1.1\r\nHost: x\r\n\r\n"
                .repeat(1000)
        });
        match self {
            Self::Silent => b"",
            Self::HalfHead => b"GET /v1/health HTTP/1.1\r\nHost: x\r\nX: ",
            Self::LongHead => &LONG_HEAD,
            Self::Body => &BODY,
            Self::Pipelines | Self::Sips => &REQUESTS,
            Self::Follows => b"GET /v1/events?history=10000 HTTP/1.1\r\nHost: x\r\n\r\n",
            Self::Looks => &LOOKS,
        }
    }
}

/// `crowd SOCKET [COUNT KIND]...`: says `held` when each client has had a connection, and goes on until it is killed.
fn main() {
    // Each client takes a descriptor.
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (socket, kinds) = arguments.split_first().unwrap();
    let mut clients = Vec::new();
    for kind in kinds.chunks(2) {
        let (count, rude) = (kind[0].parse().unwrap(), Rude::of(&kind[1]));
        clients.extend(std::iter::repeat_with(|| Client::new(rude)).take(count));
    }
    for client in &mut clients {
        client.connect(socket.as_ref());
    }
    println!("held");
    let (mut next, mut again_at) = (0, Instant::now());
    loop {
        if again_at <= Instant::now() {
            let mut order = (0..clients.len()).map(|at| (next + at) % clients.len());
            if let Some(at) = order.find(|at| clients[*at].stream.is_none()) {
                clients[at].connect(socket.as_ref());
                (next, again_at) = (at + 1, Instant::now() + PAUSE);
            }
        }
        turn(&mut clients);
    }
}

fn turn(clients: &mut [Client]) {
    let mut asked: Vec<PollFd<'_>> = clients.iter().filter_map(Client::asks).collect();
    poll(&mut asked, PollTimeout::try_from(PAUSE).unwrap()).unwrap();
    let ready: Vec<_> = asked.iter().map(|asked| asked.revents().unwrap()).collect();
    let connected = clients.iter_mut().filter(|client| client.stream.is_some());
    for (client, ready) in connected.zip(ready) {
        client.turn(ready);
    }
}

struct Client {
    rude: Rude,
    stream: Option<UnixStream>,
    unsaid: &'static [u8],
}

impl Client {
    fn new(rude: Rude) -> Self {
        Self { rude, stream: None, unsaid: b"" }
    }

    /// Waits for its turn in the daemon's queue.
    fn connect(&mut self, socket: &Path) {
        let stream = UnixStream::connect(socket).unwrap();
        stream.set_nonblocking(true).unwrap();
        (self.stream, self.unsaid) = (Some(stream), self.rude.says());
    }

    fn asks(&self) -> Option<PollFd<'_>> {
        let flags = if self.unsaid.is_empty() { PollFlags::empty() } else { PollFlags::POLLOUT };
        self.stream.as_ref().map(|stream| PollFd::new(stream.as_fd(), flags))
    }

    fn turn(&mut self, ready: PollFlags) {
        let Some(stream) = &mut self.stream else { return };
        let mut is_over = ready.intersects(PollFlags::POLLHUP | PollFlags::POLLERR);
        if self.rude == Rude::Sips {
            let _ = stream.read(&mut [0]);
        }
        if ready.contains(PollFlags::POLLOUT) {
            match stream.write(&self.unsaid[..self.unsaid.len().min(64 << 10)]) {
                Ok(count) => self.unsaid = &self.unsaid[count..],
                Err(error) => is_over |= error.kind() != ErrorKind::WouldBlock,
            }
        }
        if is_over {
            self.stream = None;
        }
    }
}
