//! Servers that always run, and from which volume on they are cheaper.

use serde::{Deserialize, Serialize};

use super::HOURS_OF_MONTH;
use super::prices::List;
use super::usage::{Part, Usage};
use super::{Bill, bill};

/// So many servers of a type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fleet {
    /// The type, as the list names it.
    pub server: String,
    /// How many.
    pub count: u32,
}

/// From when on a fleet is cheaper.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum BreakEven {
    /// However little is sent: what functions cost at rest is more.
    Always,
    /// From so many notifications a month on.
    From {
        /// Notifications a month.
        per_month: f64,
    },
    /// However much is sent, or nothing was.
    Never,
}

/// A fleet beside what was used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fixed {
    /// The type of the servers.
    pub server: String,
    /// How many.
    pub count: u32,
    /// What one costs an hour.
    pub per_hour: f64,
    /// What they cost in the time that was looked at.
    pub amount: f64,
    /// The same for each million notifications of that time.
    pub per_million: f64,
    /// Whether that is less than what was used, data out aside: that costs the same from anywhere.
    pub is_cheaper: bool,
    /// From when on it is.
    pub break_even: BreakEven,
}

impl Fixed {
    /// `fleet` for `hours`, beside the `usage` of these hours for `notifications`; none where the list does not name the type.
    #[must_use]
    pub fn of(
        fleet: &Fleet,
        hours: f64,
        usage: &Usage,
        notifications: u64,
        list: &List<'_>,
    ) -> Option<Self> {
        let price = list.server(&fleet.server)?;
        let per_hour = price.price / price.per * list.rate(price.currency);
        let of_hours = |hours: f64| per_hour * f64::from(fleet.count) * hours;
        let inside = usage.only(|what| what.part() != Part::DataOut);
        let total = Bill::of(&inside, list).total;
        let standing = Bill::of(&inside.only(super::Use::is_standing), list).total;
        let amount = of_hours(hours);
        Some(Self {
            server: fleet.server.clone(),
            count: fleet.count,
            per_hour,
            amount,
            per_million: bill::per_million(amount, notifications),
            is_cheaper: amount < total,
            break_even: break_even(
                of_hours(HOURS_OF_MONTH),
                standing / hours.max(f64::MIN_POSITIVE) * HOURS_OF_MONTH,
                (total - standing) / super::float(notifications),
            ),
        })
    }
}

/// Where `fleet` a month is as much as `standing` a month and `each` notification.
fn break_even(fleet: f64, standing: f64, each: f64) -> BreakEven {
    let per_month = (fleet - standing) / each;
    match (fleet <= standing, per_month.is_finite() && each > 0.0) {
        (true, _) => BreakEven::Always,
        (false, true) => BreakEven::From { per_month },
        (false, false) => BreakEven::Never,
    }
}
