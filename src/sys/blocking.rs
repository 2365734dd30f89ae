//! Work that may take its time, in a thread of its own.
//!
//! tokio's pool panics where the system has no thread to give, which would end the daemon for a want that passes.

use std::io;

use tokio::sync::oneshot;

/// Runs it, and has its answer. An error says that there was no thread, or that it panicked.
///
/// One that isn't waited for to the end goes on, and nobody hears of it: a disk that hangs keeps nobody from ending.
pub async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (answer, answered) = oneshot::channel();
    std::thread::Builder::new().name("work".into()).spawn(move || {
        // Nobody may wait for it any more.
        let _ = answer.send(work());
    })?;
    answered.await.map_err(|_| io::Error::other("a thread panicked"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_answer_comes_from_another_thread_and_a_panic_is_an_error() {
        let here = std::thread::current().id();
        assert!(run(move || std::thread::current().id() != here).await.unwrap());
        assert!(run(|| panic!("on purpose")).await.is_err());
    }
}
