//! The recorder that notes who did what, before another one takes the record.

use std::sync::Arc;

use api::{Audit, CallRecord, Kept, Principal, Recorder, Stage};

use crate::Iam;

/// Where a service without regions counts as called, as AWS reports it.
const GLOBAL_REGION: &str = "us-east-1";

/// Notes every call that was decided, allowed or not, and hands its record on.
#[derive(Debug)]
pub struct Noting {
    iam: Arc<Iam>,
    next: Arc<dyn Recorder>,
}

impl Noting {
    /// Notes for `iam`; `next` takes the records.
    #[must_use]
    pub fn new(iam: Arc<Iam>, next: Arc<dyn Recorder>) -> Self {
        Self { iam, next }
    }
}

impl Recorder for Noting {
    fn wants_input(&self, service: &str, operation: &str, audit: Audit) -> bool {
        self.next.wants_input(service, operation, audit)
    }

    fn wants_output(&self, service: &str, operation: &str, audit: Audit) -> bool {
        self.next.wants_output(service, operation, audit)
    }

    fn record(&self, record: &CallRecord<'_>) -> Kept {
        if record.stage == Stage::Decided
            && let Some(whose) = whose(&record.ctx.caller.principal)
        {
            for access in record.access {
                let region = match access.resource.region.as_str() {
                    "" => GLOBAL_REGION,
                    region => region,
                };
                let at = record.ctx.at;
                self.iam.accesses().note(whose, access.action, region, at);
            }
        }
        self.next.record(record)
    }
}

/// The unique id of a user or of the role behind a session.
fn whose(principal: &Principal) -> Option<&str> {
    match principal {
        Principal::User { id, .. } => Some(id),
        Principal::AssumedRole { role_id, .. } => Some(role_id),
        Principal::Federated { user_id, .. } => Some(user_id),
        _ => None,
    }
}
