//! What is left of a file system.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::sys::statfs::{FsType, TMPFS_MAGIC, statfs};
use nix::sys::statvfs::statvfs;

/// `RAMFS_MAGIC` of linux/magic.h.
const RAMFS_MAGIC: FsType = FsType(0x8584_58f6);

/// A file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    /// Tells it from others.
    pub device: u64,
    /// Bytes.
    pub size: u64,
    /// Bytes that ordinary users can still write.
    pub free: u64,
    /// Files that it can hold; 0 if it doesn't count them.
    pub inodes: u64,
    /// Files that ordinary users can still make.
    pub inodes_free: u64,
}

/// The file system that a file is on.
pub fn disk(path: &Path) -> io::Result<Disk> {
    let found = statvfs(path)?;
    Ok(Disk {
        device: path.metadata()?.dev(),
        size: found.blocks().saturating_mul(found.fragment_size()),
        free: found.blocks_available().saturating_mul(found.fragment_size()),
        inodes: found.files(),
        inodes_free: found.files_available(),
    })
}

/// Whether what is written there stays in memory, or in swap.
pub fn is_in_memory(path: &Path) -> io::Result<bool> {
    let kind = statfs(path)?.filesystem_type();
    Ok(kind == TMPFS_MAGIC || kind == RAMFS_MAGIC)
}
