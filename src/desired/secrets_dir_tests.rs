//! Real directories, as people and as Kubernetes and sops-nix lay them out.

use std::os::unix::fs::{PermissionsExt, symlink};

use nix::sys::stat::Mode;

use super::*;

fn values(dir: &Path) -> Vec<(String, String)> {
    let read = read(dir, &mut Stamp::default()).unwrap();
    assert_eq!((read.presence, read.warnings.as_slice()), (Presence::Present, &[][..]));
    let text = |secret: &Secret| String::from_utf8_lossy(secret.expose()).into_owned();
    read.secrets.iter().map(|(name, value)| (name.clone(), text(value))).collect()
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn a_file_is_a_secret_less_its_trailing_newlines() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, value: &str| std::fs::write(dir.path().join(name), value).unwrap();
    write("A", "1\n");
    write("B", " 2 \r\n\n");
    write("EMPTY", "\n");
    write("MULTI", "a\nb\n");
    write(".hidden", "no");
    write("HALF.tmp", "no");
    std::fs::create_dir(dir.path().join("SUB")).unwrap();
    let expected = [pair("A", "1"), pair("B", " 2 "), pair("EMPTY", ""), pair("MULTI", "a\nb")];
    assert_eq!(values(dir.path()), expected);
}

#[test]
fn what_can_not_be_a_secret_is_reported_and_costs_only_itself() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, value: &[u8]| std::fs::write(dir.path().join(name), value).unwrap();
    write("GOOD", b"1");
    write("bad-name", b"sk-1");
    write("1ST", b"sk-1");
    write("AGENTD_SOCKET", b"sk-1");
    write("NUL", b"sk-1\0");
    write("LONG", &vec![b'x'; MAX_ARGUMENT - 4]);
    write("FITS", &vec![b'x'; MAX_ARGUMENT - 5]);
    symlink("nowhere", dir.path().join("DANGLING")).unwrap();
    symlink("LOOP", dir.path().join("LOOP")).unwrap();
    nix::unistd::mkfifo(&dir.path().join("FIFO"), Mode::from_bits_truncate(0o600)).unwrap();

    let read = read(dir.path(), &mut Stamp::default()).unwrap();
    assert_eq!(read.secrets.keys().collect::<Vec<_>>(), ["FITS", "GOOD"]);
    let report = super::super::diagnostic::render_all(&read.warnings, super::super::diagnostic::Look::Plain);
    assert!(!report.contains("sk-1"));
    insta::assert_snapshot!(report.replace(dir.path().to_str().unwrap(), "DIR"));
}

#[test]
fn newlines_do_not_count_for_the_size_as_long_as_there_are_few() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, newlines: usize| {
        let value = "x".repeat(MAX_ARGUMENT - "FITS=".len()) + &"\n".repeat(newlines);
        std::fs::write(dir.path().join(name), value).unwrap();
    };
    write("FITS", 2);
    write("MANY", 1_000);
    let read = read(dir.path(), &mut Stamp::default()).unwrap();
    assert_eq!(read.secrets.keys().collect::<Vec<_>>(), ["FITS"]);
    let [many] = read.warnings.as_slice() else { panic!("{:?}", read.warnings) };
    assert!(many.message.contains("is larger than"), "{many:?}");
}

#[test]
fn a_missing_directory_is_absent_and_an_unreadable_one_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let absent = read(&dir.path().join("none"), &mut Stamp::default()).unwrap();
    assert_eq!(absent.presence, Presence::Absent);

    symlink("none", dir.path().join("swapped")).unwrap();
    read(&dir.path().join("swapped"), &mut Stamp::default()).unwrap_err();
    std::fs::write(dir.path().join("file"), "").unwrap();
    read(&dir.path().join("file"), &mut Stamp::default()).unwrap_err();

    let closed = dir.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    assert!(values(&closed).is_empty());
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o000)).unwrap();
    if !nix::unistd::geteuid().is_root() {
        read(&closed, &mut Stamp::default()).unwrap_err();
    }
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_kubernetes_volume_and_its_swap() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    for (generation, value) in [("..2026_1", "old\n"), ("..2026_2", "new\n")] {
        std::fs::create_dir(path(generation)).unwrap();
        std::fs::write(path(generation).join("TOKEN"), value).unwrap();
    }
    symlink("..2026_1", path("..data")).unwrap();
    symlink("..data/TOKEN", path("TOKEN")).unwrap();
    assert_eq!(values(dir.path()), [pair("TOKEN", "old")]);
    symlink("..2026_2", path("..data_tmp")).unwrap();
    std::fs::rename(path("..data_tmp"), path("..data")).unwrap();
    assert_eq!(values(dir.path()), [pair("TOKEN", "new")]);
}

#[test]
fn a_sops_nix_generation_and_its_swap() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    for (generation, value) in [("secrets.d/1", "old"), ("secrets.d/2", "new")] {
        std::fs::create_dir_all(path(generation)).unwrap();
        std::fs::write(path(generation).join("TOKEN"), value).unwrap();
    }
    symlink("secrets.d/1", path("secrets")).unwrap();
    assert_eq!(values(&path("secrets")), [pair("TOKEN", "old")]);
    symlink("secrets.d/2", path("next")).unwrap();
    std::fs::rename(path("next"), path("secrets")).unwrap();
    assert_eq!(values(&path("secrets")), [pair("TOKEN", "new")]);
}

#[test]
fn a_secret_that_the_disk_does_not_give_is_no_missing_one() {
    let dir = tempfile::tempdir().unwrap();
    // Its first page can't be read: EIO.
    symlink("/proc/self/mem", dir.path().join("KEY")).unwrap();
    let mut stamp = Stamp::default();
    let error = read(dir.path(), &mut stamp).unwrap_err();
    assert!(error.message.contains("this secret can't be read"), "{error:?}");
    assert!(stamp.is_unread() && stamp.is_current(), "nothing will look different when it can be read");
}
