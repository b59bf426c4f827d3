//! DescribeRegions, DescribeAvailabilityZones: the one region and its one zone.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use wire::{List, Shape};

use super::shape::Filter;
use super::{fault, page};
use crate::engine::filter::Subject;
use crate::{Instances, Place};

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeRegionsRequest {
    #[shape(query = "RegionName", item = "RegionName")]
    region_names: Vec<String>,
    /// There is one.
    #[shape(ignored)]
    all_regions: Option<bool>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "Filter", item = "Filter")]
    filters: Vec<Filter>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeRegionsResult {
    #[shape(query = "regionInfo", item = "item")]
    regions: List<Region>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct Region {
    #[shape(query = "optInStatus")]
    opt_in_status: Option<String>,
    #[shape(query = "regionName")]
    region_name: Option<String>,
    #[shape(query = "regionEndpoint")]
    endpoint: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeAvailabilityZonesRequest {
    #[shape(query = "ZoneName", item = "ZoneName")]
    zone_names: Vec<String>,
    #[shape(query = "ZoneId", item = "ZoneId")]
    zone_ids: Vec<String>,
    /// There is one.
    #[shape(ignored)]
    all_availability_zones: Option<bool>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "Filter", item = "Filter")]
    filters: Vec<Filter>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeAvailabilityZonesResult {
    #[shape(query = "availabilityZoneInfo", item = "item")]
    availability_zones: List<AvailabilityZone>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AvailabilityZone {
    #[shape(query = "optInStatus")]
    opt_in_status: Option<String>,
    #[shape(query = "regionName")]
    region_name: Option<String>,
    #[shape(query = "zoneName")]
    zone_name: Option<String>,
    #[shape(query = "zoneId")]
    zone_id: Option<String>,
    #[shape(query = "groupName")]
    group_name: Option<String>,
    #[shape(query = "networkBorderGroup")]
    network_border_group: Option<String>,
    #[shape(query = "zoneType")]
    zone_type: Option<String>,
    #[shape(query = "zoneState")]
    state: Option<String>,
}

/// The id of the one zone.
pub(super) fn zone_id(place: &Place) -> String {
    format!("{}-az1", place.region)
}

const OPT_IN: &str = "opt-in-not-required";

impl Subject for Region {
    fn knows(name: &str) -> bool {
        matches!(name, "endpoint" | "opt-in-status" | "region-name")
    }

    fn values(&self, name: &str) -> Vec<String> {
        let found = match name {
            "endpoint" => &self.endpoint,
            "opt-in-status" => &self.opt_in_status,
            _ => &self.region_name,
        };
        found.iter().cloned().collect()
    }
}

impl Subject for AvailabilityZone {
    fn knows(name: &str) -> bool {
        matches!(
            name,
            "group-long-name"
                | "group-name"
                | "message"
                | "opt-in-status"
                | "parent-zone-id"
                | "parent-zone-name"
                | "region-name"
                | "state"
                | "zone-id"
                | "zone-name"
                | "zone-type"
        )
    }

    fn values(&self, name: &str) -> Vec<String> {
        let found = match name {
            "group-name" => &self.group_name,
            "opt-in-status" => &self.opt_in_status,
            "region-name" => &self.region_name,
            "state" => &self.state,
            "zone-id" => &self.zone_id,
            "zone-name" => &self.zone_name,
            "zone-type" => &self.zone_type,
            _ => &None,
        };
        found.iter().cloned().collect()
    }
}

/// This region. Its endpoint is where the caller reaches it.
fn region(place: &Place, ctx: &Ctx) -> Region {
    let host = ctx.base_url.split_once("://").map(|(_, host)| host);
    Region {
        opt_in_status: Some(OPT_IN.to_owned()),
        region_name: Some(place.region.to_string()),
        endpoint: Some(host.unwrap_or_default().to_owned()),
    }
}

fn zone(place: &Place) -> AvailabilityZone {
    AvailabilityZone {
        opt_in_status: Some(OPT_IN.to_owned()),
        region_name: Some(place.region.to_string()),
        zone_name: Some(place.zone()),
        zone_id: Some(zone_id(place)),
        group_name: Some(place.region.to_string()),
        network_border_group: Some(place.region.to_string()),
        zone_type: Some("availability-zone".to_owned()),
        state: Some("available".to_owned()),
    }
}

/// Whether all of `names` are `own`.
fn check(names: &[String], own: Option<&String>, what: &str) -> Result<(), Fault> {
    match names.iter().find(|name| Some(*name) != own) {
        Some(other) => Err(fault::invalid_value(format!("Invalid {what}: [{other}]"))),
        None => Ok(()),
    }
}

impl Act<Instances> for DescribeRegionsRequest {
    type Output = DescribeRegionsResult;
    const ACTION: &'static str = "ec2:DescribeRegions";

    fn touches(&self, instances: &Instances, _caller: &Caller) -> Vec<Access> {
        vec![Access::on(instances.place().all())]
    }

    fn refusal(&self) -> Option<Fault> {
        fault::dry_run(self.dry_run)
    }

    async fn act(
        self,
        instances: &Arc<Instances>,
        ctx: &Ctx,
    ) -> Result<DescribeRegionsResult, Fault> {
        let filters = page::filters::<Region>(&self.filters)?;
        let only = region(instances.place(), ctx);
        check(&self.region_names, only.region_name.as_ref(), "region name")?;
        let is_meant = filters.iter().all(|filter| filter.admits(&only));
        Ok(DescribeRegionsResult {
            regions: List(is_meant.then_some(only).into_iter().collect()),
        })
    }
}

impl Act<Instances> for DescribeAvailabilityZonesRequest {
    type Output = DescribeAvailabilityZonesResult;
    const ACTION: &'static str = "ec2:DescribeAvailabilityZones";

    fn touches(&self, instances: &Instances, _caller: &Caller) -> Vec<Access> {
        vec![Access::on(instances.place().all())]
    }

    fn refusal(&self) -> Option<Fault> {
        fault::dry_run(self.dry_run)
    }

    async fn act(
        self,
        instances: &Arc<Instances>,
        _ctx: &Ctx,
    ) -> Result<DescribeAvailabilityZonesResult, Fault> {
        let filters = page::filters::<AvailabilityZone>(&self.filters)?;
        let only = zone(instances.place());
        check(
            &self.zone_names,
            only.zone_name.as_ref(),
            "availability zone",
        )?;
        check(
            &self.zone_ids,
            only.zone_id.as_ref(),
            "availability zone-id",
        )?;
        let is_meant = filters.iter().all(|filter| filter.admits(&only));
        Ok(DescribeAvailabilityZonesResult {
            availability_zones: List(is_meant.then_some(only).into_iter().collect()),
        })
    }
}
