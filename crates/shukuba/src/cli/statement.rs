//! `shukuba statement`.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use serde::Deserialize;
use serde_json::Value;

use super::operator::{At, text};
use crate::app::{self, App};
use crate::output::{self, Format};
use crate::serve::StatementInput;
use crate::statement::build::{DAY, begins};
use crate::statement::rows::{equation, list, route_name};
use crate::statement::verify::{self, Expected};
use crate::statement::{Signed, csv, page};

/// State what was accepted in some days and what became of it, signed, for both sides to compare
///
/// By destination: delivered, failed by class, expired, attempts; by route: the balance. Days are those of UTC, and count what
/// was accepted in them. --output json, csv or html writes it for others; `statement verify` checks such a file anywhere.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    at: At,
    #[command(flatten)]
    days: DayArgs,
    /// Only this route
    #[arg(long, value_name = "ROUTE")]
    route: Option<String>,
    /// Only this destination
    #[arg(long, value_name = "NAME")]
    destination: Option<String>,
    /// Print the public key that signs statements here, to be given to those who check them
    #[arg(long, conflicts_with_all = ["day", "month", "from", "to", "route", "destination"])]
    public_key: bool,
}

/// Which days.
#[derive(Debug, clap::Args)]
struct DayArgs {
    /// This day: 2026-11-28
    #[arg(long, value_name = "DAY", value_parser = day, conflicts_with_all = ["month", "from", "to"])]
    day: Option<u32>,
    /// This month: 2026-11
    #[arg(long, value_name = "MONTH", value_parser = month, conflicts_with_all = ["from", "to"])]
    month: Option<(u32, u32)>,
    /// From this day on
    #[arg(long, value_name = "DAY", value_parser = day, requires = "to")]
    from: Option<u32>,
    /// Up to this day, which is in it
    #[arg(long, value_name = "DAY", value_parser = day, requires = "from")]
    to: Option<u32>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Check a statement: JSON, CSV or HTML; needs no server and no data directory
    Verify {
        /// The file; `-` reads standard input
        file: PathBuf,
        /// The public key that its maker gave you, or a file with it
        #[arg(long, value_name = "KEY|FILE")]
        key: Option<String>,
        #[command(flatten)]
        days: DayArgs,
    },
}

impl DayArgs {
    /// First day and end, days since the epoch.
    fn asked(&self) -> Option<(u32, u32)> {
        let one = self.day.map(|day| (day, day + 1));
        let some = self.from.zip(self.to).map(|(from, to)| (from, to + 1));
        one.or(self.month).or(some)
    }
}

pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    if let Some(What::Verify { file, key, days }) = &args.what {
        return check(app, file, key.as_deref(), days);
    }
    if args.public_key {
        let answer = args.at.call(app, "statement-key", &serde_json::json!({}))?;
        if matches!(app.output(), Format::Csv | Format::Html) {
            return Err(app::usage("--public-key is printed as table or json"));
        }
        output::show(app.output(), &answer, |answer| text(answer, "public_key"));
        return Ok(ExitCode::SUCCESS);
    }
    let (from_day, to_day) = args.days.asked().ok_or_else(|| {
        app::usage("say which days: --day 2026-11-28, --month 2026-11, or --from DAY --to DAY")
    })?;
    let input = StatementInput {
        from_day,
        to_day,
        route: args.route.clone(),
        destination: args.destination.clone(),
    };
    let answer = args.at.call(app, "statement", &input)?;
    let signed = Signed::deserialize(&answer).context("the server's answer is no statement")?;
    match app.output() {
        Format::Csv => output::print(&csv::write(&signed)),
        Format::Html => output::print(&page::write(&signed)),
        form => output::show(form, &signed, table),
    }
    Ok(ExitCode::SUCCESS)
}

fn check(app: &App, file: &Path, key: Option<&str>, days: &DayArgs) -> anyhow::Result<ExitCode> {
    let moment = |day: u32| begins(day.saturating_mul(DAY)).rfc3339();
    let expected = Expected {
        key: key.map(key_of).transpose()?,
        days: days.asked().map(|(from, to)| (moment(from), moment(to))),
    };
    let whole = |error: anyhow::Error| error.context(format!("`{}`", file.display()));
    let signed = read(file)
        .and_then(|text| verify::verify(&text, &expected))
        .map_err(whole)?;
    if key.is_none() {
        output::complain(
            "signed with the key that it holds itself: that shows that nothing was changed, not who made it; give --key",
        );
    }
    let form = match app.output() {
        Format::Json => Format::Json,
        _ => Format::Table,
    };
    output::show(form, &signed, |signed| {
        format!(
            "the signature holds\n\n{}",
            output::pairs(&verify::in_words(signed))
        )
    });
    Ok(ExitCode::SUCCESS)
}

/// A key as it was typed, or that of a file.
fn key_of(text: &str) -> anyhow::Result<String> {
    if !Path::new(text).is_file() {
        return Ok(text.to_owned());
    }
    read(Path::new(text)).with_context(|| format!("reading the key in `{text}`"))
}

fn read(path: &Path) -> anyhow::Result<String> {
    let most = verify::FILE_BYTES_MAX;
    let mut text = String::new();
    let count = if path == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(most + 1)
            .read_to_string(&mut text)
    } else {
        let file = std::fs::File::open(path).context("it cannot be read")?;
        file.take(most + 1).read_to_string(&mut text)
    };
    let count = count.context("it cannot be read as text")?;
    anyhow::ensure!(
        count as u64 <= most,
        "it is larger than {}, which no statement is",
        output::bytes(most)
    );
    Ok(text)
}

/// A day, as days since the epoch.
fn day(text: &str) -> Result<u32, String> {
    let is_date = text.len() == "2026-11-28".len();
    let at = base::Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z")).filter(|_| is_date);
    let at = at.ok_or_else(|| format!("`{text}` is not a day, such as 2026-11-28"))?;
    u32::try_from(at.as_minutes() / u64::from(DAY)).map_err(|error| error.to_string())
}

/// A month, as its first day and that of the next.
fn month(text: &str) -> Result<(u32, u32), String> {
    let wrong = || format!("`{text}` is not a month, such as 2026-11");
    let first = day(&format!("{text}-01")).map_err(|_| wrong())?;
    let (year, month) = text.split_once('-').ok_or_else(wrong)?;
    let year: u32 = year.parse().map_err(|_| wrong())?;
    let next = match month {
        "12" => format!("{:04}-01-01", year + 1),
        _ => format!(
            "{year:04}-{:02}-01",
            month.parse::<u32>().map_err(|_| wrong())? + 1
        ),
    };
    Ok((first, day(&next).map_err(|_| wrong())?))
}

fn table(signed: &Signed) -> String {
    let mut parts = vec![output::pairs(&verify::in_words(signed))];
    for section in list(&signed.statement, "routes") {
        let number = |name: &str| {
            let balance = section.get("balance").cloned().unwrap_or_default();
            super::operator::number(&balance, name)
        };
        parts.push(format!(
            "route {}: {}",
            route_name(section),
            equation(number)
        ));
        let head = [
            "destination",
            "ended",
            "delivered",
            "failed",
            "by class",
            "expired",
            "attempts",
        ];
        parts.push(output::table(
            &head,
            list(section, "destinations").iter().map(row),
        ));
    }
    parts.join("\n\n")
}

fn row(one: &Value) -> [String; 7] {
    let number = |name: &str| super::operator::number(one, name);
    let classes = crate::statement::rows::classes(one).into_iter();
    let classes: Vec<String> = classes
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    [
        text(one, "destination"),
        number("ended"),
        number("delivered"),
        number("failed"),
        classes.join(", "),
        number("expired"),
        number("attempts"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_months_are_read() {
        assert_eq!(day("1970-01-02"), Ok(1));
        assert_eq!(day("2024-02-29"), Ok(19_782));
        assert_eq!(month("2024-02"), Ok((19_754, 19_783)));
        assert_eq!(month("2024-12"), Ok((20_058, 20_089)));
        for wrong in [
            "",
            "2026-11",
            "2026-13-01",
            "2023-02-29",
            "yesterday",
            "2026-1-1",
        ] {
            assert!(
                day(wrong).unwrap_err().contains("such as 2026-11-28"),
                "{wrong}"
            );
        }
        for wrong in ["", "2026", "2026-13", "2026-1", "2026-11-01"] {
            assert!(
                month(wrong).unwrap_err().contains("such as 2026-11"),
                "{wrong}"
            );
        }
    }
}
