use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixStream;

use super::*;

const OPEN: Access = Access { owner: None, group: None, mode: 0o660 };

fn names_in(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_socket_appears_with_its_mode_and_goes_with_its_owner() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("a.sock");
    let (_listener, file) = serve(&path, OPEN).unwrap();
    let found = path.symlink_metadata().unwrap();
    assert_eq!((found.mode() & 0o7777, found.uid()), (0o660, nix::unistd::geteuid().as_raw()));
    let client = UnixStream::connect(&path).unwrap();
    let me = peer_cred(&client).unwrap();
    assert_eq!((me.pid, me.uid), (Some(std::process::id()), nix::unistd::geteuid().as_raw()));
    assert_eq!(names_in(temp.path()), ["a.sock", "a.sock.lock"]);
    drop(file);
    assert_eq!(names_in(temp.path()), ["a.sock.lock"]);
}

#[test]
fn root_gives_the_socket_to_a_group() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: needs root");
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("a.sock");
    let (_listener, _file) = serve(&path, Access { group: Some(23_456), ..OPEN }).unwrap();
    let found = path.symlink_metadata().unwrap();
    assert_eq!((found.uid(), found.gid(), found.mode() & 0o7777), (0, 23_456, 0o660));
}

#[test]
fn root_makes_a_socket_as_the_owner_of_the_directory() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: needs root");
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(temp.path(), Some(12_345), None).unwrap();
    let path = temp.path().join("a.sock");
    let (_listener, _file) = serve(&path, Access { owner: Some(12_345), group: Some(23_456), mode: 0o600 }).unwrap();
    let found = path.symlink_metadata().unwrap();
    assert_eq!((found.uid(), found.gid(), found.mode() & 0o7777), (12_345, 23_456, 0o600));
}

#[test]
fn a_directory_that_changes_the_group_is_reported_and_nothing_is_left() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: needs root");
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(temp.path(), None, Some(11_111)).unwrap();
    std::fs::set_permissions(temp.path(), PermissionsExt::from_mode(0o2755)).unwrap();
    let error = serve(&temp.path().join("a.sock"), Access { group: Some(23_456), ..OPEN }).unwrap_err().to_string();
    assert!(error.contains("came out as 0:11111 0660, not as 0:23456 0660"), "{error}");
    assert_eq!(names_in(temp.path()), ["a.sock.lock"]);
}

#[test]
fn a_second_server_is_refused_and_a_stale_socket_replaced() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("a.sock");
    let (listener, file) = serve(&path, OPEN).unwrap();
    assert!(matches!(serve(&path, OPEN), Err(SocketError::Lock(LockError::Held { pid: Some(_), .. }))));
    UnixStream::connect(&path).unwrap();

    // As after a kill -9: the file stays, nobody listens.
    let lock = std::mem::ManuallyDrop::new(file);
    drop(listener);
    assert!(UnixStream::connect(&path).is_err());
    std::fs::remove_file(temp.path().join("a.sock.lock")).unwrap();
    let (_listener, _file) = serve(&path, OPEN).unwrap();
    UnixStream::connect(&path).unwrap();
    drop(std::mem::ManuallyDrop::into_inner(lock));
    assert!(path.exists(), "the file of another server is not ours to remove");
}

#[test]
fn a_program_without_our_lock_keeps_its_socket() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("a.sock");
    let _other = UnixListener::bind(&path).unwrap();
    let error = serve(&path, OPEN).unwrap_err().to_string();
    assert!(error.starts_with(&format!("another program (pid {}) already serves", std::process::id())), "{error}");
}

#[test]
fn anything_else_in_its_place_is_left_alone() {
    let temp = tempfile::tempdir().unwrap();
    std::fs::write(temp.path().join("file"), "precious").unwrap();
    symlink("target", temp.path().join("link")).unwrap();
    for name in ["file", "link"] {
        assert!(matches!(serve(&temp.path().join(name), OPEN), Err(SocketError::Occupied { .. })), "{name}");
    }
    assert_eq!(std::fs::read(temp.path().join("file")).unwrap(), b"precious");
    assert!(matches!(serve(Path::new("/"), OPEN), Err(SocketError::NoName { .. })));
    assert!(matches!(serve(&temp.path().join("missing/a.sock"), OPEN), Err(SocketError::Io { .. })));
}

#[test]
fn a_link_planted_at_the_temporary_name_is_not_followed() {
    let temp = tempfile::tempdir().unwrap();
    symlink("victim", temp.path().join(".a.sock.new")).unwrap();
    let (_listener, _file) = serve(&temp.path().join("a.sock"), OPEN).unwrap();
    assert_eq!(names_in(temp.path()), ["a.sock", "a.sock.lock"]);
}

#[test]
fn the_longest_path_works_and_one_more_is_a_clear_error() {
    let temp = tempfile::tempdir().unwrap();
    let room = MAX_PATH_BYTES - temp.path().as_os_str().len() - 1;
    let path = temp.path().join("x".repeat(room));
    let (_listener, _file) = serve(&path, OPEN).unwrap();
    UnixStream::connect(&path).unwrap();
    let error = serve(&temp.path().join("x".repeat(room + 1)), OPEN).unwrap_err().to_string();
    assert!(error.contains("is 108 bytes long, and the system allows 107"), "{error}");
}
