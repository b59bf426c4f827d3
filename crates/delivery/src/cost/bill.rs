//! Usage by prices.

use serde::{Deserialize, Serialize};

use super::prices::{Currency, List};
use super::usage::{Part, Usage, Use};

/// One product: so much of something at its price.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// What it was used for.
    #[serde(rename = "use")]
    pub what: Use,
    /// Where it stands.
    pub part: Part,
    /// How much.
    pub quantity: f64,
    /// Of what.
    pub unit: String,
    /// The price, in the currency of the list's fact.
    pub price: f64,
    /// For how many of the unit.
    pub per: f64,
    /// The currency of the price.
    pub currency: Currency,
    /// What one of that is in the currency of the amount.
    pub rate: f64,
    /// What it comes to.
    pub amount: f64,
    /// The currency of the amount.
    pub shown: Currency,
}

impl Line {
    /// The arithmetic: `10,500 requests × $0.40 / 1,000,000 = $0.0042`.
    #[must_use]
    pub fn arithmetic(&self) -> String {
        let per = match self.per > 1.0 {
            true => format!(" / {}", grouped(self.per)),
            false => String::new(),
        };
        let rate = match self.currency == self.shown {
            true => String::new(),
            false => format!(" × {}", plain(self.rate)),
        };
        let is_plain = self.unit == "GB" || self.quantity == 1.0;
        let many = if is_plain { "" } else { "s" };
        format!(
            "{} {}{many} × {}{per}{rate} = {}",
            quantity(self.quantity),
            self.unit,
            self.currency.price(self.price),
            self.shown.amount(self.amount)
        )
    }
}

/// What some usage costs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bill {
    /// Its lines, in order.
    pub lines: Vec<Line>,
    /// Their sum.
    pub total: f64,
}

impl Bill {
    /// Prices `usage` by `list`.
    #[must_use]
    pub fn of(usage: &Usage, list: &List<'_>) -> Self {
        let line = |(what, fact, quantity): (Use, _, f64)| {
            let price = list.price(fact);
            let rate = list.rate(price.currency);
            Line {
                what,
                part: what.part(),
                quantity,
                unit: price.unit.clone(),
                price: price.price,
                per: price.per,
                currency: price.currency,
                rate,
                amount: quantity / price.per * price.price * rate,
                shown: list.shown,
            }
        };
        let lines: Vec<Line> = usage.iter().map(line).collect();
        let total = sum(&lines, |_| true);
        Self { lines, total }
    }

    /// What a part comes to.
    #[must_use]
    pub fn part(&self, part: Part) -> f64 {
        sum(&self.lines, |line| line.part == part)
    }

    /// Everything but what leaves for the internet.
    #[must_use]
    pub fn without_data_out(&self) -> f64 {
        sum(&self.lines, |line| line.part != Part::DataOut)
    }
}

/// The sum of some lines; zero, not minus zero, where there are none.
fn sum(lines: &[Line], of: impl Fn(&Line) -> bool) -> f64 {
    let lines = lines.iter().filter(|line| of(line));
    lines.fold(0.0, |sum, line| sum + line.amount)
}

/// An amount for each million of `count`; zero where nothing was sent.
#[must_use]
pub fn per_million(amount: f64, count: u64) -> f64 {
    match count {
        0 => 0.0,
        count => amount / super::float(count) * 1e6,
    }
}

/// A quantity: whole ones with thousands apart, others with four digits that count.
fn quantity(value: f64) -> String {
    match value.fract() == 0.0 || value >= 1e5 {
        true => grouped(value),
        false => plain(value),
    }
}

/// Thousands apart.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Four digits that count, without zeros at the end.
pub(super) fn plain(value: f64) -> String {
    let whole = value.abs().log10().floor();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 16 places"
    )]
    let places = match value == 0.0 {
        true => 0,
        false => (3.0 - whole).clamp(0.0, 16.0) as usize,
    };
    let text = format!("{value:.places$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

impl Currency {
    /// A list price, as the list writes it.
    #[must_use]
    pub fn price(self, value: f64) -> String {
        format!("{}{value}", self.sign())
    }

    /// An amount: cents or yen, and of what is less four digits that count.
    #[must_use]
    pub fn amount(self, value: f64) -> String {
        let places = match self {
            Self::Usd => 2,
            Self::Jpy => 0,
        };
        let is_large = value >= if self == Self::Usd { 10.0 } else { 1_000.0 };
        let sign = self.sign();
        match is_large {
            true => {
                let text = format!("{value:.places$}");
                let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
                let whole = grouped(whole.parse().unwrap_or(value.trunc()));
                match rest {
                    "" => format!("{sign}{whole}"),
                    rest => format!("{sign}{whole}.{rest}"),
                }
            }
            false => format!("{sign}{}", plain(value)),
        }
    }

    const fn sign(self) -> &'static str {
        match self {
            Self::Usd => "$",
            Self::Jpy => "¥",
        }
    }
}
