//! When a check alerts: ranges of values, and when changes of state are flapping.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::check::range::Range;

/// When changes of state are flapping, in percent of the last 20.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flapping {
    /// At or below, it ends. 5 where it is not said.
    pub low: f64,
    /// At or above, it begins. 20 where it is not said.
    pub high: f64,
    /// Whether it is looked for.
    pub is_watched: bool,
}

impl Default for Flapping {
    /// Source: Nagios Core, `low_service_flap_threshold` and `high_service_flap_threshold`.
    fn default() -> Self {
        Self {
            low: 5.0,
            high: 20.0,
            is_watched: true,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename = "Flapping")]
struct Thresholds {
    low: f64,
    high: f64,
}

impl Serialize for Flapping {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { low, high, .. } = *self;
        match self.is_watched {
            true => Thresholds { low, high }.serialize(serializer),
            false => serializer.serialize_bool(false),
        }
    }
}

impl<'de> Deserialize<'de> for Flapping {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Flapping;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`true`, `false` or thresholds such as `{ low = 5.0, high = 20.0 }`")
            }

            fn visit_bool<E>(self, is_watched: bool) -> Result<Flapping, E> {
                Ok(Flapping {
                    is_watched,
                    ..Flapping::default()
                })
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Flapping, A::Error> {
                let Thresholds { low, high } =
                    Thresholds::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Flapping {
                    low,
                    high,
                    is_watched: true,
                })
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// Ranges by metric; a single one is of what the built-in check measures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ranges(#[serde(deserialize_with = "range_or_ranges")] BTreeMap<String, Range>);

/// The name of the metric that a single range is of.
const MAIN: &str = "";

impl Ranges {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is of what the built-in check measures.
    pub(super) fn is_single(&self) -> bool {
        self.0.contains_key(MAIN)
    }

    /// The range of the metric `name`.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<Range> {
        self.0.get(name).copied()
    }

    /// The range of what a built-in check measures under `name`.
    #[must_use]
    pub fn of_main(&self, name: &str) -> Option<Range> {
        self.of(MAIN).or_else(|| self.of(name))
    }
}

fn range_or_ranges<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<BTreeMap<String, Range>, D::Error> {
    struct Visitor;
    impl<'de> serde::de::Visitor<'de> for Visitor {
        type Value = BTreeMap<String, Range>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(
                "a range such as `\"10:20\"` or ranges by metric such as `{ load1 = \"5\" }`",
            )
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
            let range = text.parse().map_err(E::custom)?;
            Ok(BTreeMap::from([(MAIN.to_owned(), range)]))
        }

        fn visit_i64<E: serde::de::Error>(self, high: i64) -> Result<Self::Value, E> {
            self.visit_str(&high.to_string())
        }

        fn visit_f64<E: serde::de::Error>(self, high: f64) -> Result<Self::Value, E> {
            self.visit_str(&high.to_string())
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            BTreeMap::deserialize(MapAccessDeserializer::new(map))
        }
    }
    from.deserialize_any(Visitor)
}
