//! What operations touch, and operations on instances that their requests name.

use api::Access;

use super::page::IDS_MAX;
use crate::Instances;
use crate::engine::InstanceId;

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
