//! Lookups against a naive search over everything that was written.

use std::sync::Arc;

use base::Timestamp;
use store::disk::{Disk, SimDisk};

use super::*;
use crate::record::{Place, event};
use crate::seen::{Class, Identity, Seen, Way, Who};
use crate::spool::{Options, Slots, Spool, Stream};

const OPTIONS: Options = Options {
    segment_bytes: 16 << 10,
    bytes_max: 64 << 10,
};

struct Bench {
    disk: SimDisk,
    spool: Arc<Spool>,
    history: History,
    /// Everything that was written: number, time, what it tells.
    all: Vec<(u64, Timestamp, Attributes)>,
}

fn open(disk: &SimDisk) -> (Arc<Spool>, History) {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let (spool, _) = Spool::open(disk.clone(), Stream::Management, OPTIONS, None).unwrap();
    let history = History::open(disk, spool.clone()).unwrap();
    (spool, history)
}

impl Bench {
    fn new() -> Self {
        let disk = SimDisk::new(1, 1 << 20);
        let (spool, history) = open(&disk);
        Self {
            disk,
            spool,
            history,
            all: Vec::new(),
        }
    }

    fn restart(&mut self) {
        self.disk.restart();
        (self.spool, self.history) = open(&self.disk);
    }

    fn write_full(&self) {
        let head = self.spool.sync().unwrap();
        self.history.write_full(&head).unwrap();
    }

    fn write(&mut self, secs: u64, operation: &str, user: &str, queue: &str) -> u64 {
        let place = Place {
            account: "123456789012".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        };
        let resources = [format!("arn:aws:sqs:eu-west-1:123456789012:{queue}")
            .parse()
            .unwrap()];
        let seen = Seen {
            service: "sqs",
            operation,
            class: Class::Management,
            way: Way::Call,
            identity: Identity {
                who: Who::User {
                    name: user,
                    id: "AIDA",
                },
                arn: "arn:aws:iam::123456789012:user/x",
                account: "123456789012",
                access_key_id: "AKIAIOSFODNN7EXAMPLE",
                session: None,
            },
            source: None,
            user_agent: "",
            host: "",
            tls: None,
            request_id: "r",
            request: None,
            response: None,
            failure: None,
            resources: &resources,
        };
        let at = Timestamp::from_millis(secs * 1000 + 999);
        let id = format!("id-{}", self.all.len());
        let record = event(&place, at, &id, &seen);
        let attributes = Attributes::of(&record).unwrap();
        let appended = self.spool.append(at, Slots::NONE, record).unwrap();
        self.history.add(&appended, at, &attributes);
        self.all.push((appended.number, at, attributes));
        appended.number
    }

    /// All pages of a query, as numbers.
    fn pages(&self, query: &Query) -> Vec<Vec<u64>> {
        let mut query = query.clone();
        let mut pages = Vec::new();
        loop {
            let page = self.history.look_up(&query).unwrap();
            pages.push(page.records.iter().map(|it| it.frame.number).collect());
            match page.next {
                Some(next) => query.before = next,
                None => return pages,
            }
        }
    }

    fn naive(&self, query: &Query) -> Vec<u64> {
        let oldest = self.spool.head().first;
        let newest_first = self.all.iter().rev();
        newest_first
            .filter(|(number, _, _)| *number >= oldest)
            .filter(|(_, at, it)| {
                let second = Timestamp::from_secs(at.as_secs());
                query.from <= second
                    && second <= query.to
                    && query
                        .attribute
                        .as_ref()
                        .is_none_or(|wanted| wanted.is_of(it))
            })
            .map(|(number, _, _)| *number)
            .collect()
    }

    fn check(&self, query: &Query) {
        let pages = self.pages(query);
        assert!(pages.iter().all(|page| page.len() <= query.max));
        let is_full = |page: &Vec<u64>| page.len() == query.max;
        assert!(pages.iter().rev().skip(1).all(is_full), "{pages:?}");
        assert_eq!(pages.concat(), self.naive(query), "{query:?}");
    }
}

fn query(attribute: Option<Attribute>) -> Query {
    Query {
        attribute,
        from: Timestamp::EPOCH,
        to: Timestamp::MAX,
        before: u64::MAX,
        max: 50,
    }
}

fn filled() -> Bench {
    let mut bench = Bench::new();
    for n in 0..100u64 {
        let operation =
            ["CreateQueue", "ListQueues", "DeleteQueue"][usize::try_from(n % 3).unwrap()];
        let user = if n == 7 || n == 80 { "bob" } else { "alice" };
        // The clock is put back once.
        let secs = if n == 50 { 10 } else { 1000 + n };
        bench.write(secs, operation, user, &format!("q{}", n % 10));
    }
    bench
}

fn attributes() -> Vec<Attribute> {
    let text = |text: &str| text.to_owned();
    vec![
        Attribute::EventId(text("id-93")),
        Attribute::EventId(text("id-0")),
        Attribute::EventName(text("DeleteQueue")),
        Attribute::ReadOnly(text("true")),
        Attribute::ReadOnly(text("false")),
        Attribute::Username(text("bob")),
        Attribute::Username(text("carol")),
        Attribute::ResourceType(text("AWS::SQS::Queue")),
        Attribute::ResourceName(text("q3")),
        Attribute::ResourceName(text("arn:aws:sqs:eu-west-1:123456789012:q4")),
        Attribute::EventSource(text("sqs.amazonaws.com")),
        Attribute::AccessKeyId(text("AKIAIOSFODNN7EXAMPLE")),
    ]
}

#[test]
fn every_attribute_finds_what_a_naive_search_finds_newest_first() {
    let mut bench = filled();
    assert!(bench.spool.head().first > 1, "files must have gone");
    for round in 0..3 {
        for attribute in attributes().into_iter().map(Some).chain([None]) {
            for max in [1, 3, 50] {
                bench.check(&Query {
                    max,
                    ..query(attribute.clone())
                });
            }
        }
        match round {
            0 => bench.write_full(),
            _ => bench.restart(),
        }
    }
}

#[test]
fn times_are_whole_seconds_and_both_ends_count() {
    let bench = filled();
    for (from, to) in [
        (1090, 1093),
        (1093, 1093),
        (10, 10),
        (0, 9),
        (1094, 2000),
        (1095, 1094),
    ] {
        let query = Query {
            from: Timestamp::from_secs(from),
            to: Timestamp::from_secs(to),
            ..query(None)
        };
        bench.check(&query);
    }
    let one = Query {
        from: Timestamp::from_secs(1093),
        to: Timestamp::from_secs(1093),
        ..query(None)
    };
    assert_eq!(bench.pages(&one), [[94]]);
}

#[test]
fn what_comes_between_two_pages_moves_nothing() {
    let mut bench = filled();
    let mut query = Query {
        max: 10,
        ..query(None)
    };
    let first = bench.history.look_up(&query).unwrap();
    bench.write(2000, "CreateQueue", "alice", "new");
    query.before = first.next.unwrap();
    let second = bench.history.look_up(&query).unwrap();
    let numbers = |page: &Page| {
        page.records
            .iter()
            .map(|it| it.frame.number)
            .collect::<Vec<_>>()
    };
    assert_eq!(numbers(&first), (91..=100).rev().collect::<Vec<_>>());
    assert_eq!(numbers(&second), (81..=90).rev().collect::<Vec<_>>());
}

#[test]
fn a_damaged_index_is_made_again() {
    let mut bench = filled();
    bench.write_full();
    let names: Vec<String> = bench.disk.list().unwrap();
    let indexes: Vec<&String> = names
        .iter()
        .filter(|name| name.ends_with(".index"))
        .collect();
    assert_eq!(indexes.len(), bench.spool.files().len() - 1);
    // In the entries: found when they are read. In the head: found at the start.
    for (index, at) in indexes.iter().zip([17_000, 100]) {
        bench.disk.flip(index, at, 1);
    }
    bench.check(&query(Some(Attribute::EventSource(
        "sqs.amazonaws.com".to_owned(),
    ))));
    bench.restart();
    bench.check(&query(Some(Attribute::EventSource(
        "sqs.amazonaws.com".to_owned(),
    ))));
}

#[test]
fn indexes_of_files_that_are_gone_go_too() {
    let mut bench = filled();
    bench.write_full();
    for n in 0..100 {
        bench.write(3000 + n, "CreateQueue", "alice", "q");
        bench.write_full();
    }
    let names = bench.disk.list().unwrap();
    let indexes = names.iter().filter(|name| name.ends_with(".index")).count();
    assert_eq!(indexes, bench.spool.files().len() - 1);
}

/// A power loss may take back a file whose index was written: another file of that name has other records.
#[test]
fn only_what_is_synced_gets_an_index() {
    let mut bench = filled();
    bench.write_full();
    let head = bench.spool.sync().unwrap();
    for n in 0..25 {
        bench.write(3000 + n, "CreateQueue", "alice", "q");
    }
    bench.history.write_full(&head).unwrap();
    let names = bench.disk.list().unwrap();
    let newest = names.iter().filter_map(|name| number(name)).max().unwrap();
    assert!(
        newest
            < *bench
                .spool
                .files()
                .iter()
                .rfind(|first| **first <= head.next)
                .unwrap()
    );
}
