//! Does it hold, and if not, where.
//!
//! Three independent comparisons:
//! 1. within the fold: every queue's and every span's accepted is the sum of its states;
//! 2. with the stored results: delivered, dead and expired as the sidecars count them, with what was forgotten or
//!    removed by age, and the journal's tail counted one by one, up to the same position;
//! 3. with the queue engine: how many messages are in the queue, at the same position.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use store::Position;

use super::report::{QueueReport, Row};
use super::{Detail, Ledger, Report};
use crate::results::index::{CountTable, merge_tables};
use crate::results::sealer::count_tail;
use crate::results::set::Window;
use crate::results::{Counts, Error, ResultLog, Results};

/// How often the engine is asked until nothing has moved in between.
const TRIES: usize = 20;

/// How the messages in a queue divide now; the engine's own counts. Messages, not notifications: one may hold many lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LiveCounts {
    /// Can be received now.
    pub visible: u64,
    /// Received and neither deleted nor visible again.
    pub in_flight: u64,
    /// Sent with a delay that is not over.
    pub delayed: u64,
    /// Settled, waiting for the next attempt.
    pub retry_wait: u64,
}

impl LiveCounts {
    /// All messages in the queue.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.visible + self.in_flight + self.delayed + self.retry_wait
    }
}

/// The queue engine, asked for its counts.
pub trait LiveQueues: Send + Sync {
    /// The counts of a queue; `None` when there is none of that name.
    fn live(&self, queue: &str) -> Option<LiveCounts>;
}

/// Something that does not add up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Drift {
    /// A span's states are not what was accepted.
    Sum {
        /// The queue.
        queue: String,
        /// First minute of the span; `None` = of all there ever was.
        minute: Option<String>,
        /// Accepted.
        accepted: i64,
        /// In a state.
        accounted: i64,
        /// Lost with a stretch of the journal that was cut out, or by settlements that did not add up.
        lost: i64,
    },
    /// The stored results say something else.
    Results {
        /// The queue.
        queue: String,
        /// Which state.
        state: String,
        /// What the ledger says.
        ledger: u64,
        /// How many results say so.
        results: u64,
    },
    /// The queue engine holds another number of messages.
    Engine {
        /// The queue.
        queue: String,
        /// What the ledger says.
        ledger: i64,
        /// What the engine says.
        engine: u64,
    },
    /// Something that lives could not be read: the journal is damaged there, and nobody has cut it out yet.
    Unreadable {
        /// The journal's file.
        file: String,
        /// Where in it.
        offset: u64,
    },
    /// Results of notifications that no manifest names: somebody else sent them.
    UnknownOrigin {
        /// The queue.
        queue: String,
        /// How many.
        notifications: u64,
        /// Of these, accepted so short ago that their manifests may still come.
        recent: u64,
    },
    /// Accepted, and neither ended nor in the queue.
    Missing {
        /// The queue.
        queue: String,
        /// How many.
        notifications: u64,
    },
    /// A stretch of the journal is lost: what it held is not known.
    Stretch {
        /// Where it began.
        from: String,
        /// Where it ended.
        to: String,
        /// Whether an archive did not hold it, from which the journal was restored; else it was damaged and cut out.
        #[serde(default)]
        is_restored: bool,
    },
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sum {
                queue,
                minute,
                accepted,
                accounted,
                lost,
            } => {
                write!(
                    f,
                    "queue `{queue}`: {accepted} accepted, {accounted} accounted for, {lost} lost"
                )?;
                minute
                    .as_ref()
                    .map_or(Ok(()), |minute| write!(f, ", in the span from {minute}"))
            }
            Self::Results {
                queue,
                state,
                ledger,
                results,
            } => {
                write!(
                    f,
                    "queue `{queue}`: {ledger} {state} in the ledger, {results} in the results"
                )
            }
            Self::Engine {
                queue,
                ledger,
                engine,
            } => {
                write!(
                    f,
                    "queue `{queue}`: {ledger} messages in the ledger, {engine} in the queue"
                )
            }
            Self::Unreadable { file, offset } => {
                write!(
                    f,
                    "`{file}` cannot be read at offset {offset}: see `shukuba check-data`"
                )
            }
            Self::UnknownOrigin {
                queue,
                notifications,
                recent,
            } => write!(
                f,
                "queue `{queue}`: {notifications} of unknown origin have results and are in no manifest, {recent} of them accepted within ten minutes: their manifests may still come"
            ),
            Self::Missing {
                queue,
                notifications,
            } => write!(
                f,
                "queue `{queue}`: {notifications} were accepted and have not ended, and the queue is empty"
            ),
            Self::Stretch {
                from,
                to,
                is_restored: false,
            } => write!(f, "the journal from {from} to {to} was damaged and cut out"),
            Self::Stretch { from, .. } => write!(
                f,
                "the journal was restored from an archive that ended at {from}: what was accepted, and what became of it, behind that is not known"
            ),
        }
    }
}

/// A queue with what is in it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QueueBalance {
    /// Its book.
    #[serde(flatten)]
    pub book: QueueReport,
    /// How its open messages divide; `None` for a queue that is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<LiveCounts>,
}

/// The answer of `ledger`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Balance {
    /// The journal's position at which everything was counted, 16 hex digits.
    pub position: String,
    /// When its record was appended, RFC 3339.
    pub at: String,
    /// Whether nothing drifts.
    pub balanced: bool,
    /// What drifts.
    pub drifts: Vec<Drift>,
    /// What could not be compared, and why.
    pub not_compared: Vec<String>,
    /// The books.
    pub queues: Vec<QueueBalance>,
}

/// The stored results of a journal.
#[derive(Clone, Debug)]
pub struct StoredResults {
    /// The objects.
    pub results: Results,
    /// Their journal.
    pub log: Arc<dyn ResultLog>,
}

/// Counts everything at one position. `routes`: the name of each route's results and of its queue.
///
/// # Errors
/// When results or journal cannot be read.
pub async fn balance(
    ledger: &Ledger,
    live: &dyn LiveQueues,
    stored: Option<&StoredResults>,
    routes: &[(String, String)],
    detail: Detail,
) -> Result<Balance, Error> {
    // Sealed results first, at a position that is not after the report's; the rest is read from the journal.
    let sealed = match stored {
        Some(stored) => Some(stored.sealed(routes).await?),
        None => None,
    };
    let (report, counts, is_still) = at_one_position(ledger, live, Detail::History).await;
    let mut not_compared = Vec::new();
    let mut drifts = sums(&report);
    if is_still {
        drifts.extend(against_engine(&report, &counts));
    } else {
        not_compared.push("the queue engine's counts: they moved all the time".to_owned());
    }
    match (stored, sealed) {
        (Some(stored), Some((sealed_up_to, sealed))) => {
            let tables = stored
                .with_tail(routes, sealed, sealed_up_to, report.position)
                .await?;
            drifts.extend(against_results(&report, &tables));
        }
        _ => not_compared.push("the stored results: they are not at hand".to_owned()),
    }
    Ok(answer(report, &counts, drifts, not_compared, detail))
}

/// What drifts by the two comparisons that read nothing: within the fold, of all there ever was, and with the queue engine.
/// Costs little, so that a server may ask now and then; the stored results are compared by [`balance`] alone. Also whether the
/// engine could be compared: not when its counts moved all the time.
pub async fn drifts_at_hand(ledger: &Ledger, live: &dyn LiveQueues) -> (Vec<Drift>, bool) {
    let (report, counts, is_still) = at_one_position(ledger, live, Detail::Totals).await;
    let mut drifts = sums(&report);
    if is_still {
        drifts.extend(against_engine(&report, &counts));
    }
    (drifts, is_still)
}

fn answer(
    report: Report,
    counts: &BTreeMap<String, LiveCounts>,
    drifts: Vec<Drift>,
    not_compared: Vec<String>,
    detail: Detail,
) -> Balance {
    let queues = report.queues.into_iter().map(|mut book| {
        if detail == Detail::Totals {
            book.history.clear();
            book.destinations
                .iter_mut()
                .for_each(|destination| destination.history.clear());
        }
        QueueBalance {
            live: counts.get(&book.queue).copied(),
            book,
        }
    });
    Balance {
        position: report.position.to_string(),
        at: report.at.rfc3339(),
        balanced: drifts.is_empty(),
        drifts,
        not_compared,
        queues: queues.collect(),
    }
}

/// The books and the engine's counts with no record in between, or the last try and `false`.
async fn at_one_position(
    ledger: &Ledger,
    live: &dyn LiveQueues,
    detail: Detail,
) -> (Report, BTreeMap<String, LiveCounts>, bool) {
    let mut tried = 0;
    loop {
        let report = ledger.report(None, detail);
        let names = report.queues.iter().map(|queue| &queue.queue);
        let counts = names
            .filter_map(|name| Some((name.clone(), live.live(name)?)))
            .collect();
        tried += 1;
        let is_still = ledger.position() == report.position;
        if is_still || tried >= TRIES {
            return (report, counts, is_still);
        }
        tokio::task::yield_now().await;
    }
}

pub(super) fn sums(report: &Report) -> Vec<Drift> {
    let mut drifts = Vec::new();
    for queue in &report.queues {
        let of = |minute: Option<String>, row: &Row| {
            (!row.cell.is_balanced()).then(|| Drift::Sum {
                queue: queue.queue.clone(),
                minute,
                accepted: row.accepted,
                accounted: row.cell.accounted(),
                lost: row.cell.lost,
            })
        };
        drifts.extend(of(None, &queue.total));
        let spans = queue.history.iter();
        drifts.extend(spans.filter_map(|span| of(Some(span.begins().rfc3339()), &span.counts)));
    }
    let stretches = report.lost.iter();
    drifts.extend(stretches.map(|(from, to)| Drift::Stretch {
        from: from.to_string(),
        to: to.to_string(),
        is_restored: store::archive::is_restored_gap(*from, *to),
    }));
    drifts
}

fn against_engine(report: &Report, counts: &BTreeMap<String, LiveCounts>) -> Vec<Drift> {
    let open = report
        .queues
        .iter()
        .filter(|queue| queue.deleted_at.is_none());
    open.filter_map(|queue| {
        let engine = counts.get(&queue.queue).map_or(0, LiveCounts::messages);
        (i64::try_from(engine) != Ok(queue.messages)).then(|| Drift::Engine {
            queue: queue.queue.clone(),
            ledger: queue.messages,
            engine,
        })
    })
    .collect()
}

fn against_results(report: &Report, tables: &BTreeMap<String, CountTable>) -> Vec<Drift> {
    let mut drifts = Vec::new();
    for (queue, table) in tables {
        let book = report.queues.iter().find(|book| book.queue == *queue);
        let cell = book.map(|book| book.total.cell).unwrap_or_default();
        let mut counts = Counts::default();
        table.values().for_each(|other| counts.merge(*other));
        for (state, ledger, results) in [
            ("delivered", cell.delivered, counts.delivered),
            ("dead", cell.dead, counts.dead),
            ("expired", cell.expired, counts.expired),
        ] {
            if ledger != results {
                drifts.push(Drift::Results {
                    queue: queue.clone(),
                    state: state.to_owned(),
                    ledger,
                    results,
                });
            }
        }
    }
    drifts
}

impl StoredResults {
    /// The sealed results by queue, and up to where they are.
    async fn sealed(
        &self,
        routes: &[(String, String)],
    ) -> Result<(Position, BTreeMap<String, CountTable>), Error> {
        // While compaction rests, no object reaches over the position.
        let _upkeep = self.results.upkeep().await?;
        let up_to = self.log.sealed_up_to();
        let mut tables: BTreeMap<String, CountTable> = BTreeMap::new();
        for (route, queue) in routes {
            let window = Window {
                route: Some(route.clone()),
                ..Window::sealed(Some(up_to))
            };
            let table = self.results.tally(&window).await?;
            merge_tables(tables.entry(queue.clone()).or_default(), &table);
        }
        Ok((up_to, tables))
    }

    async fn with_tail(
        &self,
        routes: &[(String, String)],
        mut tables: BTreeMap<String, CountTable>,
        from: Position,
        through: Position,
    ) -> Result<BTreeMap<String, CountTable>, Error> {
        self.log.durable_through(through).await?;
        let log = Arc::clone(&self.log);
        let tail = tokio::task::spawn_blocking(move || count_tail(log.as_ref(), from, through))
            .await
            .map_err(|_| Error::Cancelled)??;
        for (route, table) in tail {
            if let Some((_, queue)) = routes.iter().find(|(name, _)| *name == route) {
                merge_tables(tables.entry(queue.clone()).or_default(), &table);
            }
        }
        Ok(tables)
    }
}

impl Balance {
    /// Adds what the comparison cannot see.
    pub fn add(&mut self, drift: Drift) {
        self.balanced = false;
        self.drifts.push(drift);
    }
}

#[cfg(test)]
mod tests {
    use base::Timestamp;
    use object_store::memory::InMemory;
    use store::record::{
        Cause, LineOutcome, LineState, MessageKey, NewMessage, Next, Observer as _, QueueId,
        Record, Settlement, Touched,
    };

    use super::*;
    use crate::ledger::minute_of;
    use crate::result::Decision;
    use crate::results::tests::{FakeLog, at, result};
    use crate::results::{ObjectResults, Sealer};

    struct Engine(Option<LiveCounts>);

    impl LiveQueues for Engine {
        fn live(&self, _: &str) -> Option<LiveCounts> {
            self.0
        }
    }

    struct Place {
        ledger: Ledger,
        log: Arc<FakeLog>,
        stored: StoredResults,
    }

    impl Place {
        /// A queue with three messages.
        fn new() -> Self {
            let log = Arc::new(FakeLog::default());
            let results = Results::new(Arc::new(ObjectResults::new(Arc::new(InMemory::new()), "")));
            let stored = StoredResults {
                results,
                log: log.clone(),
            };
            let place = Self {
                ledger: Ledger::new(),
                log,
                stored,
            };
            let queue = QueueId(1);
            place.record(&Record::QueueCreated {
                queue,
                name: "q",
                settings: b"{}",
            });
            let messages = vec![NewMessage::plain(at(0), b"x"); 3];
            place.record(&Record::Enqueued {
                queue,
                cause: Cause::Sent,
                messages,
            });
            place
        }

        fn record(&self, record: &Record<'_>) {
            let end = self.log.append(at(1), record).get();
            self.ledger
                .applied(Position::new(end - 1000), at(1), record);
        }

        fn settle(&self, number: u64, decision: Decision, state: LineState) {
            let json = result(
                Timestamp::from_millis(at(1).as_millis()),
                number,
                decision,
                "",
            );
            let line = LineOutcome {
                line: 0,
                destination: "d",
                state,
                result: &json,
            };
            let settlement = Settlement {
                key: MessageKey(number),
                sent_at: at(0),
                lines_before: 1,
                lines: vec![line],
                next: Next::Gone,
                carries: Vec::new(),
            };
            self.record(&Record::Settled {
                queue: QueueId(1),
                settlements: vec![settlement],
            });
        }

        async fn balance(&self, visible: u64) -> Balance {
            let live = Engine(Some(LiveCounts {
                visible,
                ..LiveCounts::default()
            }));
            let routes = [("r".to_owned(), "q".to_owned())];
            balance(
                &self.ledger,
                &live,
                Some(&self.stored),
                &routes,
                Detail::Totals,
            )
            .await
            .unwrap()
        }
    }

    #[tokio::test]
    async fn it_balances_before_and_after_sealing_compaction_and_ageing() {
        let place = Place::new();
        assert!(place.balance(3).await.balanced);
        place.settle(1, Decision::Delivered, LineState::Delivered);
        assert!(place.balance(2).await.balanced);
        let mut sealer = Sealer::new(place.log.clone(), place.stored.results.clone());
        sealer.all().await.unwrap();
        place.settle(2, Decision::Dead, LineState::Dead);
        let balance = place.balance(1).await;
        assert!(
            balance.balanced && balance.not_compared.is_empty(),
            "{balance:?}"
        );
        let total = balance.queues[0].book.total;
        let cell = total.cell;
        assert_eq!(
            (total.accepted, cell.open, cell.delivered, cell.dead),
            (3, 1, 1, 1)
        );
        sealer.all().await.unwrap();
        let window = Window::default();
        place
            .stored
            .results
            .compact(&window, at(9_000_000))
            .await
            .unwrap();
        assert!(place.balance(1).await.balanced);
        let keep = |_: &str| std::time::Duration::ZERO;
        place
            .stored
            .results
            .retain(&window, at(9_000_000), &keep)
            .await
            .unwrap();
        assert!(place.balance(1).await.balanced);
        let json = serde_json::to_value(place.balance(1).await).unwrap();
        assert_eq!(json["queues"][0]["total"]["accepted"], 3);
        assert_eq!(json["queues"][0]["live"]["visible"], 1);
    }

    #[tokio::test]
    async fn what_drifts_is_named() {
        let place = Place::new();
        place.settle(1, Decision::Delivered, LineState::Dead);
        let drifts = place.balance(1).await.drifts;
        assert_eq!(
            drifts.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [
                "queue `q`: 2 messages in the ledger, 1 in the queue",
                "queue `q`: 0 delivered in the ledger, 1 in the results",
                "queue `q`: 1 dead in the ledger, 0 in the results",
            ]
        );
        place.record(&Record::Lost {
            from: Position::ZERO,
            to: Position::new(9),
        });
        let balance = place.balance(2).await;
        let is_named = |drift: &Drift| drift.to_string().contains("was damaged and cut out");
        assert!(!balance.balanced && balance.drifts.iter().any(is_named));
        place.record(&Record::Lost {
            from: Position::new(9),
            to: Position::new(9).plus(store::archive::RESTORE_GAP),
        });
        let balance = place.balance(2).await;
        let is_named = |drift: &Drift| {
            drift
                .to_string()
                .contains("archive that ended at 0000000000000009")
        };
        assert!(!balance.balanced && balance.drifts.iter().any(is_named));
    }

    #[tokio::test]
    async fn what_is_at_hand_is_compared_without_the_results() {
        let place = Place::new();
        let visible = |visible| {
            Engine(Some(LiveCounts {
                visible,
                ..LiveCounts::default()
            }))
        };
        // The results say something else; they are not read.
        place.settle(1, Decision::Delivered, LineState::Dead);
        let found = drifts_at_hand(&place.ledger, &visible(2)).await;
        assert_eq!(found, (Vec::new(), true));
        place.record(&Record::Lost {
            from: Position::ZERO,
            to: Position::new(9),
        });
        let (drifts, _) = drifts_at_hand(&place.ledger, &visible(1)).await;
        let told: Vec<String> = drifts.iter().map(ToString::to_string).collect();
        assert!(told[0].contains("was damaged and cut out"), "{told:?}");
        assert_eq!(
            told[1],
            "queue `q`: 2 messages in the ledger, 1 in the queue"
        );
    }

    #[tokio::test]
    async fn messages_that_were_cut_out_are_lost_and_no_longer_open() {
        let place = Place::new();
        place.record(&Record::MessagesLost {
            queue: QueueId(1),
            messages: vec![Touched {
                key: MessageKey(2),
                sent_minute: minute_of(at(0)),
                lines: 1,
            }],
        });
        let drifts = place.balance(2).await.drifts;
        let first = drifts.first().map(ToString::to_string);
        let said = "queue `q`: 3 accepted, 2 accounted for, 1 lost";
        assert_eq!(first.as_deref(), Some(said), "{drifts:?}");
        let names = |drift: &Drift| matches!(drift, Drift::Sum { lost: 1, .. });
        assert!(drifts.iter().all(names), "{drifts:?}");
    }
}
