//! Reports on the identities and the switch of the bill, as they are asked for by name: of a server, whose queues and buckets
//! have policies, and of identities that no server has ever had.

use std::sync::Arc;

use api::Fault;
use base::Arn;
use bytes::Bytes;
use iam::Iam;
use iam::engine::account::SetBilling;
use policy::{Document, Kind};

use super::asked::Question;
use super::idle;
use crate::answers::access::{Asked, Billing, Idle};
use crate::answers::{Answer, failed, read, refuse, write};

/// The policy that a resource has.
pub(crate) type Found = Result<Option<Arc<Document>>, Fault>;

/// The identities that are asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reports<'a> {
    pub(crate) iam: &'a Arc<Iam>,
    /// Where this server is.
    pub(crate) region: &'a str,
}

impl Reports<'_> {
    /// The report `name` where there are no queues and buckets; `None` where there is no such report.
    pub(crate) fn alone(self, name: &str, input: &Bytes) -> Option<Answer> {
        let nothing = |_: &Arn| Ok(None);
        Some(match name {
            "access-billing" => self.billing(),
            "access-billing-set" => self.set_billing(input),
            "access-idle" => self.idle(input),
            "access-who-can" => self.who_can(input, nothing),
            "access-explain" => self.explain(input, nothing),
            _ => return None,
        })
    }

    pub(crate) fn billing(self) -> Answer {
        let billing = self.iam.newest().account().billing.into();
        write(&Billing { billing })
    }

    pub(crate) fn set_billing(self, input: &Bytes) -> Answer {
        let Billing { billing } = read(input)?;
        let set = self.iam.run(SetBilling(billing.into()));
        set.map_err(|error| failed("the switch cannot be kept", &error))?;
        write(&Billing { billing })
    }

    pub(crate) fn idle(self, input: &Bytes) -> Answer {
        let Idle { days } = read(input)?;
        let now = self.iam.clock().now();
        write(&idle::idle(&self.iam.newest(), now, days))
    }

    pub(crate) fn who_can(self, input: &Bytes, policy_of: impl FnOnce(&Arn) -> Found) -> Answer {
        let asked: Asked = read(input)?;
        let question = self.question(&asked, policy_of)?;
        write(&question.by_all(self.iam))
    }

    pub(crate) fn explain(self, input: &Bytes, policy_of: impl FnOnce(&Arn) -> Found) -> Answer {
        let asked: Asked = read(input)?;
        let Some(principal) = &asked.principal else {
            return Err(refuse("say about whom: Principal"));
        };
        let question = self.question(&asked, policy_of)?;
        let answer = question.by(self.iam, principal);
        write(&answer.map_err(|error| refuse(format!("{error:#}")))?)
    }

    /// The question, with the policy that the resource has, or would have.
    fn question(
        self,
        asked: &Asked,
        policy_of: impl FnOnce(&Arn) -> Found,
    ) -> Result<Question, Fault> {
        let state = self.iam.newest();
        let of = (&*state, self.region);
        let question = Question::new(&asked.action, &asked.resource, &asked.context, of);
        let question = question.map_err(|error| refuse(format!("{error:#}")))?;
        let policy = match &asked.resource_policy {
            Some(text) => Some(Arc::new(given(text)?)),
            None => policy_of(question.resource())?,
        };
        Ok(question.with_policy(policy))
    }
}

fn given(text: &str) -> Result<Document, Fault> {
    Document::parse(text, Kind::Resource).map_err(|problems| {
        let first = problems.first().map(ToString::to_string);
        refuse(format!(
            "the resource policy given is none: {}",
            first.unwrap_or_default()
        ))
    })
}
