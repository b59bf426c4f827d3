//! Answers cut into pages.
//!
//! A token says where the next page begins, and binds it to the request: `3-1795934400000-9af3c2d1` is behind the point of
//! that time (milliseconds) in the fourth series; `3--9af3c2d1` is at the beginning of it. Every page is read anew, so points
//! that come while pages are turned are neither doubled nor put in the place of others.

use api::Fault;
use base::Timestamp;

use super::fault;
use super::get::{MessageData, MetricDataResult, ScanBy};
use crate::math::Answer;

/// Points of a page. Source: `GetMetricData`, `MaxDatapoints`.
pub(super) const POINTS_MAX: usize = 100_800;

/// Where a page begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Which series.
    index: usize,
    /// Behind the point of this time.
    past: Option<Timestamp>,
}

impl Cursor {
    /// Reads a token.
    pub(super) fn parse(token: &str, sum: u32) -> Result<Self, Fault> {
        let read = || {
            let mut parts = token.split('-');
            let index = parts.next()?.parse().ok()?;
            let past = match parts.next()? {
                "" => None,
                millis => Some(Timestamp::from_millis(millis.parse().ok()?)),
            };
            let is_same = parts.next()? == format!("{sum:08x}") && parts.next().is_none();
            is_same.then_some(Self { index, past })
        };
        read().ok_or_else(fault::token)
    }

    /// The token.
    pub(super) fn token(self, sum: u32) -> String {
        let past = self.past.map(|at| at.as_millis().to_string());
        format!("{}-{}-{sum:08x}", self.index, past.unwrap_or_default())
    }
}

/// One page of at most `max` points, and where the next one begins.
///
/// Series that an earlier page had whole are not in it, nor are those of which it has no room for a point.
pub(super) fn cut(
    answers: Vec<Answer>,
    scan: ScanBy,
    max: usize,
    from: Cursor,
) -> (Vec<MetricDataResult>, Option<Cursor>) {
    let mut results = Vec::new();
    let mut left = max;
    for (index, mut answer) in answers.into_iter().enumerate().skip(from.index) {
        let past = from.past.filter(|_| index == from.index);
        let mut points = std::mem::take(&mut answer.points);
        if scan == ScanBy::Descending {
            points.reverse();
        }
        if let Some(past) = past {
            points.retain(|(at, _)| match scan {
                ScanBy::Descending => *at < past,
                ScanBy::Ascending => *at > past,
            });
        }
        if left == 0 && !points.is_empty() {
            return (results, Some(Cursor { index, past: None }));
        }
        let is_cut = points.len() > left;
        points.truncate(left);
        left -= points.len();
        let past = points.last().map(|(at, _)| *at);
        results.push(result(answer, points, is_cut));
        if is_cut {
            return (results, Some(Cursor { index, past }));
        }
    }
    (results, None)
}

fn result(answer: Answer, points: Vec<(Timestamp, f64)>, is_cut: bool) -> MetricDataResult {
    let messages: Vec<MessageData> = answer.messages.into_iter().map(MessageData::from).collect();
    let (timestamps, values) = points.into_iter().unzip();
    let status = match is_cut || answer.is_partial {
        true => "PartialData",
        false => "Complete",
    };
    MetricDataResult {
        id: Some(answer.id),
        label: Some(answer.label),
        timestamps: Some(timestamps),
        values: Some(values),
        status_code: Some(status.to_owned()),
        messages: (!messages.is_empty()).then_some(messages),
    }
}
