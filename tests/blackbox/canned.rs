//! A daemon that says what it is told to, for what a real one can't be made to say: an older or newer one, one that goes
//! away in the middle of a sentence, and one with an agent that writes what no tmux would let through.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A request's head.
pub struct Asked {
    /// With its query.
    pub path: String,
    /// As they came.
    pub headers: Vec<String>,
}

impl Asked {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.iter().find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }
}

/// Status, an `ETag` (empty: none) and a body. The connection ends with it.
pub type Answer = (u16, &'static str, String);

/// The daemon. It is gone when it is dropped.
pub struct Canned {
    socket: PathBuf,
    stops: Arc<AtomicBool>,
}

impl Canned {
    /// Listens, and answers from then on.
    pub fn new(socket: &Path, answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = UnixListener::bind(socket).unwrap();
        std::fs::set_permissions(socket, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        let (stops, answer) = (Arc::new(AtomicBool::new(false)), Arc::new(answer));
        let stopping = Arc::clone(&stops);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopping.load(Ordering::SeqCst) {
                    return;
                }
                let answer = Arc::clone(&answer);
                std::thread::spawn(move || serve(stream.unwrap(), &*answer));
            }
        });
        Self { socket: socket.to_owned(), stops }
    }
}

fn serve(mut stream: UnixStream, answer: &dyn Fn(&Asked) -> Answer) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    // A client that only looks whether somebody listens says nothing.
    let Some(first) = lines.next() else { return };
    let path = first.split(' ').nth(1).unwrap().to_owned();
    let headers = lines.take_while(|line| !line.is_empty()).collect();
    let (status, tag, body) = answer(&Asked { path, headers });
    let tag = if tag.is_empty() { String::new() } else { format!("ETag: {tag}\r\n") };
    // One that has gone meanwhile needs no answer.
    let _ = write!(stream, "HTTP/1.1 {status} x\r\n{tag}Connection: close\r\n\r\n{body}");
}

impl Drop for Canned {
    fn drop(&mut self) {
        self.stops.store(true, Ordering::SeqCst);
        let _ = UnixStream::connect(&self.socket);
        let _ = std::fs::remove_file(&self.socket);
    }
}
