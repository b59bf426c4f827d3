//! What operations touch, and operations on instances that their requests name.

use api::Access;

use super::page::IDS_MAX;
use super::shape::{TagSpecification, given, pairs};
use crate::Instances;
use crate::engine::network::VpcId;
use crate::engine::network::tag::Target;
use crate::engine::{InstanceId, Networks};

/// `action` on each of the instances that a request names, whether they exist or not, with their tags; on all where it
/// names none.
pub(super) fn on_instances(
    instances: &Instances,
    action: &'static str,
    ids: &[String],
) -> Vec<Access> {
    if ids.is_empty() {
        return vec![Access::new(action, instances.place().instance("*"))];
    }
    let on = |id: &String| {
        let access = Access::new(action, instances.place().instance(id));
        let known = id.parse::<InstanceId>().ok();
        let known = known.and_then(|id| instances.get(&id));
        match &known {
            Some(known) => access
                .with_tags("aws:ResourceTag", known.tags.iter())
                .with_tags("ec2:ResourceTag", known.tags.iter()),
            None => access,
        }
    };
    // A request with more is refused whole.
    ids.iter().take(IDS_MAX).map(on).collect()
}

/// `action` on a resource of any kind, whether it exists or not, with its tags and what it is part of.
pub(super) fn on_target(instances: &Instances, action: &'static str, id: &str) -> Access {
    let place = instances.place();
    let Ok(target) = id.parse::<Target>() else {
        return Access::new(action, place.arn(&format!("*/{id}")));
    };
    let access = Access::new(action, place.arn(&format!("{}/{id}", target.kind())));
    instances.inventory(|inventory| {
        let tags = inventory.tags_of(&target).unwrap_or_default();
        let access = access
            .with_tags("aws:ResourceTag", tags.iter())
            .with_tags("ec2:ResourceTag", tags.iter());
        let vpc_of = |vpc: &VpcId| place.arn(&format!("vpc/{vpc}")).to_string();
        context(inventory.networks(), &target, vpc_of)
            .into_iter()
            .fold(access, |access, (key, value)| access.with(key, value))
    })
}

/// The condition keys of a resource of networks. Source: Service Authorization Reference, "Resource types defined by Amazon
/// EC2".
fn context(
    networks: &Networks,
    target: &Target,
    arn: impl Fn(&VpcId) -> String,
) -> Vec<(&'static str, String)> {
    let of = |key, vpc: Option<&VpcId>| vpc.map(|vpc| (key, arn(vpc)));
    let own = |key| Some((key, target.as_str().to_owned()));
    let found = match target {
        Target::Instance(_) => [None, None],
        Target::Vpc(_) => [own("ec2:VpcID"), None],
        Target::Subnet(id) => {
            let vpc = networks.subnets.get(id).map(|it| &it.vpc).ok();
            [own("ec2:SubnetID"), of("ec2:Vpc", vpc)]
        }
        Target::Group(id) => {
            let vpc = networks.groups.get(id).map(|it| &it.vpc).ok();
            [own("ec2:SecurityGroupID"), of("ec2:Vpc", vpc)]
        }
        Target::Rule(_) => [None, None],
        Target::Table(id) => {
            let vpc = networks.tables.get(id).map(|it| &it.vpc).ok();
            [own("ec2:RouteTableID"), of("ec2:Vpc", vpc)]
        }
        Target::Peering(id) => {
            let sides = networks.peerings.get(id).ok();
            let side = |key, vpc: Option<&String>| {
                let vpc = vpc.and_then(|vpc| vpc.parse::<VpcId>().ok());
                vpc.map(|vpc| (key, arn(&vpc)))
            };
            return [
                own("ec2:VpcPeeringConnectionID"),
                side("ec2:AccepterVpc", sides.map(|it| &it.accepter.vpc)),
                side("ec2:RequesterVpc", sides.map(|it| &it.requester.vpc)),
            ]
            .into_iter()
            .flatten()
            .collect();
        }
    };
    found.into_iter().flatten().collect()
}

/// `action` on a resource of `kind` that it makes, with the tags that it gives it: those are allowed as CreateTags is, with
/// `ec2:CreateAction`.
pub(super) fn on_new(
    instances: &Instances,
    action: &'static str,
    kind: &str,
    tags: &[TagSpecification],
) -> Vec<Access> {
    let all = instances.place().arn(&format!("{kind}/*"));
    let tags = given(tags);
    let make = Access::new(action, all.clone()).with_request_tags(pairs(&tags));
    if tags.is_empty() {
        return vec![make];
    }
    let tag = Access::new("ec2:CreateTags", all)
        .with("ec2:CreateAction", action.trim_start_matches("ec2:"))
        .with_request_tags(pairs(&tags));
    vec![make, tag]
}

/// Operations as this crate has them, that differ in their names, in what they touch and in what they do:
/// `fn(&request, &instances) -> Vec<Access>` and `async fn(request, &instances)`. Without `on` they touch all, as all
/// do that only read.
macro_rules! operations {
    (@touches $instances:ident, $request:ident,) => {
        vec![api::Access::on($instances.place().all())]
    };
    (@touches $instances:ident, $request:ident, $on:ident) => { $on($request, $instances) };
    ($($request:ident: $action:literal, $output:ty, $run:ident $(on $on:ident)?;)+) => {$(
        impl api::Act<$crate::Instances> for $request {
            type Output = $output;
            const ACTION: &'static str = $action;

            fn touches(&self, instances: &$crate::Instances, _caller: &api::Caller) -> Vec<api::Access> {
                let request = self;
                let _ = request;
                $crate::ops::reach::operations!(@touches instances, request, $($on)?)
            }

            fn refusal(&self) -> Option<api::Fault> {
                $crate::ops::fault::dry_run(self.dry_run)
            }

            async fn act(
                self,
                instances: &std::sync::Arc<$crate::Instances>,
                _ctx: &api::Ctx,
            ) -> Result<$output, api::Fault> {
                $run(self, instances).await
            }
        }
    )+};
}

pub(super) use operations;

/// Operations on the instances that a request names, of one to [`IDS_MAX`]. They differ in their names and in what they do:
/// `async fn(request, ids, instances)`.
macro_rules! on_named_instances {
    ($($request:ident: $action:literal, $output:ident by $run:ident;)+) => {$(
        impl api::Act<$crate::Instances> for $request {
            type Output = $output;
            const ACTION: &'static str = $action;

            fn touches(&self, instances: &$crate::Instances, _caller: &api::Caller) -> Vec<api::Access> {
                $crate::ops::reach::on_instances(instances, Self::ACTION, &self.instance_ids)
            }

            fn refusal(&self) -> Option<api::Fault> {
                $crate::ops::fault::dry_run(self.dry_run)
            }

            async fn act(
                self,
                instances: &std::sync::Arc<$crate::Instances>,
                _ctx: &api::Ctx,
            ) -> Result<$output, api::Fault> {
                let ids = $crate::ops::page::some_ids(&self.instance_ids)?;
                $run(self, ids, instances).await
            }
        }
    )+};
}

pub(super) use on_named_instances;
