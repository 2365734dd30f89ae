//! The ways in for the fuzz targets of `tests/fuzz`, to what is otherwise nobody else's business.

use tokio::io::BufReader;

/// The blocks of a stream of control-mode lines, read in pieces of at most so many bytes.
pub fn blocks(stream: &[u8], piece: usize) -> Vec<Result<Vec<String>, String>> {
    let mut reader = BufReader::with_capacity(piece.max(1), stream);
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return Vec::new() };
    runtime.block_on(async {
        let mut found = Vec::new();
        while let Ok(Some(block)) = crate::sys::tmux::control::read_block(&mut reader).await {
            found.push(block);
        }
        found
    })
}

/// What is shown of a captured screen.
pub fn last_lines(captured: &[u8], most: usize) -> Vec<u8> {
    crate::api::last_lines(captured, most)
}
