//! A price list: facts with their date and source, by region.
//!
//! ```toml
//! currency = "USD"                       # in which amounts are shown
//!
//! [exchange]                             # a setting, not a fact: put the rate of your books here
//! yen_per_dollar = 150.0
//! date = "2026-11-29"
//! source = "a round figure, chosen"
//!
//! [regions.us-east-1.prices]
//! queue_request = { price = 0.4, per = 1000000, unit = "request", date = "2026-06-13", source = "https://aws.amazon.com/sqs/pricing/" }
//!
//! [regions.us-east-1.servers]
//! "t3.medium" = { price = 0.0416, per = 1, unit = "hour", date = "2025-01-28", source = "https://aws.amazon.com/ec2/pricing/on-demand/" }
//! ```
//!
//! A region has a price for each [`Fact`], by its unit. `currency` of a fact is `USD` where it is left out.

use std::collections::BTreeMap;
use std::fmt;

use base::{Timestamp, nearest};
use serde::{Deserialize, Serialize};

use super::fact::Fact;

/// The list that is built in.
pub const BUILT_IN: &str = include_str!("prices.toml");
/// A file of prices at most.
pub const FILE_BYTES_MAX: usize = 256 << 10;
/// Types of servers of a region at most. Chosen: AWS has some 750.
pub const SERVERS_MAX: usize = 1_000;
/// The highest price of a fact, and the most units that it is for. Chosen: beyond any list.
const PRICE_MAX: f64 = 1e9;
const PER_MAX: f64 = 1e12;
/// Yen for a dollar, at least and at most. Chosen: beyond what was ever paid.
const RATES: std::ops::RangeInclusive<f64> = 1.0..=1_000.0;

/// In which amounts are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Currency {
    /// Dollars.
    #[default]
    Usd,
    /// Yen.
    Jpy,
}

impl Currency {
    /// The currency called so.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let all = [("USD", Self::Usd), ("JPY", Self::Jpy)];
        let found = all.iter().find(|(it, _)| it.eq_ignore_ascii_case(name));
        found.map(|(_, currency)| *currency)
    }
}

/// A list price.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// What `per` of them cost.
    pub price: f64,
    /// How many that is for.
    pub per: f64,
    /// Of what.
    pub unit: String,
    /// In which currency.
    #[serde(default)]
    pub currency: Currency,
    /// The day on which it was so: `2026-11-29`.
    pub date: String,
    /// Where that stands, and what could not be verified.
    pub source: String,
}

/// What a dollar is in yen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// Yen.
    pub yen_per_dollar: f64,
    /// The day on which it was so.
    pub date: String,
    /// Where that stands.
    pub source: String,
}

/// The prices of a region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// By the name of the [`Fact`].
    prices: BTreeMap<String, Price>,
    /// Servers by their type, by the hour.
    #[serde(default)]
    servers: BTreeMap<String, Price>,
}

/// A list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// In which amounts are shown.
    #[serde(default)]
    pub currency: Currency,
    /// What a dollar is in yen.
    pub exchange: Exchange,
    regions: BTreeMap<String, Region>,
}

/// Why a list is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is larger than [`FILE_BYTES_MAX`].
    #[error("the prices have {bytes} bytes, at most {FILE_BYTES_MAX} are read")]
    TooLarge {
        /// How many.
        bytes: usize,
    },
    /// It is no TOML of this form.
    #[error("the prices are not in form: {0}")]
    Form(String),
    /// A value is wrong.
    #[error("`{key}` {problem}")]
    Wrong {
        /// Where.
        key: String,
        /// What, and what would be right.
        problem: String,
    },
    /// The list has no such region.
    #[error("there are no prices of `{region}`; the list has {known}")]
    NoRegion {
        /// What was asked for.
        region: String,
        /// What there is.
        known: String,
    },
}

fn wrong(key: impl Into<String>, problem: impl Into<String>) -> Error {
    Error::Wrong {
        key: key.into(),
        problem: problem.into(),
    }
}

impl Prices {
    /// The list that is built in.
    ///
    /// # Errors
    /// Never, as a test shows; callers need not trust that.
    pub fn built_in() -> Result<Self, Error> {
        Self::parse(BUILT_IN)
    }

    /// Reads a list.
    ///
    /// # Errors
    /// [`Error`], with the key that is wrong and what would be right.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > FILE_BYTES_MAX {
            return Err(Error::TooLarge { bytes: text.len() });
        }
        let prices: Self = toml::from_str(text)
            .map_err(|error| Error::Form(error.to_string().trim().to_owned()))?;
        prices.check()?;
        Ok(prices)
    }

    fn check(&self) -> Result<(), Error> {
        let exchange = &self.exchange;
        if !RATES.contains(&exchange.yen_per_dollar) {
            let (least, most) = (RATES.start(), RATES.end());
            return Err(wrong(
                "exchange.yen_per_dollar",
                format!(
                    "is {}; it should be {least} to {most}",
                    exchange.yen_per_dollar
                ),
            ));
        }
        said("exchange", &exchange.date, &exchange.source)?;
        if self.regions.is_empty() {
            return Err(wrong("regions", "is empty: there should be one at least"));
        }
        self.regions
            .iter()
            .try_for_each(|(name, region)| region.check(&format!("regions.{name}")))
    }

    /// The prices of a region, amounts in `shown`, or as the list says.
    ///
    /// # Errors
    /// [`Error::NoRegion`].
    pub fn list(&self, region: &str, shown: Option<Currency>) -> Result<List<'_>, Error> {
        let found = self.regions.get_key_value(region);
        let (name, prices) = found.ok_or_else(|| Error::NoRegion {
            region: region.to_owned(),
            known: self.regions().collect::<Vec<_>>().join(", "),
        })?;
        Ok(List {
            name,
            region: prices,
            shown: shown.unwrap_or(self.currency),
            exchange: &self.exchange,
        })
    }

    /// The regions that it has.
    pub fn regions(&self) -> impl Iterator<Item = &str> {
        self.regions.keys().map(String::as_str)
    }
}

impl Region {
    fn check(&self, key: &str) -> Result<(), Error> {
        for (name, price) in &self.prices {
            let key = format!("{key}.prices.{name}");
            let Some(fact) = Fact::named(name) else {
                let near = nearest(name, Fact::ALL.map(Fact::name));
                let near =
                    near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                return Err(wrong(key, format!("is nothing that has a price{near}")));
            };
            price.check(&key, fact.unit())?;
        }
        let missing = Fact::ALL
            .into_iter()
            .find(|fact| !self.prices.contains_key(fact.name()));
        if let Some(fact) = missing {
            let key = format!("{key}.prices.{}", fact.name());
            let right = format!("is missing: a price by `unit = \"{}\"`", fact.unit());
            return Err(wrong(key, right));
        }
        if self.servers.len() > SERVERS_MAX {
            let count = self.servers.len();
            let right = format!("has {count} types; at most {SERVERS_MAX} are taken");
            return Err(wrong(format!("{key}.servers"), right));
        }
        self.servers
            .iter()
            .try_for_each(|(name, price)| price.check(&format!("{key}.servers.\"{name}\""), "hour"))
    }
}

impl Price {
    fn check(&self, key: &str, unit: &str) -> Result<(), Error> {
        if self.unit != unit {
            let problem = format!("is `{}`; it is priced by `{unit}`", self.unit);
            return Err(wrong(format!("{key}.unit"), problem));
        }
        if !(0.0..=PRICE_MAX).contains(&self.price) {
            let problem = format!("is {}; it should be 0 to {PRICE_MAX}", self.price);
            return Err(wrong(format!("{key}.price"), problem));
        }
        if !(1.0..=PER_MAX).contains(&self.per) {
            let problem = format!("is {}; it should be 1 to {PER_MAX}", self.per);
            return Err(wrong(format!("{key}.per"), problem));
        }
        said(key, &self.date, &self.source)
    }
}

/// Whether a fact says when and where.
fn said(key: &str, date: &str, source: &str) -> Result<(), Error> {
    let is_day = date.len() == "2026-11-29".len()
        && Timestamp::parse_rfc3339(&format!("{date}T00:00:00Z")).is_some();
    if !is_day {
        let problem = format!("is `{date}`; it should be a day such as `2026-11-29`");
        return Err(wrong(format!("{key}.date"), problem));
    }
    if source.trim().is_empty() {
        let problem = "is empty; it should say where the figure stands";
        return Err(wrong(format!("{key}.source"), problem));
    }
    Ok(())
}

/// The prices of one region, in one currency.
#[derive(Clone, Copy, Debug)]
pub struct List<'a> {
    /// The region's name.
    pub name: &'a str,
    /// In which amounts are.
    pub shown: Currency,
    /// What a dollar is in yen.
    pub exchange: &'a Exchange,
    region: &'a Region,
}

/// What a fact costs where the list has none, which [`Prices::parse`] refuses.
static NONE: Price = Price {
    price: 0.0,
    per: 1.0,
    unit: String::new(),
    currency: Currency::Usd,
    date: String::new(),
    source: String::new(),
};

impl<'a> List<'a> {
    /// The price of a fact.
    #[must_use]
    pub fn price(&self, fact: Fact) -> &'a Price {
        let found = self.region.prices.get(fact.name());
        debug_assert!(found.is_some(), "{fact:?} was checked");
        found.unwrap_or(&NONE)
    }

    /// The price of a server's hour.
    #[must_use]
    pub fn server(&self, kind: &str) -> Option<&'a Price> {
        self.region.servers.get(kind)
    }

    /// The types of servers that it has.
    pub fn servers(&self) -> impl Iterator<Item = &'a str> {
        self.region.servers.keys().map(String::as_str)
    }

    /// What one of `currency` is in the one that is shown.
    #[must_use]
    pub fn rate(&self, currency: Currency) -> f64 {
        match (currency, self.shown) {
            (Currency::Usd, Currency::Jpy) => self.exchange.yen_per_dollar,
            (Currency::Jpy, Currency::Usd) => 1.0 / self.exchange.yen_per_dollar,
            _ => 1.0,
        }
    }

    /// The first and the last day of its facts.
    #[must_use]
    pub fn dates(&self) -> (&'a str, &'a str) {
        let dates = || self.region.prices.values().map(|price| price.date.as_str());
        (
            dates().min().unwrap_or_default(),
            dates().max().unwrap_or_default(),
        )
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Usd => "USD",
            Self::Jpy => "JPY",
        })
    }
}
