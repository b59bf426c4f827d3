//! GetTrail, DescribeTrails, ListTrails.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use wire::Shape;

use super::Desk;
use crate::engine::{Error, Selectors, command};

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct GetTrailRequest {
    #[shape(required)]
    name: String,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct GetTrailResponse {
    trail: Option<Trail>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DescribeTrailsRequest {
    #[shape(name = "trailNameList")]
    names: Vec<String>,
    /// There are none: every trail lives where it was made.
    #[shape(name = "includeShadowTrails", ignored)]
    shadows: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DescribeTrailsResponse {
    #[shape(name = "trailList")]
    trails: Option<Vec<Trail>>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct ListTrailsRequest {
    next_token: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct ListTrailsResponse {
    trails: Option<Vec<TrailInfo>>,
    next_token: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct TrailInfo {
    #[shape(name = "TrailARN")]
    trail_arn: Option<String>,
    name: Option<String>,
    home_region: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct Trail {
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
    home_region: Option<String>,
    #[shape(name = "TrailARN")]
    trail_arn: Option<String>,
    log_file_validation_enabled: Option<bool>,
    cloud_watch_logs_log_group_arn: Option<String>,
    cloud_watch_logs_role_arn: Option<String>,
    kms_key_id: Option<String>,
    has_custom_event_selectors: Option<bool>,
    has_insight_selectors: Option<bool>,
    is_organization_trail: Option<bool>,
    recursive_logging: Option<bool>,
}

impl Desk {
    fn shown(&self, trail: &crate::engine::Trail) -> Trail {
        let settings = &trail.settings;
        let has_own = trail
            .selectors
            .as_ref()
            .is_some_and(|selectors| *selectors != Selectors::default());
        Trail {
            name: Some(trail.name.clone()),
            bucket: Some(settings.bucket.clone()),
            prefix: settings.prefix.clone(),
            include_global_service_events: Some(settings.global),
            is_multi_region_trail: Some(settings.multi_region),
            home_region: Some(self.place().region.to_string()),
            trail_arn: Some(self.trail_arn(&trail.name)),
            log_file_validation_enabled: Some(settings.validation),
            has_custom_event_selectors: Some(has_own),
            has_insight_selectors: Some(false),
            is_organization_trail: Some(false),
            ..Trail::default()
        }
    }
}

impl Act<Desk> for GetTrailRequest {
    type Output = GetTrailResponse;
    const ACTION: &'static str = "cloudtrail:GetTrail";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        vec![desk.on_trail(Self::ACTION, &self.name)]
    }

    async fn act(self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<GetTrailResponse, Fault> {
        let trail = desk.find(&desk.trails.state(), &self.name)?;
        Ok(GetTrailResponse {
            trail: Some(desk.shown(&trail)),
        })
    }
}

impl Act<Desk> for DescribeTrailsRequest {
    type Output = DescribeTrailsResponse;
    const ACTION: &'static str = "cloudtrail:DescribeTrails";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        desk.everything(Self::ACTION)
    }

    async fn act(self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<DescribeTrailsResponse, Fault> {
        let state = desk.trails.state();
        if self.names.is_empty() {
            let all = state.trails.iter().map(|trail| desk.shown(trail));
            return Ok(DescribeTrailsResponse {
                trails: Some(all.collect()),
            });
        }
        let mut trails = Vec::new();
        for name in &self.names {
            match command::find(&state, desk.place(), name) {
                Ok(trail) => trails.push(desk.shown(trail)),
                // Source: DescribeTrails: information is returned of those that there are.
                Err(Error::TrailNotFound { .. }) => {}
                Err(error) => return Err(desk.fault(error.into())),
            }
        }
        Ok(DescribeTrailsResponse {
            trails: Some(trails),
        })
    }
}

impl Act<Desk> for ListTrailsRequest {
    type Output = ListTrailsResponse;
    const ACTION: &'static str = "cloudtrail:ListTrails";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        desk.everything(Self::ACTION)
    }

    async fn act(self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<ListTrailsResponse, Fault> {
        // There are so few trails that all stand on the first page, and no token was ever given.
        if self.next_token.is_some_and(|token| !token.is_empty()) {
            return Err(Fault::sender(
                "InvalidNextTokenException",
                "NextToken is not one that ListTrails gave.",
            ));
        }
        let info = |trail: &crate::engine::Trail| TrailInfo {
            trail_arn: Some(desk.trail_arn(&trail.name)),
            name: Some(trail.name.clone()),
            home_region: Some(desk.place().region.to_string()),
        };
        let state = desk.trails.state();
        Ok(ListTrailsResponse {
            trails: Some(state.trails.iter().map(info).collect()),
            next_token: None,
        })
    }
}
