//! The document, from the ledger's sums.

use base::Timestamp;
use delivery::ledger::cell::Cell;
use delivery::ledger::failures::CLASSES;
use delivery::ledger::period::{Days, DestinationPeriod, Period, QueuePeriod};
use serde_json::{Map, Value, json};

use super::{KIND, digest};

/// Minutes of a day.
pub(crate) const DAY: u32 = 24 * 60;

/// How the document says what it counts.
const COUNTING: &str = "A notification is one line. It is booked in the minute (UTC) in which it was accepted; whatever becomes of it later is \
booked there too. One that is sent again by hand (replayed) is accepted again, in the minute of that. \
A destination is known when its notification has been tried: what is open, taken, purged or moved out stands in the balance of its route alone. \
Attempts are requests that were made.";

/// Which destinations and routes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Choice {
    pub(crate) route: Option<String>,
    pub(crate) destination: Option<String>,
}

/// What the document says of its maker.
#[derive(Clone, Debug)]
pub(crate) struct Maker {
    pub(crate) account: String,
    pub(crate) at: Timestamp,
}

/// Names of routes by queue.
pub(crate) type Routes = [(String, String)];

/// The statement of `days`. `before`: the day before, where only one day is asked.
pub(crate) fn statement(
    days: Days,
    period: &Period,
    before: Option<&Period>,
    routes: &Routes,
    choice: &Choice,
    maker: &Maker,
) -> Value {
    let chosen = sections(period, routes, choice);
    let open: i64 = chosen.iter().map(|queue| queue.cell.open).sum();
    let is_over = maker.at >= begins(days.to);
    let is_balanced = chosen.iter().all(|queue| queue.cell.is_balanced());
    let since = period.failures_since;
    let since = (since > begins(days.from)).then(|| since.rfc3339());
    json!({
        "kind": KIND,
        "account": maker.account,
        "software": concat!("shukuba ", env!("CARGO_PKG_VERSION")),
        "made_at": maker.at.rfc3339(),
        "from": begins(days.from).rfc3339(),
        "to": begins(days.to).rfc3339(),
        "time_zone": "UTC",
        "counting": COUNTING,
        "chosen": { "route": choice.route, "destination": choice.destination },
        "ledger_position": period.position.to_string(),
        "is_over": is_over,
        "open": open,
        "is_closed": is_over && open == 0,
        "is_balanced": is_balanced,
        "classes_known_since": since,
        "routes": values(&chosen, routes, choice),
        "counts_sha256": counts_digest(days, &values(&chosen, routes, choice)),
        "previous": before.and_then(|before| previous(days, before, routes, choice)),
    })
}

/// The digest of the day before, once nothing of it is open: it does not change any more then.
fn previous(days: Days, period: &Period, routes: &Routes, choice: &Choice) -> Option<Value> {
    let chosen = sections(period, routes, choice);
    if chosen.iter().any(|queue| queue.cell.open != 0) {
        return None;
    }
    let days = Days {
        from: days.from - DAY,
        to: days.from,
    };
    let counts = values(&chosen, routes, choice);
    Some(json!({
        "from": begins(days.from).rfc3339(),
        "to": begins(days.to).rfc3339(),
        "counts_sha256": counts_digest(days, &counts),
    }))
}

fn counts_digest(days: Days, routes: &[Value]) -> String {
    digest(&json!({
        "from": begins(days.from).rfc3339(),
        "to": begins(days.to).rfc3339(),
        "routes": routes,
    }))
}

/// When a minute begins.
pub(crate) fn begins(minute: u32) -> Timestamp {
    Timestamp::from_secs(u64::from(minute) * 60)
}

/// The queues of routes in which something was accepted; of one route, where one is chosen.
fn sections<'a>(period: &'a Period, routes: &Routes, choice: &Choice) -> Vec<&'a QueuePeriod> {
    let queues = period.queues.iter();
    let is_chosen = |queue: &&QueuePeriod| match &choice.route {
        Some(wanted) => name_of(routes, &queue.queue) == Some(wanted),
        None => {
            let is_of_route = queue.is_of_route || name_of(routes, &queue.queue).is_some();
            is_of_route && queue.cell != Cell::default()
        }
    };
    queues.filter(is_chosen).collect()
}

/// The route of a queue; `None` when it has none any more.
fn name_of<'a>(routes: &'a Routes, queue: &str) -> Option<&'a String> {
    let found = routes.iter().find(|(_, of)| of == queue);
    found.map(|(name, _)| name)
}

fn values(queues: &[&QueuePeriod], routes: &Routes, choice: &Choice) -> Vec<Value> {
    let value = |queue: &&QueuePeriod| {
        let wanted = choice.destination.as_ref();
        let destinations = queue.destinations.iter();
        let destinations: Vec<Value> = destinations
            .filter(|one| wanted.is_none_or(|wanted| *wanted == one.destination))
            .map(destination)
            .collect();
        json!({
            "route": name_of(routes, &queue.queue),
            "queue": queue.queue,
            "balance": balance(&queue.cell),
            "destinations": destinations,
        })
    };
    queues.iter().map(value).collect()
}

fn balance(cell: &Cell) -> Value {
    json!({
        "sent": cell.sent,
        "moved_in": cell.moved_in,
        "replayed": cell.replayed,
        "corrected": cell.corrected,
        "accepted": cell.accepted(),
        "delivered": cell.delivered,
        "failed": cell.dead,
        "expired": cell.expired,
        "taken": cell.taken,
        "purged": cell.purged,
        "moved_out": cell.moved_out,
        "open": cell.open,
        "lost": cell.lost,
        "is_balanced": cell.is_balanced(),
    })
}

fn destination(one: &DestinationPeriod) -> Value {
    let (outcomes, failures) = (&one.outcomes, &one.failures);
    let mut by_class = Map::new();
    for (name, count) in CLASSES.iter().zip(failures.by_class) {
        if count > 0 {
            by_class.insert((*name).to_owned(), count.into());
        }
    }
    let unknown = outcomes.dead.saturating_sub(failures.total());
    if unknown > 0 {
        by_class.insert("not_recorded".to_owned(), unknown.into());
    }
    let sent = outcomes.dead.saturating_sub(failures.unsent);
    json!({
        "destination": one.destination,
        "ended": outcomes.delivered + outcomes.dead + outcomes.expired,
        "delivered": outcomes.delivered,
        "failed": outcomes.dead,
        "failed_by_class": by_class,
        "expired": outcomes.expired,
        "attempts": outcomes.delivered + outcomes.retries + sent,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use delivery::ledger::cell::Outcomes;
    use delivery::ledger::failures::Failures;

    use super::*;

    const FROM: u32 = 20_000 * DAY;

    pub(crate) fn days() -> Days {
        Days {
            from: FROM,
            to: FROM + DAY,
        }
    }

    fn queue(name: &str, cell: Cell) -> QueuePeriod {
        let mut failures = Failures::of(br#"{"class":"client","sent_at":"x"}"#);
        failures.merge(&Failures::of(br#"{"reason":"unparsable: no URL"}"#));
        let outcomes = Outcomes {
            delivered: cell.delivered,
            dead: cell.dead,
            expired: cell.expired,
            retries: 7,
        };
        QueuePeriod {
            queue: name.to_owned(),
            cell,
            destinations: vec![DestinationPeriod {
                destination: "a.example".to_owned(),
                outcomes,
                failures,
            }],
            is_of_route: true,
        }
    }

    fn cell(open: i64) -> Cell {
        Cell {
            sent: 100,
            delivered: 90 - open.unsigned_abs(),
            dead: 3,
            expired: 4,
            taken: 3,
            open,
            ..Cell::default()
        }
    }

    pub(crate) fn period(open: i64) -> Period {
        Period {
            position: store::Position::new(16),
            at: begins(FROM),
            failures_since: Timestamp::EPOCH,
            queues: vec![
                queue("q1", cell(open)),
                queue("q2", Cell::default()),
                QueuePeriod {
                    is_of_route: false,
                    ..queue("q1-dead", cell(0))
                },
            ],
        }
    }

    pub(crate) fn made(period: &Period, before: Option<&Period>, choice: &Choice) -> Value {
        let routes = [
            ("r1".to_owned(), "q1".to_owned()),
            ("r2".to_owned(), "q2".to_owned()),
        ];
        let maker = Maker {
            account: "123456789012".to_owned(),
            at: begins(FROM + 3 * DAY),
        };
        statement(days(), period, before, &routes, choice, &maker)
    }

    #[test]
    fn a_statement_adds_up_and_says_whether_it_is_closed() {
        let closed = made(&period(0), Some(&period(0)), &Choice::default());
        assert_eq!(closed["is_closed"], true);
        assert_eq!(closed["is_balanced"], true);
        assert_eq!(closed["routes"].as_array().unwrap().len(), 1);
        let one = &closed["routes"][0]["destinations"][0];
        assert_eq!(
            one["failed_by_class"],
            json!({ "client": 1, "unparsable": 1, "not_recorded": 1 })
        );
        // One of the three failed ones was never sent.
        assert_eq!(one["attempts"], 90 + 7 + 2);
        assert_eq!(closed["previous"]["to"], closed["from"]);
        let open = made(&period(5), Some(&period(5)), &Choice::default());
        assert_eq!(
            (&open["open"], &open["is_closed"]),
            (&json!(5), &json!(false))
        );
        assert_eq!(open["previous"], Value::Null);
        assert_ne!(open["counts_sha256"], closed["counts_sha256"]);
    }

    #[test]
    fn a_choice_narrows_and_an_empty_route_is_shown_when_it_is_named() {
        let choice = |route: &str, destination: &str| Choice {
            route: Some(route.to_owned()),
            destination: Some(destination.to_owned()),
        };
        let empty = made(&period(0), None, &choice("r2", "a.example"));
        assert_eq!(empty["routes"][0]["balance"]["accepted"], 0);
        let other = made(&period(0), None, &choice("r1", "b.example"));
        assert_eq!(other["routes"][0]["destinations"], json!([]));
        assert_eq!(other["routes"][0]["balance"]["accepted"], 100);
    }
}
