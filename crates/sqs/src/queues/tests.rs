//! The documented rules, one by one, through the whole of the queues on a real directory with a clock that only the test turns.
//!
//! tidy: long because it is a table of the documented rules, one test each.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base::{ByteCount, Clock, ManualClock, NoMetrics, Timestamp};
use bytes::Bytes;
use futures_util::FutureExt;
use store::record::{CarryKind, Cause, LineState, Next, NoObserver, Record, Subject};
use store::{Position, Room};

use super::{Counts, Effort, Options, Queue, Queues, Sought, Standing};
use crate::attributes::{Attribute, Value};
use crate::message::{
    Access, Carried, Message, Outgoing, Receive, Sender, Sent, Settle, SettledLine,
};
use crate::{Error, Paused};

struct Bench {
    queues: Arc<Queues>,
    clock: Arc<ManualClock>,
    dir: tempfile::TempDir,
}

fn open(dir: &Path, clock: &Arc<ManualClock>) -> Arc<Queues> {
    open_on(dir, Arc::clone(clock) as Arc<dyn Clock>)
}

fn open_on(dir: &Path, clock: Arc<dyn Clock>) -> Arc<Queues> {
    open_with(dir, clock, ByteCount::mib(4))
}

fn open_with(dir: &Path, clock: Arc<dyn Clock>, segment: ByteCount) -> Arc<Queues> {
    let options = Options {
        journal: store::Options {
            segment,
            reserve: segment,
            ..store::Options::default()
        },
        account: "123456789012".parse().unwrap(),
        region: "ap-northeast-1".parse().unwrap(),
        are_results_sealed: false,
        expire_interval: Duration::from_secs(10),
    };
    Queues::open(
        dir,
        options,
        clock,
        Arc::new(NoMetrics),
        Arc::new(NoObserver),
    )
    .unwrap()
    .0
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn text(body: &str) -> Outgoing {
    Outgoing {
        body: Bytes::copy_from_slice(body.as_bytes()),
        ..Outgoing::default()
    }
}

fn grouped(body: &str, group: &str) -> Outgoing {
    Outgoing {
        group: Some(group.to_owned()),
        ..text(body)
    }
}

fn known(body: &str, group: &str, id: &str) -> Outgoing {
    Outgoing {
        dedup_id: Some(id.to_owned()),
        ..grouped(body, group)
    }
}

fn bodies(messages: &[Message]) -> Vec<String> {
    messages
        .iter()
        .map(|message| message.text().into_owned())
        .collect()
}

impl Bench {
    fn new() -> Self {
        Self::with_segments(ByteCount::mib(4))
    }

    fn with_segments(segment: ByteCount) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_795_000_000)));
        let dir = tempfile::tempdir().unwrap();
        let time = Arc::clone(&clock) as Arc<dyn Clock>;
        Self {
            queues: open_with(dir.path(), time, segment),
            clock,
            dir,
        }
    }

    fn reopen(&mut self) {
        // The journal is closed before it is opened again.
        let elsewhere = tempfile::tempdir().unwrap();
        self.queues = open(elsewhere.path(), &self.clock);
        self.queues = open(self.dir.path(), &self.clock);
    }

    async fn create(&self, name: &str, attributes: &[(&str, &str)]) -> Arc<Queue> {
        self.queues
            .create(name, &map(attributes), &BTreeMap::new())
            .await
            .unwrap()
    }

    async fn send(&self, queue: &Arc<Queue>, message: Outgoing) -> Result<Sent, Error> {
        let sender = Sender {
            id: "AIDA",
            cause: Cause::Sent,
        };
        self.queues
            .send(queue, sender, vec![message])
            .await?
            .remove(0)
    }

    async fn receive(&self, queue: &Arc<Queue>, max: u32) -> Vec<Message> {
        let receive = Receive {
            max,
            ..Receive::default()
        };
        self.queues.receive(queue, receive).await.unwrap()
    }

    async fn one(&self, queue: &Arc<Queue>) -> Message {
        self.receive(queue, 1).await.remove(0)
    }

    async fn delete(&self, queue: &Arc<Queue>, handle: &str) -> Result<(), Error> {
        self.queues
            .delete(queue, Access::Outside, &[handle])
            .await
            .unwrap()
            .remove(0)
    }

    fn pass(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
    }

    fn counts(&self, queue: &Queue) -> (u64, u64, u64, u64) {
        let Counts {
            visible,
            in_flight,
            delayed,
            retry,
            ..
        } = self.queues.counts(queue).unwrap();
        (visible, in_flight, delayed, retry)
    }
}

const FIFO: (&str, &str) = ("FifoQueue", "true");

#[tokio::test]
async fn a_queue_is_created_again_only_with_the_same_attributes_and_60_s_after_its_end() {
    let bench = Bench::new();
    let queue = bench.create("q", &[("DelaySeconds", "5")]).await;
    assert_eq!(
        bench.create("q", &[("DelaySeconds", "5")]).await.id(),
        queue.id()
    );
    assert_eq!(bench.create("q", &[]).await.id(), queue.id());
    let other = bench
        .queues
        .create("q", &map(&[("DelaySeconds", "6")]), &BTreeMap::new())
        .await;
    assert!(matches!(other, Err(Error::QueueNameExists { .. })));
    bench.queues.delete_queue(&queue).await.unwrap();
    assert!(matches!(
        bench.queues.queue("q"),
        Err(Error::QueueNotFound { .. })
    ));
    assert!(matches!(
        bench.send(&queue, text("x")).await,
        Err(Error::QueueNotFound { .. })
    ));
    bench.pass(59);
    let early = bench
        .queues
        .create("q", &BTreeMap::new(), &BTreeMap::new())
        .await;
    assert!(matches!(early, Err(Error::QueueDeletedRecently { .. })));
    bench.pass(1);
    let again = bench.create("q", &[]).await;
    assert!(
        again.id() > queue.id(),
        "numbers are not given a second time"
    );
}

#[tokio::test]
async fn a_received_message_is_hidden_until_its_timeout_is_over() {
    let bench = Bench::new();
    let queue = bench.create("q", &[("VisibilityTimeout", "30")]).await;
    let sent = bench.send(&queue, text("hello")).await.unwrap();
    let first = bench.one(&queue).await;
    assert_eq!(
        (first.message_id.as_str(), &*first.body, &*first.sender_id),
        (&*sent.message_id, &b"hello"[..], "AIDA")
    );
    assert_eq!(
        (first.receive_count, first.sent_at, first.first_received_at),
        (1, bench.clock.now(), bench.clock.now())
    );
    assert_eq!(bench.counts(&queue), (0, 1, 0, 0));
    bench.pass(29);
    assert!(bench.receive(&queue, 10).await.is_empty());
    bench.pass(1);
    let second = bench.one(&queue).await;
    assert_eq!(
        (second.receive_count, second.first_received_at),
        (2, first.first_received_at)
    );
    assert_ne!(second.receipt_handle, first.receipt_handle);
    // An older receipt handle still deletes on a standard queue, and deleting twice is no error.
    assert_eq!(bench.delete(&queue, &first.receipt_handle).await, Ok(()));
    assert_eq!(bench.delete(&queue, &second.receipt_handle).await, Ok(()));
    assert_eq!(bench.counts(&queue), (0, 0, 0, 0));
}

#[tokio::test]
async fn a_handle_belongs_to_its_queue_and_cannot_be_made_up() {
    let bench = Bench::new();
    let (queue, other) = (bench.create("q", &[]).await, bench.create("r", &[]).await);
    bench.send(&queue, text("x")).await.unwrap();
    let handle = bench.one(&queue).await.receipt_handle;
    for (queue, handle) in [
        (&other, handle.as_str()),
        (&queue, "x"),
        (&queue, &handle.replace(&handle[3..5], "zz")),
    ] {
        assert!(
            matches!(
                bench.delete(queue, handle).await,
                Err(Error::HandleInvalid { .. })
            ),
            "{handle}"
        );
    }
}

#[tokio::test]
async fn visibility_changes_only_for_what_is_in_flight() {
    let bench = Bench::new();
    let queue = bench.create("q", &[]).await;
    bench.send(&queue, text("x")).await.unwrap();
    let message = bench.one(&queue).await;
    let change = async |secs: u64| {
        let changes = [(message.receipt_handle.as_str(), Duration::from_secs(secs))];
        bench
            .queues
            .change_visibility(&queue, Access::Outside, &changes)
            .await
            .unwrap()
            .remove(0)
    };
    assert_eq!(change(100).await, Ok(()));
    bench.pass(60);
    assert!(bench.receive(&queue, 1).await.is_empty());
    assert!(matches!(
        change(43_201).await,
        Err(Error::InvalidParameter { .. })
    ));
    assert_eq!(change(0).await, Ok(()));
    assert_eq!(change(9).await, Err(Error::NotInFlight), "it is visible");
    assert_eq!(bench.receive(&queue, 1).await.len(), 1);
    assert_eq!(change(1).await, Err(Error::NotHeld), "somebody else has it");
}

// API Reference, ChangeMessageVisibility: no longer than 12 h from the receive, be it the first or another.
#[tokio::test]
async fn a_message_is_invisible_for_12_hours_at_most() {
    let mut bench = Bench::new();
    let queue = bench.create("q", &[]).await;
    bench.send(&queue, text("x")).await.unwrap();
    for _ in 0..2 {
        let queue = bench.queues.queue("q").unwrap();
        let handle = bench.one(&queue).await.receipt_handle;
        let change = async |bench: &Bench, secs: u64| {
            let queue = bench.queues.queue("q").unwrap();
            let changes = [(handle.as_str(), Duration::from_secs(secs))];
            let changed = bench
                .queues
                .change_visibility(&queue, Access::Outside, &changes);
            changed.await.unwrap().remove(0)
        };
        assert_eq!(change(&bench, 43_200).await, Ok(()));
        bench.pass(40_000);
        bench.queues.snapshot().unwrap();
        bench.reopen();
        let refused = change(&bench, 3_201).await.unwrap_err().to_string();
        assert!(
            refused.contains("beyond the limit [43200 seconds]"),
            "{refused}"
        );
        assert_eq!(change(&bench, 3_200).await, Ok(()));
        bench.pass(3_200);
    }
}

#[tokio::test]
async fn delays_hide_new_messages() {
    let bench = Bench::new();
    let queue = bench.create("q", &[("DelaySeconds", "10")]).await;
    let delayed = |secs| Outgoing {
        delay: Some(Duration::from_secs(secs)),
        ..text("own")
    };
    bench.send(&queue, text("queue's")).await.unwrap();
    bench.send(&queue, delayed(0)).await.unwrap();
    bench.send(&queue, delayed(900)).await.unwrap();
    assert!(bench.send(&queue, delayed(901)).await.is_err());
    assert_eq!(bodies(&bench.receive(&queue, 10).await), ["own"]);
    assert_eq!(bench.counts(&queue), (0, 1, 2, 0));
    bench.pass(10);
    assert_eq!(bodies(&bench.receive(&queue, 10).await), ["queue's"]);
    bench.pass(890);
    assert_eq!(bench.receive(&queue, 10).await.len(), 3);
}

#[tokio::test]
async fn a_fifo_group_gives_its_messages_in_order_and_one_holder_at_a_time() {
    let bench = Bench::new();
    let queue = bench.create("q.fifo", &[FIFO]).await;
    assert_eq!(
        bench.send(&queue, text("x")).await,
        Err(Error::MissingParameter {
            name: "MessageGroupId"
        })
    );
    assert!(matches!(
        bench.send(&queue, grouped("x", "g")).await,
        Err(Error::DedupMissing)
    ));
    let mut numbers = Vec::new();
    for (body, group) in [("a1", "a"), ("a2", "a"), ("b1", "b"), ("a3", "a")] {
        numbers.extend(
            bench
                .send(&queue, known(body, group, body))
                .await
                .unwrap()
                .sequence_number,
        );
    }
    assert!(
        numbers.is_sorted() && numbers.iter().all(|number| number.len() == 20),
        "{numbers:?}"
    );
    let first = bench.receive(&queue, 2).await;
    assert_eq!(bodies(&first), ["a1", "a2"]);
    let second = bench.receive(&queue, 10).await;
    assert_eq!(bodies(&second), ["b1"]);
    assert_eq!(bench.delete(&queue, &first[0].receipt_handle).await, Ok(()));
    assert!(bench.receive(&queue, 10).await.is_empty());
    bench.pass(30);
    // Expired handles of a FIFO queue are refused; the order is kept.
    assert_eq!(
        bench.delete(&queue, &first[1].receipt_handle).await,
        Err(Error::HandleExpired)
    );
    let third = bench.receive(&queue, 10).await;
    let of_a: Vec<String> = bodies(&third)
        .into_iter()
        .filter(|body| body.starts_with('a'))
        .collect();
    assert_eq!(
        (of_a, third.len()),
        (vec!["a2".to_owned(), "a3".to_owned()], 3)
    );
}

#[tokio::test]
async fn a_fifo_queue_takes_a_message_once_in_five_minutes_also_after_a_restart() {
    let mut bench = Bench::new();
    bench
        .create("q.fifo", &[FIFO, ("ContentBasedDeduplication", "true")])
        .await;
    let mut ids = Vec::new();
    for (pass, restart) in [(0, false), (299, true), (1, false)] {
        bench.pass(pass);
        if restart {
            bench.reopen();
        }
        let queue = bench.queues.queue("q.fifo").unwrap();
        let by_content = bench.send(&queue, grouped("same", "g")).await.unwrap();
        let by_id = bench.send(&queue, known("other", "h", "id")).await.unwrap();
        ids.push((by_content.message_id, by_id.message_id));
    }
    assert_eq!(ids[0], ids[1]);
    assert!(ids[0].0 != ids[2].0 && ids[0].1 != ids[2].1, "{ids:?}");
    let queue = bench.queues.queue("q.fifo").unwrap();
    assert_eq!(bench.queues.counts(&queue).unwrap().visible, 4);
    let message = bench.one(&queue).await;
    // SHA-256 of "same", by sha256sum.
    let hash = "0967115f2813a3541eaef77de9d9d5773f1c0c04314b0bbfe4ff3b3b1c55b5d5";
    assert_eq!(message.dedup_id.as_deref(), Some(hash));
}

#[tokio::test]
async fn a_receive_request_attempt_gives_the_same_messages_again() {
    let bench = Bench::new();
    let queue = bench.create("q.fifo", &[FIFO]).await;
    for body in ["1", "2", "3"] {
        bench.send(&queue, known(body, "g", body)).await.unwrap();
    }
    let attempt = async |id: &str| {
        let receive = Receive {
            max: 2,
            attempt_id: Some(id.to_owned()),
            ..Receive::default()
        };
        bench.queues.receive(&queue, receive).await.unwrap()
    };
    let first = attempt("one").await;
    bench.pass(20);
    let again = attempt("one").await;
    assert_eq!(bodies(&again), ["1", "2"]);
    assert_eq!(again[0].receipt_handle, first[0].receipt_handle);
    // Its visibility timeout began anew.
    bench.pass(20);
    assert!(attempt("two").await.is_empty());
    bench
        .delete(&queue, &first[0].receipt_handle)
        .await
        .unwrap();
    bench
        .delete(&queue, &first[1].receipt_handle)
        .await
        .unwrap();
    assert_eq!(bodies(&attempt("one").await), ["3"]);
}

#[tokio::test]
async fn receive_request_attempts_are_remembered_up_to_a_bound() {
    let bench = Bench::new();
    let queue = bench.create("q.fifo", &[FIFO]).await;
    for body in ["1", "2", "3"] {
        bench.send(&queue, known(body, body, body)).await.unwrap();
    }
    bench.queues.engine.lock().limits.dedup = 2;
    for (id, again) in [("one", true), ("two", true), ("three", false)] {
        let receive = || Receive {
            max: 1,
            attempt_id: Some(id.to_owned()),
            ..Receive::default()
        };
        let first = bench.queues.receive(&queue, receive()).await.unwrap();
        assert_eq!(first.len(), 1, "{id}");
        let second = bench.queues.receive(&queue, receive()).await.unwrap();
        assert_eq!(!second.is_empty(), again, "{id}");
    }
}

#[tokio::test]
async fn a_receive_request_attempt_is_over_once_a_visibility_was_changed() {
    let bench = Bench::new();
    let queue = bench.create("q.fifo", &[FIFO]).await;
    bench.send(&queue, known("1", "g", "1")).await.unwrap();
    let attempt = async || {
        let receive = Receive {
            max: 1,
            attempt_id: Some("z".to_owned()),
            ..Receive::default()
        };
        bench.queues.receive(&queue, receive).await.unwrap()
    };
    let first = attempt().await;
    assert_eq!(bodies(&attempt().await), ["1"]);
    let longer = [(first[0].receipt_handle.as_str(), Duration::from_secs(600))];
    bench
        .queues
        .change_visibility(&queue, Access::Outside, &longer)
        .await
        .unwrap();
    assert!(attempt().await.is_empty());
    // The lease kept its length.
    bench.pass(299);
    assert!(bench.receive(&queue, 1).await.is_empty());
    bench
        .delete(&queue, &first[0].receipt_handle)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_message_received_too_often_becomes_a_dead_letter_and_comes_back_by_a_task() {
    let mut bench = Bench::new();
    let dead = bench.create("dead", &[]).await;
    let arn = bench.queues.arn("dead");
    let redrive = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":"2"}}"#);
    let queue = bench
        .create(
            "q",
            &[("RedrivePolicy", &redrive), ("VisibilityTimeout", "1")],
        )
        .await;
    let sent = bench.send(&queue, text("poison")).await.unwrap();
    for _ in 0..2 {
        assert_eq!(bench.receive(&queue, 1).await.len(), 1);
        bench.pass(1);
    }
    assert!(bench.receive(&queue, 1).await.is_empty());
    assert_eq!((bench.counts(&queue).0, bench.counts(&dead).0), (0, 1));
    assert_eq!(
        bench
            .queues
            .dead_letter_sources(&dead, 10, None)
            .unwrap()
            .queues[0]
            .name(),
        "q"
    );
    bench.reopen();
    let (queue, dead) = (
        bench.queues.queue("q").unwrap(),
        bench.queues.queue("dead").unwrap(),
    );
    let letter = bench.one(&dead).await;
    assert_eq!(letter.dead_letter_source, Some(bench.queues.arn("q")));
    assert_eq!(
        (letter.message_id, letter.receive_count),
        (sent.message_id, 3)
    );
    let release = [(letter.receipt_handle.as_str(), Duration::ZERO)];
    bench
        .queues
        .change_visibility(&dead, Access::Outside, &release)
        .await
        .unwrap();
    let source = bench.queues.arn("q");
    assert!(
        bench.queues.start_move(&source, None, None).await.is_err(),
        "not a dead-letter queue"
    );
    let handle = bench.queues.start_move(&arn, None, Some(10)).await.unwrap();
    assert!(matches!(
        bench.queues.start_move(&arn, None, None).await,
        Err(Error::Unsupported { .. })
    ));
    bench.queues.tick().unwrap();
    bench.queues.tick().unwrap();
    let task = bench.queues.list_moves(&arn, 1).unwrap().remove(0);
    assert_eq!((task.status, task.moved, task.to_move), ("COMPLETED", 1, 1));
    assert!(bench.queues.cancel_move(&handle).await.is_err());
    let back = bench.one(&queue).await;
    assert_eq!(
        (
            back.receive_count,
            back.dead_letter_source.clone(),
            back.text().into_owned()
        ),
        (1, None, "poison".to_owned())
    );
    assert_eq!(back.sent_at.as_secs(), bench.clock.now().as_secs());
}

/// Developer Guide, "dead-letter queue redrive": redriven messages are new ones to the queue.
#[tokio::test]
async fn what_comes_back_by_a_task_gets_in_line_behind_newer_ones_of_its_group() {
    let mut bench = Bench::new();
    bench.create("dead.fifo", &[FIFO]).await;
    let arn = bench.queues.arn("dead.fifo");
    let redrive = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":"1"}}"#);
    let attributes = [
        FIFO,
        ("RedrivePolicy", &redrive),
        ("VisibilityTimeout", "1"),
    ];
    let queue = bench.create("q.fifo", &attributes).await;
    for body in ["one", "two"] {
        bench.send(&queue, known(body, "g", body)).await.unwrap();
    }
    assert_eq!(bench.receive(&queue, 2).await.len(), 2);
    bench.pass(1);
    assert!(bench.receive(&queue, 1).await.is_empty());
    for body in ["three", "four"] {
        bench.send(&queue, known(body, "g", body)).await.unwrap();
    }
    bench.queues.start_move(&arn, None, None).await.unwrap();
    ticks(&bench, 2);
    for is_restored in [false, true] {
        if is_restored {
            bench.queues.snapshot().unwrap();
            bench.reopen();
        }
        let queue = bench.queues.queue("q.fifo").unwrap();
        let messages = bench.receive(&queue, 10).await;
        assert_eq!(bodies(&messages), ["three", "four", "one", "two"]);
        let numbers = messages.iter().map(|one| one.sequence_number.as_ref());
        assert!(numbers.is_sorted(), "{messages:?}");
        let handles: Vec<&str> = messages
            .iter()
            .map(|one| one.receipt_handle.as_str())
            .collect();
        bench.queues.release(&queue, &handles).await.unwrap();
    }
}

// The count that callers see goes on over all queues (API Reference, Message); that which decides does not.
#[tokio::test]
async fn each_queue_of_a_chain_of_dead_letter_queues_gives_a_message_as_often_as_it_says() {
    for (suffix, kind) in [("", &[][..]), (".fifo", &[("FifoQueue", "true")][..])] {
        for (first, second) in [(1, 1), (2, 1), (1, 3)] {
            let mut bench = Bench::new();
            let redrive = |name: &str, max: u32| {
                let arn = bench.queues.arn(&format!("{name}{suffix}"));
                format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":{max}}}"#)
            };
            let (to_d1, to_d2) = (redrive("d1", first), redrive("d2", second));
            for (name, redrive) in [("d2", None), ("d1", Some(to_d2)), ("q", Some(to_d1))] {
                let mut attributes = vec![("VisibilityTimeout", "0")];
                attributes.extend(kind);
                attributes.extend(redrive.as_deref().map(|given| ("RedrivePolicy", given)));
                bench.create(&format!("{name}{suffix}"), &attributes).await;
            }
            let of = |bench: &Bench, name: &str| bench.queues.queue(&format!("{name}{suffix}"));
            let message = Outgoing {
                group: (!kind.is_empty()).then(|| "g".to_owned()),
                dedup_id: (!kind.is_empty()).then(|| "1".to_owned()),
                ..text("x")
            };
            bench
                .send(&of(&bench, "q").unwrap(), message)
                .await
                .unwrap();
            let mut total = 0;
            for (name, times) in [("q", first), ("d1", second), ("d2", 1)] {
                bench.queues.snapshot().unwrap();
                bench.reopen();
                let queue = of(&bench, name).unwrap();
                for _ in 0..times {
                    total += 1;
                    assert_eq!(bench.one(&queue).await.receive_count, total, "{name}");
                }
                if name != "d2" {
                    assert_eq!(bench.receive(&queue, 1).await.len(), 0, "{name}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_task_whose_destination_is_deleted_fails_and_says_why() {
    let bench = Bench::new();
    let dead = bench.create("dead", &[]).await;
    let elsewhere = bench.create("elsewhere", &[]).await;
    let (source, target) = (bench.queues.arn("dead"), bench.queues.arn("elsewhere"));
    let redrive = format!(r#"{{"deadLetterTargetArn":"{source}","maxReceiveCount":2}}"#);
    bench.create("q", &[("RedrivePolicy", &redrive)]).await;
    for body in ["a", "b"] {
        bench.send(&dead, text(body)).await.unwrap();
    }
    let started = bench.queues.start_move(&source, Some(&target), Some(1));
    started.await.unwrap();
    bench.queues.tick().unwrap();
    bench.queues.delete_queue(&elsewhere).await.unwrap();
    bench.queues.tick().unwrap();
    let task = bench.queues.list_moves(&source, 1).unwrap().remove(0);
    assert_eq!((task.status, task.moved), ("FAILED", 1));
    let why = task.failure.as_deref();
    assert_eq!(why, Some("AWS.SimpleQueueService.NonExistentQueue"));
    // Whoever sent it straight to the dead-letter queue meant no other.
    bench.queues.start_move(&source, None, None).await.unwrap();
    bench.queues.tick().unwrap();
    let task = bench.queues.list_moves(&source, 1).unwrap().remove(0);
    let why = task.failure.as_deref();
    assert_eq!(why, Some("CouldNotDetermineMessageSource"));
}

#[tokio::test]
async fn a_dead_letter_queue_must_exist_be_alike_and_allow_it() {
    let bench = Bench::new();
    bench.create("open", &[]).await;
    bench
        .create(
            "closed",
            &[("RedriveAllowPolicy", r#"{"redrivePermission":"denyAll"}"#)],
        )
        .await;
    bench.create("d.fifo", &[FIFO]).await;
    for (target, is_allowed) in [
        ("open", true),
        ("closed", false),
        ("d.fifo", false),
        ("none", false),
        ("q", false),
    ] {
        let arn = bench.queues.arn(target);
        let redrive = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":2}}"#);
        let queue = bench.create("q", &[]).await;
        let outcome = bench
            .queues
            .set_attributes(&queue, &map(&[("RedrivePolicy", &redrive)]))
            .await;
        assert_eq!(outcome.is_ok(), is_allowed, "{target}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_purge_takes_everything_and_rests_for_a_minute() {
    let bench = Bench::new();
    let queue = bench.create("q", &[]).await;
    for body in ["1", "2", "3"] {
        bench.send(&queue, text(body)).await.unwrap();
    }
    bench.one(&queue).await;
    bench.queues.purge(&queue).await.unwrap();
    assert_eq!(bench.counts(&queue), (0, 0, 0, 0));
    bench.pass(59);
    assert!(matches!(
        bench.queues.purge(&queue).await,
        Err(Error::PurgeInProgress { .. })
    ));
    bench.pass(1);
    assert_eq!(bench.queues.purge(&queue).await, Ok(()));
}

#[tokio::test]
async fn a_message_expires_after_its_retention() {
    let bench = Bench::new();
    let queue = bench
        .create(
            "q",
            &[
                ("MessageRetentionPeriod", "120"),
                ("VisibilityTimeout", "0"),
            ],
        )
        .await;
    bench.send(&queue, text("cold")).await.unwrap();
    bench.send(&queue, text("hot")).await.unwrap();
    assert_eq!(bench.receive(&queue, 1).await.len(), 1);
    bench.pass(119);
    bench.queues.tick().unwrap();
    assert_eq!(bench.counts(&queue).0, 2);
    bench.pass(61);
    assert!(
        bench.receive(&queue, 10).await.is_empty(),
        "expired messages are not given, whether taken out yet or not"
    );
    for _ in 0..30 {
        bench.queues.tick().unwrap();
    }
    assert_eq!(bench.counts(&queue), (0, 0, 0, 0));
}

/// However it stands to the minutes by which cold messages are kept.
#[tokio::test]
async fn no_receiver_gets_a_message_beyond_its_retention() {
    for (waits, age, is_given) in [
        (0, 59, true),
        (0, 60, false),
        (50, 59, true),
        (50, 60, false),
    ] {
        let bench = Bench::new();
        let retention = [("MessageRetentionPeriod", "60")];
        let queue = bench.create("q", &retention).await;
        bench.pass(waits);
        for number in 0..25 {
            bench.send(&queue, text(&number.to_string())).await.unwrap();
        }
        bench.pass(age);
        let found = bench.receive(&queue, 10).await;
        assert_eq!(!found.is_empty(), is_given, "{waits} {age}");
        if !is_given {
            assert_eq!(bench.counts(&queue), (0, 0, 0, 0), "{waits} {age}");
        }
    }
}

/// What is held back by messages that nobody may receive any more: behind one of each kind, and behind many.
#[tokio::test]
async fn what_is_too_old_holds_nothing_back() {
    let later = |body: &str| Outgoing {
        delay: Some(Duration::from_secs(1)),
        ..text(body)
    };
    type Make = dyn Fn(&str) -> Outgoing;
    let kinds: [(&str, usize, &Make); 7] = [
        ("cold", 1, &text),
        ("many-cold", 2500, &text),
        ("tenant", 1, &|body| grouped(body, "t")),
        ("many-of-a-tenant", 2500, &|body| grouped(body, "t")),
        ("many-hot", 2500, &later),
        ("group.fifo", 1, &|body| known(body, "g", body)),
        ("many-of-a-group.fifo", 2500, &|body| known(body, "g", body)),
    ];
    for (name, count, make) in kinds {
        let bench = Bench::new();
        let fifo = if name.ends_with(".fifo") { "true" } else { "" };
        let attributes = [("MessageRetentionPeriod", "60"), ("FifoQueue", fifo)];
        let given = if fifo.is_empty() { 1 } else { 2 };
        let queue = bench.create(name, &attributes[..given]).await;
        let old = (0..count).map(|n| make(&format!("old {n}"))).collect();
        let sender = Sender {
            id: "",
            cause: Cause::Sent,
        };
        bench.queues.send(&queue, sender, old).await.unwrap();
        bench.pass(120);
        bench.send(&queue, make("new")).await.unwrap();
        bench.pass(1);
        let found = bench.receive(&queue, 10).await;
        assert_eq!(bodies(&found), ["new"], "{name}");
        assert_eq!(bench.counts(&queue), (0, 1, 0, 0), "{name}");
    }
}

#[tokio::test]
async fn a_task_moves_what_lies_behind_too_old_ones() {
    let bench = Bench::new();
    let retention = ("MessageRetentionPeriod", "60");
    let dead = bench.create("dead.fifo", &[FIFO, retention]).await;
    let arn = bench.queues.arn("dead.fifo");
    let redrive = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":"2"}}"#);
    let attributes = [FIFO, ("RedrivePolicy", &redrive)];
    let queue = bench.create("q.fifo", &attributes).await;
    bench.send(&dead, known("old", "g", "1")).await.unwrap();
    bench.pass(60);
    bench.send(&dead, known("new", "g", "2")).await.unwrap();
    let to = bench.queues.arn("q.fifo");
    let task = bench.queues.start_move(&arn, Some(&to), None);
    task.await.unwrap();
    ticks(&bench, 2);
    assert_eq!(bodies(&bench.receive(&queue, 10).await), ["new"]);
    let task = bench.queues.list_moves(&arn, 1).unwrap().remove(0);
    assert_eq!((task.status, task.moved), ("COMPLETED", 1));
    assert_eq!(bench.counts(&dead), (0, 0, 0, 0));
}

/// A message in flight that is taken out opens its group.
#[tokio::test]
async fn a_waiting_receiver_gets_what_an_expired_message_held_back() {
    let bench = Bench::new();
    let attributes = [
        FIFO,
        ("MessageRetentionPeriod", "60"),
        ("VisibilityTimeout", "43200"),
    ];
    let queue = bench.create("q.fifo", &attributes).await;
    bench.send(&queue, known("old", "g", "1")).await.unwrap();
    bench.one(&queue).await;
    bench.pass(60);
    bench.send(&queue, known("new", "g", "2")).await.unwrap();
    let (queues, place) = (Arc::clone(&bench.queues), Arc::clone(&queue));
    let waiting = tokio::spawn(async move {
        let receive = Receive {
            wait: Some(Duration::from_secs(20)),
            ..Receive::default()
        };
        queues.receive(&place, receive).await
    });
    while queue.waiting.load(std::sync::atomic::Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    ticks(&bench, 10);
    let came = tokio::time::timeout(Duration::from_secs(10), waiting).await;
    assert_eq!(bodies(&came.unwrap().unwrap().unwrap()), ["new"]);
}

#[tokio::test]
async fn what_is_too_old_goes_once_in_the_interval() {
    let bench = Bench::new();
    let queue = bench.create("q", &[("MessageRetentionPeriod", "60")]).await;
    bench.send(&queue, text("x")).await.unwrap();
    bench.pass(120);
    for _ in 0..9 {
        bench.queues.tick().unwrap();
    }
    assert_eq!(bench.counts(&queue).0, 1);
    bench.queues.tick().unwrap();
    assert_eq!(bench.counts(&queue).0, 0);
}

#[tokio::test]
async fn nobody_waits_when_the_server_ends() {
    let bench = Bench::new();
    let queue = bench.create("q", &[]).await;
    let receive = || Receive {
        max: 1,
        wait: Some(Duration::from_secs(20)),
        ..Receive::default()
    };
    let queues = Arc::clone(&bench.queues);
    let call = receive();
    let at = Arc::clone(&queue);
    let waiting = tokio::spawn(async move { queues.receive(&at, call).await });
    tokio::task::yield_now().await;
    bench.queues.end_waits();
    assert!(waiting.await.unwrap().unwrap().is_empty());
    let late = bench.queues.receive(&queue, receive()).await;
    assert!(late.unwrap().is_empty());
}

#[tokio::test]
async fn a_message_that_cannot_be_read_is_known_to_the_journal() {
    use std::os::unix::fs::FileExt;
    let bench = Bench::new();
    let queue = bench.create("q", &[]).await;
    bench.send(&queue, text("x")).await.unwrap();
    let name = format!("{:016x}.seg", 0);
    let segment = std::fs::File::options()
        .write(true)
        .open(bench.dir.path().join("journal").join(&name))
        .unwrap();
    segment.write_all_at(&[0xff; 64 << 10], 64).unwrap();
    let receive = bench.queues.receive(&queue, Receive::default()).await;
    assert!(matches!(receive, Err(Error::Unreadable { .. })));
    let places = bench.queues.journal().unreadable();
    assert_eq!(places.len(), 1);
    assert_eq!(places[0].file, name);
}

/// Turns bits over in the body `of` and cuts out what `check-data --quarantine` would.
fn damage_and_cut(dir: &Path, of: &[u8]) -> (Position, Position) {
    use std::os::unix::fs::FileExt;
    let journal = dir.join("journal");
    let path = journal.join(format!("{:016x}.seg", 0));
    let bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(of.len()).position(|part| part == of).unwrap();
    let segment = std::fs::File::options().write(true).open(&path).unwrap();
    segment.write_all_at(&[0xff; 2], at as u64).unwrap();
    drop(segment);
    let disk = store::disk::RealDisk::at(&journal).unwrap();
    let report = store::check::check(&disk).unwrap();
    let cut = store::check::quarantine(&disk, &report).unwrap();
    assert_eq!(cut.len(), 1, "{report:?}");
    (cut[0].from, cut[0].to)
}

#[tokio::test]
async fn what_lay_in_a_stretch_that_was_cut_out_leaves_the_queue_and_the_rest_stays() {
    let mut bench = Bench::new();
    let queue = bench.create("q", &[]).await;
    bench.send(&queue, text("before")).await.unwrap();
    let sender = Sender {
        id: "AIDA",
        cause: Cause::Sent,
    };
    // One frame: what is not damaged in it can still be read.
    let together = vec![text("damaged"), text("beside")];
    bench.queues.send(&queue, sender, together).await.unwrap();
    bench.send(&queue, text("behind")).await.unwrap();
    // The queues know it from the snapshot, whatever happens to the log.
    bench.queues.snapshot().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    bench.queues = open(elsewhere.path(), &bench.clock);
    let (from, to) = damage_and_cut(bench.dir.path(), b"damaged");
    bench.queues = open(bench.dir.path(), &bench.clock);
    bench
        .queues
        .record(Record::Lost { from, to })
        .await
        .unwrap();
    for _ in 0..2 {
        bench.reopen();
        let queue = bench.queues.queue("q").unwrap();
        assert_eq!(bench.counts(&queue), (3, 0, 0, 0));
    }
    let queue = bench.queues.queue("q").unwrap();
    let mut found = Vec::new();
    while let [message] = bench.receive(&queue, 1).await.as_slice() {
        found.extend(bodies(std::slice::from_ref(message)));
    }
    found.sort();
    assert_eq!(found, ["before", "behind", "beside"]);
}

#[tokio::test]
async fn a_queue_of_a_route_is_for_notifiers_and_the_administrator() {
    let bench = Bench::new();
    let queue = bench.create("q", &[]).await;
    bench.send(&queue, text("x")).await.unwrap();
    bench.queues.bind(map(&[("q", "postbacks")]));
    for (access, is_allowed) in [
        (Access::Outside, false),
        (Access::Notifier, true),
        (Access::Embedded, true),
        (Access::Administrator, true),
    ] {
        let receive = Receive {
            access,
            visibility: Some(Duration::ZERO),
            ..Receive::default()
        };
        let received = bench.queues.receive(&queue, receive).await;
        assert_eq!(received.is_ok(), is_allowed, "{access:?}");
        assert_eq!(
            bench.queues.delete(&queue, access, &[]).await.is_ok(),
            is_allowed
        );
    }
    bench.queues.bind(map(&[]));
    assert_eq!(bench.receive(&queue, 1).await.len(), 1);
}

#[tokio::test]
async fn a_queue_that_is_created_again_is_bound_as_its_name_is() {
    let bench = Bench::new();
    bench.queues.bind(map(&[("q", "postbacks")]));
    let first = bench.create("q", &[]).await;
    assert_eq!(first.route().as_deref(), Some("postbacks"));
    bench.queues.delete_queue(&first).await.unwrap();
    bench.clock.advance(Duration::from_secs(61));
    let second = bench.create("q", &[]).await;
    assert_ne!(first.id(), second.id());
    assert_eq!(second.route().as_deref(), Some("postbacks"));
    assert_eq!(bench.create("other", &[]).await.route(), None);
    bench.queues.bind(map(&[]));
    assert_eq!(second.route(), None);
}

#[tokio::test]
async fn the_name_of_a_deleted_queue_rests_for_callers_but_not_for_the_server() {
    let none = BTreeMap::new();
    let mut bench = Bench::new();
    let queue = bench.create("q", &[]).await;
    bench.queues.delete_queue(&queue).await.unwrap();
    let refused = bench.queues.create("q", &none, &none).await.unwrap_err();
    assert!(matches!(refused, Error::QueueDeletedRecently { .. }));
    let made = bench.queues.find_or_create("q", &none).await.unwrap();
    let found = bench.queues.find_or_create("q", &none).await.unwrap();
    assert_eq!(made.id(), found.id());
    bench.reopen();
    assert_eq!(bench.queues.queue("q").unwrap().id(), made.id());
}

fn settle(message: &Message, next: Next, carries: Vec<Carried>) -> Settle {
    Settle {
        receipt_handle: message.receipt_handle.as_str().into(),
        sent_at: message.sent_at,
        lines: vec![SettledLine {
            line: 0,
            destination: "example.com".into(),
            state: LineState::Retry,
            result: Bytes::from_static(b"{}"),
        }],
        next,
        carries,
    }
}

fn settle_as(message: &Message, state: LineState, next: Next, carries: Vec<Carried>) -> Settle {
    let mut settle = settle(message, next, carries);
    settle.lines[0].state = state;
    settle
}

#[tokio::test]
async fn what_waits_for_a_paused_destination_is_due_when_it_goes_on() {
    let mut bench = Bench::new();
    let queue = bench.create("q", &[]).await;
    let subject = Subject::Destination("example.com");
    bench
        .queues
        .record(Record::Paused { subject })
        .await
        .unwrap();
    for body in ["rests", "packed", "tried", "limited", "stale"] {
        bench.send(&queue, text(body)).await.unwrap();
    }
    let messages = bench.receive(&queue, 4).await;
    let at = bench.clock.now().plus(Duration::from_secs(60));
    let later = Next::RetryAt { at, attempt: 0 };
    let carried = Carried {
        queue: Arc::clone(&queue),
        kind: CarryKind::Retry,
        message: Outgoing {
            delay: Some(Duration::from_secs(60)),
            ..text("line")
        },
    };
    let settles = vec![
        settle_as(&messages[0], LineState::Paused, later, vec![]),
        settle_as(&messages[1], LineState::Paused, Next::Gone, vec![carried]),
        settle_as(&messages[2], LineState::Retry, later, vec![]),
        settle_as(&messages[3], LineState::Later, later, vec![]),
    ];
    bench.queues.settle(&queue, settles).await.unwrap();
    assert_eq!(bench.counts(&queue), (1, 0, 0, 4));
    // What rests is known after a restart, from the records as from a snapshot.
    bench.reopen();
    bench.queues.snapshot().unwrap();
    bench.reopen();
    let queue = bench.queues.queue("q").unwrap();
    let stale = bench.one(&queue).await;
    bench
        .queues
        .record(Record::Resumed { subject })
        .await
        .unwrap();
    assert_eq!(bench.counts(&queue), (2, 1, 0, 2));
    let mut due = bodies(&bench.receive(&queue, 10).await);
    due.sort();
    assert_eq!(due, ["line", "rests"]);
    // A notifier that has not heard of it yet puts off once more.
    let settles = vec![settle_as(&stale, LineState::Paused, later, vec![])];
    bench.queues.settle(&queue, settles).await.unwrap();
    bench.clock.advance(Duration::from_millis(100));
    assert_eq!(bodies(&bench.receive(&queue, 10).await), ["stale"]);
}

#[tokio::test]
async fn what_waits_for_a_receiver_can_be_made_due_before_its_time() {
    let mut bench = Bench::new();
    let queue = bench.create("q", &[]).await;
    for body in ["called", "waits", "stale"] {
        bench.send(&queue, text(body)).await.unwrap();
    }
    let messages = bench.receive(&queue, 3).await;
    let wait = |message: &Message| {
        bench
            .queues
            .wait_after(&queue, &message.receipt_handle)
            .unwrap()
    };
    let waits = [wait(&messages[0]), wait(&messages[2])];
    // As long as it is received nothing waits.
    bench.queues.hasten(&queue, &waits).unwrap();
    assert_eq!(bench.counts(&queue), (0, 3, 0, 0));
    let at = |secs| Next::RetryAt {
        at: bench.clock.now().plus(Duration::from_secs(secs)),
        attempt: 0,
    };
    let settles = vec![
        settle(&messages[0], at(600), vec![]),
        settle(&messages[1], at(600), vec![]),
        settle(&messages[2], at(1), vec![]),
    ];
    bench.queues.settle(&queue, settles).await.unwrap();
    // Another wait than the one that was noted stays.
    bench.pass(1);
    let again = settle(&bench.one(&queue).await, at(600), vec![]);
    bench.queues.settle(&queue, vec![again]).await.unwrap();
    bench.queues.hasten(&queue, &waits).unwrap();
    assert_eq!(bench.counts(&queue), (1, 0, 0, 2));
    // Nothing says so after a restart, and nothing is lost by that.
    bench.reopen();
    let queue = bench.queues.queue("q").unwrap();
    assert_eq!(bench.counts(&queue), (0, 0, 0, 3));
    bench.queues.hasten(&queue, &waits).unwrap();
    assert_eq!(bodies(&bench.receive(&queue, 10).await), ["called"]);
    bench.reopen();
    let queue = bench.queues.queue("q").unwrap();
    assert_eq!(bench.counts(&queue), (0, 1, 0, 2));
}

#[tokio::test]
async fn a_waiting_receiver_gets_what_is_made_due() {
    let bench = Bench::new();
    let queue = bench.create("q", &[]).await;
    bench.send(&queue, text("again")).await.unwrap();
    let message = bench.one(&queue).await;
    let wait = bench
        .queues
        .wait_after(&queue, &message.receipt_handle)
        .unwrap();
    let at = bench.clock.now().plus(Duration::from_secs(600));
    let later = settle(&message, Next::RetryAt { at, attempt: 0 }, vec![]);
    bench.queues.settle(&queue, vec![later]).await.unwrap();
    let (queues, place) = (Arc::clone(&bench.queues), Arc::clone(&queue));
    let waiting = tokio::spawn(async move {
        let receive = Receive {
            wait: Some(Duration::from_secs(20)),
            ..Receive::default()
        };
        queues.receive(&place, receive).await
    });
    while queue.waiting.load(std::sync::atomic::Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    bench.queues.hasten(&queue, &[wait]).unwrap();
    let came = tokio::time::timeout(Duration::from_secs(10), waiting).await;
    assert_eq!(bodies(&came.unwrap().unwrap().unwrap()), ["again"]);
}

#[tokio::test]
async fn a_settled_message_waits_for_its_retry_outside_of_flight_and_its_lines_go_on() {
    let mut bench = Bench::new();
    let (queue, dead) = (
        bench.create("q", &[]).await,
        bench.create("dead", &[]).await,
    );
    bench.send(&queue, text("one")).await.unwrap();
    bench.send(&queue, text("two")).await.unwrap();
    let messages = bench.receive(&queue, 10).await;
    let at = bench.clock.now().plus(Duration::from_secs(100));
    let carried = Carried {
        queue: Arc::clone(&dead),
        kind: CarryKind::Dead,
        message: Outgoing {
            origin: Bytes::from_static(b"from"),
            attempt: 3,
            ..text("line")
        },
    };
    let settles = vec![
        settle(&messages[0], Next::RetryAt { at, attempt: 1 }, vec![]),
        settle(&messages[1], Next::Gone, vec![carried]),
    ];
    assert_eq!(
        bench.queues.settle(&queue, settles.clone()).await.unwrap(),
        [Ok(()), Ok(())]
    );
    let late = bench.queues.settle(&queue, settles).await.unwrap();
    assert_eq!(late, [Err(Error::HandleExpired), Err(Error::HandleExpired)]);
    assert_eq!(
        (bench.counts(&queue), bench.counts(&dead)),
        ((0, 0, 0, 1), (1, 0, 0, 0))
    );
    bench.reopen();
    let (queue, dead) = (
        bench.queues.queue("q").unwrap(),
        bench.queues.queue("dead").unwrap(),
    );
    assert_eq!(
        (bench.counts(&queue), bench.counts(&dead)),
        ((0, 0, 0, 1), (1, 0, 0, 0))
    );
    bench.pass(99);
    assert!(bench.receive(&queue, 1).await.is_empty());
    bench.pass(1);
    let again = bench.one(&queue).await;
    assert_eq!(
        (
            again.attempt,
            again.receive_count,
            again.text().into_owned()
        ),
        (1, 2, "one".to_owned())
    );
    let letter = bench.one(&dead).await;
    assert_eq!(
        (letter.attempt, &*letter.origin, letter.text().into_owned()),
        (3, &b"from"[..], "line".to_owned())
    );
}

#[tokio::test]
async fn what_a_process_held_itself_ends_with_it_and_other_leases_keep_their_time() {
    for with_snapshot in [false, true] {
        let mut bench = Bench::new();
        let queue = bench.create("q", &[]).await;
        for access in [Access::Outside, Access::Notifier, Access::Embedded] {
            bench
                .send(&queue, text(&format!("{access:?}")))
                .await
                .unwrap();
            let receive = Receive {
                access,
                visibility: Some(Duration::from_secs(100)),
                ..Receive::default()
            };
            assert_eq!(
                bench.queues.receive(&queue, receive).await.unwrap().len(),
                1
            );
        }
        if with_snapshot {
            bench.queues.snapshot().unwrap();
        }
        bench.reopen();
        let queue = bench.queues.queue("q").unwrap();
        // Recovery alone ends nothing: the state follows from the records.
        assert_eq!(bench.counts(&queue), (0, 3, 0, 0));
        assert_eq!(bench.queues.end_leases().unwrap(), 1);
        assert_eq!(bench.queues.end_leases().unwrap(), 0);
        bench.reopen();
        let queue = bench.queues.queue("q").unwrap();
        assert_eq!(bench.counts(&queue), (1, 2, 0, 0));
        let again = bench.one(&queue).await;
        assert_eq!((&*again.text(), again.receive_count), ("Embedded", 1));
        bench.pass(100);
        assert_eq!(bench.counts(&queue), (3, 0, 0, 0));
    }
}

#[tokio::test]
async fn what_an_operator_sends_again_is_accepted_anew() {
    let bench = Bench::new();
    let (queue, dead) = (
        bench.create("q", &[]).await,
        bench.create("dead", &[]).await,
    );
    let accepted = bench.clock.now();
    bench.send(&dead, text("retry")).await.unwrap();
    bench.send(&dead, text("replayed")).await.unwrap();
    bench.pass(3600);
    let letters = bench.receive(&dead, 10).await;
    let kinds = [CarryKind::Retry, CarryKind::Replayed];
    let settles = letters.iter().zip(kinds).map(|(letter, kind)| {
        let carried = Carried {
            queue: Arc::clone(&queue),
            kind,
            message: text(&letter.text()),
        };
        settle(letter, Next::Gone, vec![carried])
    });
    let outcomes = bench.queues.settle(&dead, settles.collect()).await;
    assert_eq!(outcomes.unwrap(), [Ok(()), Ok(())]);
    let sent_at = |message: &Message| (message.text().into_owned(), message.sent_at);
    let mut received: Vec<_> = bench
        .receive(&queue, 10)
        .await
        .iter()
        .map(sent_at)
        .collect();
    received.sort();
    let replayed = ("replayed".to_owned(), bench.clock.now());
    assert_eq!(received, [replayed, ("retry".to_owned(), accepted)]);
}

#[tokio::test]
async fn a_deadline_that_comes_while_all_sleep_wakes_one_even_when_others_leave_before() {
    let dir = tempfile::tempdir().unwrap();
    let clock = base::SystemClock::new();
    let queues = open_on(dir.path(), Arc::new(clock));
    let queue = queues
        .create("q", &map(&[]), &BTreeMap::new())
        .await
        .unwrap();
    let sender = Sender {
        id: "AIDA",
        cause: Cause::Sent,
    };
    queues
        .send(&queue, sender, vec![text("again")])
        .await
        .unwrap();
    let first = queues.receive(&queue, Receive::default()).await.unwrap();
    let wait = |span| Receive {
        wait: Some(span),
        ..Receive::default()
    };
    let mut stays = std::pin::pin!(queues.receive(&queue, wait(Duration::from_secs(20))));
    let mut leaves = Box::pin(queues.receive(&queue, wait(Duration::from_secs(20))));
    assert!(stays.as_mut().now_or_never().is_none());
    assert!(leaves.as_mut().now_or_never().is_none());
    let at = clock.now().plus(Duration::from_millis(200));
    let settles = vec![settle(&first[0], Next::RetryAt { at, attempt: 1 }, vec![])];
    queues.settle(&queue, settles).await.unwrap();
    assert!(leaves.as_mut().now_or_never().is_none());
    drop(leaves);
    let again = stays.await.unwrap();
    assert_eq!(bodies(&again), ["again"], "it slept until its own end");
}

/// The settlements of lost leases in the journal: key, destinations, results.
fn late_settlements(queues: &Queues) -> Vec<(u64, String)> {
    let mut late = Vec::new();
    for frame in queues.journal().scan(store::Position::ZERO) {
        let frame = frame.unwrap();
        let Ok(Record::Settled { settlements, .. }) = store::record::decode(&frame.payload) else {
            continue;
        };
        for settlement in settlements.iter().filter(|each| each.lines_before == 0) {
            assert_eq!((settlement.next, settlement.carries.len()), (Next::Gone, 0));
            let results = settlement.lines.iter().map(|line| line.result.to_vec());
            late.extend(results.map(|result| {
                (
                    settlement.key.0,
                    String::from_utf8_lossy(&result).into_owned(),
                )
            }));
        }
    }
    late
}

#[tokio::test]
async fn results_of_a_lost_lease_are_kept_and_change_nothing() {
    for (name, attributes) in [("q", &[][..]), ("q.fifo", &[FIFO][..])] {
        let mut bench = Bench::new();
        let queue = bench.create(name, attributes).await;
        let message = if queue.is_fifo() {
            known("x", "g", "x")
        } else {
            text("x")
        };
        bench.send(&queue, message).await.unwrap();
        let first = bench.one(&queue).await;
        bench.pass(30);
        let second = bench.one(&queue).await;
        let carried = || {
            vec![Carried {
                queue: Arc::clone(&queue),
                kind: CarryKind::Retry,
                message: Outgoing {
                    group: queue.is_fifo().then(|| "g".to_owned()),
                    ..text("again")
                },
            }]
        };
        let with = |result: &'static [u8]| {
            let mut settle = settle(&first, Next::Gone, carried());
            settle.lines[0].result = Bytes::from_static(result);
            settle
        };
        // What was not tried has no result, and nothing is kept of it.
        let settles = vec![with(b"{\"n\":1}"), with(b"")];
        let outcomes = bench.queues.settle(&queue, settles).await.unwrap();
        assert_eq!(
            outcomes,
            [Err(Error::HandleExpired), Err(Error::HandleExpired)]
        );
        let kept = vec![(first.key.0, "{\"n\":1}".to_owned())];
        assert_eq!(late_settlements(&bench.queues), kept);
        assert_eq!(bench.counts(&queue), (0, 1, 0, 0));
        bench.reopen();
        let queue = bench.queues.queue(name).unwrap();
        assert_eq!(late_settlements(&bench.queues), kept);
        assert_eq!(bench.counts(&queue), (0, 1, 0, 0));
        // The second still holds it; when it has gone, a result that comes even later is kept too.
        let on_time = bench
            .queues
            .settle(&queue, vec![settle(&second, Next::Gone, vec![])])
            .await;
        assert_eq!(on_time.unwrap(), [Ok(())]);
        let gone = bench
            .queues
            .settle(&queue, vec![settle(&first, Next::Gone, vec![])])
            .await;
        assert_eq!(gone.unwrap(), [Err(Error::HandleExpired)]);
        assert_eq!(late_settlements(&bench.queues).len(), 2);
        assert_eq!(bench.counts(&queue), (0, 0, 0, 0));
    }
}

#[tokio::test]
async fn a_released_message_was_never_received() {
    let bench = Bench::new();
    let queue = bench.create("q", &[]).await;
    bench.send(&queue, text("x")).await.unwrap();
    let message = bench.one(&queue).await;
    let handle = message.receipt_handle.as_str();
    assert_eq!(
        bench.queues.release(&queue, &[handle]).await.unwrap(),
        [Ok(())]
    );
    assert_eq!(
        bench.queues.release(&queue, &[handle]).await.unwrap(),
        [Err(Error::HandleExpired)]
    );
    bench.pass(5);
    let again = bench.one(&queue).await;
    assert_eq!(
        (again.receive_count, again.first_received_at),
        (1, bench.clock.now())
    );
}

#[tokio::test]
async fn a_noisy_tenant_does_not_delay_the_others() {
    let bench = Bench::new();
    let queue = bench.create("q", &[]).await;
    for n in 0..40 {
        bench
            .send(&queue, grouped(&format!("noisy {n}"), "noisy"))
            .await
            .unwrap();
    }
    for tenant in ["quiet", "silent"] {
        bench.send(&queue, grouped(tenant, tenant)).await.unwrap();
    }
    let first = bench.receive(&queue, 3).await;
    let mut found = bodies(&first);
    found.sort();
    assert_eq!(found, ["noisy 0", "quiet", "silent"]);
    assert_eq!(first[0].group.as_deref(), Some("noisy"));
    assert_eq!(bench.receive(&queue, 10).await.len(), 10);
}

#[tokio::test]
async fn a_waiting_receiver_gets_a_message_as_soon_as_it_is_there() {
    let bench = Bench::new();
    let queue = bench.create("q", &[]).await;
    let (queues, at) = (Arc::clone(&bench.queues), Arc::clone(&queue));
    let waiting = tokio::spawn(async move {
        let receive = Receive {
            wait: Some(Duration::from_secs(20)),
            ..Receive::default()
        };
        queues.receive(&at, receive).await
    });
    while queue.waiting.load(std::sync::atomic::Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    bench.send(&queue, text("x")).await.unwrap();
    assert_eq!(bodies(&waiting.await.unwrap().unwrap()), ["x"]);
}

#[tokio::test]
async fn a_waiting_receiver_gets_a_retry_that_was_due_before_it_was_settled() {
    let bench = Bench::new();
    let queue = bench.create("q", &[]).await;
    bench.send(&queue, text("again")).await.unwrap();
    let messages = bench.receive(&queue, 1).await;
    let (queues, place) = (Arc::clone(&bench.queues), Arc::clone(&queue));
    let waiting = tokio::spawn(async move {
        let receive = Receive {
            wait: Some(Duration::from_secs(20)),
            ..Receive::default()
        };
        queues.receive(&place, receive).await
    });
    while queue.waiting.load(std::sync::atomic::Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    let at = bench.clock.now();
    let retry = settle(&messages[0], Next::RetryAt { at, attempt: 1 }, vec![]);
    bench.queues.settle(&queue, vec![retry]).await.unwrap()[0]
        .clone()
        .unwrap();
    let came = tokio::time::timeout(Duration::from_secs(10), waiting).await;
    assert_eq!(bodies(&came.unwrap().unwrap().unwrap()), ["again"]);
}

#[tokio::test]
async fn sizes_are_bound() {
    let bench = Bench::new();
    let queue = bench.create("q", &[("MaximumMessageSize", "1024")]).await;
    assert!(bench.send(&queue, text(&"x".repeat(1024))).await.is_ok());
    let long = bench.send(&queue, text(&"x".repeat(1025))).await;
    assert_eq!(
        long,
        Err(Error::MessageTooLong {
            bytes: 1025,
            limit: 1024
        })
    );
    let big = bench.create("big", &[]).await;
    assert!(bench.send(&big, text(&"x".repeat(1 << 20))).await.is_ok());
    assert_eq!(bench.one(&big).await.body.len(), 1 << 20);
    let sender = Sender {
        id: "",
        cause: Cause::Sent,
    };
    let batch = vec![text(&"x".repeat(600_000)); 2];
    let refused = bench.queues.send(&big, sender, batch).await;
    assert_eq!(
        refused,
        Err(Error::BatchTooLong {
            bytes: 1_200_000,
            limit: 1_048_576
        })
    );
}

#[tokio::test]
async fn what_memory_holds_of_a_queue_is_bounded_and_settling_makes_room() {
    let bench = Bench::new();
    bench.queues.engine.lock().limits.hot = 5;
    let attributes = [("VisibilityTimeout", "1")];
    let queue = bench.create("q", &attributes).await;
    for n in 0..20 {
        bench.send(&queue, text(&n.to_string())).await.unwrap();
    }
    let received = bench.receive(&queue, 5).await;
    let refused = bench.send(&queue, text("x")).await.unwrap_err();
    assert!(
        matches!(refused, Error::QueueFull { limit: 5, .. }),
        "{refused}"
    );
    // What is in goes on: it is received, waits for a retry, and leaves.
    let more = bench.receive(&queue, 5).await;
    assert_eq!(more.len(), 5);
    let at = bench.clock.now().plus(Duration::from_secs(9));
    let retry = Next::RetryAt { at, attempt: 1 };
    let settles = vec![settle(&more[0], retry, vec![])];
    bench.queues.settle(&queue, settles).await.unwrap()[0]
        .clone()
        .unwrap();
    for message in received.iter().chain(&more[1..]) {
        bench.delete(&queue, &message.receipt_handle).await.unwrap();
    }
    bench.send(&queue, text("x")).await.unwrap();
}

#[tokio::test]
async fn what_a_fifo_queue_remembers_is_bounded_for_five_minutes() {
    let bench = Bench::new();
    bench.queues.engine.lock().limits.dedup = 5;
    let queue = bench.create("q.fifo", &[FIFO]).await;
    for n in 0..5 {
        let id = n.to_string();
        bench.send(&queue, known("x", "g", &id)).await.unwrap();
    }
    let refused = bench.send(&queue, known("x", "g", "5")).await.unwrap_err();
    assert!(
        matches!(refused, Error::QueueFull { limit: 5, .. }),
        "{refused}"
    );
    bench.pass(300);
    bench.send(&queue, known("x", "g", "5")).await.unwrap();
}

#[tokio::test]
async fn groups_queues_and_callers_are_bounded() {
    let bench = Bench::new();
    let queue = bench.create("q.fifo", &[FIFO]).await;
    let other = bench.create("q", &[]).await;
    {
        let mut engine = bench.queues.engine.lock();
        (engine.limits.groups, engine.limits.queues) = (2, 2);
        engine.limits.senders = 1;
    }
    bench.send(&queue, known("x", "a", "1")).await.unwrap();
    bench.send(&queue, known("x", "b", "2")).await.unwrap();
    let refused = bench.send(&queue, known("x", "c", "3")).await.unwrap_err();
    assert!(matches!(refused, Error::Unsupported { .. }), "{refused}");
    let group = bench.one(&queue).await;
    bench.delete(&queue, &group.receipt_handle).await.unwrap();
    bench.send(&queue, known("x", "c", "3")).await.unwrap();

    let (attributes, tags) = (BTreeMap::new(), BTreeMap::new());
    let refused = bench.queues.create("r", &attributes, &tags).await;
    assert!(matches!(refused, Err(Error::TooManyQueues { limit: 2 })));

    let sender = Sender {
        id: "second",
        cause: Cause::Sent,
    };
    let sent = bench.queues.send(&other, sender, vec![text("x")]).await;
    assert!(sent.unwrap().remove(0).is_ok());
    assert_eq!(&*bench.one(&other).await.sender_id, "");
    bench.send(&other, text("x")).await.unwrap();
    assert_eq!(&*bench.one(&other).await.sender_id, "AIDA");
}

#[tokio::test]
async fn of_finished_move_tasks_the_last_ten_are_kept() {
    let bench = Bench::new();
    let dead = bench.create("dead", &[]).await;
    let arn = bench.queues.arn(dead.name());
    let redrive = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":"2"}}"#);
    bench.create("q", &[("RedrivePolicy", &redrive)]).await;
    for _ in 0..12 {
        bench.queues.start_move(&arn, None, None).await.unwrap();
        bench.queues.tick().unwrap();
    }
    assert_eq!(bench.queues.engine.lock().tasks().len(), 10);
}

/// Only the journal knows that these are too old: their minute is not over.
#[tokio::test]
async fn one_call_looks_a_hundred_times() {
    let bench = Bench::new();
    let queue = bench.create("q", &[("MessageRetentionPeriod", "60")]).await;
    let sender = Sender {
        id: "",
        cause: Cause::Sent,
    };
    let old = (0..1005).map(|n| text(&n.to_string())).collect();
    bench.queues.send(&queue, sender, old).await.unwrap();
    bench.pass(60);
    assert!(bench.receive(&queue, 10).await.is_empty());
    assert_eq!(bench.counts(&queue).0, 5);
    bench.send(&queue, text("new")).await.unwrap();
    assert_eq!(bodies(&bench.receive(&queue, 10).await), ["new"]);
}

#[test]
fn what_a_full_disk_refuses_is_told_apart() {
    let refused = |class| {
        let room = Room::Full;
        Error::refused(class, store::AppendError::Full { room }).to_string()
    };
    assert!(refused(store::Class::Send).contains("no room for new messages"));
    for class in [store::Class::Settle, store::Class::Unhurried] {
        assert!(refused(class).contains("to note what became of messages"));
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let mut bench = Bench::new();
    let queue = bench.create("q", &[]).await;
    bench
        .queues
        .tag(&queue, &map(&[("team", "s2s")]))
        .await
        .unwrap();
    bench
        .queues
        .add_permission(
            &queue,
            "all",
            &["123456789012".into()],
            &["SendMessage".into()],
        )
        .await
        .unwrap();
    for n in 0..30 {
        bench
            .send(&queue, text(&format!("body {n}")))
            .await
            .unwrap();
    }
    let received = bench.receive(&queue, 10).await;
    bench
        .delete(&queue, &received[0].receipt_handle)
        .await
        .unwrap();
    bench
        .queues
        .record(Record::Paused {
            subject: Subject::Route("postbacks"),
        })
        .await
        .unwrap();
    for is_from_snapshot in [false, true] {
        if is_from_snapshot {
            bench.queues.snapshot().unwrap();
        }
        bench.reopen();
        let queue = bench.queues.queue("q").unwrap();
        assert_eq!(bench.counts(&queue), (20, 9, 0, 0));
        assert_eq!(queue.settings().tags, map(&[("team", "s2s")]));
        assert!(
            queue
                .settings()
                .policy
                .as_ref()
                .unwrap()
                .contains("SQS:SendMessage")
        );
        assert_eq!(
            bench.queues.paused(),
            [Paused::Route("postbacks".to_owned())]
        );
        let minute = Timestamp::from_secs(bench.clock.now().as_minutes() * 60);
        assert_eq!(
            bench
                .queues
                .sent_in(&queue, minute, minute.plus(Duration::from_secs(60))),
            Ok(30)
        );
    }
    let queue = bench.queues.queue("q").unwrap();
    for message in &received[1..] {
        assert_eq!(bench.delete(&queue, &message.receipt_handle).await, Ok(()));
    }
    assert_eq!(bench.counts(&queue), (20, 0, 0, 0));
}

#[tokio::test]
async fn listing_goes_by_prefix_and_page() {
    let bench = Bench::new();
    for name in ["a1", "a2", "a3", "b1"] {
        bench.create(name, &[]).await;
    }
    let page = bench.queues.list("a", 2, None).unwrap();
    assert_eq!(
        page.queues
            .iter()
            .map(|queue| queue.name())
            .collect::<Vec<_>>(),
        ["a1", "a2"]
    );
    let last = bench.queues.list("a", 2, page.next.as_deref()).unwrap();
    assert_eq!(
        (last.queues[0].name(), last.queues.len(), last.next),
        ("a3", 1, None)
    );
    assert!(bench.queues.list("", 0, None).is_err());
}

// Developer Guide, "Amazon SQS delay queues".
#[tokio::test]
async fn another_delay_of_a_fifo_queue_holds_for_what_is_in_it_and_of_a_standard_queue_does_not() {
    let mut bench = Bench::new();
    let attributes = [("FifoQueue", "true"), ("DelaySeconds", "60")];
    bench.create("q.fifo", &attributes).await;
    bench.create("q", &attributes[1..]).await;
    let of = |bench: &Bench| {
        let queue = |name| bench.queues.queue(name).unwrap();
        (queue("q.fifo"), queue("q"))
    };
    let (fifo, standard) = of(&bench);
    for (body, group) in [("a1", "a"), ("a2", "a"), ("b1", "b")] {
        bench.send(&fifo, known(body, group, body)).await.unwrap();
        bench.send(&standard, text(body)).await.unwrap();
        bench.pass(4);
    }
    let set = async |bench: &Bench, secs: &str| {
        let (fifo, standard) = of(bench);
        for queue in [fifo, standard] {
            let attributes = map(&[("DelaySeconds", secs)]);
            bench
                .queues
                .set_attributes(&queue, &attributes)
                .await
                .unwrap();
        }
    };
    // Sent 12, 8 and 4 s ago.
    set(&bench, "10").await;
    bench.reopen();
    let (fifo, standard) = of(&bench);
    assert_eq!((bench.counts(&fifo).0, bench.counts(&fifo).2), (1, 2));
    assert_eq!(bench.counts(&standard).2, 3);
    bench.pass(2);
    assert_eq!((bench.counts(&fifo).0, bench.counts(&fifo).2), (2, 1));
    set(&bench, "900").await;
    assert_eq!(bench.counts(&fifo).2, 3);
    assert_eq!(bench.receive(&fifo, 10).await.len(), 0);
    bench.pass(52);
    assert_eq!(bench.receive(&standard, 10).await.len(), 2);
    set(&bench, "0").await;
    assert_eq!(bodies(&bench.receive(&fifo, 10).await), ["a1", "a2", "b1"]);
    set(&bench, "900").await;
    assert_eq!(bench.counts(&fifo).1, 3, "what was received stays so");
}

#[tokio::test]
async fn a_full_flight_is_refused_and_of_a_fifo_queue_empty() {
    let bench = Bench::new();
    let queue = bench.create("q", &[]).await;
    let fifo = bench.create("q.fifo", &[("FifoQueue", "true")]).await;
    bench.send(&queue, text("x")).await.unwrap();
    bench.send(&fifo, known("x", "g", "1")).await.unwrap();
    let fly = |queue: &Queue, count| {
        let mut engine = bench.queues.engine.lock();
        engine.queue_mut(queue.id()).unwrap().in_flight = count;
    };
    let receive = async |queue| bench.queues.receive(queue, Receive::default()).await;
    fly(&queue, 120_000);
    let refused = receive(&queue).await.unwrap_err();
    assert_eq!(refused, Error::OverLimit { limit: 120_000 });
    fly(&fifo, 120_000);
    assert_eq!(receive(&fifo).await.unwrap().len(), 0);
    fly(&fifo, 119_999);
    assert_eq!(receive(&fifo).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_clock_set_back_neither_stops_deadlines_nor_brings_them_early() {
    let bench = Bench::new();
    let queue = bench.create("q", &[]).await;
    bench.send(&queue, text("x")).await.unwrap();
    bench.one(&queue).await;
    bench.clock.jump_to(Timestamp::from_secs(1_794_000_000));
    bench.pass(29);
    assert!(bench.receive(&queue, 1).await.is_empty());
    bench.pass(1);
    assert_eq!(bench.receive(&queue, 1).await.len(), 1);
}

/// Fills some segments with messages of the queue `q`, of which one in 50 lives; those.
async fn fill_mostly_dead(bench: &Bench) -> Vec<String> {
    let queue = bench.create("q", &[("VisibilityTimeout", "43200")]).await;
    let sender = Sender {
        id: "",
        cause: Cause::Sent,
    };
    for batch in 0..160 {
        let messages = (0..10)
            .map(|n| text(&format!("{:05}{}", batch * 10 + n, "x".repeat(10_000))))
            .collect();
        // On a busy machine the next segment may not be there yet.
        while bench.queues.journal().keep_now() {}
        bench.queues.send(&queue, sender, messages).await.unwrap();
    }
    let mut kept = Vec::new();
    loop {
        let messages = bench.receive(&queue, 10).await;
        if messages.is_empty() {
            break;
        }
        let is_kept = |message: &&Message| {
            message.text()[..5]
                .parse::<u32>()
                .unwrap()
                .is_multiple_of(50)
        };
        let dead: Vec<&str> = messages
            .iter()
            .filter(|message| !is_kept(message))
            .map(|message| message.receipt_handle.as_str())
            .collect();
        bench
            .queues
            .delete(&queue, Access::Outside, &dead)
            .await
            .unwrap();
        kept.extend(
            messages
                .iter()
                .filter(is_kept)
                .map(|message| message.text().into_owned()),
        );
    }
    kept
}

fn ticks(bench: &Bench, count: u32) {
    for _ in 0..count {
        bench.queues.tick().unwrap();
    }
}

#[tokio::test]
async fn a_log_that_is_mostly_dead_shrinks_and_keeps_what_lives() {
    let mut bench = Bench::new();
    let kept = fill_mostly_dead(&bench).await;
    let before = bench.queues.journal().segments().len();
    assert!(before >= 4, "{before}");
    bench.queues.snapshot().unwrap();
    ticks(&bench, 300);
    bench.queues.snapshot().unwrap();
    ticks(&bench, 60);
    let after = bench.queues.journal().segments().len();
    assert!(after < before, "{before} segments became {after}");
    bench.reopen();
    let queue = bench.queues.queue("q").unwrap();
    bench.pass(43_200);
    let mut found = Vec::new();
    while found.len() < kept.len() {
        let messages = bench.receive(&queue, 10).await;
        assert!(!messages.is_empty());
        found.extend(bodies(&messages));
    }
    found.sort();
    assert!(found == kept, "{} of {} came back", found.len(), kept.len());
}

#[tokio::test]
async fn files_smaller_than_the_stretches_that_are_counted_go_all_the_same() {
    let bench = Bench::with_segments(ByteCount::mib(1));
    fill_mostly_dead(&bench).await;
    let before = bench.queues.journal().segments().len();
    bench.queues.snapshot().unwrap();
    ticks(&bench, 600);
    bench.queues.snapshot().unwrap();
    ticks(&bench, 60);
    let after = bench.queues.journal().segments().len();
    assert!(after * 2 < before, "{before} segments became {after}");
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_written_keeps_no_dead_file() {
    let bench = Bench::with_segments(ByteCount::mib(1));
    let queue = bench.create("q", &[]).await;
    let send_some = async || {
        for _ in 0..40 {
            let large = text(&"x".repeat(100_000));
            while bench.queues.journal().keep_now() {}
            bench.send(&queue, large).await.unwrap();
        }
    };
    send_some().await;
    bench.queues.purge(&queue).await.unwrap();
    bench.queues.snapshot().unwrap();
    send_some().await;
    let journal = bench.queues.journal();
    let before = journal.segments().len();
    // As if the disk were full.
    let name = format!("journal/{}.snap.tmp", journal.end());
    std::fs::create_dir(bench.dir.path().join(name)).unwrap();
    assert!(journal.snapshot_due() && bench.queues.snapshot().is_err());
    ticks(&bench, 30);
    let after = journal.segments().len();
    assert!(after < before, "{before} segments became {after}");
}

#[tokio::test]
async fn nothing_is_copied_while_the_disk_is_short_of_room() {
    let bench = Bench::new();
    fill_mostly_dead(&bench).await;
    let queue = bench.queues.queue("q").unwrap();
    let journal = bench.queues.journal();
    while journal.keep_now() {}
    // The keeper cannot make spare files of these names, as if the disk were full.
    let blocked: Vec<_> = (0..500)
        .map(|n| bench.dir.path().join(format!("journal/spare-{n}")))
        .filter(|path| std::fs::create_dir(path).is_ok())
        .collect();
    while journal.room() == Room::Normal {
        let large = text(&"x".repeat(100_000));
        bench.send(&queue, large).await.unwrap();
        journal.keep_now();
    }
    bench.queues.snapshot().unwrap();
    let end = journal.end();
    ticks(&bench, 60);
    assert_ne!(journal.room(), Room::Normal);
    assert_eq!(journal.end(), end, "something was written");
    for path in blocked {
        std::fs::remove_dir(path).unwrap();
    }
    while journal.keep_now() {}
    assert_eq!(journal.room(), Room::Normal);
    ticks(&bench, 60);
    assert!(journal.end() > end, "what lives is copied");
}

#[tokio::test]
async fn messages_are_found_by_id_and_by_attribute_wherever_they_wait() {
    let bench = Bench::new();
    let queue = bench.create("q", &[]).await;
    let named = |name: &str, body: String| Outgoing {
        body: body.into(),
        attributes: [(
            "shukuba.id".to_owned(),
            Attribute {
                data_type: "String".to_owned(),
                value: Value::Text(name.to_owned()),
            },
        )]
        .into(),
        ..Outgoing::default()
    };
    let delayed = Outgoing {
        delay: Some(Duration::from_secs(60)),
        ..named("later", "x".to_owned())
    };
    let in_flight = bench.send(&queue, text("first")).await.unwrap();
    let retried = bench.send(&queue, text("second")).await.unwrap();
    let gone = bench.send(&queue, text("third")).await.unwrap();
    let received = bench.receive(&queue, 3).await;
    let at = bench.clock.now().plus(Duration::from_secs(100));
    let settles = vec![
        settle(&received[1], Next::RetryAt { at, attempt: 1 }, vec![]),
        settle(&received[2], Next::Gone, vec![]),
    ];
    bench.queues.settle(&queue, settles).await.unwrap();
    let delayed = bench.send(&queue, delayed).await.unwrap();
    let long = bench
        .send(&queue, named("long", "x".repeat(9000)))
        .await
        .unwrap();
    let mut cold = Vec::new();
    for n in 0..40 {
        let name = if n % 20 == 7 { "twice" } else { "other" };
        let message = named(name, format!("cold {n}"));
        cold.push(bench.send(&queue, message).await.unwrap());
    }
    let find = |sought: Sought| {
        let mut effort = Effort::default();
        let found = bench.queues.find(&queue, &sought, &mut effort).unwrap();
        assert!(!effort.is_spent);
        found
            .into_iter()
            .map(|one| (one.message_id, one.standing))
            .collect::<BTreeMap<_, _>>()
    };
    let lease_end = bench.clock.now().plus(Duration::from_secs(30));
    let delay_end = bench.clock.now().plus(Duration::from_secs(60));
    let by_id = [&in_flight, &retried, &gone, &delayed, &cold[39]];
    let by_id = by_id.map(|sent| sent.message_id.as_str());
    let expected = |found: &[(&Sent, Standing)]| {
        let found = found.iter();
        found
            .map(|(sent, standing)| (sent.message_id.clone(), *standing))
            .collect::<BTreeMap<_, _>>()
    };
    assert_eq!(
        find(Sought::messages(by_id.into_iter().chain(["no-uuid"]))),
        expected(&[
            (&in_flight, Standing::InFlight(lease_end)),
            (&retried, Standing::RetryWait(at)),
            (&delayed, Standing::Delayed(delay_end)),
            (&cold[39], Standing::Waiting),
        ])
    );
    for (names, messages) in [
        (&["nobody"][..], &[][..]),
        (
            &["later", "long"],
            &[
                (&delayed, Standing::Delayed(delay_end)),
                (&long, Standing::Waiting),
            ],
        ),
        (
            &["twice"],
            &[
                (&cold[7], Standing::Waiting),
                (&cold[27], Standing::Waiting),
            ],
        ),
    ] {
        let sought = Sought::named("shukuba.id", names.iter().copied());
        assert_eq!(find(sought), expected(messages), "{names:?}");
    }
    let in_body = Sought::named("shukuba.id", ["twice"])
        .or_in_body(|body| (body == b"cold 3").then(|| "twice".to_owned()));
    assert_eq!(
        find(in_body),
        expected(&[
            (&cold[3], Standing::Waiting),
            (&cold[7], Standing::Waiting),
            (&cold[27], Standing::Waiting),
        ])
    );
    for bound in [
        Effort {
            messages: 5,
            ..Effort::default()
        },
        Effort {
            reads: 5,
            ..Effort::default()
        },
    ] {
        let mut effort = bound;
        let sought = Sought::named("shukuba.id", ["twice"]);
        let found = bench.queues.find(&queue, &sought, &mut effort).unwrap();
        assert!(found.is_empty() && effort.is_spent, "{effort:?}");
    }
}

#[tokio::test]
async fn the_age_of_the_oldest_is_exact_while_nobody_has_received_it() {
    let bench = Bench::new();
    let queue = bench.create("q", &[]).await;
    bench.clock.advance(Duration::from_millis(37_250));
    let sent_at = bench.clock.now();
    bench.send(&queue, text("x")).await.unwrap();
    bench.pass(1);
    bench.send(&queue, text("y")).await.unwrap();
    assert_eq!(bench.queues.counts(&queue).unwrap().oldest, Some(sent_at));
}

#[tokio::test]
async fn dead_files_go_at_once_while_the_disk_is_short_of_room() {
    let bench = Bench::with_segments(ByteCount::mib(1));
    let queue = bench.create("q", &[]).await;
    let journal = bench.queues.journal();
    let large = text(&"x".repeat(100_000));
    for _ in 0..40 {
        while journal.keep_now() {}
        bench.send(&queue, large.clone()).await.unwrap();
    }
    bench.queues.purge(&queue).await.unwrap();
    bench.queues.snapshot().unwrap();
    while journal.keep_now() {}
    let before = journal.segments().len();
    // The keeper cannot make spare files of these names, as if the disk were full.
    let blocked = (0..500).map(|n| bench.dir.path().join(format!("journal/spare-{n}")));
    let blocked = blocked.filter(|path| std::fs::create_dir(path).is_ok());
    assert!(blocked.count() > 0);
    while journal.room() == Room::Normal {
        bench.send(&queue, large.clone()).await.unwrap();
        journal.keep_now();
    }
    ticks(&bench, 1);
    let after = journal.segments().len();
    assert!(after < before, "{before} segments became {after}");
}
