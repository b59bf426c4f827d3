//! What operations touch.
//!
//! AWS decides on `log-group:NAME:log-stream:STREAM`, without a stream where the call is about the group: policies name groups with `:*` at
//! the end. On tags it decides on `log-group:NAME`. Source: CloudWatch Logs User Guide, "CloudWatch Logs resources and operations".

use api::{Access, Fault};

use super::fault;
use crate::Logs;
use crate::group::Group;

impl Logs {
    /// A stream of a group; nothing but the group where `stream` is empty.
    pub(super) fn on(&self, group: &str, stream: &str) -> Access {
        let mut arn = self.arn(group);
        arn.resource = format!("{}:log-stream:{stream}", arn.resource);
        self.tagged(Access::on(arn), group)
    }

    /// A group's tags.
    pub(super) fn on_tags(&self, group: &str) -> Access {
        self.tagged(Access::on(self.arn(group)), group)
    }

    fn tagged(&self, access: Access, group: &str) -> Access {
        // What cannot be read has no tags: the call itself says so.
        let tags = self.group(group).map(|group| group.tags);
        access.with_tags("aws:ResourceTag", tags.unwrap_or_default())
    }

    /// Changes what is said of a group by a call.
    pub(super) async fn said(
        &self,
        group: &str,
        change: impl FnOnce(&mut Group) + Send + 'static,
    ) -> Result<api::Nothing, Fault> {
        self.set(group, change).await.map_err(fault::of)?;
        Ok(api::Nothing {})
    }
}
