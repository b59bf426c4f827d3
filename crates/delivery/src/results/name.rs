//! Names of result objects.

use std::fmt;

use base::Timestamp;

/// What an object spans.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Range {
    /// Journal positions of the first and the last result's record.
    Journal {
        /// The first.
        first: u64,
        /// The last.
        last: u64,
    },
    /// Any other unique name of `a-z`, `0-9` and `-`, such as time and notifier.
    Named(String),
}

/// The name of an object without its ending.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    /// The route, as its results are called.
    pub route: String,
    /// Hours since the epoch.
    pub hour: u64,
    /// What it spans.
    pub range: Range,
    /// How often it was written again, without what was to be forgotten.
    pub generation: u32,
}

/// The ending of an object of results.
pub const DATA: &str = ".ndjson.zst";

impl ObjectName {
    /// A new object.
    #[must_use]
    pub fn new(route: &str, hour: u64, range: Range) -> Self {
        Self {
            route: route.to_owned(),
            hour,
            range,
            generation: 0,
        }
    }

    /// The folder of an hour.
    #[must_use]
    pub fn folder(route: &str, hour: u64) -> String {
        let time = Timestamp::from_secs(hour.saturating_mul(3600)).rfc3339();
        let day = time.get(..10).unwrap_or_default();
        format!("route={route}/dt={day}/hour={:02}", hour % 24)
    }

    /// The folder of a route.
    #[must_use]
    pub fn route_folder(route: &str) -> String {
        format!("route={route}/")
    }

    /// The object of results.
    #[must_use]
    pub fn data(&self) -> String {
        format!("{self}{DATA}")
    }

    /// The sidecar, where it lies beside the object.
    #[must_use]
    pub fn sidecar(&self) -> String {
        format!("{self}.idx")
    }

    /// The object of sources, where they lie beside it.
    #[must_use]
    pub fn sources(&self) -> String {
        format!("sources/{self}.src.zst")
    }

    /// The time at which its hour begins.
    #[must_use]
    pub fn begins(&self) -> Timestamp {
        Timestamp::from_secs(self.hour.saturating_mul(3600))
    }

    /// Reads the name of an object of results; `None` for any other object.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let stem = name.strip_suffix(DATA)?;
        let mut parts = stem.split('/');
        let route = parts.next()?.strip_prefix("route=")?;
        let day = parts.next()?.strip_prefix("dt=")?;
        let hour: u64 = parts.next()?.strip_prefix("hour=")?.parse().ok()?;
        let file = parts.next()?;
        if parts.next().is_some() || hour > 23 {
            return None;
        }
        let midnight = Timestamp::parse_rfc3339(&format!("{day}T00:00:00Z"))?;
        let (range, generation) = match file.split_once(".g") {
            Some((range, generation)) => (range, generation.parse().ok()?),
            None => (file, 0),
        };
        Some(Self {
            route: route.to_owned(),
            hour: midnight.as_secs() / 3600 + hour,
            range: Range::parse(range),
            generation,
        })
    }

    /// Whether `self` has been replaced when `other` stands.
    #[must_use]
    pub fn is_replaced_by(&self, other: &Self) -> bool {
        if self.route != other.route || self.hour != other.hour || self == other {
            return false;
        }
        match (&self.range, &other.range) {
            (a, b) if a == b => self.generation < other.generation,
            (
                Range::Journal { first, last },
                Range::Journal {
                    first: from,
                    last: to,
                },
            ) => from <= first && last <= to,
            _ => false,
        }
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Self::folder(&self.route, self.hour), self.range)?;
        match self.generation {
            0 => Ok(()),
            generation => write!(f, ".g{generation}"),
        }
    }
}

impl Range {
    fn parse(text: &str) -> Self {
        let number = |text: &str| {
            (text.len() == 16)
                .then(|| u64::from_str_radix(text, 16).ok())
                .flatten()
        };
        text.split_once('-')
            .and_then(|(first, last)| {
                Some(Self::Journal {
                    first: number(first)?,
                    last: number(last)?,
                })
            })
            .unwrap_or_else(|| Self::Named(text.to_owned()))
    }

    /// The first position; `None` where there is no journal.
    #[must_use]
    pub fn first(&self) -> Option<u64> {
        match self {
            Self::Journal { first, .. } => Some(*first),
            Self::Named(_) => None,
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Journal { first, last } => write!(f, "{first:016x}-{last:016x}"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_layout_and_read_back() {
        let hour = 1_795_410_190 / 3600;
        let mut name = ObjectName::new(
            "s2s",
            hour,
            Range::Journal {
                first: 0xa1000,
                last: 0xb2fff,
            },
        );
        assert_eq!(
            name.data(),
            "route=s2s/dt=2026-11-23/hour=05/00000000000a1000-00000000000b2fff.ndjson.zst"
        );
        name.generation = 2;
        let named = ObjectName::new("s2s", hour, Range::Named("1795410190250-n-1".into()));
        for name in [name, named] {
            assert_eq!(ObjectName::parse(&name.data()), Some(name.clone()));
            assert_eq!(ObjectName::parse(&name.sidecar()), None);
            assert_eq!(ObjectName::parse(&name.sources()), None);
        }
    }

    #[test]
    fn a_larger_span_and_a_later_generation_replace() {
        let of = |first, last, generation| ObjectName {
            generation,
            ..ObjectName::new("r", 7, Range::Journal { first, last })
        };
        assert!(of(10, 20, 0).is_replaced_by(&of(10, 40, 0)));
        assert!(of(10, 20, 0).is_replaced_by(&of(10, 20, 1)));
        assert!(!of(10, 20, 1).is_replaced_by(&of(10, 20, 0)));
        assert!(of(10, 20, 1).is_replaced_by(&of(5, 20, 0)));
        assert!(!of(10, 40, 0).is_replaced_by(&of(10, 20, 0)));
        assert!(!of(10, 20, 0).is_replaced_by(&of(10, 20, 0)));
        assert!(!of(10, 20, 0).is_replaced_by(&ObjectName {
            hour: 8,
            ..of(0, 90, 0)
        }));
    }
}
