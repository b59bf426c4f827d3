//! CreateLogStream, DeleteLogStream, DescribeLogStreams.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::Shape;

use super::check::PAGE_MAX;
use super::group::long;
use super::{check, fault};
use crate::Logs;
use crate::group::Stream;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct CreateLogStreamRequest {
    #[shape(required, name = "logGroupName")]
    group: String,
    #[shape(required, name = "logStreamName")]
    name: String,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DeleteLogStreamRequest {
    #[shape(required, name = "logGroupName")]
    group: String,
    #[shape(required, name = "logStreamName")]
    name: String,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DescribeLogStreamsRequest {
    #[shape(name = "logGroupName")]
    group: Option<String>,
    #[shape(name = "logGroupIdentifier")]
    identifier: Option<String>,
    #[shape(name = "logStreamNamePrefix")]
    prefix: Option<String>,
    #[shape(name = "orderBy")]
    order_by: Option<String>,
    #[shape(name = "descending")]
    is_descending: Option<bool>,
    #[shape(name = "nextToken")]
    next_token: Option<String>,
    #[shape(name = "limit")]
    limit: Option<i32>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DescribeLogStreamsResponse {
    #[shape(name = "logStreams")]
    streams: Option<Vec<LogStream>>,
    #[shape(name = "nextToken")]
    next_token: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct LogStream {
    #[shape(name = "logStreamName")]
    name: Option<String>,
    #[shape(name = "creationTime")]
    created: Option<i64>,
    #[shape(name = "firstEventTimestamp")]
    first: Option<i64>,
    #[shape(name = "lastEventTimestamp")]
    last: Option<i64>,
    #[shape(name = "lastIngestionTime")]
    put: Option<i64>,
    #[shape(name = "uploadSequenceToken")]
    sequence_token: Option<String>,
    #[shape(name = "arn")]
    arn: Option<String>,
    #[shape(name = "storedBytes")]
    bytes: Option<i64>,
}

impl LogStream {
    fn shown(arn_of_group: &str, name: String, stream: &Stream) -> Self {
        Self {
            created: Some(long(stream.created)),
            first: stream.put.map(|put| long(put.first)),
            last: stream.put.map(|put| long(put.last)),
            put: stream.put.map(|put| long(put.at)),
            sequence_token: None,
            arn: Some(format!("{arn_of_group}:log-stream:{name}")),
            // Source: API reference, LogStream: "always zero" since 2019.
            bytes: Some(0),
            name: Some(name),
        }
    }
}

/// In which order streams are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OrderBy {
    Name,
    LastEvent,
}

impl OrderBy {
    fn parse(given: Option<&str>) -> Result<Self, Fault> {
        match given {
            None | Some("LogStreamName") => Ok(Self::Name),
            Some("LastEventTime") => Ok(Self::LastEvent),
            Some(other) => Err(fault::constraint(
                "orderBy",
                other,
                "Member must satisfy enum value set: [LogStreamName, LastEventTime]",
            )),
        }
    }

    /// What is in order, and in tokens.
    fn key(self, name: &str, stream: &Stream) -> String {
        match self {
            Self::Name => name.to_owned(),
            Self::LastEvent => {
                let last = stream.put.map_or(0, |put| put.last);
                format!("{last:020}{name}")
            }
        }
    }
}

impl Act<Logs> for CreateLogStreamRequest {
    type Output = Nothing;
    const ACTION: &'static str = "logs:CreateLogStream";

    fn touches(&self, logs: &Logs, _caller: &Caller) -> Vec<Access> {
        vec![logs.on(&self.group, &self.name)]
    }

    async fn act(self, logs: &Arc<Logs>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        check::group("logGroupName", &self.group)?;
        check::stream("logStreamName", &self.name)?;
        let created = logs.create_stream(&self.group, &self.name).await;
        created.map_err(fault::of)?;
        Ok(Nothing {})
    }
}

impl Act<Logs> for DeleteLogStreamRequest {
    type Output = Nothing;
    const ACTION: &'static str = "logs:DeleteLogStream";

    fn touches(&self, logs: &Logs, _caller: &Caller) -> Vec<Access> {
        vec![logs.on(&self.group, &self.name)]
    }

    async fn act(self, logs: &Arc<Logs>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        check::group("logGroupName", &self.group)?;
        check::stream("logStreamName", &self.name)?;
        let deleted = logs.delete_stream(&self.group, &self.name).await;
        deleted.map_err(fault::of)?;
        Ok(Nothing {})
    }
}

impl DescribeLogStreamsRequest {
    fn named(&self) -> Result<String, Fault> {
        check::named(self.group.as_deref(), self.identifier.as_deref())
    }
}

impl Act<Logs> for DescribeLogStreamsRequest {
    type Output = DescribeLogStreamsResponse;
    const ACTION: &'static str = "logs:DescribeLogStreams";

    fn touches(&self, logs: &Logs, _caller: &Caller) -> Vec<Access> {
        vec![logs.on(&self.named().unwrap_or_default(), "")]
    }

    async fn act(self, logs: &Arc<Logs>, _ctx: &Ctx) -> Result<DescribeLogStreamsResponse, Fault> {
        let group = self.named()?;
        let prefix = self.prefix.as_deref();
        prefix.map_or(Ok(()), |it| check::stream("logStreamNamePrefix", it))?;
        let order = OrderBy::parse(self.order_by.as_deref())?;
        if order == OrderBy::LastEvent && prefix.is_some() {
            return Err(fault::invalid(
                "Cannot order by LastEventTime with a logStreamNamePrefix.",
            ));
        }
        let limit = check::limit(self.limit, PAGE_MAX)?;
        let after = check::name_of_token(self.next_token.as_deref())?;
        let all = logs.streams(&group, prefix.unwrap_or_default());
        let mut all: Vec<_> = all
            .map_err(fault::of)?
            .into_iter()
            .map(|(name, stream)| (order.key(&name, &stream), name, stream))
            .collect();
        all.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        if self.is_descending == Some(true) {
            all.reverse();
        }
        let is_behind = |key: &String| match (&after, self.is_descending) {
            (None, _) => true,
            (Some(after), Some(true)) => key < after,
            (Some(after), _) => key > after,
        };
        let mut rest = all.into_iter().filter(|(key, ..)| is_behind(key));
        let page: Vec<_> = rest.by_ref().take(limit).collect();
        let is_more = rest.next().is_some();
        let last = page.last().filter(|_| is_more);
        let next_token = last.map(|(key, ..)| check::token_of_name(key));
        let arn = logs.arn(&group).text();
        let shown = page
            .into_iter()
            .map(|(_, name, stream)| LogStream::shown(&arn, name, &stream));
        Ok(DescribeLogStreamsResponse {
            streams: Some(shown.collect()),
            next_token,
        })
    }
}
