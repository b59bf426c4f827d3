//! The lifecycle of a bucket: XML to rules and back.

use s3s::{S3Request, dto};

use super::{Calls, convert};
use crate::error::{Error, Setting};
use crate::limits::{LIFECYCLE_RULES_MAX, OBJECT_TAGS_MAX, RULE_ID_CHARS_MAX};
use crate::objects::check_tags;
use crate::rows::{Rule, Tag};

pub(super) async fn get_bucket_lifecycle_configuration(
    calls: &Calls,
    request: S3Request<dto::GetBucketLifecycleConfigurationInput>,
) -> Result<dto::GetBucketLifecycleConfigurationOutput, Error> {
    let name = &request.input.bucket;
    let rules = calls.objects.bucket(name).await?.lifecycle;
    if rules.is_empty() {
        return Err(Error::Absent {
            bucket: name.clone(),
            setting: Setting::Lifecycle,
        });
    }
    let size = dto::TransitionDefaultMinimumObjectSize::ALL_STORAGE_CLASSES_128K;
    Ok(dto::GetBucketLifecycleConfigurationOutput {
        rules: Some(rules.into_iter().map(shown).collect()),
        transition_default_minimum_object_size: Some(
            dto::TransitionDefaultMinimumObjectSize::from_static(size),
        ),
    })
}

pub(super) async fn put_bucket_lifecycle_configuration(
    calls: &Calls,
    request: S3Request<dto::PutBucketLifecycleConfigurationInput>,
) -> Result<dto::PutBucketLifecycleConfigurationOutput, Error> {
    let input = request.input;
    let asked = input
        .lifecycle_configuration
        .map(|asked| asked.rules)
        .unwrap_or_default();
    let rules = read(asked)?;
    calls
        .objects
        .set(&input.bucket, |bucket| {
            bucket.lifecycle = rules;
            Ok(())
        })
        .await?;
    Ok(dto::PutBucketLifecycleConfigurationOutput {
        transition_default_minimum_object_size: input.transition_default_minimum_object_size,
    })
}

pub(super) async fn delete_bucket_lifecycle(
    calls: &Calls,
    request: S3Request<dto::DeleteBucketLifecycleInput>,
) -> Result<dto::DeleteBucketLifecycleOutput, Error> {
    calls
        .objects
        .set(&request.input.bucket, |bucket| {
            bucket.lifecycle.clear();
            Ok(())
        })
        .await?;
    Ok(dto::DeleteBucketLifecycleOutput {})
}

fn read(asked: Vec<dto::LifecycleRule>) -> Result<Vec<Rule>, Error> {
    if asked.is_empty() || asked.len() > LIFECYCLE_RULES_MAX {
        return Err(Error::Malformed(format!(
            "{} rules; a lifecycle has 1 to {LIFECYCLE_RULES_MAX}",
            asked.len()
        )));
    }
    let mut rules: Vec<Rule> = Vec::with_capacity(asked.len());
    for rule in asked {
        let rule = read_rule(rule)?;
        if rules.iter().any(|other| other.id == rule.id) {
            return Err(Error::argument(
                "ID",
                format!("`{}` names two rules", rule.id),
            ));
        }
        rules.push(rule);
    }
    Ok(rules)
}

fn read_rule(asked: dto::LifecycleRule) -> Result<Rule, Error> {
    if asked.transitions.is_some_and(|list| !list.is_empty())
        || asked
            .noncurrent_version_transitions
            .is_some_and(|list| !list.is_empty())
    {
        return Err(Error::Unsupported(
            "there are no storage classes to move objects to; leave transitions out".to_owned(),
        ));
    }
    let id = match asked.id.filter(|id| !id.is_empty()) {
        Some(id) if id.chars().count() > RULE_ID_CHARS_MAX => {
            return Err(Error::argument(
                "ID",
                format!("has more than {RULE_ID_CHARS_MAX} characters"),
            ));
        }
        Some(id) => id,
        None => base::id::uuid(),
    };
    let filter = read_filter(asked.filter, asked.prefix)?;
    let expiration = asked.expiration.unwrap_or_default();
    let days = expiration
        .days
        .map(|days| positive("Days", days))
        .transpose()?;
    let date = expiration.date.as_ref().map(midnight).transpose()?;
    let given = [
        days.is_some(),
        date.is_some(),
        expiration.expired_object_delete_marker.is_some(),
    ];
    if given.iter().filter(|is_given| **is_given).count() > 1 {
        return Err(Error::Malformed(
            "an Expiration has one of Days, Date and ExpiredObjectDeleteMarker".to_owned(),
        ));
    }
    let noncurrent = asked.noncurrent_version_expiration.map(|asked| {
        let days = positive("NoncurrentDays", asked.noncurrent_days.unwrap_or_default())?;
        let kept = asked.newer_noncurrent_versions;
        Ok::<_, Error>((
            days,
            kept.map(|kept| positive("NewerNoncurrentVersions", kept))
                .transpose()?,
        ))
    });
    let abort = asked.abort_incomplete_multipart_upload;
    let abort_days = abort.and_then(|abort| abort.days_after_initiation);
    let rule = Rule {
        id,
        is_enabled: asked.status.as_str() == dto::ExpirationStatus::ENABLED,
        days,
        date,
        delete_markers: expiration.expired_object_delete_marker,
        noncurrent: noncurrent.transpose()?,
        abort_days: abort_days
            .map(|days| positive("DaysAfterInitiation", days))
            .transpose()?,
        ..filter
    };
    check_does_something(&rule)?;
    Ok(rule)
}

fn check_does_something(rule: &Rule) -> Result<(), Error> {
    let does = rule.days.is_some()
        || rule.date.is_some()
        || rule.delete_markers.is_some()
        || rule.noncurrent.is_some()
        || rule.abort_days.is_some();
    if !does {
        return Err(Error::argument(
            "Action",
            format!(
                "rule `{}` does nothing: at least one action is needed",
                rule.id
            ),
        ));
    }
    let is_narrow =
        !rule.tags.is_empty() || rule.larger_than.is_some() || rule.smaller_than.is_some();
    match rule.abort_days.is_some() && is_narrow {
        true => Err(Error::argument(
            "AbortIncompleteMultipartUpload",
            "cannot be filtered by tags or sizes",
        )),
        false => Ok(()),
    }
}

fn positive(name: &'static str, days: i32) -> Result<u32, Error> {
    let found = u32::try_from(days).ok().filter(|days| *days > 0);
    found.ok_or_else(|| Error::argument(name, format!("{days} is not a positive number")))
}

fn midnight(date: &dto::Timestamp) -> Result<base::Timestamp, Error> {
    let at = convert::from_time(date);
    at.filter(|at| at.as_secs().is_multiple_of(86_400))
        .ok_or_else(|| {
            Error::argument(
                "Date",
                "is not a midnight in UTC, such as 2026-11-29T00:00:00Z",
            )
        })
}

/// The filter of a rule, in a rule that does nothing.
fn read_filter(
    filter: Option<dto::LifecycleRuleFilter>,
    plain_prefix: Option<String>,
) -> Result<Rule, Error> {
    if filter.is_some() && plain_prefix.is_some() {
        return Err(Error::Malformed(
            "a rule has one of Filter and Prefix".to_owned(),
        ));
    }
    let is_plain_prefix = filter.is_none() && plain_prefix.is_some();
    let filter = filter.unwrap_or_default();
    let and = filter.and.unwrap_or_default();
    let one_tag: Vec<Tag> = convert::from_tags(filter.tag.into_iter().collect());
    let all_tags = convert::from_tags(and.tags.unwrap_or_default());
    let tags = [one_tag, all_tags].concat();
    check_tags(&tags, OBJECT_TAGS_MAX)?;
    let bytes = |count: Option<i64>| count.and_then(|count| u64::try_from(count).ok());
    Ok(Rule {
        id: String::new(),
        is_enabled: false,
        is_plain_prefix,
        prefix: plain_prefix.or(filter.prefix).or(and.prefix),
        tags,
        larger_than: bytes(
            filter
                .object_size_greater_than
                .or(and.object_size_greater_than),
        ),
        smaller_than: bytes(filter.object_size_less_than.or(and.object_size_less_than)),
        days: None,
        date: None,
        delete_markers: None,
        noncurrent: None,
        abort_days: None,
    })
}

fn shown(rule: Rule) -> dto::LifecycleRule {
    let status = match rule.is_enabled {
        true => dto::ExpirationStatus::ENABLED,
        false => dto::ExpirationStatus::DISABLED,
    };
    let signed = |days: u32| i32::try_from(days).ok();
    let has_expiration =
        rule.days.is_some() || rule.date.is_some() || rule.delete_markers.is_some();
    let expiration = dto::LifecycleExpiration {
        date: rule.date.map(convert::time),
        days: rule.days.and_then(signed),
        expired_object_delete_marker: rule.delete_markers,
    };
    let noncurrent = rule
        .noncurrent
        .map(|(days, kept)| dto::NoncurrentVersionExpiration {
            newer_noncurrent_versions: kept.and_then(signed),
            noncurrent_days: signed(days),
        });
    let abort = rule
        .abort_days
        .map(|days| dto::AbortIncompleteMultipartUpload {
            days_after_initiation: signed(days),
        });
    let (prefix, filter) = match rule.is_plain_prefix {
        true => (rule.prefix, None),
        false => (
            None,
            Some(shown_filter(
                rule.prefix,
                rule.tags,
                rule.larger_than,
                rule.smaller_than,
            )),
        ),
    };
    dto::LifecycleRule {
        abort_incomplete_multipart_upload: abort,
        expiration: has_expiration.then_some(expiration),
        filter,
        id: Some(rule.id),
        noncurrent_version_expiration: noncurrent,
        noncurrent_version_transitions: None,
        prefix,
        status: dto::ExpirationStatus::from_static(status),
        transitions: None,
    }
}

/// A filter as it was given: one condition by itself, several in an `And`.
fn shown_filter(
    prefix: Option<String>,
    tags: Vec<Tag>,
    larger_than: Option<u64>,
    smaller_than: Option<u64>,
) -> dto::LifecycleRuleFilter {
    let bytes = |count: Option<u64>| count.and_then(|count| i64::try_from(count).ok());
    let conditions = usize::from(prefix.is_some())
        + tags.len()
        + usize::from(larger_than.is_some())
        + usize::from(smaller_than.is_some());
    let mut tags = convert::tags(tags);
    if conditions > 1 {
        let and = dto::LifecycleRuleAndOperator {
            object_size_greater_than: bytes(larger_than),
            object_size_less_than: bytes(smaller_than),
            prefix,
            tags: (!tags.is_empty()).then_some(tags),
        };
        return dto::LifecycleRuleFilter {
            and: Some(and),
            ..Default::default()
        };
    }
    dto::LifecycleRuleFilter {
        and: None,
        object_size_greater_than: bytes(larger_than),
        object_size_less_than: bytes(smaller_than),
        prefix,
        tag: tags.pop(),
    }
}
