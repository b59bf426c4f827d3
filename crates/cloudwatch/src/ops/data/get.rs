//! GetMetricData.

use std::sync::Arc;

use api::{Access, Act, Audit, Caller, Ctx, Fault};
use base::Timestamp;
use wire::Shape;

use super::fault::{self, Wrong, of_invalid};
use super::page::{self, Cursor, POINTS_MAX};
use super::{Desk, MetricDataQuery};
use crate::math::{self, Options, Plan, Window};
use crate::metric::{Query, Source};

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct GetMetricDataInput {
    #[shape(required)]
    metric_data_queries: Vec<MetricDataQuery>,
    #[shape(required)]
    start_time: Timestamp,
    #[shape(required)]
    end_time: Timestamp,
    next_token: Option<String>,
    scan_by: Option<String>,
    max_datapoints: Option<i32>,
    label_options: Option<LabelOptions>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct LabelOptions {
    timezone: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct GetMetricDataOutput {
    metric_data_results: Option<Vec<MetricDataResult>>,
    next_token: Option<String>,
    messages: Option<Vec<MessageData>>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct MetricDataResult {
    pub(super) id: Option<String>,
    pub(super) label: Option<String>,
    pub(super) timestamps: Option<Vec<Timestamp>>,
    pub(super) values: Option<Vec<f64>>,
    pub(super) status_code: Option<String>,
    pub(super) messages: Option<Vec<MessageData>>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct MessageData {
    code: Option<String>,
    value: Option<String>,
}

/// In which order points come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScanBy {
    /// Newest first: so without `ScanBy`.
    Descending,
    /// Oldest first.
    Ascending,
}

impl From<math::Message> for MessageData {
    fn from(message: math::Message) -> Self {
        Self {
            code: Some(message.code.to_owned()),
            value: Some(message.value),
        }
    }
}

impl Act<Desk> for GetMetricDataInput {
    type Output = GetMetricDataOutput;
    const ACTION: &'static str = "cloudwatch:GetMetricData";
    const AUDIT: Audit = Audit::Data;

    fn touches(&self, desk: &Desk, _: &Caller) -> Vec<Access> {
        vec![Access::on(desk.place.all())]
    }

    async fn act(self, desk: &Arc<Desk>, _: &Ctx) -> Result<GetMetricDataOutput, Fault> {
        let desk = Arc::clone(desk);
        // Reads the disk, and up to a megabyte of expressions.
        let done = tokio::task::spawn_blocking(move || self.answer(&desk)).await;
        done.unwrap_or_else(|error| {
            tracing::error!(%error, "a request for data was not finished");
            Err(Fault::internal())
        })
    }
}

/// What a request means.
struct Asked {
    plan: Plan,
    window: Window,
    options: Options,
    scan: ScanBy,
    /// Points of a page.
    max: usize,
    from: Cursor,
    /// What tokens of this request are bound to.
    sum: u32,
}

impl GetMetricDataInput {
    fn answer(&self, desk: &Desk) -> Result<GetMetricDataOutput, Fault> {
        let asked = self.read(desk)?;
        let run = asked.plan.run(&*desk.read, &asked.window, &asked.options);
        let results = run.map_err(|failed| fault::of_failed(&failed))?;
        let (page, next) = page::cut(results.answers, asked.scan, asked.max, asked.from);
        let messages = results.messages.into_iter().map(MessageData::from);
        Ok(GetMetricDataOutput {
            metric_data_results: Some(page),
            next_token: next.map(|next| next.token(asked.sum)),
            messages: Some(messages.collect()),
        })
    }

    fn read(&self, desk: &Desk) -> Result<Asked, Fault> {
        if self.start_time >= self.end_time {
            return Err(Wrong::Times.into());
        }
        let queries = self.queries(desk)?;
        let plan = Plan::new(&queries).map_err(|invalid| of_invalid(&invalid))?;
        let scan = match self.scan_by.as_deref() {
            None | Some("TimestampDescending") => ScanBy::Descending,
            Some("TimestampAscending") => ScanBy::Ascending,
            Some(value) => {
                let value = value.to_owned();
                return Err(Wrong::ScanBy { value }.into());
            }
        };
        let now = desk.clock.now();
        let sum = self.sum();
        let token = self.next_token.as_deref().filter(|token| !token.is_empty());
        let from = token.map(|token| Cursor::parse(token, sum)).transpose()?;
        Ok(Asked {
            plan,
            window: Window {
                from: rounded(self.start_time, now, &queries),
                to: self.end_time,
                now,
            },
            options: Options {
                region: desk.place.region.to_string(),
                account: desk.place.account.to_string(),
                utc_offset_secs: self.utc_offset_secs()?,
            },
            scan,
            max: self.max()?,
            from: from.unwrap_or_default(),
            sum,
        })
    }

    fn queries(&self, desk: &Desk) -> Result<Vec<Query>, Fault> {
        if self.metric_data_queries.is_empty() {
            return Err(Wrong::NoQuery.into());
        }
        let count = self.metric_data_queries.len();
        if count > math::QUERIES_MAX {
            return Err(of_invalid(&math::Invalid::TooMany { count }));
        }
        let account = desk.place.account.to_string();
        let queries = self.metric_data_queries.iter().zip(1..);
        let read = queries.map(|(query, index)| {
            let path = format!("MetricDataQueries.member.{index}");
            Ok(query.read(&path, &account)?)
        });
        read.collect()
    }

    fn max(&self) -> Result<usize, Wrong> {
        let Some(max) = self.max_datapoints else {
            return Ok(POINTS_MAX);
        };
        let max = usize::try_from(max).ok();
        max.filter(|max| (1..=POINTS_MAX).contains(max))
            .ok_or(Wrong::MaxDatapoints)
    }

    /// `+0900` is nine hours. Source: the service model, `LabelOptions`.
    fn utc_offset_secs(&self) -> Result<i32, Wrong> {
        let zone = self.label_options.as_ref();
        let Some(zone) = zone.and_then(|it| it.timezone.as_deref()) else {
            return Ok(0);
        };
        let read = || {
            let (sign, digits) = zone.split_at_checked(1)?;
            let is_plain = digits.len() == 4 && digits.bytes().all(|it| it.is_ascii_digit());
            let number: i32 = digits.parse().ok().filter(|_| is_plain)?;
            let (hours, minutes) = (number / 100, number % 100);
            let secs = (hours <= 23 && minutes <= 59).then_some(hours * 3600 + minutes * 60)?;
            match sign {
                "+" => Some(secs),
                "-" => Some(-secs),
                _ => None,
            }
        };
        read().ok_or_else(|| Wrong::Timezone {
            value: zone.to_owned(),
        })
    }

    fn sum(&self) -> u32 {
        let request = Self {
            next_token: None,
            max_datapoints: None,
            ..self.clone()
        };
        crc32c::crc32c(format!("{request:?}").as_bytes())
    }
}

/// The start rounded down: to the period where that is below a minute, else to what is kept of its age. Each metric's
/// period that has begun by then counts whole. Source: `GetMetricData`, `StartTime`.
fn rounded(start: Timestamp, now: Timestamp, queries: &[Query]) -> Timestamp {
    const DAY_SECS: u64 = 86_400;
    let periods = queries.iter().filter_map(|query| match &query.source {
        Source::Metric(stat) => Some(stat.period_secs),
        Source::Expression { period_secs, .. } => *period_secs,
    });
    let shortest = periods.min().map_or(60, u64::from);
    let age_secs = now.since(start).as_secs();
    let division = match age_secs {
        _ if shortest < 60 => shortest,
        _ if age_secs < 15 * DAY_SECS => 60,
        _ if age_secs < 63 * DAY_SECS => 300,
        _ => 3600,
    };
    let secs = start.as_secs();
    Timestamp::from_secs(secs - secs % division)
}
