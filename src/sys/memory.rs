//! The memory that this process holds and does not use.

/// Gives what was freed back to the system: a configuration of a thousand agents takes many times as much to be read as to
/// be kept, and glibc keeps the difference for good. Takes a millisecond or so, in which nobody allocates.
#[allow(unsafe_code)]
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes an integer, and locks what it works on.
    unsafe {
        libc::malloc_trim(0);
    }
}
