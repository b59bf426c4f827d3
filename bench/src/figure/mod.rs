//! One file per figure of `docs/benchmarks.md`, and the list of them.

use anyhow::{Result, bail};

use crate::Size;
use crate::spread::Spread;

mod audit;
mod cycle;
mod durable;
mod end_to_end;
mod fairness;
mod idle;
mod latency;
mod metrics;
mod rate;
mod waiting;

/// The figures by name, in the order of the document.
const NAMES: &[&str] = &[
    "end-to-end",
    "cycle",
    "latency",
    "durable",
    "waiting",
    "idle",
    "rate",
    "fairness",
    "audit",
    "metrics",
];

/// Runs the named figures, or all; `end-to-end:packed` is a part of one.
pub(crate) async fn run(names: &[&str], size: Size) -> Result<()> {
    let chosen = if names.is_empty() { NAMES } else { names };
    println!("server: {}", crate::server::binary());
    for name in chosen {
        println!("\n# {name}");
        let (figure, part) = name.split_once(':').unwrap_or((name, ""));
        match figure {
            "end-to-end" => end_to_end::run(size, part).await?,
            "cycle" => cycle::run(size).await?,
            "latency" => latency::run(size).await?,
            "durable" => durable::run(size).await?,
            "waiting" => waiting::run(size).await?,
            "idle" => idle::run()?,
            "rate" => rate::run(size).await?,
            "fairness" => fairness::run(size).await?,
            "audit" => audit::run(size, part).await?,
            "metrics" => metrics::run(size).await?,
            other => bail!(
                "no figure is called `{other}`; there are: {}",
                NAMES.join(", ")
            ),
        }
    }
    Ok(())
}

/// Prints one figure: its value, its unit, and what the issue asks for (at least, aim).
pub(crate) fn show(what: &str, value: f64, unit: &str, wanted: &str) {
    println!("{what:<58} {value:>12.3} {unit:<22} {wanted}");
}

/// The same of many rounds.
fn show_spread(what: &str, spread: Spread, unit: &str, wanted: &str) {
    let Spread { median, half, sure } = spread;
    show(what, median, unit, wanted);
    println!(
        "    within {:.2} to {:.2} with 95 %; half of the rounds {:.2} to {:.2}",
        sure.0, sure.1, half.0, half.1
    );
}
