//! What the audit trail costs the main job: one server that records management events only, as every server does, and one whose
//! trail also takes the data events of queues and delivers them to a bucket of its own.
//!
//! They take turns, each going first in every other round, so that the machine's moods meet both alike. The figure is the median
//! over the rounds of one's rate over the other's.

use anyhow::Result;
use serde_json::json;

use super::{show, show_spread};
use crate::burst::{self, Burst, Form};
use crate::http::Connection;
use crate::server::{Server, parent};
use crate::sink::Sink;
use crate::spread;
use crate::{Size, sign};

const ROUNDS: usize = 9;
const TRAIL: &str = "audit";

pub(crate) async fn run(size: Size, part: &str) -> Result<()> {
    let sink = Sink::start()?;
    let rounds = if size == Size::Full { ROUNDS } else { 3 };
    let forms = [burst::BATCHES, burst::PACKED, burst::SINGLE];
    for form in forms.iter().filter(|form| form.name.starts_with(part)) {
        let without = Server::fresh(&parent(), "audit-without", burst::SETTINGS)?;
        let with = Server::fresh(&parent(), "audit-with", burst::SETTINGS)?;
        record_data_events(&with).await?;
        let count = size.of(if form.lines_per_call == 1 {
            40_000
        } else {
            200_000
        });
        burst::run(&without, &sink, *form, count / 4).await?;
        burst::run(&with, &sink, *form, count / 4).await?;
        let mut pairs = Vec::new();
        for round in 0..rounds {
            pairs.push(match round % 2 {
                0 => {
                    let first = burst::run(&without, &sink, *form, count).await?;
                    (first, burst::run(&with, &sink, *form, count).await?)
                }
                _ => {
                    let first = burst::run(&with, &sink, *form, count).await?;
                    (burst::run(&without, &sink, *form, count).await?, first)
                }
            });
        }
        tell(*form, &pairs);
        for (what, counter) in [
            (
                "events, those of management too",
                "shukuba_trail_records_total",
            ),
            ("files put into the bucket", "shukuba_trail_files_total"),
        ] {
            show(
                &format!("{}: {what}", form.name),
                with.counted(counter)?,
                "",
                "",
            );
        }
    }
    Ok(())
}

/// A trail that takes the data events of queues too.
async fn record_data_events(server: &Server) -> Result<()> {
    server.run(&["access", "init", "--trail", TRAIL])?;
    let is = |field: &str, value: &str| json!({ "Field": field, "Equals": [value] });
    let selectors = json!([
        { "FieldSelectors": [is("eventCategory", "Management")] },
        { "FieldSelectors": [is("eventCategory", "Data"), is("resources.type", "AWS::SQS::Queue")] },
    ]);
    let body = json!({ "TrailName": TRAIL, "AdvancedEventSelectors": selectors }).to_string();
    let access = server.access()?;
    let request = sign::request_to(sign::CLOUDTRAIL, &access, "PutEventSelectors", &body)?;
    Connection::open(&access.host).await?.call(&request).await?;
    Ok(())
}

fn tell(form: Form, pairs: &[(Burst, Burst)]) {
    let over = |of: fn(&Burst) -> f64| {
        let ratios: Vec<f64> = pairs
            .iter()
            .map(|(without, with)| of(with) / of(without))
            .collect();
        spread::of(&ratios)
    };
    let rate = over(|burst| burst.per_sec);
    let cpu = over(|burst| burst.cpu_secs_per_million);
    let name = form.name;
    show_spread(
        &format!("{name}: rate with data events over without"),
        rate,
        "",
        ">= 0.90",
    );
    show_spread(
        &format!("{name}: server CPU with over without"),
        cpu,
        "",
        "",
    );
}
