//! Files that we make for others to read, and that nobody but us, or root, can change.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use nix::unistd::geteuid;

/// Whether only we, or root, can change what is in a directory, or what its path leads to.
pub fn is_ours_alone(directory: &Path) -> bool {
    let us = geteuid().as_raw();
    // In a directory with the sticky bit nobody takes away what is another's.
    let is_kept = |mode: u32| mode & 0o022 == 0 || mode & 0o1000 != 0;
    let is_closed = directory.metadata().is_ok_and(|found| found.mode() & 0o022 == 0);
    is_closed && all_the_way(directory, |found| [0, us].contains(&found.uid()) && is_kept(found.mode()))
}

/// Whether only root can: so some programs look before they read what they are told by a file.
pub fn is_roots_alone(directory: &Path) -> bool {
    all_the_way(directory, |found| found.uid() == 0 && found.mode() & 0o022 == 0)
}

/// Whether everybody can come to what is in a directory.
pub fn is_open(directory: &Path) -> bool {
    all_the_way(directory, |found| found.mode() & 0o001 != 0)
}

/// Writes a file that everybody may read, whole or not at all, into a directory of ours.
pub fn publish(directory: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let temporary = directory.join(format!(".{name}.{}", std::process::id()));
    // Left behind by a process of the same number that was killed.
    let _ = std::fs::remove_file(&temporary);
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let done = fill(file, content).and_then(|()| std::fs::rename(&temporary, directory.join(name)));
    if done.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    done
}

fn fill(mut file: File, content: &[u8]) -> io::Result<()> {
    file.write_all(content)?;
    // Whatever our umask is.
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

/// Whether this holds of a directory and all above it, as they are named and where they are, and links are the same owners'.
fn all_the_way(directory: &Path, fits: impl Fn(&Metadata) -> bool) -> bool {
    let Ok(real) = directory.canonicalize() else { return false };
    let us = geteuid().as_raw();
    let holds = |path: &Path| {
        let link = path.symlink_metadata().is_ok_and(|found| [0, us].contains(&found.uid()));
        link && path.metadata().is_ok_and(|found| fits(&found))
    };
    directory.ancestors().chain(real.ancestors()).filter(|path| !path.as_os_str().is_empty()).all(holds)
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, create_dir, set_permissions};
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_directory_that_others_can_write_to_is_not_ours_alone() {
        let temp = tempfile::tempdir().unwrap();
        let (above, dir) = (temp.path().join("above"), temp.path().join("above/dir"));
        create_dir(&above).unwrap();
        create_dir(&dir).unwrap();
        let mode = |path: &Path, mode| set_permissions(path, Permissions::from_mode(mode)).unwrap();
        for path in [temp.path(), &above, &dir] {
            mode(path, 0o755);
        }
        assert!(is_ours_alone(&dir) && is_open(&dir));
        assert!(!is_roots_alone(&dir), "everybody can write to the directory of temporary files");
        for (path, bits) in [(&dir, 0o775), (&dir, 0o1777), (&above, 0o775), (&above, 0o757)] {
            mode(path, bits);
            assert!(!is_ours_alone(&dir), "{} {bits:o}", path.display());
            mode(path, 0o755);
        }
        mode(&above, 0o1777);
        assert!(is_ours_alone(&dir));
        symlink(&dir, temp.path().join("link")).unwrap();
        assert!(is_ours_alone(&temp.path().join("link")));
        mode(&above, 0o750);
        assert!(is_ours_alone(&temp.path().join("link")) && !is_open(&temp.path().join("link")));
        assert!(!is_ours_alone(&temp.path().join("nothing")));
        if geteuid().is_root() {
            std::os::unix::fs::chown(&above, Some(12_345), None).unwrap();
            assert!(!is_ours_alone(&dir) && !is_ours_alone(&temp.path().join("link")));
        }
        assert_eq!(is_roots_alone(Path::new("/etc")), Path::new("/etc").metadata().unwrap().uid() == 0);
    }

    #[test]
    fn what_is_published_is_there_whole_for_everybody_to_read() {
        let temp = tempfile::tempdir().unwrap();
        publish(temp.path(), "a", b"one").unwrap();
        publish(temp.path(), "a", b"two").unwrap();
        let file = temp.path().join("a");
        assert_eq!(std::fs::read(&file).unwrap(), b"two");
        assert_eq!(file.metadata().unwrap().mode() & 0o7777, 0o644);
        create_dir(temp.path().join("b")).unwrap();
        assert!(publish(temp.path(), "b", b"one").is_err());
        assert_eq!(temp.path().read_dir().unwrap().count(), 2, "nothing is left behind");
    }
}
