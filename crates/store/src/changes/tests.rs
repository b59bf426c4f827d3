//! Two processes on one log are two [`Changes`] here: the lock and the file are the same for both. A kill is a real one.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Words(BTreeMap<String, u64>);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Word(String, u64);

impl Folded for Words {
    type Event = Word;

    fn apply(&mut self, Word(word, number): &Word) {
        self.0.insert(word.clone(), *number);
    }
}

const NEVER: Options = Options {
    rewrite_bytes_min: u64::MAX,
    rewrite_factor: u64::MAX,
};
const OFTEN: Options = Options {
    rewrite_bytes_min: 100,
    rewrite_factor: 2,
};

fn open_with(path: &Path, options: Options) -> Result<Changes<Words>, ChangeError<Infallible>> {
    Changes::open(path, options, || Ok(Words::default()))
}

fn open(path: &Path) -> Changes<Words> {
    open_with(path, NEVER).unwrap()
}

fn put(changes: &Changes<Words>, word: &str, number: u64) {
    let events = vec![Word(word.to_owned(), number)];
    let kept: Result<(), ChangeError<Infallible>> = changes.change(|_| Ok((events, ())));
    kept.unwrap();
}

fn words(changes: &Changes<Words>) -> Vec<(String, u64)> {
    changes.state().0.clone().into_iter().collect()
}

fn is(pairs: &[(&str, u64)]) -> Vec<(String, u64)> {
    pairs
        .iter()
        .map(|(word, n)| ((*word).to_owned(), *n))
        .collect()
}

#[test]
fn a_change_is_there_after_opening_again_and_for_others_when_they_look() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("words.log");
    let (one, other) = (open(&path), open(&path));
    put(&one, "a", 1);
    put(&one, "a", 2);
    assert!(words(&other).is_empty());
    other.follow().unwrap();
    assert_eq!(words(&other), is(&[("a", 2)]));
    put(&other, "b", 3);
    let seen: Result<Option<u64>, ChangeError<Infallible>> =
        one.change(|words| Ok((Vec::new(), words.0.get("b").copied())));
    assert_eq!(
        seen.unwrap(),
        Some(3),
        "whoever changes sees the newest state"
    );
    assert_eq!(words(&open(&path)), is(&[("a", 2), ("b", 3)]));
    let mode = fs::metadata(&path).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_refused_change_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("words.log");
    let changes = open(&path);
    put(&changes, "a", 1);
    let before = fs::read(&path).unwrap();
    let refused: Result<(), ChangeError<&str>> = changes.change(|_| Err("no"));
    assert!(matches!(refused, Err(ChangeError::Refused("no"))));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_log_that_has_grown_is_one_frame_again_and_others_follow() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("words.log");
    let one = open_with(&path, OFTEN).unwrap();
    let other = open_with(&path, OFTEN).unwrap();
    let mut longest = 0;
    for number in 0..200 {
        put(if number % 3 == 0 { &other } else { &one }, "a", number);
        longest = longest.max(fs::metadata(&path).unwrap().len());
        one.follow().unwrap();
        assert_eq!(words(&one), is(&[("a", number)]));
    }
    assert!(longest <= 200, "{longest} bytes, though a state has 50");
    other.follow().unwrap();
    assert_eq!(words(&other), is(&[("a", 199)]));
}

#[test]
fn a_torn_tail_is_cut_off_and_kept_beside() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("words.log");
    let changes = open(&path);
    put(&changes, "a", 1);
    let whole = fs::read(&path).unwrap();
    put(&changes, "b", 2);
    let longer = fs::read(&path).unwrap();
    for cut in (whole.len() + 1..longer.len()).step_by(5) {
        fs::write(&path, &longer[..cut]).unwrap();
        let changes = open(&path);
        assert_eq!(words(&changes), is(&[("a", 1)]), "cut at {cut}");
        put(&changes, "c", 3);
        assert_eq!(
            words(&open(&path)),
            is(&[("a", 1), ("c", 3)]),
            "cut at {cut}"
        );
        let torn = fs::read(path.with_extension("torn")).unwrap();
        assert_eq!(torn, &longer[whole.len()..cut]);
    }
}

#[test]
fn damage_with_changes_behind_it_is_said_and_nothing_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("words.log");
    let changes = open(&path);
    put(&changes, "a", 1);
    let at = fs::metadata(&path).unwrap().len();
    put(&changes, "b", 2);
    put(&changes, "c", 3);
    let mut bytes = fs::read(&path).unwrap();
    bytes[usize::try_from(at).unwrap() + 12] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let changes = open(&path);
    assert_eq!(words(&changes), is(&[("a", 1)]));
    let change: Result<(), ChangeError<Infallible>> = changes.change(|_| Ok((Vec::new(), ())));
    match change {
        Err(ChangeError::Log(Error::Damaged { offset, .. })) => assert_eq!(offset, at),
        other => panic!("{other:?}"),
    }
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn what_another_version_wrote_is_refused_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("words.log");
    open(&path);
    let good = fs::read(&path).unwrap();
    for strange in [
        r#"{"events":[["a"]]}"#,
        r#"{"later":1}"#,
        r#"{"format":2,"state":{}}"#,
    ] {
        let value: serde_json::Value = serde_json::from_str(strange).unwrap();
        let bytes = [good.clone(), frame(&value).unwrap()].concat();
        fs::write(&path, bytes).unwrap();
        let error = open_with(&path, NEVER).unwrap_err();
        let ChangeError::Log(Error::Form { offset, .. }) = error else {
            panic!("{strange}: {error:?}");
        };
        assert_eq!(offset, good.len() as u64, "{strange}");
    }
}

#[test]
fn a_frame_beyond_the_bound_is_refused_before_it_is_written() {
    assert_eq!(length(FRAME_BYTES_MAX).unwrap() as usize, FRAME_BYTES_MAX);
    assert!(matches!(
        length(FRAME_BYTES_MAX + 1),
        Err(Error::TooLong { .. })
    ));
}

#[test]
fn a_full_disk_leaves_the_state_of_before() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("words.log");
    let changes = open(&path);
    put(&changes, "a", 1);
    // Writing to a file opened for reading fails as a full disk does: nothing reaches it.
    changes.reader.lock().file = File::open(&path).unwrap();
    let events = vec![Word("b".to_owned(), 2)];
    let failed: Result<(), ChangeError<Infallible>> = changes.change(|_| Ok((events, ())));
    assert!(matches!(failed, Err(ChangeError::Log(Error::File { .. }))));
    assert_eq!(words(&changes), is(&[("a", 1)]));
    assert_eq!(words(&open(&path)), is(&[("a", 1)]));
}

#[test]
fn after_a_failed_sync_the_next_change_writes_the_file_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("words.log");
    let changes = open(&path);
    let inode = fs::metadata(&path).unwrap().ino();
    changes.reader.lock().is_in_doubt = true;
    put(&changes, "a", 1);
    assert_ne!(fs::metadata(&path).unwrap().ino(), inode);
    put(&changes, "b", 2);
    assert_eq!(words(&open(&path)), is(&[("a", 1), ("b", 2)]));
}

/// Not a test by itself: the process that the next test kills. It says each number after it has been kept.
#[test]
#[ignore = "started by the test below"]
fn a_process_that_changes_until_it_is_killed() {
    let Some(path) = std::env::var_os("SHUKUBA_TEST_LOG") else {
        return;
    };
    let changes = open_with(Path::new(&path), OFTEN).unwrap();
    for number in 0.. {
        put(&changes, &format!("w{}", number % 7), number);
        println!("\nkept {number}");
    }
}

#[test]
fn a_kill_loses_no_change_that_was_answered() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("words.log");
    for round in 0..5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture"])
            .arg("changes::tests::a_process_that_changes_until_it_is_killed")
            .env("SHUKUBA_TEST_LOG", &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut last = None;
        let kept = |line: String| {
            line.strip_prefix("kept ")
                .and_then(|n| n.parse::<u64>().ok())
        };
        while last.is_none_or(|last| last < 20 + round) {
            last = lines.next().unwrap().map(kept).unwrap().or(last);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        last = lines.map_while(Result::ok).filter_map(kept).last().or(last);
        let changes = open(&path);
        let newest = changes.state().0.values().copied().max();
        assert!(newest >= last, "{newest:?} is there, {last:?} was answered");
        put(&changes, "w0", 0);
        fs::remove_file(&path).unwrap();
    }
}

proptest! {
    // Each case waits for the disk a few times.
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_bytes_behind_a_log_are_survived(bytes: Vec<u8>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("words.log");
        put(&open(&path), "a", 1);
        let good = fs::read(&path).unwrap();
        fs::write(&path, [good, bytes].concat()).unwrap();
        let changes = open(&path);
        put(&changes, "b", 2);
        prop_assert_eq!(words(&open(&path)), is(&[("a", 1), ("b", 2)]));
    }

    #[test]
    fn any_interleaving_of_two_processes_keeps_all_changes(turns in prop::collection::vec(any::<bool>(), 0..24)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("words.log");
        let both = [open_with(&path, OFTEN).unwrap(), open_with(&path, OFTEN).unwrap()];
        for (number, turn) in (0..).zip(&turns) {
            put(&both[usize::from(*turn)], &format!("w{number}"), number);
        }
        both.iter().for_each(|one| one.follow().unwrap());
        let expected: BTreeMap<_, _> = (0..turns.len() as u64).map(|n| (format!("w{n}"), n)).collect();
        prop_assert_eq!(&both[0].state().0, &expected);
        prop_assert_eq!(&both[1].state().0, &expected);
    }
}
