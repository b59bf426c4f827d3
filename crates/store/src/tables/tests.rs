use std::convert::Infallible;
use std::ops::Bound;

use super::*;

const A: Table = "a";
const B: Table = "b";

fn open(dir: &tempfile::TempDir) -> Tables {
    Tables::open(dir.path(), &[A, B]).unwrap()
}

fn put(tables: &Tables, table: Table, key: &str, value: &str) {
    let (key, value) = (key.to_owned(), value.to_owned());
    let done: Result<(), Infallible> = tables
        .change_blocking(move |_, changes| {
            changes.put(table, key, value);
            Ok(())
        })
        .unwrap();
    assert!(done.is_ok());
}

fn keys(scan: Scan) -> Vec<String> {
    scan.map(|entry| String::from_utf8(entry.unwrap().0.to_vec()).unwrap())
        .collect()
}

#[test]
fn what_was_changed_is_there_after_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    let tables = open(&dir);
    put(&tables, A, "k", "one");
    put(&tables, A, "k", "two");
    put(&tables, B, "k", "other");
    drop(tables);
    let view = open(&dir).view();
    assert_eq!(view.get(A, b"k").unwrap().unwrap().as_ref(), b"two");
    assert_eq!(view.get(B, b"k").unwrap().unwrap().as_ref(), b"other");
    assert_eq!(view.get(A, b"none").unwrap(), None);
}

#[test]
fn a_refusal_changes_nothing_and_a_panic_is_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let tables = open(&dir);
    let refused = tables.change_blocking(|_, changes| {
        changes.put(A, "k", "v");
        Err::<(), _>("no")
    });
    assert_eq!(refused, Ok(Err("no")));
    let broken = tables.change_blocking::<(), ()>(|_, changes| {
        changes.put(A, "k", "v");
        panic!("a fault of its own")
    });
    assert!(broken.is_err());
    assert_eq!(tables.poisoned(), None);
    assert_eq!(tables.view().get(A, b"k").unwrap(), None);
    put(&tables, A, "k", "v");
}

#[test]
fn a_view_stays_and_scans_go_in_order_of_keys() {
    let dir = tempfile::tempdir().unwrap();
    let tables = open(&dir);
    for key in ["b/2", "a", "b/1", "c"] {
        put(&tables, A, key, "v");
    }
    let before = tables.view();
    put(&tables, A, "b/3", "v");
    let removed: Result<(), Infallible> = tables
        .change_blocking(|_, changes| {
            changes.remove(A, "a");
            Ok(())
        })
        .unwrap();
    assert!(removed.is_ok());
    assert_eq!(keys(before.prefix(A, b"")), ["a", "b/1", "b/2", "c"]);
    let now = tables.view();
    assert_eq!(keys(now.prefix(A, b"b/")), ["b/1", "b/2", "b/3"]);
    let after = |from: &'static str| (Bound::Excluded(from.as_bytes()), Bound::Unbounded);
    let (from, to) = after("b/2");
    assert_eq!(keys(now.range(A, from, to)), ["b/3", "c"]);
    let (from, to) = (
        Bound::Included(b"c".as_slice()),
        Bound::Excluded(b"b".as_slice()),
    );
    assert_eq!(keys(now.range(A, from, to)), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_change_sees_all_before_it() {
    const WRITERS: u64 = 16;
    const EACH: u64 = 50;
    let dir = tempfile::tempdir().unwrap();
    let tables = Arc::new(open(&dir));
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..WRITERS {
        let tables = Arc::clone(&tables);
        writers.spawn(async move {
            for _ in 0..EACH {
                let counted: Result<(), Infallible> = tables
                    .change(|view, changes| {
                        let last = view.get(A, b"count").unwrap();
                        let last = last.map_or(0, |text| {
                            u64::from_le_bytes(text.as_ref().try_into().unwrap())
                        });
                        changes.put(A, "count", (last + 1).to_le_bytes());
                        Ok(())
                    })
                    .await
                    .unwrap();
                assert!(counted.is_ok());
            }
        });
    }
    writers.join_all().await;
    let count = tables.view().get(A, b"count").unwrap().unwrap();
    assert_eq!(count.as_ref(), (WRITERS * EACH).to_le_bytes());
}
