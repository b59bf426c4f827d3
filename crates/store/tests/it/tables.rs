//! Tables of a process that is killed.

use std::convert::Infallible;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use store::Tables;

const ONE: &str = "one";
const OTHER: &str = "other";
const DIR: &str = "SHUKUBA_TEST_TABLES";
/// Acknowledged changes after which the child is killed, in each round.
const ROUND: usize = 150;

fn open(path: &Path) -> Tables {
    Tables::open(path, &[ONE, OTHER]).unwrap()
}

fn count(tables: &Tables, table: &'static str) -> u64 {
    tables.view().prefix(table, b"").count() as u64
}

/// What the killed process runs: one change after the other, each said when it is durable.
#[test]
#[ignore = "run by the test below, in a process of its own"]
fn child_that_changes_until_it_is_killed() {
    let Some(dir) = std::env::var_os(DIR) else {
        return;
    };
    let tables = open(Path::new(&dir));
    for number in count(&tables, ONE).. {
        let done: Result<(), Infallible> = tables
            .change_blocking(move |_, changes| {
                changes.put(ONE, number.to_be_bytes(), b"x".repeat(100));
                changes.put(OTHER, number.to_be_bytes(), b"y".repeat(100));
                Ok(())
            })
            .unwrap();
        assert!(done.is_ok());
        println!("acknowledged {number}");
    }
}

#[test]
fn a_killed_process_loses_nothing_acknowledged_and_leaves_no_half_change() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for _ in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tables::child_that_changes_until_it_is_killed"])
            .args(["--ignored", "--nocapture", "--test-threads=1"])
            .env(DIR, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said = 0;
        for line in lines.map_while(Result::ok) {
            if let Some((_, number)) = line.split_once("acknowledged ") {
                acknowledged = number.parse::<u64>().unwrap() + 1;
                said += 1;
            }
            if said == ROUND {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(said >= ROUND, "the child ended by itself after {said}");
        let tables = open(dir.path());
        let found = count(&tables, ONE);
        assert!(found >= acknowledged, "{found} of {acknowledged}");
        assert_eq!(found, count(&tables, OTHER));
    }
}
