use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::package::{self as reading, Modes, check, check_within, unpack};
use super::*;

fn options() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Deflated)
}

/// A package of files with their modes.
fn package(files: &[(&str, &[u8], u32)]) -> Bytes {
    let mut writer = ZipWriter::new(io::Cursor::new(Vec::new()));
    for (name, bytes, mode) in files {
        writer
            .start_file(*name, options().unix_permissions(*mode))
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner().into()
}

fn linked(name: &str, target: &str) -> Bytes {
    let mut writer = ZipWriter::new(io::Cursor::new(Vec::new()));
    writer.start_file("lib/real", options()).unwrap();
    writer.write_all(b"here").unwrap();
    writer.add_symlink(name, target, options()).unwrap();
    writer.finish().unwrap().into_inner().into()
}

/// The same with other letters of the same number, as no honest writer would make it.
fn forged(bytes: &Bytes, from: &str, to: &str) -> Bytes {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let from = from.as_bytes();
    let places: Vec<usize> = (0..bytes.len())
        .filter(|at| bytes[*at..].starts_with(from))
        .collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
    }
    bytes.into()
}

fn plain() -> Bytes {
    package(&[
        ("bootstrap", b"#!/bin/sh\n", 0o755),
        ("lib/data", b"data", 0o640),
    ])
}

#[test]
fn what_is_packed_is_unpacked_with_its_modes() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("f");
    assert_eq!(unpack(&plain(), &folder).unwrap(), Modes::Given);
    let mode = |name: &str| {
        fs::metadata(folder.join(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o7777
    };
    assert_eq!(
        (mode("bootstrap"), mode("lib/data"), mode("lib")),
        (0o755, 0o640, 0o755)
    );
    assert_eq!(fs::read(folder.join("lib/data")).unwrap(), b"data");
}

#[test]
fn modes_beyond_a_files_own_are_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("f");
    let bytes = package(&[("bootstrap", b"x", 0o4777), ("secret", b"x", 0o000)]);
    unpack(&bytes, &folder).unwrap();
    let mode = |name: &str| {
        fs::metadata(folder.join(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o7777
    };
    assert_eq!((mode("bootstrap"), mode("secret")), (0o755, 0o400));
}

#[test]
fn a_bootstrap_without_a_mode_is_made_executable() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("f");
    // In the directory at the end, `version made by` of MS-DOS instead of Unix.
    let mut bytes = package(&[("bootstrap", b"x", 0o644)]).to_vec();
    let at = (0..bytes.len())
        .find(|at| bytes[*at..].starts_with(b"PK\x01\x02"))
        .unwrap();
    bytes[at + 5] = 0;
    assert_eq!(unpack(&bytes.into(), &folder).unwrap(), Modes::Missing);
    let mode = fs::metadata(folder.join("bootstrap"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o755);
}

#[test]
fn what_leads_out_is_refused() {
    let named = |name: &str| {
        check(&forged(
            &package(&[("0123456789", b"x", 0o644)]),
            "0123456789",
            name,
        ))
    };
    for name in [
        "../56789ab",
        "/123456789",
        "a/../../ab",
        "a/b/../cde",
        "../../../x",
    ] {
        assert!(
            matches!(named(name), Err(Unfit::Name(_))),
            "{name}: {:?}",
            named(name)
        );
    }
    for target in [
        "/etc/passwd",
        "../x",
        "../../lib/real",
        "a/../../../x",
        "x/../y",
        "",
    ] {
        let checked = check(&linked("lib/link", target));
        let is_refused = matches!(checked, Err(Unfit::Link(_)));
        // One folder up is the root of the package.
        assert_eq!(is_refused, target != "../x", "{target}: {checked:?}");
    }
    assert!(matches!(
        check(&linked("link", "../x")),
        Err(Unfit::Link(_))
    ));
    let dir = tempfile::tempdir().unwrap();
    unpack(&linked("link", "lib/real"), &dir.path().join("f")).unwrap();
    assert_eq!(fs::read(dir.path().join("f/link")).unwrap(), b"here");
}

#[test]
fn what_comes_twice_is_refused() {
    let two = package(&[("fileA", b"x", 0o644), ("fileB", b"y", 0o644)]);
    let same = check(&forged(&two, "fileB", "fileA"));
    assert!(
        matches!(same, Err(Unfit::Twice(_) | Unfit::Unreadable(_))),
        "{same:?}"
    );
    let two = package(&[("a", b"x", 0o644), ("a/b", b"y", 0o644)]);
    assert!(matches!(check(&two), Err(Unfit::Twice(_))));
    let two = package(&[("a/b", b"x", 0o644), ("./a//b", b"y", 0o644)]);
    assert!(matches!(check(&two), Err(Unfit::Twice(_))));
}

#[test]
fn what_is_no_zip_or_broken_is_refused() {
    assert_eq!(check(&Bytes::new()), Err(Unfit::Empty));
    assert_eq!(check(&package(&[])), Err(Unfit::Empty));
    assert!(matches!(
        check(&Bytes::from_static(b"no zip at all")),
        Err(Unfit::Unreadable(_))
    ));
    let whole = package(&[("bootstrap", &[7; 5000], 0o755)]);
    for cut in [10, whole.len() / 2, whole.len() - 1] {
        let checked = check(&whole.slice(..cut));
        assert!(
            matches!(checked, Err(Unfit::Unreadable(_))),
            "{cut}: {checked:?}"
        );
    }
    // Another byte within: the check at the end of the file tells.
    let mut stored = ZipWriter::new(io::Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    stored.start_file("bootstrap", options).unwrap();
    stored.write_all(b"the-content").unwrap();
    let stored: Bytes = stored.finish().unwrap().into_inner().into();
    let checked = check(&forged(&stored, "the-content", "THE-CONTENT"));
    assert!(matches!(checked, Err(Unfit::Unreadable(_))), "{checked:?}");
}

#[test]
fn files_and_folders_are_counted() {
    let deep = |at: usize| format!("{at}/{}file", "d/".repeat(500));
    let names: Vec<String> = (0..100).map(deep).collect();
    let files: Vec<(&str, &[u8], u32)> = names
        .iter()
        .map(|it| (it.as_str(), &b""[..], 0o644))
        .collect();
    assert_eq!(check(&package(&files)), Err(Unfit::TooMany));
    assert_eq!(check(&package(&files[..90])), Ok(()));
    let entries = Bytes::from(b"PK\x01\x02".repeat(reading::ENTRIES_MAX + 1));
    assert_eq!(check(&entries), Err(Unfit::TooMany));
    let long = "n".repeat(1025);
    assert!(matches!(
        check(&package(&[(&long, b"", 0o644)])),
        Err(Unfit::Name(_))
    ));
}

#[test]
fn bytes_are_counted_as_they_come() {
    let bomb = package(&[("a", &[0; 60_000], 0o644), ("b", &[0; 60_000], 0o644)]);
    assert!(bomb.len() < 2_000);
    assert_eq!(check_within(&bomb, 120_000), Ok(()));
    assert_eq!(check_within(&bomb, 119_999), Err(Unfit::TooLarge));
}

#[tokio::test]
async fn a_package_is_kept_until_nobody_holds_runs_or_uses_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let held = store.put(plain()).await.unwrap();
    let id = held.id();
    assert_eq!(held.bytes(), u64::try_from(plain().len()).unwrap());
    assert_eq!(store.collect(BTreeSet::new).await.unwrap(), 0);
    drop(held);
    assert_eq!(
        store.collect(move || BTreeSet::from([id])).await.unwrap(),
        0
    );
    let packages = Shelved(Arc::clone(&store));
    let run = packages.unpacked(&id).await.unwrap();
    assert!(run.join("bootstrap").is_file());
    assert_eq!(store.collect(BTreeSet::new).await.unwrap(), 0);
    drop(run);
    assert_eq!(store.collect(BTreeSet::new).await.unwrap(), 1);
    assert!(!store.has(&id) && store.read(id).await.unwrap().is_none());
    let gone = packages.unpacked(&id).await.unwrap_err();
    assert!(matches!(gone, Trouble::Lasting(_)));
    for folder in ["packages", "unpacked", "drafts"] {
        assert_eq!(
            fs::read_dir(dir.path().join(folder)).unwrap().count(),
            0,
            "{folder}"
        );
    }
    // The same again is written anew.
    let again = store.put(plain()).await.unwrap();
    assert_eq!(again.id(), id);
    assert_eq!(store.read(id).await.unwrap(), Some(plain()));
}

#[tokio::test]
async fn a_start_finds_packages_and_removes_what_was_unpacked() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let id = store.put(plain()).await.unwrap().id();
    let run = Shelved(Arc::clone(&store)).unpacked(&id).await.unwrap();
    fs::write(dir.path().join("drafts/9"), "half").unwrap();
    drop(store);
    let store = Store::open(dir.path()).unwrap();
    assert!(store.has(&id) && !run.exists());
    assert_eq!(fs::read_dir(dir.path().join("drafts")).unwrap().count(), 0);
    let run = Shelved(Arc::clone(&store)).unpacked(&id).await.unwrap();
    assert!(run.join("lib/data").is_file());
}

#[tokio::test]
async fn many_that_ask_at_once_unpack_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let id = store.put(plain()).await.unwrap().id();
    let packages = Arc::new(Shelved(store));
    let asks = (0..16).map(|_| {
        let packages = Arc::clone(&packages);
        tokio::spawn(async move { packages.unpacked(&id).await })
    });
    for ask in asks.collect::<Vec<_>>() {
        assert!(ask.await.unwrap().unwrap().join("bootstrap").is_file());
    }
}

proptest::proptest! {
    /// Whatever a package is made into: what is taken is unpacked, and nothing outside of its folder is made.
    #[test]
    fn a_broken_package_is_refused_or_unpacked_within_its_folder(
        changes in proptest::collection::vec((proptest::prelude::any::<proptest::sample::Index>(), proptest::prelude::any::<u8>()), 1..6),
        is_linked in proptest::prelude::any::<bool>(),
    ) {
        let mut bytes = if is_linked { linked("lib/link", "../lib/real") } else { plain() }.to_vec();
        for (at, with) in changes {
            let at = at.index(bytes.len());
            bytes[at] = with;
        }
        let bytes = Bytes::from(bytes);
        if check(&bytes).is_ok() {
            let dir = tempfile::tempdir().unwrap();
            unpack(&bytes, &dir.path().join("in/f")).unwrap_err();
            fs::create_dir(dir.path().join("in")).unwrap();
            unpack(&bytes, &dir.path().join("in/f")).unwrap();
            assert_eq!(fs::read_dir(dir.path().join("in")).unwrap().count(), 1);
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        }
    }
}
