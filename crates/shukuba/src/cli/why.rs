//! `shukuba why`.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::operator::{Of, list, number, text};
use super::results::said;
use crate::app::App;

/// Tells what became of a notification: every attempt with its result (exit code 1 when nothing bears that id).
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
    let input = json!({ "what": args.what, "route": args.route });
    let answer = args.of.show(app, "why", &input, table)?;
    Ok(ExitCode::from(u8::from(
        list(&answer, "stories").is_empty(),
    )))
}

fn table(answer: &Value) -> String {
    let stories = list(answer, "stories");
    let mut parts: Vec<String> = stories.iter().map(story).collect();
    if stories.is_empty() {
        parts.push("nothing bears that id or URL: it was not accepted here, is not tried yet, or is past its retention".to_owned());
    }
    if answer.get("is_cut") == Some(&Value::Bool(true)) {
        parts.push("there are more; narrow it with --route or by id".to_owned());
    }
    if answer.get("is_waiting_cut") == Some(&Value::Bool(true)) {
        parts.push("the queues hold more messages than were looked through: one that waits may be missing; a message id finds it soonest".to_owned());
    }
    parts.join("\n\n")
}

fn story(story: &Value) -> String {
    let attempts = list(story, "attempts");
    let mut lines = vec![format!(
        "{}: {}",
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
            lines.push(format!("  from {}", from(origin)));
        }
    }
    lines.extend(attempts.iter().map(attempt));
    let state = text(story, "state");
    lines.extend(
        list(story, "waiting")
            .iter()
            .map(|one| waiting(&state, one)),
    );
    lines.join("\n")
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

fn from(origin: &Value) -> String {
    match origin {
        Value::String(text) => text.clone(),
        _ => format!(
            "{}:{} at byte {}, shipped {}",
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
        false => format!(", replay {replay}"),
    };
    let next = text(attempt, "next_at");
    let next = if next.is_empty() {
        next
    } else {
        format!(", again at {next}")
    };
    format!(
        "  {} attempt {}: {} {} {}{took}{next}{replay} by {}",
        text(attempt, "at"),
        number(attempt, "attempt"),
        text(attempt, "verdict"),
        what,
        text(attempt, "address"),
        text(attempt, "notifier"),
    )
}

#[cfg(test)]
mod tests {
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
    fn an_attempt_says_its_replay_and_why_it_expired() {
        let text = attempt(&json!({ "verdict": "expired", "replay": "r-1#3." }));
        assert!(text.contains("expired its time was over"), "{text}");
        assert!(text.contains(", replay r-1#3."), "{text}");
    }
}
