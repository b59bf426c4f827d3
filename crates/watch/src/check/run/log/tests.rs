use std::io::Write as _;

use super::*;
use crate::check::config::{Form, Settings};

struct Bench {
    dir: tempfile::TempDir,
    log: Log,
    runs: u64,
}

impl Bench {
    fn new(rest: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.log");
        let text = format!(
            "[checks.l]\nlog = {{ path = \"{}\", pattern = \"ERROR\"{rest} }}\n",
            path.display()
        );
        let settings = Settings::parse("t", &text, Form::Toml).unwrap();
        let log = settings.checks["l"].log.clone().unwrap();
        Self { dir, log, runs: 0 }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let mut options = std::fs::OpenOptions::new();
        let mut file = options
            .append(true)
            .create(true)
            .open(self.path(name))
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn rotate(&self, from: &str, to: &str) {
        std::fs::rename(self.path(from), self.path(to)).unwrap();
    }

    fn run(&mut self) -> Outcome {
        self.runs += 1;
        let id = format!("run-{}", self.runs);
        check(
            &self.log,
            &self.path("state"),
            &id,
            Timestamp::from_secs(self.runs),
        )
    }

    /// The matching lines of a run, by their last words.
    fn found(&mut self) -> Vec<String> {
        let outcome = self.run();
        let word = |line: &str| line.rsplit(' ').next().unwrap().to_owned();
        outcome.long.lines().map(word).collect()
    }
}

#[test]
fn new_lines_are_found_once_and_count_when_they_end() {
    let mut bench = Bench::new("");
    bench.write("app.log", "ERROR old\n");
    assert_eq!(bench.found(), [""; 0]);
    bench.write("app.log", "ERROR 1\nfine\nERR");
    assert_eq!(bench.found(), ["1"]);
    assert_eq!(bench.found(), [""; 0]);
    bench.write("app.log", "OR 2\n");
    assert_eq!(bench.found(), ["2"]);
}

#[test]
fn a_log_is_read_from_its_start_where_that_is_said_or_where_it_was_not_there() {
    let mut bench = Bench::new(", from_start = true");
    bench.write("app.log", "ERROR old\n");
    assert_eq!(bench.found(), ["old"]);
    let mut bench = Bench::new("");
    assert_eq!(bench.run().status, Status::Ok);
    bench.write("app.log", "ERROR first\n");
    assert_eq!(bench.found(), ["first"]);
}

#[test]
fn a_rotation_loses_nothing_and_repeats_nothing() {
    let mut bench = Bench::new("");
    bench.write("app.log", "fine\n");
    bench.found();
    bench.write("app.log", "ERROR 1\n");
    bench.rotate("app.log", "app.log.1");
    // Not there for a moment.
    assert_eq!(bench.found(), [""; 0]);
    bench.write("app.log.1", "ERROR 2\n");
    bench.write("app.log", "ERROR 3\n");
    assert_eq!(bench.found(), ["1", "2", "3"]);
    // The writer notices late.
    bench.write("app.log.1", "ERROR 4\n");
    bench.write("app.log", "ERROR 5\n");
    assert_eq!(bench.found(), ["4", "5"]);
    assert_eq!(bench.found(), [""; 0]);
}

#[test]
fn several_rotations_between_two_runs_are_read_in_order() {
    let mut bench = Bench::new("");
    bench.write("app.log", "fine\n");
    bench.found();
    let age = |bench: &Bench, name: &str, secs: u64| {
        let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(secs);
        File::options()
            .append(true)
            .open(bench.path(name))
            .unwrap()
            .set_modified(at)
            .unwrap();
    };
    bench.write("app.log.9", "ERROR ancient\n");
    age(&bench, "app.log.9", 50);
    bench.write("app.log", "ERROR 1");
    bench.rotate("app.log", "app.log.2");
    age(&bench, "app.log.2", 100);
    bench.write("app.log.1", "ERROR 2\n");
    age(&bench, "app.log.1", 200);
    bench.write("app.log", "ERROR 3\n");
    assert_eq!(bench.found(), ["1", "2", "3"]);
}

#[test]
fn a_log_that_is_cut_is_read_from_its_beginning() {
    let mut bench = Bench::new("");
    bench.write("app.log", "a long line that was there before\n");
    bench.found();
    std::fs::write(bench.path("app.log"), "ERROR new\n").unwrap();
    assert_eq!(bench.found(), ["new"]);
    // Cut and grown beyond where it was: its beginning is another.
    std::fs::write(
        bench.path("app.log"),
        "ERROR a\nERROR b\nand more than there was\n",
    )
    .unwrap();
    assert_eq!(bench.found(), ["a", "b"]);
}

#[test]
fn lines_that_are_lost_are_told() {
    let mut bench = Bench::new("");
    bench.write("app.log", "fine\n");
    bench.found();
    bench.rotate("app.log", "app.log.1.gz");
    bench.write("app.log", "fine\n");
    let outcome = bench.run();
    assert_eq!(outcome.status, Status::Unknown);
    assert!(outcome.text.contains("lines are lost"), "{}", outcome.text);
    assert_eq!(bench.run().status, Status::Ok);
}

#[test]
fn levels_are_counted_apart() {
    let mut bench =
        Bench::new(", warning_pattern = \"WARN\", ignore = \"ping\", from_start = true");
    bench.write("app.log", "WARN 1\nERROR ping\nfine\n");
    let outcome = bench.run();
    assert_eq!(outcome.status, Status::Warning);
    let counts: Vec<_> = outcome.metrics.iter().map(|metric| metric.value).collect();
    assert_eq!(counts, [0.0, 1.0, 3.0]);
    bench.write("app.log", "WARN 1\nERROR 2\n");
    assert_eq!(bench.run().status, Status::Critical);
}

#[test]
fn what_was_found_is_kept_with_how_far_it_was_read() {
    let mut bench = Bench::new(", from_start = true");
    bench.write("app.log", "ERROR 1\n");
    assert_eq!(last(&bench.path("state")).unwrap(), None);
    let outcome = bench.run();
    let found = last(&bench.path("state")).unwrap().unwrap();
    assert_eq!((found.id.as_str(), &found.outcome), ("run-1", &outcome));
    // What cannot be kept is not told, and found again.
    bench.write("app.log", "ERROR 2\n");
    let nowhere = bench.path("none").join("state");
    let outcome = check(&bench.log, &nowhere, "x", Timestamp::EPOCH);
    assert_eq!(outcome.status, Status::Unknown);
    assert_eq!(bench.found(), ["2"]);
}

#[test]
fn a_long_line_and_a_large_log_are_bounded() {
    let mut bench = Bench::new(", from_start = true");
    let long = format!("ERROR {}\nERROR 2\n", "x".repeat(LINE_MAX * 2));
    bench.write("app.log", &long);
    assert_eq!(bench.run().metrics[0].value, 2.0);
    let mut bench = Bench::new(", from_start = true");
    let line = format!("ERROR {}\n", "x".repeat(1 << 20));
    bench.write("app.log", &line.repeat(20));
    let counts = [bench.run(), bench.run(), bench.run()].map(|outcome| outcome.metrics[0].value);
    assert_eq!(counts.iter().sum::<f64>(), 20.0);
    assert!(counts[0] < 20.0 && counts[2] < 1.0, "{counts:?}");
}
