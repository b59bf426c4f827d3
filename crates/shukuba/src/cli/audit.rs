//! `shukuba audit search | verify`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use cloudtrail::trails::heads::Heads;
use serde_json::Value;

use super::operator::{At, list, number, text, time};
use crate::answers::trail::{Search, Verify};
use crate::app::{App, usage};
use crate::output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Find calls: who did what, when, from where, and how it ended; newest first (exit code 1 when there is none)
    Search(SearchArgs),
    /// Compare every record with its chain, and every digest and log file with what was signed (exit code 1 when
    /// something is not as it was written)
    ///
    /// A tail that was cut off is found too: the server keeps, sealed, how far the records go. Who fears for that as well
    /// keeps a report elsewhere and gives it to a later verification with --heads.
    Verify(VerifyArgs),
}

#[derive(Debug, clap::Args)]
struct SearchArgs {
    #[command(flatten)]
    at: At,

    /// The name of who called, such as `alice`; `root` for the account
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// The key that signed, or that was claimed
    #[arg(long, value_name = "ID")]
    key: Option<String>,

    /// The operation, such as `CreateQueue`
    #[arg(long, value_name = "NAME")]
    event: Option<String>,

    /// The service, such as `sqs` or `iam.amazonaws.com`
    #[arg(long, value_name = "NAME")]
    service: Option<String>,

    /// Something that was touched, by name or ARN
    #[arg(long, value_name = "NAME|ARN")]
    resource: Option<String>,

    /// The id of the event
    #[arg(long, value_name = "ID")]
    id: Option<String>,

    /// Only what failed so, such as `AccessDenied`
    #[arg(long, value_name = "CODE")]
    error: Option<String>,

    /// Only what failed
    #[arg(long)]
    failed: bool,

    /// Only what changes something
    #[arg(long)]
    writes: bool,

    /// From then on: `09:00` (UTC, within the last 24 hours) or `2026-11-23T09:00:00Z`
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<u64>,

    /// Up to then
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<u64>,

    /// How many at most, 1 to 1000 [default: 50]
    #[arg(long, value_name = "N")]
    max: Option<usize>,
}

#[derive(Debug, clap::Args)]
struct VerifyArgs {
    #[command(flatten)]
    at: At,

    /// Only the digests of this trail
    #[arg(long, value_name = "NAME")]
    trail: Option<String>,

    /// Only digests that end later: `09:00` (UTC, within the last 24 hours) or `2026-11-23T09:00:00Z`
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<u64>,

    /// An earlier report (`--output json`) that was kept elsewhere: what it knows must still be there
    #[arg(long, value_name = "FILE")]
    heads: Option<PathBuf>,
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    match args.what {
        What::Search(args) => search(app, args),
        What::Verify(args) => verify(app, args),
    }
}

fn search(app: &App, args: SearchArgs) -> anyhow::Result<ExitCode> {
    let input = Search {
        user: args.user,
        key: args.key,
        event: args.event,
        service: args.service,
        resource: args.resource,
        id: args.id,
        error: args.error,
        failed: args.failed,
        writes: args.writes,
        since: args.since,
        until: args.until,
        max: args.max,
    };
    let answer = args.at.show(app, "trail-search", &input, found)?;
    Ok(ExitCode::from(u8::from(list(&answer, "events").is_empty())))
}

fn verify(app: &App, args: VerifyArgs) -> anyhow::Result<ExitCode> {
    let input = Verify {
        trail: args.trail,
        since: args.since,
        heads: args.heads.as_deref().map(read_heads).transpose()?,
    };
    let report = args.at.show(app, "trail-verify", &input, verified)?;
    Ok(ExitCode::from(u8::from(
        !list(&report, "findings").is_empty(),
    )))
}

/// The heads in an earlier report.
fn read_heads(path: &Path) -> anyhow::Result<Heads> {
    let text = std::fs::read(path)
        .with_context(|| format!("--heads: cannot read `{}`", path.display()))?;
    let report: Option<Value> = serde_json::from_slice(&text).ok();
    let heads = report.and_then(|mut report| report.get_mut("heads").map(Value::take));
    heads
        .and_then(|heads| serde_json::from_value(heads).ok())
        .ok_or_else(|| {
            usage(format!(
                "--heads: `{}` is no report of `shukuba audit verify --output json`",
                path.display()
            ))
        })
}

fn found(answer: &Value) -> String {
    let events = list(answer, "events");
    let rows = events.iter().map(row).collect::<Vec<_>>();
    let mut text = match rows.is_empty() {
        true => "no call is like that".to_owned(),
        false => output::table(&["time", "who", "from", "call", "on", "ended"], rows),
    };
    if answer.get("is_cut") == Some(&Value::Bool(true)) {
        text.push_str("\nthere are more; narrow it, or give --max or --until");
    }
    text
}

fn row(event: &Value) -> Vec<String> {
    let of = |name: &str| event.get(name).unwrap_or(&Value::Null);
    let service = text(event, "eventSource");
    let service = service.strip_suffix(".amazonaws.com").unwrap_or(&service);
    let resources: Vec<String> = list(event, "resources")
        .iter()
        .map(|it| text(it, "ARN"))
        .collect();
    let ended = match text(event, "errorCode") {
        code if code.is_empty() => "done".to_owned(),
        code => code,
    };
    vec![
        text(event, "eventTime"),
        who(of("userIdentity")),
        text(event, "sourceIPAddress"),
        format!("{service}:{}", text(event, "eventName")),
        resources.join(" "),
        ended,
    ]
}

/// The shortest that says who it was.
fn who(identity: &Value) -> String {
    let kind = text(identity, "type");
    match kind.as_str() {
        "IAMUser" => text(identity, "userName"),
        "Root" => "root".to_owned(),
        "AWSService" => text(identity, "invokedBy"),
        "Unknown" => format!("unknown {}", text(identity, "accessKeyId")),
        "AWSAccount" => "anybody".to_owned(),
        _ => text(identity, "arn"),
    }
}

const NOT_READ: &str = "not read: that needs a running server";

fn verified(report: &Value) -> String {
    let findings = list(report, "findings");
    let mut rows = vec![
        ("management events", number(report, "management_records")),
        ("data events", number(report, "data_records")),
    ];
    match report.get("are_buckets_read") {
        Some(Value::Bool(false)) => rows.push(("digests", NOT_READ.to_owned())),
        _ => {
            rows.push(("digests", number(report, "digests")));
            rows.push(("log files", number(report, "log_files")));
        }
    }
    let found = |it: &Value| format!("{}: {}", text(it, "place"), text(it, "problem"));
    rows.extend(findings.iter().map(|it| ("NOT AS WRITTEN", found(it))));
    let verdict = match findings.len() {
        0 => "everything is as it was written".to_owned(),
        count => format!("{count} things are not as they were written"),
    };
    rows.push(("verdict", verdict));
    output::pairs(&rows)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_call_is_one_line() {
        let event = json!({
            "eventTime": "2026-11-29T06:42:10Z", "eventSource": "sqs.amazonaws.com", "eventName": "CreateQueue",
            "userIdentity": {"type": "IAMUser", "userName": "alice"}, "sourceIPAddress": "127.0.0.1",
            "resources": [{"ARN": "arn:aws:sqs:eu-west-1:123456789012:s2s"}], "errorCode": "AccessDenied",
        });
        let expected = [
            "2026-11-29T06:42:10Z",
            "alice",
            "127.0.0.1",
            "sqs:CreateQueue",
            "arn:aws:sqs:eu-west-1:123456789012:s2s",
            "AccessDenied",
        ];
        assert_eq!(row(&event), expected);
        for (identity, name) in [
            (json!({"type": "Root"}), "root"),
            (
                json!({"type": "Unknown", "accessKeyId": "AKIA"}),
                "unknown AKIA",
            ),
            (json!({"type": "AssumedRole", "arn": "a"}), "a"),
        ] {
            assert_eq!(who(&identity), name);
        }
    }

    #[test]
    fn heads_are_read_out_of_a_report() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.json");
        let head = json!({"first": 1, "next": 7, "chain": "00".repeat(32)});
        let report = json!({"heads": {"management": head, "data": head}, "findings": []});
        std::fs::write(&path, report.to_string()).unwrap();
        assert_eq!(read_heads(&path).unwrap().management.next, 7);
        std::fs::write(&path, "{}").unwrap();
        assert!(
            read_heads(&path)
                .unwrap_err()
                .to_string()
                .contains("no report")
        );
    }
}
