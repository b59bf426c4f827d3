//! What is simulated, as it is written.

use std::time::Duration;

use delivery::config::{self, Span};
use delivery::notifier::winds_down;
use delivery::port::RetryWait;
use delivery::simulate::{
    CONCURRENCY_MAX, FIXED_MAX, Latency, Model, Notifier, Place, Policy, Receiver,
};

use crate::app;
use crate::config::Config;

/// A receiver where none is named.
const EXAMPLE: &str = "latency=100ms,p99=400ms";
/// Receivers at most. Chosen.
const RECEIVERS_MAX: usize = 100;
/// How long an attempt may take by default.
const ATTEMPT: Duration = Duration::from_secs(15);
/// The longest latency of a receiver: the longest total time of an attempt by default.
const LATENCY_MAX: Duration = Duration::from_secs(30);

/// Where the scaler is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum PlaceName {
    /// In `shukuba serve`, with its queue and notifiers
    Embedded,
    /// A scheduled function beside SQS and CloudWatch, whose figures are late
    Functions,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What is simulated")]
pub(super) struct ModelArgs {
    /// Where the scaler and the notifiers are
    #[arg(long, value_enum, default_value_t = PlaceName::Functions)]
    place: PlaceName,
    /// A receiver: `latency=100ms,p99=400ms,rate=50/s,in-flight=10,weight=1`; all but `latency` may be left out. Several share the
    /// traffic by weight [default: four alike, `latency=100ms,p99=400ms`]
    #[arg(
        long = "receiver",
        value_name = "RECEIVER",
        default_values = [EXAMPLE; 4],
        hide_default_value = true
    )]
    receivers: Vec<String>,
    /// Sends of a notifier at once [default: that of the settings, with functions 64]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    slots: Option<u32>,
    /// The memory of a notifier in MB, for GB-seconds
    #[arg(long, value_name = "MB", default_value_t = 128, value_parser = clap::value_parser!(u32).range(128..=10_240))]
    memory: u32,
    /// Sends a second that the processor of a notifier manages at most [default: not bounded]
    #[arg(long, value_name = "N")]
    per_second_max: Option<f64>,
    /// From a notifier's start to its first receive [default: 0s, with functions 1s]
    #[arg(long, value_name = "SPAN")]
    start_latency: Option<Span>,
    /// From a message's being there to its send, when a slot is free [default: 2ms, with functions 20ms]
    #[arg(long, value_name = "SPAN")]
    pickup: Option<Span>,
    /// How long a notifier lives [default: that of the settings]
    #[arg(long, value_name = "SPAN")]
    life: Option<Span>,
    /// The chance that a notifier dies before its deadline, 0.0 to 1.0
    #[arg(long, value_name = "PART", default_value_t = 0.0)]
    deaths: f64,
    /// How long after its end CloudWatch has the figures of a minute
    #[arg(long, value_name = "SPAN", default_value = "2m")]
    figures_late: Span,
    /// The chance that the figures of a minute never come, 0.0 to 1.0
    #[arg(long, value_name = "PART", default_value_t = 0.02)]
    figures_missing: f64,
    /// Notifications in a message
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    lines: u32,
    /// Bytes of a notification in the queue
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    line_bytes: u32,
    /// Bytes that go out for a notification
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    bytes_out: u32,
    /// A setting of `[scaler]`, such as `interval=1m` or `target_age=10s`; over the settings file
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Decides what is left to chance
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

impl ModelArgs {
    /// Everything but the traffic and the policy.
    pub(super) fn model(&self, settings: &Config) -> anyhow::Result<Model> {
        if self.receivers.len() > RECEIVERS_MAX {
            return Err(app::usage(format!(
                "there are more than {RECEIVERS_MAX} receivers"
            )));
        }
        for (name, part) in [
            ("--deaths", self.deaths),
            ("--figures-missing", self.figures_missing),
        ] {
            if !(0.0..=1.0).contains(&part) {
                return Err(app::usage(format!(
                    "{name}: {part} is out of range: 0.0 to 1.0"
                )));
            }
        }
        if self
            .per_second_max
            .is_some_and(|most| !(1.0..=1e9).contains(&most))
        {
            return Err(app::usage("--per-second-max is out of range: 1 to 10^9"));
        }
        let receivers = self.receivers.iter().map(|text| receiver(text));
        let is_far = self.place == PlaceName::Functions;
        let or = |given: Option<Span>, near: u64, far: u64| {
            let default = Duration::from_millis(if is_far { far } else { near });
            given.map_or(default, Span::get)
        };
        let own = Notifier::of(&settings.notifier, attempt(settings));
        let life = self.life.map_or(own.life, Span::get);
        if !(Duration::from_secs(1)..=Duration::from_secs(900)).contains(&life) {
            return Err(app::usage("--life is out of range: 1s to 15m"));
        }
        let receivers: Vec<Receiver> = receivers.collect::<Result<_, _>>()?;
        let retry_wait = match self.place {
            PlaceName::Embedded => RetryWait::Native,
            PlaceName::Functions => RetryWait::Resend,
        };
        let notifier = Notifier {
            slots: self.slots.unwrap_or(if is_far { 64 } else { own.slots }),
            destination_share: own.destination_share,
            per_sec_max: self.per_second_max,
            start_latency: or(self.start_latency, 0, 1_000),
            pickup: or(self.pickup, 2, 20),
            life,
            winds_down: winds_down(life, attempt(settings), retry_wait),
            deaths: self.deaths,
            gather: settings.results.gather.get(),
            memory_mb: self.memory,
        };
        Ok(Model {
            receivers,
            notifier,
            place: match self.place {
                PlaceName::Embedded => Place::Embedded,
                PlaceName::Functions => Place::Functions {
                    late: self.figures_late.get(),
                    missing: self.figures_missing,
                },
            },
            lines_per_message: self.lines,
            line_bytes: self.line_bytes,
            bytes_out: self.bytes_out,
            seed: self.seed,
        })
    }

    /// The settings of the scaler. Where nobody says what a notifier manages, it is what the model says.
    pub(super) fn scaler(
        &self,
        own: &config::Scaler,
        model: &Model,
    ) -> anyhow::Result<config::Scaler> {
        let mut table = toml::Table::try_from(own)?;
        let default = config::Scaler::default().notifier_per_minute;
        let is_said = self
            .settings
            .iter()
            .any(|set| set.starts_with("notifier_per_minute"));
        if own.notifier_per_minute == default && !is_said {
            let manages = model.per_minute().clamp(1.0, 1e8);
            #[expect(
                clippy::cast_possible_truncation,
                reason = "it is within the range of the setting"
            )]
            table.insert(
                "notifier_per_minute".to_owned(),
                toml::Value::Integer(manages as i64),
            );
        }
        for set in &self.settings {
            let wrong = || {
                app::usage(format!(
                    "--set {set}: it should be KEY=VALUE, such as `interval=1m`"
                ))
            };
            let (key, value) = set.split_once('=').ok_or_else(wrong)?;
            let (key, value) = (key.trim().trim_start_matches("scaler."), value.trim());
            let number = || value.parse().ok().map(toml::Value::Integer);
            let fraction = || value.parse().ok().map(toml::Value::Float);
            let is_fraction = key == "headroom";
            let number = if is_fraction { fraction() } else { number() };
            let value = number.unwrap_or_else(|| toml::Value::String(value.to_owned()));
            table.insert(key.to_owned(), value);
        }
        let scaler: config::Scaler = toml::Value::Table(table)
            .try_into()
            .map_err(|error: toml::de::Error| app::usage(format!("--set: {}", error.message())))?;
        let settings = config::Settings {
            scaler: scaler.clone(),
            ..config::Settings::default()
        };
        let wrong = |wrong: config::Invalid| app::usage(format!("--set: {wrong}"));
        settings.validate().map_err(wrong)?;
        Ok(scaler)
    }
}

/// How long an attempt may take where no rules name the receiver.
fn attempt(settings: &Config) -> Duration {
    let all = settings.destinations.get("*");
    let said = all.and_then(|rules| rules.timeout_total);
    said.map_or(ATTEMPT, Span::get)
}

/// A policy by its name.
pub(super) fn policy(name: &str, settings: &config::Scaler) -> anyhow::Result<Policy> {
    let law = |policy| {
        Policy::Scaled(config::Scaler {
            policy,
            ..settings.clone()
        })
    };
    let bounded = |text: &str, least: u32, most: u32| {
        let parsed = text
            .parse()
            .ok()
            .filter(|count| (least..=most).contains(count));
        parsed.ok_or_else(|| {
            app::usage(format!(
                "--policy {name}: `{text}` is not {least} to {most}"
            ))
        })
    };
    match name.split_once(':') {
        None if name == "proportional" => Ok(law(config::Policy::Proportional)),
        None if name == "backlog" => Ok(law(config::Policy::Backlog)),
        None if name == "sqs-event-source" => Ok(Policy::EventSource {
            concurrency_max: CONCURRENCY_MAX,
        }),
        Some(("sqs-event-source", max)) => Ok(Policy::EventSource {
            concurrency_max: bounded(max, 2, CONCURRENCY_MAX)?,
        }),
        Some(("fixed", count)) => Ok(Policy::Fixed(bounded(count, 1, FIXED_MAX)?)),
        _ => Err(app::usage(format!(
            "--policy {name}: it should be proportional, backlog, sqs-event-source, sqs-event-source:MAX or fixed:N"
        ))),
    }
}

/// A receiver: `latency=100ms,p99=400ms,rate=50/s,in-flight=10,weight=1`.
fn receiver(text: &str) -> anyhow::Result<Receiver> {
    let wrong = |detail: String| app::usage(format!("--receiver {text}: {detail}"));
    let (mut latency, mut p99, mut weight, mut rate, mut in_flight) = (None, None, 1, None, None);
    for part in text.split(',') {
        let (key, value) = part
            .split_once('=')
            .ok_or_else(|| wrong(format!("`{part}` should be KEY=VALUE")))?;
        let span = || {
            let span = value
                .parse::<Span>()
                .map_err(|error| wrong(error.to_string()))?
                .get();
            match (Duration::from_millis(1)..=LATENCY_MAX).contains(&span) {
                true => Ok(span),
                false => Err(wrong(format!("`{value}` is out of range: 1ms to 30s"))),
            }
        };
        let count = || {
            let count = value.parse::<u32>().ok().filter(|count| *count >= 1);
            count.ok_or_else(|| wrong(format!("`{value}` is not a whole number from 1")))
        };
        match key.trim() {
            "latency" => latency = Some(span()?),
            "p99" => p99 = Some(span()?),
            "weight" => weight = count()?,
            "in-flight" => in_flight = Some(count()?),
            "rate" => {
                let per_sec = value.trim_end_matches("/s").parse::<f64>().ok();
                let per_sec = per_sec.filter(|rate| *rate > 0.0 && *rate <= 1e9);
                rate = Some(
                    per_sec.ok_or_else(|| wrong(format!("`{value}` is no rate such as `50/s`")))?,
                );
            }
            other => {
                return Err(wrong(format!(
                    "`{other}` is none of latency, p99, rate, in-flight, weight"
                )));
            }
        }
    }
    let median = latency.ok_or_else(|| wrong("there is no `latency`".to_owned()))?;
    let p99 = p99.unwrap_or(median);
    if p99 < median {
        return Err(wrong(
            "`p99` is shorter than `latency`, which is the median".to_owned(),
        ));
    }
    Ok(Receiver {
        weight,
        latency: Latency { median, p99 },
        rate_per_sec: rate,
        in_flight_max: in_flight,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_are_read() {
        let read = receiver("latency=100ms,p99=1s,rate=50/s,in-flight=10,weight=3").unwrap();
        assert_eq!(
            (read.weight, read.rate_per_sec, read.in_flight_max),
            (3, Some(50.0), Some(10))
        );
        assert_eq!(read.latency.p99, Duration::from_secs(1));
        for (text, part) in [
            ("100ms", "should be KEY=VALUE"),
            ("p99=1s", "there is no `latency`"),
            ("latency=1", "is not a span"),
            ("latency=31s", "1ms to 30s"),
            ("latency=1s,p99=1ms", "shorter than"),
            ("latency=1s,rate=x", "no rate"),
            ("latency=1s,weight=0", "whole number from 1"),
            ("latency=1s,colour=red", "none of latency"),
        ] {
            let error = receiver(text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn policies_are_read() {
        let settings = config::Scaler::default();
        let name = |text| policy(text, &settings).map(|policy| policy.name());
        for text in ["proportional", "backlog", "fixed:7", "sqs-event-source"] {
            assert_eq!(name(text).unwrap(), text);
        }
        for text in [
            "fixed",
            "fixed:0",
            "fixed:1001",
            "sqs-event-source:1",
            "sqs-event-source:1251",
            "best",
        ] {
            assert!(name(text).is_err(), "{text}");
        }
    }
}
