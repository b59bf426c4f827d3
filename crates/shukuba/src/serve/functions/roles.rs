//! The port `Roles` over the identities of this server.

use std::sync::Arc;
use std::time::Duration;

use api::Ctx;
use async_trait::async_trait;
use base::{AccountId, Arn, Clock, Region};
use iam::Iam;
use iam::authorizer::{Authorizer, Wanted};
use iam::session::Keys;
use iam::session::service::{Assume, assume};
use lambda::port::{RoleKeys, Roles, Trouble};
use policy::{Context, Document};
use sqs::Queues;

use super::Parts;

/// How long credentials hold: as long as `AssumeRole` gives them where nothing is said.
const LASTS: Duration = Duration::from_secs(3600);
/// The session that is asked about where only a question is asked.
const SESSION: &str = "shukuba";

/// Roles of the account.
#[derive(Debug)]
pub(super) struct IamRoles {
    iam: Arc<Iam>,
    keys: Arc<Keys>,
    authorizer: Arc<Authorizer>,
    queues: Arc<Queues>,
    clock: Arc<dyn Clock>,
    account: AccountId,
    region: Region,
}

impl IamRoles {
    pub(super) fn new(parts: &Parts<'_>) -> Self {
        Self {
            iam: parts.identities.iam.clone(),
            keys: parts.identities.keys.clone(),
            authorizer: parts.identities.authorizer.clone(),
            queues: parts.queues.clone(),
            clock: parts.clock.clone(),
            account: parts.account.clone(),
            region: parts.region.clone(),
        }
    }

    /// For what a service assumes a role: the function or the rule that the session is called after.
    fn source(&self, service: &str, session: &str) -> String {
        let (service, resource) = match service {
            "events.amazonaws.com" => ("events", format!("rule/{session}")),
            _ => ("lambda", format!("function:{session}")),
        };
        Arn::new(service, &self.region, &self.account, &resource).to_string()
    }

    /// The policy of a queue, which bears on what roles may do to it.
    fn policy(&self, resource: &Arn) -> Option<Arc<Document>> {
        match resource.service.as_str() {
            "sqs" => self.queues.queue(&resource.resource).ok()?.policy(),
            _ => None,
        }
    }
}

#[async_trait]
impl Roles for IamRoles {
    async fn assume(&self, role: &str, service: &str, session: &str) -> Result<RoleKeys, Trouble> {
        let wanted = Assume {
            role,
            service,
            source: &self.source(service, session),
            session,
        };
        let given = assume(&*self.iam, wanted, LASTS).map_err(lasting)?;
        Ok(RoleKeys {
            access_key_id: given.key_id,
            secret: given.secret,
            token: given.token,
            until: given.expires,
        })
    }

    async fn may(&self, role: &str, action: &str, resource: &str) -> Result<bool, Trouble> {
        let caller = self.keys.caller_of_role(role, SESSION).map_err(lasting)?;
        let arn: Arn = resource.parse().map_err(lasting)?;
        let policy = self.policy(&arn);
        let wanted = Wanted {
            action,
            resource: &arn,
            context: &Context::new(),
            resource_policy: policy.as_deref(),
        };
        let ctx = Ctx::inside(Arc::new(caller), self.clock.now());
        Ok(self.authorizer.refusal(&ctx, wanted).is_none())
    }
}

fn lasting(error: impl std::fmt::Display) -> Trouble {
    Trouble::Lasting(error.to_string())
}
