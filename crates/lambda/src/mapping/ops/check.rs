//! What a request for a mapping may say.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use api::Fault;
use base::Arn;

use super::shapes::{FilterCriteria, ScalingConfig};
use crate::FunctionName;
use crate::mapping::Mappings;
use crate::mapping::engine::{
    BATCH_SIZE, CONCURRENCY, FILTERS_MAX, SINGLE_BATCH_MAX, TAGS_MAX, WINDOW_SECS, Wanted,
};
use crate::mapping::poll::ACTIONS;
use crate::port::Trouble;
use crate::rules::Place;
use crate::rules::pattern::Pattern;

/// The one type of response.
pub(super) const REPORTS: &str = "ReportBatchItemFailures";
/// What a request says; what it does not say stays as it is.
pub(super) struct Given {
    pub(super) is_enabled: Option<bool>,
    pub(super) batch_size: Option<i32>,
    pub(super) window_secs: Option<i32>,
    pub(super) scaling: Option<ScalingConfig>,
    pub(super) types: Option<Vec<String>>,
    pub(super) filters: Option<FilterCriteria>,
}

/// A mapping of which nothing was said. Source: Lambda API Reference, CreateEventSourceMapping.
pub(super) const fn unsaid(function: FunctionName, qualifier: Option<String>) -> Wanted {
    Wanted {
        function,
        qualifier,
        is_enabled: true,
        batch_size: SINGLE_BATCH_MAX,
        window_secs: 0,
        concurrency: None,
        reports_items: false,
        filters: Vec::new(),
    }
}

impl Given {
    /// What is said, over what was before.
    pub(super) fn over(self, mut wanted: Wanted) -> Result<Wanted, Fault> {
        wanted.is_enabled = self.is_enabled.unwrap_or(wanted.is_enabled);
        if let Some(size) = number("batchSize", self.batch_size, BATCH_SIZE)? {
            wanted.batch_size = size;
        }
        if let Some(secs) = number(
            "maximumBatchingWindowInSeconds",
            self.window_secs,
            WINDOW_SECS,
        )? {
            wanted.window_secs = secs;
        }
        if let Some(scaling) = self.scaling {
            // An empty structure takes the bound away.
            wanted.concurrency = number(
                "scalingConfig.maximumConcurrency",
                scaling.maximum_concurrency,
                CONCURRENCY,
            )?;
        }
        if let Some(types) = self.types {
            if let Some(other) = types.iter().find(|it| *it != REPORTS) {
                return Err(invalid(format!(
                    "`{other}` is no type of response: {REPORTS} is."
                )));
            }
            wanted.reports_items = !types.is_empty();
        }
        if let Some(criteria) = self.filters {
            wanted.filters = filters(criteria)?;
        }
        if wanted.batch_size > SINGLE_BATCH_MAX && wanted.window_secs == 0 {
            return Err(invalid(
                "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
            ));
        }
        Ok(wanted)
    }
}

fn filters(criteria: FilterCriteria) -> Result<Vec<Pattern>, Fault> {
    let given = criteria.filters.unwrap_or_default();
    if given.len() > FILTERS_MAX {
        return Err(invalid(format!(
            "Filters holds at most {FILTERS_MAX} filters."
        )));
    }
    let patterns = given.into_iter().map(|filter| {
        let text = filter.pattern.unwrap_or_default();
        text.parse()
            .map_err(|why| invalid(format!("Invalid filter pattern definition. Reason: {why}")))
    });
    patterns.collect()
}

/// The queue that a request names.
pub(super) fn queue(arn: Option<&str>, place: &Place) -> Result<String, Fault> {
    let arn = arn.ok_or_else(|| invalid("Event source arn is required."))?;
    let parsed: Option<Arn> = arn.parse().ok();
    let Some(queue) = parsed.filter(|parsed| parsed.service == "sqs") else {
        return Err(invalid("Unrecognized event source, must be sqs."));
    };
    match queue.account == place.account.as_str() && queue.region == place.region.as_str() {
        true => Ok(arn.to_owned()),
        false => Err(invalid(
            "The queue and the function are of one account and region here.",
        )),
    }
}

/// The function that a request names: `NAME`, `ACCOUNT:function:NAME` or an ARN, each with `:QUALIFIER` or without.
pub(super) fn function(
    given: &str,
    place: &Place,
) -> Result<(FunctionName, Option<String>), Fault> {
    let wrong = || {
        invalid(format!(
            "Value '{given}' at 'functionName' is no function of this account and region."
        ))
    };
    let here = format!(
        "arn:aws:lambda:{}:{}:function:",
        place.region, place.account
    );
    let short = format!("{}:function:", place.account);
    let named = given
        .strip_prefix(&here)
        .or_else(|| given.strip_prefix(&short));
    let named = named
        .or_else(|| given.strip_prefix("function:"))
        .unwrap_or(given);
    let (name, qualifier) = match named.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier)),
        None => (named, None),
    };
    let qualifier: Option<crate::Qualifier> =
        qualifier.map(str::parse).transpose().map_err(|_| wrong())?;
    Ok((
        name.parse().map_err(|_| wrong())?,
        qualifier.map(|it| it.to_string()),
    ))
}

/// Tags that may be.
pub(super) fn tags(tags: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Fault> {
    let is_fit = |(key, value): (&String, &String)| {
        (1..=128).contains(&key.chars().count())
            && value.chars().count() <= 256
            && !key.to_lowercase().starts_with("aws:")
    };
    match tags.len() <= TAGS_MAX && tags.iter().all(is_fit) {
        true => Ok(tags),
        false => Err(invalid(format!(
            "There are at most {TAGS_MAX} tags, with keys of 1 to 128 characters that do not begin with aws: and values of at most 256."
        ))),
    }
}

/// A number within bounds.
pub(super) fn number(
    of: &str,
    given: Option<i32>,
    within: RangeInclusive<u32>,
) -> Result<Option<u32>, Fault> {
    let Some(given) = given else {
        return Ok(None);
    };
    let number = u32::try_from(given)
        .ok()
        .filter(|number| within.contains(number));
    let (low, high) = (within.start(), within.end());
    let wrong = || {
        let must = match u32::try_from(given).is_ok_and(|number| number > *high) {
            true => format!("less than or equal to {high}"),
            false => format!("greater than or equal to {low}"),
        };
        let text = format!(
            "1 validation error detected: Value '{given}' at '{of}' failed to satisfy constraint: Member must have value {must}"
        );
        Fault::sender("ValidationException", text)
    };
    number.map(Some).ok_or_else(wrong)
}

pub(super) fn invalid(text: impl Into<String>) -> Fault {
    Fault::sender("InvalidParameterValueException", text.into())
}

impl Mappings {
    /// Whether the function, its role and the queue are there and fit each other.
    pub(super) async fn check(&self, queue: &str, wanted: &Wanted) -> Result<(), Fault> {
        let qualifier = wanted
            .qualifier
            .as_deref()
            .and_then(|text| text.parse().ok());
        let Some(runnable) = self
            .ports
            .catalog
            .runnable(&wanted.function, qualifier.as_ref())
        else {
            let arn = self.function_arn(wanted.function.as_str(), wanted.qualifier.as_deref());
            return Err(Fault::sender(
                "ResourceNotFoundException",
                format!("Function not found: {arn}"),
            )
            .with_status(404));
        };
        let settings = &runnable.settings;
        self.check_role(&settings.role, queue).await?;
        let Some(facts) = self.ports.queues.facts(queue).await else {
            return Err(invalid(
                "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The \
                 specified queue does not exist for this wsdl version.",
            ));
        };
        let (hidden, timeout) = (facts.visibility_secs, settings.timeout_secs);
        if hidden < timeout {
            return Err(invalid(format!(
                "Queue visibility timeout: {hidden} seconds is less than Function timeout: {timeout} seconds"
            )));
        }
        if facts.is_fifo && wanted.window_secs > 0 {
            return Err(invalid("Batching window is not supported for FIFO queues"));
        }
        if facts.is_fifo && wanted.batch_size > SINGLE_BATCH_MAX {
            return Err(invalid(
                "Batch size for FIFO queues must be between 1 and 10",
            ));
        }
        Ok(())
    }

    async fn check_role(&self, role: &str, queue: &str) -> Result<(), Fault> {
        for action in ACTIONS {
            let may = self
                .ports
                .roles
                .may(role, &format!("sqs:{action}"), queue)
                .await;
            match may {
                Ok(true) => {}
                Ok(false) | Err(Trouble::Lasting(_)) => {
                    return Err(invalid(format!(
                        "The provided execution role does not have permissions to call {action} on SQS"
                    )));
                }
                Err(Trouble::Passing(why)) => return Err(Fault::unavailable(why)),
            }
        }
        Ok(())
    }
}
