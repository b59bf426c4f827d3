//! Ship against a queue in memory: every crash point, rotations, lines that cannot travel.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use futures_util::future::BoxFuture;

use super::*;
use crate::client::{Answer, Error, Message};

const URL: &str = "http://queue.example/1/s2s";

/// Takes every message; looks at the state of the shipper at each call.
#[derive(Default)]
struct Memory {
    taken: Mutex<Vec<Message>>,
    states: Mutex<Vec<Vec<u8>>>,
    state_file: Option<PathBuf>,
    refuse: Option<&'static str>,
}

impl QueueClient for Memory {
    fn send_batch<'a>(
        &'a self,
        messages: &'a [Message],
    ) -> BoxFuture<'a, Result<Vec<Answer>, Error>> {
        Box::pin(async move {
            if let Some(path) = &self.state_file {
                self.states
                    .lock()
                    .push(std::fs::read(path).unwrap_or_default());
            }
            let mut answers = Vec::new();
            for message in messages {
                let text = String::from_utf8(message.body.clone()).unwrap();
                if self.refuse.is_some_and(|part| text.contains(part)) {
                    answers.push(Answer::Refused {
                        code: "InvalidMessageContents".into(),
                        detail: "no".into(),
                    });
                    continue;
                }
                self.taken.lock().push(message.clone());
                answers.push(Answer::Accepted {
                    message_id: "m".into(),
                });
            }
            Ok(answers)
        })
    }
}

impl Memory {
    /// The lines that were taken, by their ids.
    fn lines(&self) -> BTreeMap<String, String> {
        let mut lines = BTreeMap::new();
        for message in self.taken.lock().iter() {
            let text = String::from_utf8(message.body.clone()).unwrap();
            for (index, line) in text.split('\n').enumerate() {
                let id = format!("{}/{}", message.id.as_deref().unwrap(), index + 1);
                let before = lines.insert(id, line.to_owned());
                assert!(before.is_none_or(|before| before == line));
            }
            assert_eq!(
                usize::try_from(message.lines).unwrap(),
                text.split('\n').count()
            );
        }
        lines
    }
}

fn options(files: &[&Path], state: &Path, pack: Option<usize>) -> Options {
    Options {
        files: files.iter().map(|path| path.to_path_buf()).collect(),
        is_once: true,
        is_last_line_whole: false,
        pack_bytes: pack,
        format: None,
        state_dir: state.to_owned(),
        aside: None,
        calls: 3,
        linger: Duration::ZERO,
        group: None,
        host: "test".to_owned(),
        manifests: None,
    }
}

fn ship(options: Options, memory: &Arc<Memory>) -> Report {
    let client: Arc<dyn QueueClient> = memory.clone();
    crate::app::block_on(run(options, URL, false, client, |_| {}))
        .unwrap()
        .unwrap()
}

fn text(lines: std::ops::Range<u32>) -> String {
    lines
        .map(|line| {
            format!(
                "line-{line}-{}\n",
                "x".repeat(usize::try_from(line % 50).unwrap())
            )
        })
        .collect()
}

#[test]
fn everything_is_sent_once_and_only_what_is_new_the_next_time() {
    let dir = tempfile::tempdir().unwrap();
    let (log, state) = (dir.path().join("log"), dir.path().join("state"));
    for pack in [None, Some(2000)] {
        let _ = std::fs::remove_dir_all(&state);
        std::fs::write(&log, text(0..1000)).unwrap();
        let memory = Arc::new(Memory::default());
        let report = ship(options(&[&log], &state, pack), &memory);
        assert_eq!(
            (
                report.totals.lines_read,
                report.totals.accepted,
                report.pending
            ),
            (1000, 1000, 0)
        );
        assert_eq!(memory.lines().len(), 1000);
        let again = ship(options(&[&log], &state, pack), &memory);
        assert_eq!(again.totals.lines_read, 0);
        let mut file = std::fs::File::options().append(true).open(&log).unwrap();
        file.write_all(text(1000..1010).as_bytes()).unwrap();
        let more = ship(options(&[&log], &state, pack), &memory);
        assert_eq!(more.totals.accepted, 10);
        let sent: BTreeSet<String> = memory.lines().into_values().collect();
        assert_eq!(sent, text(0..1010).lines().map(str::to_owned).collect());
    }
}

#[test]
fn whatever_the_state_was_at_a_crash_nothing_is_lost_and_ids_are_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let (log, state) = (dir.path().join("log"), dir.path().join("state"));
    std::fs::write(&log, text(0..400)).unwrap();
    for pack in [None, Some(1500)] {
        let _ = std::fs::remove_dir_all(&state);
        let first = Arc::new(Memory {
            state_file: Some(state.join("state.json")),
            ..Memory::default()
        });
        ship(options(&[&log], &state, pack), &first);
        let ids = first.lines();
        assert_eq!(ids.len(), 400);
        for kept in first.states.lock().iter() {
            let state = dir.path().join("crashed");
            let _ = std::fs::remove_dir_all(&state);
            std::fs::create_dir_all(&state).unwrap();
            if !kept.is_empty() {
                std::fs::write(state.join("state.json"), kept).unwrap();
            }
            let after = Arc::new(Memory::default());
            // Another size of packs must not change the ids of what was planned.
            ship(options(&[&log], &state, pack.map(|_| 4000)), &after);
            let resent = after.lines();
            let acknowledged = 400 - resent.len();
            for (id, line) in resent.iter().filter(|(id, _)| ids.contains_key(*id)) {
                assert_eq!(&ids[id], line);
            }
            let union: BTreeSet<&String> = resent.values().collect();
            assert!(union.len() + acknowledged == 400);
        }
    }
}

#[test]
fn lines_that_cannot_travel_are_set_aside_with_their_reason() {
    let dir = tempfile::tempdir().unwrap();
    let (log, state) = (dir.path().join("log"), dir.path().join("state"));
    let long = "y".repeat(LINE_BYTES_MAX + 1);
    let mut bytes =
        format!("good-1\n\n\r\n{long}\nrefused-by-queue\nbad-\u{1}\ngood-2\r\n").into_bytes();
    bytes.extend(b"no text \xff\nlast without newline");
    std::fs::write(&log, bytes).unwrap();
    let memory = Arc::new(Memory {
        refuse: Some("refused"),
        ..Memory::default()
    });
    let options = Options {
        is_last_line_whole: true,
        ..options(&[&log], &state, None)
    };
    let report = ship(options, &memory);
    assert_eq!(
        (
            report.totals.lines_read,
            report.totals.accepted,
            report.totals.set_aside
        ),
        (7, 3, 4)
    );
    assert_eq!(report.pending, 0);
    let aside = std::fs::read_to_string(report.set_aside_file.unwrap()).unwrap();
    for reason in [
        "longer than",
        "not UTF-8",
        "U+0001",
        "InvalidMessageContents",
        "\"line_base64\"",
    ] {
        assert!(aside.contains(reason), "{reason}");
    }
    let mut sent: Vec<_> = memory.lines().into_values().collect();
    sent.sort();
    assert_eq!(sent, ["good-1", "good-2", "last without newline"]);
}

#[test]
fn a_format_sets_aside_what_it_does_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let (log, state) = (dir.path().join("log"), dir.path().join("state"));
    std::fs::write(&log, "https://a.example/\nno url\n").unwrap();
    let memory = Arc::new(Memory::default());
    let format = Some(delivery::config::RouteFormat::default());
    let report = ship(
        Options {
            format,
            ..options(&[&log], &state, None)
        },
        &memory,
    );
    assert_eq!((report.totals.accepted, report.totals.set_aside), (1, 1));
}

#[test]
fn a_format_sets_aside_lines_of_standard_input_too() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        format: Some(delivery::config::RouteFormat::default()),
        aside: Some(dir.path().join("aside")),
        ..options(&[], dir.path(), None)
    };
    let input = std::io::Cursor::new("https://a.example/\n\nno url\n");
    let sending = stdin::run(options, false, Arc::new(Memory::default()), input);
    let report = crate::app::block_on(sending).unwrap().unwrap();
    assert_eq!((report.totals.accepted, report.totals.set_aside), (1, 1));
    let aside = std::fs::read_to_string(dir.path().join("aside")).unwrap();
    assert!(aside.contains("no url"), "{aside}");
}

#[test]
fn what_was_rotated_and_compressed_while_nobody_looked_is_sent_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let (log, state) = (dir.path().join("app.log"), dir.path().join("state"));
    std::fs::write(&log, text(0..100)).unwrap();
    let memory = Arc::new(Memory::default());
    ship(options(&[&log], &state, Some(1500)), &memory);
    // The file grows, is rotated to .1 or to .2.gz, and begins anew.
    let whole = text(0..150);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(whole.as_bytes()).unwrap();
    std::fs::write(dir.path().join("app.log.2.gz"), gz.finish().unwrap()).unwrap();
    std::fs::remove_file(&log).unwrap();
    std::fs::write(&log, text(150..170)).unwrap();
    let report = ship(options(&[&log], &state, Some(1500)), &memory);
    assert_eq!(report.totals.accepted, 70);
    let sent: BTreeSet<String> = memory.lines().into_values().collect();
    assert_eq!(sent.len(), 170);
    assert_eq!(
        ship(options(&[&log], &state, Some(1500)), &memory)
            .totals
            .lines_read,
        0
    );
}

#[test]
fn two_files_with_the_same_first_line_are_two_files() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let (monday, tuesday) = (dir.path().join("monday"), dir.path().join("tuesday"));
    std::fs::write(&monday, "head\na\nb\n").unwrap();
    std::fs::write(&tuesday, "head\nc\nd\n").unwrap();
    let memory = Arc::new(Memory::default());
    let report = ship(options(&[&monday, &tuesday], &state, None), &memory);
    assert_eq!(report.totals.accepted, 6);
    assert_eq!(memory.lines().len(), 6);
}

#[test]
fn two_files_that_hold_the_same_are_two_files() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let (one, two) = (
        dir.path().join("worker-1.log"),
        dir.path().join("worker-2.log"),
    );
    std::fs::write(&one, "started\n").unwrap();
    std::fs::write(&two, "started\nb\n").unwrap();
    let memory = Arc::new(Memory::default());
    for (log, lines) in [(&one, 1), (&two, 2), (&one, 0), (&two, 0)] {
        let report = ship(options(&[log], &state, None), &memory);
        assert_eq!(report.totals.accepted, lines, "{}", log.display());
    }
    std::fs::rename(&one, dir.path().join("old")).unwrap();
    let moved = ship(options(&[&dir.path().join("old")], &state, None), &memory);
    assert_eq!(moved.totals.accepted, 0);
    assert_eq!(memory.lines().len(), 3);
}

#[test]
fn a_file_that_cannot_be_read_stops_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let (broken, log, state) = (at("old.gz"), at("log"), at("state"));
    gzip(&broken, &text(0..20_000));
    let whole = std::fs::read(&broken).unwrap();
    std::fs::write(&broken, &whole[..whole.len() - 100]).unwrap();
    std::fs::write(at("no.gz"), "plain").unwrap();
    std::fs::write(&log, text(50_000..54_000)).unwrap();
    let (memory, no) = (Arc::new(Memory::default()), at("no.gz"));
    let missing = at("missing");
    let report = ship(
        options(&[&no, &missing, &broken, &log], &state, None),
        &memory,
    );
    assert_eq!(report.totals.unreadable, 3);
    let sent = u64::try_from(memory.taken.lock().len()).unwrap();
    assert!((4001..24_000).contains(&sent), "{sent}");
    assert_eq!((report.totals.accepted, report.pending), (sent, 0));

    let again = ship(options(&[&broken, &log], &state, None), &memory);
    assert_eq!((again.totals.accepted, again.totals.unreadable), (0, 1));
}

fn gzip(path: &Path, text: &str) {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(text.as_bytes()).unwrap();
    std::fs::write(path, gz.finish().unwrap()).unwrap();
}

#[test]
fn an_archive_that_was_sent_is_not_sent_again_beside_new_ones() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let names: Vec<PathBuf> = (1..=3)
        .map(|n| dir.path().join(format!("app.{n}.gz")))
        .collect();
    let memory = Arc::new(Memory::default());
    for day in 1..=3 {
        let first = u32::try_from(day).unwrap() * 100;
        gzip(&names[day - 1], &text(first..first + 100));
        let files: Vec<&Path> = names[..day].iter().map(PathBuf::as_path).collect();
        let report = ship(options(&files, &state, None), &memory);
        assert_eq!(report.totals.lines_read, 100, "day {day}");
    }
    assert_eq!(memory.taken.lock().len(), 300);
}

/// A time between the changes of two files, that their order does not depend on the file system's clock.
fn age(path: &Path, seconds: u64) {
    let now = std::time::UNIX_EPOCH
        + Duration::from_millis(base::Clock::now(&base::SystemClock::new()).as_millis());
    let file = std::fs::File::options().append(true).open(path).unwrap();
    file.set_modified(now - Duration::from_secs(seconds))
        .unwrap();
}

#[test]
fn every_file_that_was_rotated_away_while_nobody_looked_is_sent() {
    let cases = [
        ("d.log.3", "d.log.2", "d.log.1"),
        ("d.log-20261121", "d.log-20261122.gz", "d.log-20261123"),
        ("d-20261121.log", "d-20261122.log", "d-20261123.log.gz"),
        ("gone", "d.log.2.gz", "d.log.1"),
    ];
    for (first, second, third) in cases {
        for pack in [None, Some(1500)] {
            let dir = tempfile::tempdir().unwrap();
            let at = |name: &str| dir.path().join(name);
            let (log, state) = (at("d.log"), at("state"));
            // What was there before the first start, and other logs, are nobody's business.
            std::fs::write(at("d.log.9"), "old\n").unwrap();
            age(&at("d.log.9"), 9000);
            std::fs::write(at("d.log.err"), "other\n").unwrap();
            std::fs::write(&log, text(0..100)).unwrap();
            age(&log, 5000);
            let memory = Arc::new(Memory::default());
            ship(options(&[&log], &state, pack), &memory);
            std::fs::write(&log, text(0..120)).unwrap();
            age(&log, 4000);
            std::fs::rename(&log, at(first)).unwrap();
            if first == "gone" {
                std::fs::remove_file(at(first)).unwrap();
            }
            for (name, lines, seconds) in [(second, 120..220, 3000), (third, 220..320, 2000)] {
                match name.strip_suffix(".gz") {
                    Some(_) => gzip(&at(name), &text(lines)),
                    None => std::fs::write(at(name), text(lines)).unwrap(),
                }
                age(&at(name), seconds);
            }
            std::fs::write(&log, text(320..400)).unwrap();
            let report = ship(options(&[&log], &state, pack), &memory);
            let sent: BTreeSet<String> = memory.lines().into_values().collect();
            let lost = if first == "gone" { 20 } else { 0 };
            assert_eq!(sent.len(), 400 - lost, "{first} {second} {third}");
            assert_eq!(memory.lines().len(), 400 - lost);
            assert_eq!(report.totals.lines_read, 300 - u64::try_from(lost).unwrap());
            assert!(!sent.contains("old") && !sent.contains("other"));
            let again = ship(options(&[&log], &state, pack), &memory);
            assert_eq!(again.totals.lines_read, 0);
        }
    }
}

#[test]
fn a_file_under_its_own_name_and_as_the_rest_of_another_is_read_once() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let (log, old, state) = (at("d.log"), at("d.log.1"), at("state"));
    std::fs::write(&log, text(0..100)).unwrap();
    let memory = Arc::new(Memory::default());
    ship(options(&[&log], &state, None), &memory);
    std::fs::write(&log, text(0..150)).unwrap();
    std::fs::rename(&log, &old).unwrap();
    std::fs::write(&log, text(150..200)).unwrap();
    let report = ship(options(&[&log, &old], &state, None), &memory);
    assert_eq!(report.totals.lines_read, 100);
    assert_eq!(memory.lines().len(), 200);
}

#[test]
fn an_unfinished_last_line_is_left_for_the_next_run() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let (log, new, archive) = (at("log"), at("new"), at("log.5.gz"));
    let state = at("state");
    std::fs::write(&log, "one\ntw").unwrap();
    std::fs::write(&new, "thr").unwrap();
    gzip(&archive, "four\nfive");
    let memory = Arc::new(Memory::default());
    let all = [log.as_path(), &new, &archive];
    let report = ship(options(&all, &state, None), &memory);
    assert_eq!((report.totals.lines_read, report.totals.unfinished), (3, 2));
    std::fs::write(&log, "one\ntwo\n").unwrap();
    std::fs::write(&new, "three\nsix").unwrap();
    let report = ship(options(&all, &state, None), &memory);
    assert_eq!((report.totals.lines_read, report.totals.unfinished), (2, 1));
    let last = Options {
        is_last_line_whole: true,
        ..options(&all, &state, None)
    };
    assert_eq!(ship(last, &memory).totals.lines_read, 1);
    let sent: BTreeSet<String> = memory.lines().into_values().collect();
    assert_eq!(sent.len(), 6);
    assert!(
        sent.iter()
            .all(|line| ["one", "two", "three", "four", "five", "six"].contains(&line.as_str()))
    );
}

#[test]
fn a_rotated_file_is_not_done_while_its_writer_may_hold_it() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let (log, state) = (at("log"), at("state"));
    std::fs::write(&log, "one\n").unwrap();
    let memory = Arc::new(Memory::default());
    ship(options(&[&log], &state, None), &memory);
    std::fs::rename(&log, at("log.1")).unwrap();
    std::fs::write(&log, "three\n").unwrap();
    ship(options(&[&log], &state, None), &memory);
    std::fs::write(at("log.1"), "one\ntwo\nhalf").unwrap();
    assert_eq!(
        ship(options(&[&log], &state, None), &memory)
            .totals
            .lines_read,
        1
    );
    age(&at("log.1"), 61);
    assert_eq!(
        ship(options(&[&log], &state, None), &memory)
            .totals
            .lines_read,
        1
    );
    assert_eq!(
        ship(options(&[&log], &state, None), &memory)
            .totals
            .lines_read,
        0
    );
    assert_eq!(memory.lines().len(), 4);
}

#[test]
fn a_line_that_a_crash_tore_takes_no_other_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lines");
    std::fs::write(&path, "one\ntwo, tor").unwrap();
    let mut lines = state::Appender::new(path.clone());
    lines.append(b"two\n").unwrap();
    lines.append(b"three\n").unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, "one\ntwo, tor\ntwo\nthree\n");
}

mod following {
    use super::*;
    use crate::ship::follow::{Ended, Follow, Mode, SILENCE};
    use crate::ship::pack::Limits;
    use crate::ship::source::Item;
    use crate::ship::state::State;

    const LIMITS: Limits = Limits {
        body_bytes: 1000,
        lines: 1,
    };

    fn read(follow: &mut Follow) -> Vec<String> {
        let Some(reading) = follow.reading() else {
            return Vec::new();
        };
        let mut lines = Vec::new();
        while reading.source.fill().unwrap() > 0 {}
        while let Some(Item::Line { text, .. }) = reading.source.next_item() {
            lines.push(String::from_utf8_lossy(text).into_owned());
        }
        lines
    }

    fn read_late(follow: &mut Follow, number: usize) -> Vec<String> {
        let reading = follow.late(number).unwrap();
        let mut lines = Vec::new();
        while reading.source.fill().unwrap() > 0 {}
        while let Some(Item::Line { text, .. }) = reading.source.next_item() {
            lines.push(String::from_utf8_lossy(text).into_owned());
        }
        lines
    }

    /// Everything under the name, one file after the other, until nothing is new.
    fn read_all(follow: &mut Follow, state: &mut State, secs: u64) -> Vec<String> {
        let mut lines = Vec::new();
        for _ in 0..10 {
            lines.extend(read(follow));
            let _ = follow.at_end(state, at(secs)).unwrap();
        }
        lines
    }

    fn begin(log: &Path, state: &mut State) -> Follow {
        let mut follow = Follow::new(log, LIMITS, 1000, Mode::On);
        follow.open(state).unwrap();
        follow.begin(state);
        follow
    }

    fn at(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn a_name_that_cannot_be_read_is_tried_again() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let mut state = State::open(&dir.path().join("state"), URL).unwrap();
        std::fs::write(&log, "one\n").unwrap();
        let mut follow = begin(&log, &mut state);
        assert_eq!(read(&mut follow), ["one"]);
        std::fs::rename(&log, dir.path().join("log.1")).unwrap();
        std::fs::create_dir(&log).unwrap();
        assert!(read_all(&mut follow, &mut state, 1).is_empty());
        std::fs::remove_dir(&log).unwrap();
        std::fs::write(&log, "two\n").unwrap();
        assert_eq!(read_all(&mut follow, &mut state, 2), ["two"]);
    }

    #[test]
    fn a_renamed_file_is_listened_to_until_it_is_silent() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let mut state = State::open(&dir.path().join("state"), URL).unwrap();
        std::fs::write(&log, "one\n").unwrap();
        let mut follow = begin(&log, &mut state);
        assert_eq!(read(&mut follow), ["one"]);
        assert!(follow.at_end(&mut state, at(0)).unwrap().is_none());

        let mut old = std::fs::File::options().append(true).open(&log).unwrap();
        std::fs::rename(&log, dir.path().join("log.1")).unwrap();
        assert!(follow.at_end(&mut state, at(1)).unwrap().is_none());
        old.write_all(b"two\n").unwrap();
        assert_eq!(read(&mut follow), ["two"]);
        std::fs::write(&log, "four\n").unwrap();
        assert!(follow.at_end(&mut state, at(2)).unwrap().is_none());
        assert_eq!(read(&mut follow), ["four"]);
        old.write_all(b"three\nhalf").unwrap();
        assert_eq!(read_late(&mut follow, 0), ["three"]);
        follow.heard(0, at(14));
        assert!(follow.take_silent(at(14 + SILENCE.as_secs() - 1)).is_none());
        let Some(Ended::Gone(mut old)) = follow.take_silent(at(14) + SILENCE) else {
            panic!("it is finished");
        };
        assert!(matches!(
            old.source.last_item(),
            Some(Item::Line { text: b"half", .. })
        ));
        assert!(follow.late(0).is_none());
    }

    #[test]
    fn files_that_had_the_name_between_two_looks_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let at_name = |name: &str| dir.path().join(name);
        let log = at_name("log");
        let mut state = State::open(&at_name("state"), URL).unwrap();
        std::fs::write(at_name("log.7"), "before\n").unwrap();
        age(&at_name("log.7"), 100);
        std::fs::write(&log, "a\n").unwrap();
        let mut follow = begin(&log, &mut state);
        assert_eq!(read_all(&mut follow, &mut state, 0), ["a"]);
        std::fs::rename(&log, at_name("log.3")).unwrap();
        std::fs::write(at_name("log.2"), "b\n").unwrap();
        std::fs::write(at_name("log.1"), "c\n").unwrap();
        std::fs::write(&log, "d\n").unwrap();
        assert_eq!(read_all(&mut follow, &mut state, 1), ["b", "c", "d"]);
        // The last of them when the name is free, too.
        std::fs::rename(&log, at_name("log.0")).unwrap();
        assert!(read_all(&mut follow, &mut state, 2).is_empty());
        std::fs::write(&log, "e\n").unwrap();
        assert_eq!(read_all(&mut follow, &mut state, 3), ["e"]);
    }

    #[test]
    fn files_that_are_renamed_while_they_are_looked_at_are_read_once() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let mut state = State::open(&dir.path().join("state"), URL).unwrap();
        std::fs::write(&log, "n0\n").unwrap();
        let mut follow = begin(&log, &mut state);
        let rotating = {
            let (folder, log) = (dir.path().to_owned(), log.clone());
            std::thread::spawn(move || {
                let name = |number: u32| folder.join(format!("log.{number}"));
                for file in 1..80 {
                    for number in (1..file).rev() {
                        std::fs::rename(name(number), name(number + 1)).unwrap();
                    }
                    std::fs::rename(&log, name(1)).unwrap();
                    std::fs::write(&log, format!("n{file}\n")).unwrap();
                }
            })
        };
        let mut lines = Vec::new();
        while !rotating.is_finished() {
            lines.extend(read_all(&mut follow, &mut state, 0));
        }
        rotating.join().unwrap();
        for _ in 0..20 {
            lines.extend(read_all(&mut follow, &mut state, 0));
        }
        lines.sort();
        let mut expected: Vec<String> = (0..80).map(|file| format!("n{file}")).collect();
        expected.sort();
        assert_eq!(lines, expected);
    }

    #[test]
    fn more_files_than_are_opened_at_once_are_read_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let mut state = State::open(&dir.path().join("state"), URL).unwrap();
        std::fs::write(&log, "first\n").unwrap();
        let mut follow = begin(&log, &mut state);
        assert_eq!(read_all(&mut follow, &mut state, 0), ["first"]);
        std::fs::rename(&log, dir.path().join("log.200")).unwrap();
        for number in 0..150 {
            std::fs::write(
                dir.path().join(format!("log.{number}")),
                format!("n{number}\n"),
            )
            .unwrap();
        }
        std::fs::write(&log, "last\n").unwrap();
        let mut lines = Vec::new();
        for _ in 0..20 {
            lines.extend(read_all(&mut follow, &mut state, 1));
        }
        assert_eq!(lines.len(), 151);
        assert_eq!(lines.last().unwrap(), "last");
    }

    #[test]
    fn a_file_cut_in_place_is_read_from_its_start_and_its_copy_to_its_end() {
        // As large as before, larger, smaller; with an unfinished line.
        for new in ["new\nnew2\n", "new\nlonger than before\n", "new\n"] {
            for is_copied in [true, false] {
                let dir = tempfile::tempdir().unwrap();
                let log = dir.path().join("log");
                let mut state = State::open(&dir.path().join("state"), URL).unwrap();
                std::fs::write(&log, "one\ntwo\nm").unwrap();
                let mut follow = begin(&log, &mut state);
                assert_eq!(read(&mut follow), ["one", "two"]);
                if is_copied {
                    // copytruncate: a line was written after our last look, then all was copied and cut.
                    std::fs::write(dir.path().join("log.1"), "one\ntwo\nmissed\n").unwrap();
                }
                std::fs::write(&log, new).unwrap();
                assert!(read(&mut follow).is_empty());
                let ended = follow.at_end(&mut state, at(1)).unwrap();
                assert_eq!(ended.is_some(), !is_copied);
                let mut expected: Vec<&str> = new.lines().collect();
                if is_copied {
                    expected.insert(0, "missed");
                }
                assert_eq!(read_all(&mut follow, &mut state, 1), expected);
                assert_eq!(state.files.len(), 2);
            }
        }
    }

    #[test]
    fn a_copy_that_holds_nothing_new_is_known_when_it_is_compressed() {
        let dir = tempfile::tempdir().unwrap();
        let at_name = |name: &str| dir.path().join(name);
        let log = at_name("log");
        let mut state = State::open(&at_name("state"), URL).unwrap();
        std::fs::write(&log, "one\ntwo\n").unwrap();
        let mut follow = begin(&log, &mut state);
        assert_eq!(read(&mut follow), ["one", "two"]);
        std::fs::copy(&log, at_name("log.1")).unwrap();
        std::fs::write(&log, "three\n").unwrap();
        assert_eq!(read_all(&mut follow, &mut state, 1), ["three"]);
        // All was accepted after the cut, when the name held nothing to take a hash of.
        (state.files[0].offset, state.files[0].is_done) = (8, true);
        state.save().unwrap();
        drop((state, follow));
        gzip(&at_name("log.1.gz"), "one\ntwo\n");
        std::fs::remove_file(at_name("log.1")).unwrap();
        let mut state = State::open(&at_name("state"), URL).unwrap();
        let mut follow = begin(&log, &mut state);
        assert_eq!(read_all(&mut follow, &mut state, 2), ["three"]);
        assert_eq!(state.files.len(), 2);
    }

    #[test]
    fn a_copy_of_a_file_of_which_nothing_is_accepted_is_no_other_file() {
        let dir = tempfile::tempdir().unwrap();
        let at_name = |name: &str| dir.path().join(name);
        let log = at_name("log");
        let mut state = State::open(&at_name("state"), URL).unwrap();
        std::fs::write(&log, "one\ntwo\n").unwrap();
        begin(&log, &mut state);
        state.save().unwrap();
        drop(state);
        // A start between the copy and the cut.
        std::fs::copy(&log, at_name("log.1")).unwrap();
        let mut state = State::open(&at_name("state"), URL).unwrap();
        let mut follow = begin(&log, &mut state);
        assert!(!follow.has_older());
        std::fs::write(&log, "three\n").unwrap();
        let mut lines = read_all(&mut follow, &mut state, 1);
        lines.sort();
        assert_eq!(lines, ["one", "three", "two"]);
        assert_eq!(state.files.len(), 2);
    }

    #[test]
    fn what_is_known_of_a_file_outlives_its_compression_and_a_kill() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let mut state = State::open(&dir.path().join("state"), URL).unwrap();
        std::fs::write(&log, "one\ntwo\n").unwrap();
        let mut follow = begin(&log, &mut state);
        assert_eq!(read(&mut follow), ["one", "two"]);
        // The checkpoint went on in the compressed file, where no hash is taken.
        let tail = crate::ship::source::tail_of(&std::fs::File::open(&log).unwrap(), 4).unwrap();
        let known = &mut state.files[0];
        (known.tail, known.tail_at, known.offset) = (tail, Some(4), 8);
        state.save().unwrap();
        drop((state, follow));
        gzip(&dir.path().join("log.1.gz"), "one\ntwo\nthree\n");
        std::fs::remove_file(&log).unwrap();
        std::fs::write(&log, "four\n").unwrap();
        let mut state = State::open(&dir.path().join("state"), URL).unwrap();
        let mut follow = begin(&log, &mut state);
        assert_eq!(read_all(&mut follow, &mut state, 0), ["three", "four"]);
    }

    #[test]
    fn a_file_that_does_not_exist_yet_is_awaited() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let mut state = State::open(&dir.path().join("state"), URL).unwrap();
        let mut follow = begin(&log, &mut state);
        assert!(follow.reading().is_none());
        std::fs::write(&log, "one\n").unwrap();
        follow.at_end(&mut state, at(1)).unwrap();
        assert_eq!(read(&mut follow), ["one"]);
    }
}
