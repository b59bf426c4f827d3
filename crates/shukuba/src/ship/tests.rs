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
        pack_bytes: pack,
        format: None,
        state_dir: state.to_owned(),
        aside: None,
        calls: 3,
        linger: Duration::ZERO,
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
    let report = ship(options(&[&log], &state, None), &memory);
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

mod following {
    use super::*;
    use crate::ship::follow::Follow;
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

    fn at(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn a_renamed_file_is_read_to_its_end_before_the_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let mut state = State::open(&dir.path().join("state"), URL).unwrap();
        std::fs::write(&log, "one\n").unwrap();
        let mut follow = Follow::new(&log, LIMITS, 1000, false);
        follow.begin(&mut state).unwrap();
        assert_eq!(read(&mut follow), ["one"]);
        assert!(follow.at_end(&mut state, at(0)).unwrap().is_none());

        let mut old = std::fs::File::options().append(true).open(&log).unwrap();
        std::fs::rename(&log, dir.path().join("log.1")).unwrap();
        assert!(follow.at_end(&mut state, at(1)).unwrap().is_none());
        std::fs::write(&log, "three\n").unwrap();
        assert!(follow.at_end(&mut state, at(2)).unwrap().is_none());
        old.write_all(b"two\n").unwrap();
        assert_eq!(read(&mut follow), ["two"]);
        let finished = follow.at_end(&mut state, at(20)).unwrap().unwrap();
        assert_eq!(finished.source.offset(), 8);
        assert_eq!(read(&mut follow), ["three"]);
    }

    #[test]
    fn a_file_cut_in_place_is_read_from_its_start_and_its_copy_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let mut state = State::open(&dir.path().join("state"), URL).unwrap();
        std::fs::write(&log, "one\ntwo\n").unwrap();
        let mut follow = Follow::new(&log, LIMITS, 1000, false);
        follow.begin(&mut state).unwrap();
        assert_eq!(read(&mut follow), ["one", "two"]);
        // copytruncate: a line was written after our last look, then all was copied and cut.
        std::fs::write(dir.path().join("log.1"), "one\ntwo\nmissed\n").unwrap();
        std::fs::write(&log, "new\n").unwrap();
        assert!(follow.at_end(&mut state, at(1)).unwrap().is_some());
        assert_eq!(read(&mut follow), ["missed"]);
        assert!(follow.at_end(&mut state, at(1)).unwrap().is_some());
        assert_eq!(read(&mut follow), ["new"]);
    }

    #[test]
    fn a_file_that_does_not_exist_yet_is_awaited() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let mut state = State::open(&dir.path().join("state"), URL).unwrap();
        let mut follow = Follow::new(&log, LIMITS, 1000, false);
        follow.begin(&mut state).unwrap();
        assert!(follow.reading().is_none());
        std::fs::write(&log, "one\n").unwrap();
        follow.at_end(&mut state, at(1)).unwrap();
        assert_eq!(read(&mut follow), ["one"]);
    }
}
