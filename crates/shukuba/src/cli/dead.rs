//! `shukuba dead list | show | retry | drop`.

use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use serde_json::{Value, json};

use super::operator::{self, Of, number, text};
use crate::answers::dead::Input;
use crate::app::App;
use crate::output;
use crate::progress::Progress;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List what was given up, with the reason
    List {
        #[command(flatten)]
        which: Which,
        /// At most so many, up to 1000
        #[arg(long, value_name = "N", default_value_t = 100)]
        max: usize,
    },
    /// Show one, with its line
    Show {
        #[command(flatten)]
        which: Which,
    },
    /// Send again what is dead now, each with its id and a new life; says how many first. Ctrl-C stops it
    Retry {
        #[command(flatten)]
        which: Which,
        /// At most so many a second; 0: as fast as it goes
        #[arg(long, value_name = "N", default_value_t = 0)]
        rate: u32,
        /// Where they go, of stored results [default: the route's queue]
        #[arg(long, value_name = "URL|NAME")]
        queue: Option<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Drop for ever; says how many first
    Drop {
        #[command(flatten)]
        which: Which,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Which dead notifications; without any, all.
#[derive(Debug, clap::Args)]
struct Which {
    #[command(flatten)]
    of: Of,
    /// The route; may be left out in lists, where there is only one, and where ids say it
    #[arg(long, value_name = "ROUTE")]
    route: Option<String>,
    /// For this destination
    #[arg(long, value_name = "NAME")]
    destination: Option<String>,
    /// Whose reason holds this text
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Given up at or after
    #[arg(long, value_name = "TIME", value_parser = operator::time)]
    from: Option<u64>,
    /// Given up before
    #[arg(long, value_name = "TIME", value_parser = operator::time)]
    to: Option<u64>,
    /// Notification ids, or ids of messages in the dead queue
    #[arg(value_name = "ID")]
    ids: Vec<String>,
}

impl Which {
    fn input(&self) -> Input {
        Input {
            route: self.route.clone(),
            ids: self.ids.clone(),
            destination: self.destination.clone(),
            reason: self.reason.clone(),
            from_ms: self.from,
            to_ms: self.to,
            ..Input::default()
        }
    }

    fn at_most(&self, max: usize) -> Input {
        let max = Some(max);
        Input {
            max,
            ..self.input()
        }
    }

    /// How many there are, and in words.
    fn count(&self, app: &App) -> anyhow::Result<(u64, String)> {
        let answer = self.of.call(app, "dead-count", &self.input())?;
        let count = answer.get("count").and_then(Value::as_u64).unwrap_or(0);
        let at_least = match answer.get("is_cut") {
            Some(Value::Bool(true)) => "at least ",
            _ => "",
        };
        Ok((count, format!("{at_least}{}", output::count(count))))
    }
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    match args.what {
        What::List { which, max } => {
            let answer = which.of.show(app, "dead-list", &which.at_most(max), list)?;
            if let Some(name) = &which.destination
                && answer.as_array().is_none_or(Vec::is_empty)
            {
                output::complain(&format!("nothing dead for destination `{name}`"));
            }
        }
        What::Show { which } => {
            let answer = which.of.show(app, "dead-list", &which.at_most(10), show)?;
            if answer.as_array().is_none_or(Vec::is_empty) {
                output::complain(
                    "nothing dead bears that; it may have been sent again, or never died: shukuba why ID",
                );
                return Ok(ExitCode::FAILURE);
            }
        }
        What::Retry {
            which,
            rate,
            queue,
            yes,
        } => {
            which.of.takes_queue(queue.as_deref())?;
            let (count, in_words) = which.count(app)?;
            if count == 0 {
                return Ok(nothing(app, "sent again"));
            }
            let to = queue.as_ref();
            let to = to.map_or_else(String::new, |queue| format!(" to `{queue}`"));
            let question = format!("send {in_words} again{to}");
            if operator::confirm(&question, yes)? {
                let input = Input {
                    rate,
                    queue,
                    ..which.input()
                };
                work_off(app, &which.of, "dead-retry", input, count, "sent again")?;
            }
        }
        What::Drop { which, yes } => {
            let (count, in_words) = which.count(app)?;
            if count == 0 {
                return Ok(nothing(app, "dropped"));
            }
            if operator::confirm(&format!("drop {in_words} for ever"), yes)? {
                work_off(app, &which.of, "dead-drop", which.input(), count, "dropped")?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// There is nothing to ask about.
fn nothing(app: &App, verb: &str) -> ExitCode {
    output::complain("nothing dead passes the filter");
    output::show(app.output(), &json!({ "count": 0 }), |_| {
        format!("0 {verb}")
    });
    ExitCode::SUCCESS
}

/// Calls until there is no more, so that it shows how far it is and ends with this process.
fn work_off(
    app: &App,
    of: &Of,
    call: &str,
    mut input: Input,
    total: u64,
    verb: &'static str,
) -> anyhow::Result<()> {
    let progress = Progress::new(verb);
    let mut count = 0;
    loop {
        let answer = of
            .call(app, call, &input)
            .with_context(|| stopped(count, verb, input.began_ms))?;
        count += answer.get("count").and_then(Value::as_u64).unwrap_or(0);
        progress.show(count, total.max(count), "");
        if answer.get("more").and_then(Value::as_bool) != Some(true) {
            break;
        }
        input.began_ms = answer.get("began_ms").and_then(Value::as_u64);
    }
    progress.end();
    output::show(app.output(), &json!({ "count": count }), |answer| {
        format!("{} {verb}", number(answer, "count"))
    });
    Ok(())
}

/// Where it ended, and how to go on without what died since it began.
fn stopped(count: u64, verb: &str, began_ms: Option<u64>) -> String {
    let began = began_ms.map(|began| base::Timestamp::from_millis(began).rfc3339());
    let how = began.map_or_else(String::new, |began| {
        format!("; the same command with --to {began} goes on")
    });
    format!("stopped after {} were {verb}{how}", output::count(count))
}

fn list(answer: &Value) -> String {
    let letters = answer.as_array().map_or(&[][..], Vec::as_slice);
    let rows = letters.iter().map(|letter| {
        [
            text(letter, "died_at"),
            text(letter, "route"),
            text(letter, "notification_id"),
            text(letter, "destination"),
            number(letter, "attempts"),
            output::cut(&text(letter, "url")),
            text(letter, "reason"),
        ]
    });
    output::table(
        &[
            "given up",
            "route",
            "notification",
            "destination",
            "attempts",
            "url",
            "reason",
        ],
        rows,
    )
}

fn show(answer: &Value) -> String {
    let letters = answer.as_array().map_or(&[][..], Vec::as_slice);
    let shown = letters.iter().map(|letter| {
        let names = [
            "notification_id",
            "message_id",
            "route",
            "reason",
            "destination",
            "url",
            "attempts",
            "first_at",
            "died_at",
            "line",
        ];
        output::pairs(&names.map(|name| (name, text(letter, name))))
    });
    shown.collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_stopped_says_how_to_leave_alone_what_died_again() {
        assert_eq!(
            stopped(1200, "sent again", Some(1_795_410_190_250)),
            "stopped after 1,200 were sent again; the same command with --to 2026-11-23T05:03:10.250Z goes on"
        );
        assert_eq!(stopped(0, "dropped", None), "stopped after 0 were dropped");
    }
}
