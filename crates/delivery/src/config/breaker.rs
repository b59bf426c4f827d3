//! `breaker` of a destination: `"never"`, or when it opens and how long it waits; see [`crate::notifier`].

use std::fmt;
use std::time::Duration;

use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Problems;
use super::Span;
use super::destination::key_of;

/// When a breaker opens and how long it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerRules {
    /// See [`BreakerTable::failures`].
    pub failures: u32,
    /// See [`BreakerTable::wait`].
    pub wait: Duration,
    /// See [`BreakerTable::wait_max`].
    pub wait_max: Duration,
}

impl Default for BreakerRules {
    /// 16 failures in a row are 1 in 65,000 where every second send fails; a minute is little of an outage that lasted as long.
    fn default() -> Self {
        Self {
            failures: 16,
            wait: Duration::from_secs(1),
            wait_max: Duration::from_secs(60),
        }
    }
}

/// `[destinations."host".breaker]`, or `breaker = "never"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breaker {
    /// It stays closed.
    Never,
    /// It opens by these.
    Table(BreakerTable),
}

/// `[destinations."host".breaker]`: when nothing is sent to a destination for a while because it does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BreakerTable {
    /// Failures in a row (no connection, timeout, 5xx), without an answer between them, after which it opens. 1 to 10000;
    /// default 16.
    pub failures: Option<u32>,
    /// The wait before the first probe; it doubles after each that fails. 10ms to 1h; default 1s.
    pub wait: Option<Span>,
    /// The longest wait between two probes. 10ms to 1h; default 1m.
    pub wait_max: Option<Span>,
}

impl Breaker {
    /// What holds over `under`.
    pub(super) fn resolve(self, under: Option<BreakerRules>) -> Option<BreakerRules> {
        let Self::Table(table) = self else {
            return None;
        };
        let under = under.unwrap_or_default();
        let wait = table.wait.map_or(under.wait, Span::get);
        Some(BreakerRules {
            failures: table.failures.unwrap_or(under.failures),
            wait,
            wait_max: table.wait_max.map_or(under.wait_max, Span::get).max(wait),
        })
    }

    pub(super) fn check(self, name: &str, problems: &mut Problems) {
        let Self::Table(table) = self else {
            return;
        };
        let key = |key: &str| key_of(name, &format!("breaker.{key}"));
        let (least, most) = (Duration::from_millis(10), Duration::from_secs(3600));
        problems.count(&key("failures"), table.failures, 1, 10_000);
        problems.span(&key("wait"), table.wait, least, most);
        problems.span(&key("wait_max"), table.wait_max, least, most);
        if let (Some(wait), Some(max)) = (table.wait, table.wait_max)
            && wait > max
        {
            let problem = format!("{wait} is longer than wait_max ({max})");
            problems.push(&key("wait"), problem);
        }
    }
}

impl Serialize for Breaker {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Never => serializer.serialize_str("never"),
            Self::Table(table) => table.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Breaker {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Breaker;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`\"never\"` or a table such as `{ failures = 16, wait = \"1s\" }`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Breaker, E> {
                match text {
                    "never" => Ok(Breaker::Never),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Breaker, A::Error> {
                BreakerTable::deserialize(MapAccessDeserializer::new(map)).map(Breaker::Table)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{BreakerRules, DestinationRules, Settings, SystemSecrets};
    use crate::destinations::Destinations;

    fn rules(text: &str) -> DestinationRules {
        let settings: Settings = toml::from_str(text).unwrap();
        assert_eq!(settings.problems(), []);
        let all = Destinations::new(&settings, &SystemSecrets).unwrap();
        DestinationRules::clone(all.find("a.example"))
    }

    #[test]
    fn a_breaker_is_its_own_over_that_of_all() {
        let secs = std::time::Duration::from_secs;
        assert_eq!(rules("").breaker, Some(BreakerRules::default()));
        let of_all = "[destinations.\"*\".breaker]\nfailures = 3\nwait = \"2s\"\n";
        let own =
            format!("{of_all}[destinations.\"a.example\"]\nbreaker = {{ wait_max = \"1s\" }}");
        let never = format!("{of_all}[destinations.\"a.example\"]\nbreaker = \"never\"");
        let expected = BreakerRules {
            failures: 3,
            wait: secs(2),
            wait_max: secs(2),
        };
        assert_eq!(rules(&own).breaker, Some(expected));
        assert_eq!(rules(&never).breaker, None);
        assert!(rules("").adaptive);
        assert!(!rules("[destinations.\"*\"]\nadaptive = false").adaptive);
    }

    #[test]
    fn what_is_wrong_names_its_key() {
        for (value, key) in [
            ("{ failures = 0 }", "breaker.failures"),
            ("{ wait = \"1ms\" }", "breaker.wait"),
            ("{ wait_max = \"2h\" }", "breaker.wait_max"),
            ("{ wait = \"9s\", wait_max = \"8s\" }", "breaker.wait"),
        ] {
            let text = format!("[destinations.\"a.example\"]\nbreaker = {value}");
            let settings: Settings = toml::from_str(&text).unwrap();
            let problem = settings.validate().unwrap_err().to_string();
            assert!(problem.contains(key), "{problem}");
        }
        let text = "[destinations.\"a.example\"]\nbreaker = \"always\"";
        let error = toml::from_str::<Settings>(text).unwrap_err().to_string();
        assert!(error.contains("`\"never\"` or a table"), "{error}");
    }
}
