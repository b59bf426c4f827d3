//! Traffic over time, read from a table.
//!
//! # Format
//! Comma-separated, with a head. The first column is `time` (`HH:MM`, `HH:MM:SS` or RFC 3339), `minute` or `second` (whole
//! numbers); the second is `count`: how many notifications came from then until the next row. The last row is as long as the
//! one before it. Empty lines and lines that begin with `#` are passed over.
//!
//! ```text
//! time,count
//! 00:00,30120
//! 00:01,29874
//! ```

use std::fmt::Write;
use std::time::Duration;

use base::Timestamp;

use super::number::{float, whole};

/// Rows of a table at most: eight days of minutes.
pub const ROWS_MAX: usize = 11_520;
/// The longest traffic. Chosen: a week, and what is around it.
pub const DAYS_MAX: u64 = 8;
/// The most in one row. Chosen: far beyond any machine, and far from where counts would not be exact.
pub const COUNT_MAX: u64 = 1_000_000_000_000;

const DAY_MS: u64 = 86_400_000;

/// What is wrong with a table of traffic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// The head is another.
    #[error(
        "line {line}: the head is `{head}`; it should be `time,count`, `minute,count` or `second,count`"
    )]
    Head {
        /// Which line.
        line: usize,
        /// What stands there.
        head: String,
    },
    /// A row is no row.
    #[error("line {line}: `{text}` is not {right}")]
    Row {
        /// Which line.
        line: usize,
        /// What stands there.
        text: String,
        /// What would be right.
        right: String,
    },
    /// A row is not later than the one before it.
    #[error("line {line}: `{text}` is not later than the row before it")]
    Order {
        /// Which line.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// There are no rows.
    #[error("there is no row under the head")]
    Empty,
    /// There are too many rows, or too long a time.
    #[error("line {line}: there are more than {ROWS_MAX} rows, or more than {DAYS_MAX} days")]
    TooMuch {
        /// Which line.
        line: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    from_ms: u64,
    count: u64,
}

/// How much comes when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// From 0 on, rising.
    rows: Vec<Row>,
    end_ms: u64,
    /// The first time as the table had it, milliseconds of a day or since the epoch.
    start_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Time,
    Minute,
    Second,
}

impl Traffic {
    /// Reads a table.
    ///
    /// # Errors
    /// [`Wrong`], with the line.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        let is_row = |(_, line): &(usize, &str)| !line.is_empty() && !line.starts_with('#');
        let mut lines = (1..).zip(text.lines().map(str::trim)).filter(is_row);
        let (line, head) = lines.next().ok_or(Wrong::Empty)?;
        let column = column(head).ok_or_else(|| Wrong::Head {
            line,
            head: shown(head),
        })?;
        let mut rows: Vec<(u64, u64)> = Vec::new();
        for (line, text) in lines {
            let (at, count) = row(line, text, column)?;
            if rows.last().is_some_and(|(before, _)| *before >= at) {
                let text = shown(text);
                return Err(Wrong::Order { line, text });
            }
            let first = rows.first().map_or(at, |(first, _)| *first);
            if rows.len() >= ROWS_MAX || at - first > DAYS_MAX * DAY_MS {
                return Err(Wrong::TooMuch { line });
            }
            rows.push((at, count));
        }
        let length = match column {
            Column::Second => 1_000,
            Column::Time | Column::Minute => 60_000,
        };
        Self::of_rows(&rows, length).ok_or(Wrong::Empty)
    }

    /// Rows of `(milliseconds, count)`, rising; a single one is `length_ms` long. None where there is no row.
    #[must_use]
    pub fn of_rows(rows: &[(u64, u64)], length_ms: u64) -> Option<Self> {
        let (start_ms, _) = *rows.first()?;
        let (last, _) = *rows.last()?;
        let before = rows.iter().rev().nth(1).map(|(before, _)| *before);
        let length = before.map_or(length_ms, |before| last - before);
        let row = |(at, count): &(u64, u64)| Row {
            from_ms: at - start_ms,
            count: *count,
        };
        Some(Self {
            rows: rows.iter().map(row).collect(),
            end_ms: last - start_ms + length,
            start_ms,
        })
    }

    /// `per_minute` for `minutes`, always the same.
    #[must_use]
    pub fn even(per_minute: u64, minutes: u64) -> Self {
        let row = |minute: u64| Row {
            from_ms: minute * 60_000,
            count: per_minute,
        };
        Self {
            rows: (0..minutes).map(row).collect(),
            end_ms: minutes * 60_000,
            start_ms: 0,
        }
    }

    /// How long it is, in milliseconds.
    #[must_use]
    pub fn len_ms(&self) -> u64 {
        self.end_ms
    }

    /// The first time of the table, in milliseconds: of its day, or since the epoch.
    #[must_use]
    pub fn start_ms(&self) -> u64 {
        self.start_ms
    }

    /// All that comes.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.rows.iter().map(|row| row.count).sum()
    }

    /// The most in a minute, by the rows.
    #[must_use]
    pub fn peak_per_minute(&self) -> f64 {
        let ends = self.rows.iter().skip(1).map(|row| row.from_ms);
        let ends = ends.chain([self.end_ms]);
        let rate = |(row, end): (&Row, u64)| float(row.count) * 60_000.0 / float(end - row.from_ms);
        self.rows.iter().zip(ends).map(rate).fold(0.0, f64::max)
    }

    /// The same curve within another time, with `count` in all; the clock's time is left out.
    #[must_use]
    pub fn squeezed(&self, length: Duration, count: u64) -> Self {
        let ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        let part = |of: u64, from: u64, to: u64| {
            u64::try_from(u128::from(of) * u128::from(to) / u128::from(from.max(1)))
                .unwrap_or(u64::MAX)
        };
        let (all, mut before, mut shared) = (self.count(), 0, 0);
        let mut rows: Vec<Row> = Vec::new();
        for row in &self.rows {
            before += row.count;
            let sum = part(count, all, before);
            let more = sum - std::mem::replace(&mut shared, sum);
            let from_ms = part(row.from_ms, self.end_ms, ms);
            match rows.last_mut() {
                Some(last) if last.from_ms == from_ms => last.count += more,
                _ => rows.push(Row {
                    from_ms,
                    count: more,
                }),
            }
        }
        Self {
            rows,
            end_ms: ms,
            start_ms: 0,
        }
    }

    /// A cursor over what comes.
    #[must_use]
    pub fn arrivals(&self) -> Arrivals<'_> {
        Arrivals {
            traffic: self,
            row: 0,
            before: 0,
            come: 0,
        }
    }

    /// The table of it, `minute,count` and `second,count` by how long its rows are.
    #[must_use]
    pub fn table(&self) -> String {
        let is_minutes = self
            .rows
            .iter()
            .all(|row| row.from_ms.is_multiple_of(60_000));
        let (head, unit) = if is_minutes {
            ("minute", 60_000)
        } else {
            ("second", 1_000)
        };
        let mut table = format!("{head},count\n");
        for row in &self.rows {
            let _ = writeln!(table, "{},{}", row.from_ms / unit, row.count);
        }
        table
    }
}

/// A cursor over traffic that only goes forward.
#[derive(Clone, Debug)]
pub struct Arrivals<'a> {
    traffic: &'a Traffic,
    row: usize,
    /// All of the rows before.
    before: u64,
    come: u64,
}

impl Arrivals<'_> {
    /// Until when it goes on coming as it does; none after the end.
    pub(super) fn even_until(&self) -> Option<u64> {
        let rows = &self.traffic.rows;
        rows.get(self.row)?;
        Some(
            rows.get(self.row + 1)
                .map_or(self.traffic.end_ms, |next| next.from_ms),
        )
    }

    /// How many have come since it was last asked, up to `to_ms`.
    pub fn up_to(&mut self, to_ms: u64) -> u64 {
        let rows = &self.traffic.rows;
        let end = |row: usize| {
            rows.get(row + 1)
                .map_or(self.traffic.end_ms, |next| next.from_ms)
        };
        while self.row < rows.len() && end(self.row) <= to_ms {
            self.before += rows.get(self.row).map_or(0, |row| row.count);
            self.row += 1;
        }
        let part = rows.get(self.row).map_or(0, |row| {
            let passed = u128::from(to_ms.saturating_sub(row.from_ms));
            let length = u128::from((end(self.row) - row.from_ms).max(1));
            u64::try_from(u128::from(row.count) * passed / length).unwrap_or(0)
        });
        let come = self.before + part;
        let new = come - self.come;
        self.come = come;
        new
    }
}

fn column(head: &str) -> Option<Column> {
    let (first, second) = head.split_once(',')?;
    if second.trim() != "count" {
        return None;
    }
    match first.trim() {
        "time" => Some(Column::Time),
        "minute" => Some(Column::Minute),
        "second" => Some(Column::Second),
        _ => None,
    }
}

fn row(line: usize, text: &str, column: Column) -> Result<(u64, u64), Wrong> {
    let wrong = |part: &str, right: &str| Wrong::Row {
        line,
        text: shown(part),
        right: right.to_owned(),
    };
    let (at, count) = text
        .split_once(',')
        .ok_or_else(|| wrong(text, "a row of two columns"))?;
    let at = at.trim();
    let whole = |unit: u64| at.parse::<u64>().ok().and_then(|at| at.checked_mul(unit));
    let (at_ms, right) = match column {
        Column::Minute => (whole(60_000), "a whole number of minutes"),
        Column::Second => (whole(1_000), "a whole number of seconds"),
        Column::Time => (
            time(at),
            "a time such as `09:30`, `09:30:00` or `2026-11-29T09:30:00Z`",
        ),
    };
    let at_ms = at_ms.ok_or_else(|| wrong(at, right))?;
    let parsed = count.trim().parse::<u64>().ok();
    let right = "a whole number of notifications, 10^12 at most";
    let count = parsed.filter(|count| *count <= COUNT_MAX);
    let count = count.ok_or_else(|| wrong(text, right))?;
    Ok((at_ms, count))
}

/// A time of day, or a moment.
fn time(text: &str) -> Option<u64> {
    if text.contains('T') {
        return Timestamp::parse_rfc3339(text).map(Timestamp::as_millis);
    }
    let parts: Option<Vec<u64>> = text.split(':').map(|part| part.parse().ok()).collect();
    match *parts?.as_slice() {
        [hour, minute] if hour < 24 && minute < 60 => Some((hour * 60 + minute) * 60_000),
        [hour, minute, second] if hour < 24 && minute < 60 && second < 60 => {
            Some(((hour * 60 + minute) * 60 + second) * 1_000)
        }
        _ => None,
    }
}

/// What is shown of a line.
fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

/// The example of a day: postbacks of an advertising network, a minute a row. By the formula
///
/// ```text
/// 30,000 + 160,000 × max(0, sin(π × (h - 6) / 18))       the day, from 6 to 24 o'clock
///        +  60,000 × exp(-((h - 12.5) / 0.7)²)           lunch
///        + 180,000 × exp(-((h - 21) / 1.4)²)             the evening
///        + 400,000 × exp(-(m - m₀) / 6)                  a campaign's push at m₀ = 8:00, 12:00, 19:00
///        +  80,000                                       the nightly correction, 3:00 to 3:20
/// ```
///
/// a minute, with `h` hours and `m` minutes, and a ripple of up to 10 %.
#[must_use]
pub fn example() -> Traffic {
    let rows: Vec<(u64, u64)> = (0..1_440)
        .map(|minute| (minute * 60_000, example_minute(minute)))
        .collect();
    Traffic::of_rows(&rows, 60_000).unwrap_or_else(|| Traffic::even(0, 1))
}

fn example_minute(minute: u64) -> u64 {
    let hour = float(minute) / 60.0;
    let bell = |at: f64, width: f64| (-((hour - at) / width).powi(2)).exp();
    let day = (std::f64::consts::PI * (hour - 6.0) / 18.0).sin();
    let day = if hour < 6.0 { 0.0 } else { day.max(0.0) };
    let push = |at: u64| match minute.checked_sub(at * 60) {
        Some(since) => (-float(since) / 6.0).exp(),
        None => 0.0,
    };
    let pushes: f64 = [8, 12, 19].into_iter().map(push).sum();
    let nightly = if (180..200).contains(&minute) {
        80_000.0
    } else {
        0.0
    };
    let smooth =
        30_000.0 + 160_000.0 * day + 60_000.0 * bell(12.5, 0.7) + 180_000.0 * bell(21.0, 1.4);
    let ripple = 0.9 + 0.2 * float(minute * 37 % 21) / 20.0;
    whole((smooth + 400_000.0 * pushes + nightly) * ripple)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tables_are_read() {
        let traffic =
            Traffic::parse("# a day\ntime,count\n00:00,60\n\n00:01,120\n00:02:00,0\n").unwrap();
        assert_eq!((traffic.len_ms(), traffic.count()), (180_000, 180));
        assert!((traffic.peak_per_minute() - 120.0).abs() < 1e-9);
        let mut arrivals = traffic.arrivals();
        let come: Vec<u64> = [30_000, 60_000, 60_500, 180_000, 999_000]
            .map(|to| arrivals.up_to(to))
            .into();
        assert_eq!(come, [30, 30, 1, 119, 0]);
        let seconds = Traffic::parse("second,count\n5,10\n7,1").unwrap();
        assert_eq!((seconds.len_ms(), seconds.count()), (4_000, 11));
        let moment = Traffic::parse("time,count\n2026-11-29T09:30:00Z,1").unwrap();
        assert_eq!(
            (moment.len_ms(), moment.start_ms()),
            (60_000, 1_795_944_600_000)
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, wrong) in [
            ("", "there is no row under the head"),
            ("time,count\n", "there is no row under the head"),
            (
                "a,b\n1,2",
                "line 1: the head is `a,b`; it should be `time,count`, `minute,count` or `second,count`",
            ),
            (
                "\nminute,count\n1",
                "line 3: `1` is not a row of two columns",
            ),
            (
                "minute,count\n1,2\nx,2",
                "line 3: `x` is not a whole number of minutes",
            ),
            (
                "time,count\n24:00,2",
                "line 2: `24:00` is not a time such as `09:30`, `09:30:00` or `2026-11-29T09:30:00Z`",
            ),
            (
                "minute,count\n1,-2",
                "line 2: `1,-2` is not a whole number of notifications, 10^12 at most",
            ),
            (
                "minute,count\n1,2000000000000",
                "line 2: `1,2000000000000` is not a whole number of notifications, 10^12 at most",
            ),
            (
                "minute,count\n1,2\n1,2",
                "line 3: `1,2` is not later than the row before it",
            ),
            (
                "minute,count\n0,2\n99999,2",
                "line 3: there are more than 11520 rows, or more than 8 days",
            ),
        ] {
            assert_eq!(Traffic::parse(text).unwrap_err().to_string(), wrong);
        }
    }

    #[test]
    fn the_example_is_what_the_file_says() {
        let file = include_str!("../../../../examples/traffic/day.csv");
        assert_eq!(Traffic::parse(file).unwrap(), example());
        assert_eq!(Traffic::parse(&example().table()).unwrap(), example());
    }

    #[test]
    fn a_squeezed_curve_has_its_shape_and_its_count() {
        let day = example();
        let minutes = day.squeezed(Duration::from_secs(180), 20_000);
        assert_eq!((minutes.count(), minutes.len_ms()), (20_000, 180_000));
        // At each quarter as much of it has come as of the day.
        let (mut ahead, mut of_day) = (minutes.arrivals(), day.arrivals());
        let (mut come, mut of_day_come) = (0, 0);
        for quarter in 1..=4 {
            come += ahead.up_to(quarter * 45_000);
            of_day_come += of_day.up_to(quarter * 21_600_000);
            let wanted = float(of_day_come) / float(day.count()) * 20_000.0;
            assert!((float(come) - wanted).abs() <= 20.0, "{come} {wanted}");
        }
        // More rows than milliseconds are put together.
        let short = day.squeezed(Duration::from_millis(100), 7);
        assert_eq!((short.count(), short.len_ms()), (7, 100));
        assert!(short.rows.len() <= 100);
    }

    proptest! {
        #[test]
        fn all_that_comes_comes_once(counts in prop::collection::vec(0u64..10_000, 1..20), step in 1u64..5_000) {
            let rows: Vec<(u64, u64)> = (0..).map(|row| row * 7_000).zip(counts.iter().copied()).collect();
            let traffic = Traffic::of_rows(&rows, 7_000).unwrap();
            let mut arrivals = traffic.arrivals();
            let steps = traffic.len_ms() / step + 1;
            let come: u64 = (1..=steps).map(|at| arrivals.up_to(at * step)).sum();
            prop_assert_eq!(come, counts.iter().sum::<u64>());
        }
    }
}
