//! From what the gateway tells of a call to what the trail is told: the one place that knows both.

use std::borrow::Cow;
use std::collections::HashSet;
use std::slice;
use std::sync::Arc;

use api::{Audit, CallRecord, Caller, Kept, Principal, Recorder, SessionKind, Stage};
use base::Arn;

use crate::Trails;
use crate::record::facts;
use crate::seen::{Class, Failure, Identity, Mfa, Origin, Seen, Session, Tls, Way, Who};

/// The name of the sign-in page among services. Source: CloudTrail user guide, console sign-in events.
const SIGN_IN: &str = "signin";

/// Hands every call to the trail, then to another recorder.
#[derive(Debug)]
pub struct TrailRecorder {
    trails: Arc<Trails>,
    then: Arc<dyn Recorder>,
}

impl TrailRecorder {
    /// A recorder that keeps calls in `trails` and tells `then` too.
    #[must_use]
    pub fn new(trails: Arc<Trails>, then: Arc<dyn Recorder>) -> Self {
        Self { trails, then }
    }
}

impl Recorder for TrailRecorder {
    fn wants_input(&self, service: &str, operation: &str, audit: Audit) -> bool {
        self.trails.wants(class(audit)) || self.then.wants_input(service, operation, audit)
    }

    /// As AWS: what reads has no answer in its record, and neither has what works on data.
    fn wants_output(&self, service: &str, operation: &str, audit: Audit) -> bool {
        (audit == Audit::Management && !facts::is_read_only(service, operation))
            || self.then.wants_output(service, operation, audit)
    }

    fn record(&self, record: &CallRecord<'_>) -> Kept {
        let kept = match self.trails.wants(class(record.audit)) {
            true => take(&self.trails, record),
            false => Kept::NOW,
        };
        kept.and(self.then.record(record))
    }
}

const fn class(of: Audit) -> Class {
    match of {
        Audit::Management => Class::Management,
        Audit::Data => Class::Data,
    }
}

fn take(trails: &Arc<Trails>, record: &CallRecord<'_>) -> Kept {
    let caller = &*record.ctx.caller;
    let arn = caller.arn.text();
    let of_session = caller.issuer();
    let request_id = record.ctx.request_id.text();
    let resources = touched(record);
    let failure = record.outcome.err().map(|fault| Failure {
        code: fault.code,
        message: &fault.message,
    });
    let is_changing =
        record.audit == Audit::Management && !facts::is_read_only(record.service, record.operation);
    trails.record(&Seen {
        service: record.service,
        operation: record.operation,
        class: class(record.audit),
        way: match record.service {
            SIGN_IN => Way::SignIn,
            _ => Way::Call,
        },
        identity: Identity {
            who: who(caller, record.stage, &of_session),
            arn: &arn,
            account: caller.account.as_str(),
            access_key_id: &caller.access_key_id,
            session: session(caller),
        },
        source: record.ctx.client.map(|client| client.ip()),
        user_agent: &record.ctx.user_agent,
        host: record.host,
        tls: record.ctx.tls.map(|tls| Tls {
            version: tls.version,
            cipher_suite: tls.cipher_suite,
        }),
        request_id: &request_id,
        request: record.input,
        response: record.output.filter(|_| is_changing),
        failure,
        resources: &resources,
    })
}

fn who<'a>(caller: &'a Caller, stage: Stage, issuer: &'a str) -> Who<'a> {
    match &caller.principal {
        Principal::Root => Who::Root,
        Principal::User { name, id, .. } => Who::User { name, id },
        Principal::AssumedRole {
            role,
            role_id,
            session,
            ..
        } => Who::AssumedRole {
            role,
            role_id,
            role_arn: issuer,
            session,
        },
        Principal::Federated {
            name,
            user,
            user_id,
            ..
        } => Who::Federated {
            session: name,
            user,
            user_id,
            user_arn: issuer,
        },
        Principal::Service { name } => Who::Service { name },
        // Without a signature, and it was decided: it may be what everybody may do.
        Principal::Anonymous if stage == Stage::Decided => Who::Anybody,
        Principal::Anonymous => Who::Unknown,
    }
}

fn session(caller: &Caller) -> Option<Session<'_>> {
    let session = caller.session.as_ref()?;
    Some(Session {
        issued_at: session.issued,
        mfa: match session.mfa {
            Some(_) => Mfa::Shown,
            None => Mfa::NotShown,
        },
        origin: match session.kind {
            SessionKind::SignIn => Origin::SignIn,
            SessionKind::Token | SessionKind::Role | SessionKind::Federation => Origin::Program,
        },
        source_identity: session.carried.source_identity.as_deref(),
    })
}

/// What the call touched, each thing once. All of an account is nothing in particular.
fn touched<'a>(record: &CallRecord<'a>) -> Cow<'a, [Arn]> {
    let is_particular = |arn: &Arn| arn.resource != "*";
    if let [one] = record.access
        && is_particular(&one.resource)
    {
        return Cow::Borrowed(slice::from_ref(&one.resource));
    }
    let all = record.access.iter().map(|access| &access.resource);
    let particular = all.filter(|arn| is_particular(arn));
    let mut known = HashSet::new();
    particular
        .filter(|arn| known.insert((&arn.service, &arn.resource)))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use api::{Access, Ctx, Fault};
    use serde_json::{Value, json};

    use super::*;
    use crate::history::Query;
    use crate::trails::simulation::World;

    #[derive(Debug, Default)]
    struct Counting(parking_lot::Mutex<u32>);

    impl Recorder for Counting {
        fn wants_input(&self, _: &str, _: &str, _: Audit) -> bool {
            false
        }

        fn record(&self, _: &CallRecord<'_>) -> Kept {
            *self.0.lock() += 1;
            Kept::NOW
        }
    }

    fn user() -> Caller {
        let account = "123456789012".parse().unwrap();
        Caller::user(&account, "/", "alice", "AIDA", "AKIAEXAMPLE")
    }

    /// The records after `tell` was told.
    fn records(tell: impl FnOnce(&TrailRecorder, &World)) -> Vec<Value> {
        let world = World::new(1);
        let counting = Arc::new(Counting::default());
        let then = Arc::clone(&counting) as Arc<dyn Recorder>;
        tell(&TrailRecorder::new(Arc::clone(&world.trails), then), &world);
        assert_eq!(*counting.0.lock(), 1);
        let query = Query {
            attribute: None,
            from: base::Timestamp::EPOCH,
            to: base::Timestamp::MAX,
            before: u64::MAX,
            max: 10,
        };
        let page = world.trails.history().look_up(&query).unwrap();
        let records = page.records.iter();
        records
            .map(|it| serde_json::from_slice(&it.frame.record).unwrap())
            .collect()
    }

    fn told<'a>(ctx: &'a Ctx, access: &'a [Access]) -> CallRecord<'a> {
        CallRecord {
            service: "sqs",
            operation: "CreateQueue",
            audit: Audit::Management,
            stage: Stage::Decided,
            ctx,
            host: "localhost:5310",
            access,
            input: Some(br#"{"QueueName":"s2s"}"#),
            output: Some(br#"{"QueueUrl":"http://localhost:5310/123456789012/s2s"}"#),
            outcome: Ok(()),
            took: Duration::ZERO,
        }
    }

    #[test]
    fn a_call_that_went_well_is_kept_with_input_and_output() {
        let records = records(|recorder, world| {
            assert!(recorder.wants_input("sqs", "CreateQueue", Audit::Management));
            assert!(recorder.wants_output("sqs", "CreateQueue", Audit::Management));
            assert!(!recorder.wants_output("sqs", "ListQueues", Audit::Management));
            assert!(!recorder.wants_input("sqs", "SendMessage", Audit::Data));
            let ctx = Ctx::inside(Arc::new(user()), world.trails.now());
            let queue = "arn:aws:sqs:eu-west-1:123456789012:s2s".parse().unwrap();
            let on = Access::new("sqs:CreateQueue", queue);
            let all = "arn:aws:sqs:eu-west-1:123456789012:*".parse().unwrap();
            let access = [on.clone(), on, Access::new("sqs:ListQueues", all)];
            drop(recorder.record(&told(&ctx, &access)));
        });
        let [record] = records.as_slice() else {
            panic!("{records:?}");
        };
        assert_eq!(record["eventName"], "CreateQueue");
        assert_eq!(record["userIdentity"]["userName"], "alice");
        assert_eq!(record["requestParameters"]["queueName"], "s2s");
        assert!(record["responseElements"]["queueUrl"].is_string());
        assert_eq!(
            record["resources"],
            json!([{"accountId": "123456789012", "type": "AWS::SQS::Queue", "ARN": "arn:aws:sqs:eu-west-1:123456789012:s2s"}])
        );
    }

    #[test]
    fn a_refused_call_is_kept_with_what_was_claimed() {
        let records = records(|recorder, world| {
            let account = "123456789012".parse().unwrap();
            let nobody = Caller::anonymous(&account, "AKIACLAIMED");
            let ctx = Ctx::inside(Arc::new(nobody), world.trails.now());
            let fault = Fault::sender("InvalidClientTokenId", "no such key");
            drop(recorder.record(&CallRecord {
                stage: Stage::Refused,
                input: None,
                output: None,
                outcome: Err(&fault),
                ..told(&ctx, &[])
            }));
        });
        let [record] = records.as_slice() else {
            panic!("{records:?}");
        };
        assert_eq!(record["errorCode"], "InvalidClientTokenId");
        assert_eq!(record["userIdentity"]["type"], "Unknown");
        assert_eq!(record["userIdentity"]["accessKeyId"], "AKIACLAIMED");
        assert_eq!(record["requestParameters"], Value::Null);
    }

    #[test]
    fn a_data_call_that_no_trail_wants_is_not_kept() {
        let records = records(|recorder, world| {
            let ctx = Ctx::inside(Arc::new(user()), world.trails.now());
            drop(recorder.record(&CallRecord {
                audit: Audit::Data,
                operation: "SendMessage",
                ..told(&ctx, &[])
            }));
        });
        assert_eq!(records, [Value::Null; 0]);
    }
}
