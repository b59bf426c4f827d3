//! CreateTrail, UpdateTrail, DeleteTrail.
//!
//! What a trail here cannot do is refused by the code that AWS has for it, not dropped: topics, log groups, keys of KMS,
//! organizations. An empty text takes such a setting away, which is nothing here.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::Shape;

use super::Desk;
use super::tags::{Tag, as_tags, with_request_tags};
use crate::bucket::Permission;
use crate::engine::command::{self, Changes, New};
use crate::engine::key;
use crate::engine::state::Settings;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct CreateTrailRequest {
    #[shape(required)]
    name: String,
    #[shape(required, name = "S3BucketName")]
    bucket: String,
    #[shape(name = "S3KeyPrefix")]
    prefix: Option<String>,
    sns_topic_name: Option<String>,
    include_global_service_events: Option<bool>,
    is_multi_region_trail: Option<bool>,
    enable_log_file_validation: Option<bool>,
    cloud_watch_logs_log_group_arn: Option<String>,
    cloud_watch_logs_role_arn: Option<String>,
    kms_key_id: Option<String>,
    is_organization_trail: Option<bool>,
    tags_list: Vec<Tag>,
    recursive_logging: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct CreateTrailResponse {
    name: Option<String>,
    #[shape(name = "S3BucketName")]
    bucket: Option<String>,
    #[shape(name = "S3KeyPrefix")]
    prefix: Option<String>,
    sns_topic_name: Option<String>,
    #[shape(name = "SnsTopicARN")]
    sns_topic_arn: Option<String>,
    include_global_service_events: Option<bool>,
    is_multi_region_trail: Option<bool>,
    #[shape(name = "TrailARN")]
    trail_arn: Option<String>,
    log_file_validation_enabled: Option<bool>,
    cloud_watch_logs_log_group_arn: Option<String>,
    cloud_watch_logs_role_arn: Option<String>,
    kms_key_id: Option<String>,
    is_organization_trail: Option<bool>,
    recursive_logging: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct UpdateTrailRequest {
    #[shape(required)]
    name: String,
    #[shape(name = "S3BucketName")]
    bucket: Option<String>,
    #[shape(name = "S3KeyPrefix")]
    prefix: Option<String>,
    sns_topic_name: Option<String>,
    include_global_service_events: Option<bool>,
    is_multi_region_trail: Option<bool>,
    enable_log_file_validation: Option<bool>,
    cloud_watch_logs_log_group_arn: Option<String>,
    cloud_watch_logs_role_arn: Option<String>,
    kms_key_id: Option<String>,
    is_organization_trail: Option<bool>,
    recursive_logging: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct UpdateTrailResponse {
    name: Option<String>,
    #[shape(name = "S3BucketName")]
    bucket: Option<String>,
    #[shape(name = "S3KeyPrefix")]
    prefix: Option<String>,
    sns_topic_name: Option<String>,
    #[shape(name = "SnsTopicARN")]
    sns_topic_arn: Option<String>,
    include_global_service_events: Option<bool>,
    is_multi_region_trail: Option<bool>,
    #[shape(name = "TrailARN")]
    trail_arn: Option<String>,
    log_file_validation_enabled: Option<bool>,
    cloud_watch_logs_log_group_arn: Option<String>,
    cloud_watch_logs_role_arn: Option<String>,
    kms_key_id: Option<String>,
    is_organization_trail: Option<bool>,
    recursive_logging: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DeleteTrailRequest {
    #[shape(required)]
    name: String,
}

/// What a request to create or update asks for and does not get.
macro_rules! beyond {
    ($request:ident) => {
        Beyond {
            topic: $request.sns_topic_name.as_deref(),
            log_group: $request.cloud_watch_logs_log_group_arn.as_deref(),
            log_role: $request.cloud_watch_logs_role_arn.as_deref(),
            kms_key: $request.kms_key_id.as_deref(),
            organization: $request.is_organization_trail,
            recursive: $request.recursive_logging,
        }
    };
}

/// What both answer, of a trail's name and settings.
macro_rules! answer {
    ($response:ident, $desk:ident, $name:ident, $settings:ident) => {
        $response {
            trail_arn: Some($desk.trail_arn(&$name)),
            name: Some($name),
            bucket: Some($settings.bucket),
            prefix: $settings.prefix,
            include_global_service_events: Some($settings.global),
            is_multi_region_trail: Some($settings.multi_region),
            log_file_validation_enabled: Some($settings.validation),
            is_organization_trail: Some(false),
            ..$response::default()
        }
    };
}

impl Act<Desk> for CreateTrailRequest {
    type Output = CreateTrailResponse;
    const ACTION: &'static str = "cloudtrail:CreateTrail";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        let on = |action| with_request_tags(desk.on_trail(action, &self.name), &self.tags_list);
        let mut access = vec![on(Self::ACTION)];
        if !self.tags_list.is_empty() {
            access.push(on("cloudtrail:AddTags"));
        }
        access
    }

    async fn act(self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<CreateTrailResponse, Fault> {
        beyond!(self).refuse()?;
        let new = New {
            name: self.name,
            settings: Settings {
                bucket: self.bucket,
                prefix: self.prefix.filter(|prefix| !prefix.is_empty()),
                global: self.include_global_service_events.unwrap_or(true),
                multi_region: self.is_multi_region_trail.unwrap_or(false),
                validation: self.enable_log_file_validation.unwrap_or(false),
            },
            tags: as_tags(self.tags_list),
        };
        // What is wrong with the request itself comes before what is wrong with the bucket.
        command::create(&desk.trails.state(), &new).map_err(|it| desk.fault(it.into()))?;
        desk.check_bucket(&new.name, &new.settings).await?;
        let (name, settings) = (new.name.clone(), new.settings.clone());
        desk.blocking(move |trails| trails.change(|state| Ok(((), command::create(state, &new)?))))
            .await?;
        Ok(answer!(CreateTrailResponse, desk, name, settings))
    }
}

impl Act<Desk> for UpdateTrailRequest {
    type Output = UpdateTrailResponse;
    const ACTION: &'static str = "cloudtrail:UpdateTrail";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        vec![desk.on_trail(Self::ACTION, &self.name)]
    }

    async fn act(self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<UpdateTrailResponse, Fault> {
        beyond!(self).refuse()?;
        let changes = Changes {
            bucket: self.bucket,
            prefix: self.prefix,
            global: self.include_global_service_events,
            multi_region: self.is_multi_region_trail,
            validation: self.enable_log_file_validation,
        };
        let state = desk.trails.state();
        let trail = desk.find(&state, &self.name)?.name;
        let (settings, _) = command::update(&state, desk.place(), &trail, &changes)
            .map_err(|it| desk.fault(it.into()))?;
        desk.check_bucket(&trail, &settings).await?;
        let name = trail.clone();
        let settings = desk
            .blocking(move |trails| {
                trails.change(|state| command::update(state, trails.place(), &trail, &changes))
            })
            .await?;
        Ok(answer!(UpdateTrailResponse, desk, name, settings))
    }
}

impl Act<Desk> for DeleteTrailRequest {
    type Output = Nothing;
    const ACTION: &'static str = "cloudtrail:DeleteTrail";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        vec![desk.on_trail(Self::ACTION, &self.name)]
    }

    async fn act(self, desk: &Arc<Desk>, ctx: &Ctx) -> Result<Nothing, Fault> {
        let request_id = ctx.request_id.to_string();
        desk.blocking(move |trails| {
            let at = trails.now();
            trails.end_by_call(&request_id, |state| {
                command::delete(state, trails.place(), at, &self.name)
            })
        })
        .await?;
        Ok(Nothing {})
    }
}

impl Desk {
    /// Whether the bucket is there and lets the trail put what it will put.
    async fn check_bucket(&self, trail: &str, settings: &Settings) -> Result<(), Fault> {
        let (place, now) = (self.place(), self.trails.now());
        let arn = self.trail_arn(trail);
        let permission = Permission {
            bucket: &settings.bucket,
            trail: &arn,
            account: place.account.as_str(),
        };
        let log = key::log(settings, &place.account, &place.region, now, b"");
        let digest = key::digest(settings, &place.account, &place.region, trail, now);
        let digest = settings.validation.then_some(&*digest);
        let policy = self.buckets.policy(&settings.bucket).await;
        let checked = policy.and_then(|policy| {
            permission.check(policy.as_deref(), [&*log].into_iter().chain(digest))
        });
        checked.map_err(|error| self.fault(error.into()))
    }
}

/// What trails of AWS can and these cannot.
struct Beyond<'a> {
    topic: Option<&'a str>,
    log_group: Option<&'a str>,
    log_role: Option<&'a str>,
    kms_key: Option<&'a str>,
    organization: Option<bool>,
    recursive: Option<bool>,
}

impl Beyond<'_> {
    fn refuse(&self) -> Result<(), Fault> {
        let is_given = |text: Option<&str>| text.is_some_and(|text| !text.is_empty());
        if is_given(self.topic) {
            return Err(Fault::sender(
                "InvalidSnsTopicNameException",
                "There are no topics here: leave SnsTopicName out, or watch the bucket.",
            ));
        }
        if is_given(self.log_group) || is_given(self.log_role) {
            return Err(Fault::sender(
                "CloudWatchLogsDeliveryUnavailableException",
                "Cannot set a CloudWatch Logs delivery for this region.",
            ));
        }
        if is_given(self.kms_key) {
            return Err(Fault::sender(
                "KmsKeyNotFoundException",
                "There are no KMS keys here: leave KmsKeyId out.",
            ));
        }
        if self.organization == Some(true) {
            return Err(Fault::sender(
                "OrganizationsNotInUseException",
                "The account is not a member of an organization.",
            ));
        }
        if self.recursive == Some(false) {
            // Deliveries of the trail itself make no events here, so there is nothing to leave out.
            return Err(Fault::sender(
                "InvalidParameterException",
                "RecursiveLogging cannot be false: deliveries of a trail make no events here.",
            ));
        }
        Ok(())
    }
}
