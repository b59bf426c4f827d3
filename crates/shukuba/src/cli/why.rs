//! `shukuba why`.

use std::process::ExitCode;
use std::time::Duration;

use base::Timestamp;
use serde_json::Value;

use super::operator::{Of, list, number, text};
use super::results::{said, tried_at};
use crate::answers::why::Input;
use crate::app::App;
use crate::output;

/// From how long after its attempt's beginning a settlement is told. Chosen: the longest attempt by default is shorter.
const SETTLED_LATE: Duration = Duration::from_secs(20);

/// Tell what became of a notification: every attempt with its result (exit code 1 when nothing bears that id).
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    of: Of,

    /// Only in this route's results
    #[arg(long, value_name = "ROUTE")]
    route: Option<String>,

    /// A message id, a notification id, or the exact URL as it was sent
    #[arg(value_name = "ID|URL")]
    what: String,
}

pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    let input = Input {
        what: args.what.clone(),
        route: args.route.clone(),
    };
    let answer = args.of.show(app, "why", &input, table)?;
    Ok(ExitCode::from(u8::from(
        list(&answer, "stories").is_empty(),
    )))
}

fn table(answer: &Value) -> String {
    let stories = list(answer, "stories");
    let rests = list(answer, "rests");
    let told = stories.iter().enumerate();
    let mut parts: Vec<String> = told
        .map(|(place, one)| story(one, &of_several(stories, place), rests))
        .collect();
    if stories.is_empty() {
        let nothing = "no result and no message that waits here bears that id or URL: it was not accepted here, was taken by somebody else, or is past its retention; what waits in queues elsewhere is not seen";
        let rests = rests.iter().map(resting);
        let rests = rests.map(|word| format!("{word}: what waits for that is not tried"));
        let said: Vec<String> = std::iter::once(nothing.to_owned()).chain(rests).collect();
        parts.push(said.join("\n"));
    }
    if answer.get("is_cut") == Some(&Value::Bool(true)) {
        parts.push("there are more; narrow it with --route or by id".to_owned());
    }
    if answer.get("is_waiting_cut") == Some(&Value::Bool(true)) {
        parts.push("the queues hold more messages than were looked through: one that waits may be missing; a message id finds it soonest".to_owned());
    }
    parts.join("\n\n")
}

/// ` (1 of 2 that bear this id)`, where an id was given to several.
fn of_several(stories: &[Value], place: usize) -> String {
    let id_of = |one: &Value| text(one, "notification_id");
    let own = stories.get(place).map(id_of);
    let is_same = |one: &&Value| Some(id_of(one)) == own;
    let before = stories.iter().take(place).filter(is_same).count();
    match stories.iter().filter(is_same).count() {
        0 | 1 => String::new(),
        all => format!(" ({} of {all} notifications that bear this id)", before + 1),
    }
}

fn story(story: &Value, several: &str, rests: &[Value]) -> String {
    let attempts = list(story, "attempts");
    let mut lines = vec![format!(
        "{}: {}{several}",
        text(story, "notification_id"),
        text(story, "state")
    )];
    if let Some(first) = attempts.first() {
        lines.push(format!(
            "  accepted {} on route {}, {} {}",
            text(first, "queued_at"),
            text(first, "route"),
            text(first, "method"),
            text(first, "url")
        ));
        if let Some(origin) = first.get("origin") {
            let line = first.get("line").and_then(Value::as_u64);
            lines.push(format!("  from {}", from(origin, line.unwrap_or(1))));
        }
    }
    lines.extend(
        attempts
            .iter()
            .flat_map(|one| [attempt(one)].into_iter().chain(beside(one))),
    );
    let state = text(story, "state");
    lines.extend(
        list(story, "waiting")
            .iter()
            .map(|one| waiting(&state, one)),
    );
    lines.extend(held_back(story, rests));
    if story.get("left_dead") == Some(&Value::Bool(true)) {
        lines.push("  no longer among the dead: dropped, sent again and not tried yet, or past its retention there".to_owned());
    }
    let plain = |line: &String| output::plain(line, &[]).into_owned();
    lines.iter().map(plain).collect::<Vec<_>>().join("\n")
}

/// What rests of that which a waiting message may need.
fn held_back(story: &Value, rests: &[Value]) -> Vec<String> {
    let waiting = list(story, "waiting").iter();
    let alive: Vec<&Value> = waiting.filter(|one| text(one, "state") != "dead").collect();
    let attempts = list(story, "attempts");
    let receiver = attempts.last().map(|last| text(last, "destination"));
    let host = |name: &str| {
        name.rsplit_once(':')
            .map_or(name, |(host, _)| host)
            .to_owned()
    };
    let said = |pause: &Value| {
        let (name, word) = (text(pause, "name"), resting(pause));
        let is_route = text(pause, "kind") == "route";
        match (is_route, &receiver) {
            (true, _) => alive
                .iter()
                .any(|one| text(one, "route") == name)
                .then_some(word),
            (false, Some(to)) => (*to == name || host(to) == name).then_some(word),
            (false, None) => Some(format!("{word}: it waits if it goes there")),
        }
    };
    let found = rests.iter().filter(|_| !alive.is_empty()).filter_map(said);
    found.map(|word| format!("  {word}")).collect()
}

/// ``route `r` rests since …``
fn resting(pause: &Value) -> String {
    format!(
        "{} `{}` rests since {}",
        text(pause, "kind"),
        text(pause, "name"),
        text(pause, "since")
    )
}

/// A message in a queue. Lines of one message share the id by which it was found: of a notification that has ended it
/// may be another's.
fn waiting(state: &str, one: &Value) -> String {
    let place = [text(one, "state"), text(one, "until")].join(" ");
    let is_ended = matches!(state, "delivered" | "dead" | "expired");
    let whose = match is_ended && text(one, "state") != "dead" {
        true => " (sent again, or other lines of its message)",
        false => "",
    };
    format!(
        "  in `{}`: {} as {}{whose}",
        text(one, "queue"),
        place.trim_end(),
        text(one, "message_id")
    )
}

/// The place is that of the message's first line.
fn from(origin: &Value, line: u64) -> String {
    let at = match line {
        0 | 1 => "at byte".to_owned(),
        _ => format!("line {line} of the package from byte"),
    };
    match origin {
        Value::String(text) => text.clone(),
        _ => format!(
            "{}:{} {at} {}, shipped {}",
            text(origin, "host"),
            text(origin, "file"),
            number(origin, "offset"),
            text(origin, "shipped_at")
        ),
    }
}

fn attempt(attempt: &Value) -> String {
    let took = attempt
        .get("timings_us")
        .and_then(|timings| timings.get("total"))
        .and_then(Value::as_u64);
    let took = took.map_or_else(String::new, |micros| {
        format!(
            " in {:.1}ms",
            std::time::Duration::from_micros(micros).as_secs_f64() * 1000.0
        )
    });
    let reason = match text(attempt, "reason") {
        reason if reason.is_empty() && text(attempt, "verdict") == "expired" => {
            "its time was over".to_owned()
        }
        reason => reason,
    };
    let what = said(&[
        text(attempt, "status"),
        text(attempt, "error"),
        text(attempt, "detail"),
        reason,
    ]);
    let replay = text(attempt, "replay");
    let replay = match replay.is_empty() {
        true => replay,
        // The full stop ends the number for those who look for it in the journal.
        false => format!(", replay {}", replay.trim_end_matches('.')),
    };
    let next = text(attempt, "next_at");
    let next = if next.is_empty() {
        next
    } else {
        format!(", again at {next}")
    };
    let settled = settled_late(attempt);
    format!(
        "  {} attempt {}: {} {} {}{took}{settled}{next}{replay} by {}",
        tried_at(attempt),
        number(attempt, "attempt"),
        text(attempt, "verdict"),
        what,
        text(attempt, "address"),
        text(attempt, "notifier"),
    )
}

/// What became of it at a second URL.
fn beside(attempt: &Value) -> Option<String> {
    let (kind, one) = ["shadow", "canary"]
        .iter()
        .find_map(|kind| Some((kind, attempt.get(kind)?)))?;
    let micros = one.get("total_us").and_then(Value::as_u64);
    let took = micros.map_or_else(String::new, |micros| {
        let took = std::time::Duration::from_micros(micros);
        format!(" in {:.1}ms", took.as_secs_f64() * 1000.0)
    });
    let skipped = match text(one, "skipped") {
        why if why.is_empty() => why,
        why => format!("left out: {why}"),
    };
    let what = said(&[
        skipped,
        text(one, "status"),
        text(one, "error"),
        text(one, "detail"),
    ]);
    let end = match (one.get("agrees"), one.get("delivered")) {
        (Some(Value::Bool(true)), _) => ", agrees",
        (Some(Value::Bool(false)), _) => ", DIFFERS",
        (_, Some(Value::Bool(true))) => ", delivered by it",
        _ => "",
    };
    Some(format!("    {kind} {}: {what}{took}{end}", text(one, "to")))
}

/// ` settled …`, where that was long after the attempt.
fn settled_late(attempt: &Value) -> String {
    let time = |name: &str| Timestamp::parse_rfc3339(&text(attempt, name));
    match (time("sent_at"), time("at")) {
        (Some(sent), Some(at)) if at.since(sent) >= SETTLED_LATE => {
            format!(", settled {}", text(attempt, "at"))
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_ended_is_not_said_to_wait() {
        let one =
            json!({ "queue": "q", "state": "retry-wait", "until": "then", "message_id": "m" });
        assert_eq!(
            waiting("delivered", &one),
            "  in `q`: retry-wait then as m (sent again, or other lines of its message)"
        );
        assert_eq!(
            waiting("retry-wait", &one),
            "  in `q`: retry-wait then as m"
        );
    }

    #[test]
    fn a_line_of_a_package_is_counted_from_its_beginning() {
        let origin = json!({ "host": "h", "file": "/l", "offset": 64, "shipped_at": "then" });
        assert_eq!(from(&origin, 1), "h:/l at byte 64, shipped then");
        assert_eq!(
            from(&origin, 7),
            "h:/l line 7 of the package from byte 64, shipped then"
        );
    }

    #[test]
    fn what_rests_is_said_where_it_may_hold_a_message_back() {
        let rests = [
            json!({ "kind": "route", "name": "r", "since": "then" }),
            json!({ "kind": "destination", "name": "a.example", "since": "then" }),
        ];
        let waiting = json!([{ "state": "waiting", "route": "r" }]);
        let untried = json!({ "waiting": waiting, "attempts": [] });
        let said = held_back(&untried, &rests);
        assert_eq!(said[0], "  route `r` rests since then");
        assert!(said[1].ends_with("it waits if it goes there"), "{said:?}");
        let tried = |to| json!({ "waiting": waiting, "attempts": [{ "destination": to }] });
        assert_eq!(held_back(&tried("a.example:81"), &rests).len(), 2);
        assert_eq!(held_back(&tried("b.example"), &rests).len(), 1);
        let ended = json!({ "waiting": [], "attempts": [] });
        assert!(held_back(&ended, &rests).is_empty());
    }

    #[test]
    fn an_answer_makes_no_lines_of_its_own() {
        let attempts = json!([{ "url": "https://a.example/", "detail": "no\n  delivered" }]);
        let told = story(
            &json!({ "notification_id": "a", "attempts": attempts }),
            "",
            &[],
        );
        assert_eq!(told.lines().count(), 3, "{told}");
    }

    #[test]
    fn several_of_one_id_are_numbered() {
        let stories = ["a", "b", "a"].map(|id| json!({ "notification_id": id }));
        assert_eq!(of_several(&stories, 1), "");
        assert!(of_several(&stories, 2).starts_with(" (2 of 2"));
    }

    #[test]
    fn an_attempt_says_its_replay_and_why_it_expired() {
        let text = attempt(&json!({ "verdict": "expired", "replay": "r-1#3." }));
        assert!(text.contains("expired its time was over"), "{text}");
        assert!(text.contains(", replay r-1#3 by"), "{text}");
    }

    #[test]
    fn an_attempt_is_of_the_time_at_which_it_was_sent() {
        let settled_at = |at: &str| {
            let (sent_at, at) = ("2026-11-23T05:03:10.200Z", format!("2026-11-23T05:{at}Z"));
            attempt(&json!({ "sent_at": sent_at, "at": at, "verdict": "retry" }))
        };
        let soon = settled_at("03:10.250");
        assert!(
            soon.starts_with("  2026-11-23T05:03:10.200Z attempt"),
            "{soon}"
        );
        assert!(!soon.contains("settled"), "{soon}");
        let late = settled_at("09:00.000");
        assert!(
            late.contains(", settled 2026-11-23T05:09:00.000Z"),
            "{late}"
        );
    }
}
