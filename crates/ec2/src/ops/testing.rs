//! Operations in process, as the gateway calls them: JSON in, JSON or a fault out.

use std::sync::Arc;
use std::time::Duration;

use api::{Access, Caller, Ctx, Fault, Masked, Service};
use base::{Clock, ManualClock, Timestamp};
use serde_json::Value;
use store::tables::Tables;
use wire::Protocol;

use super::service;
use crate::credentials_testing::Keeper;
use crate::engine::Facts;
use crate::engine::join::Doubt;
use crate::instances::{JoinAnswer, JoinRequest, SyncRequest};
use crate::{Instances, Place, TABLES};

/// EC2 on a directory of its own, with a clock that only the test turns.
pub(super) struct Bench {
    pub(super) instances: Arc<Instances>,
    pub(super) keeper: Arc<Keeper>,
    service: Arc<dyn Service>,
    clock: Arc<ManualClock>,
    key: String,
    _dir: tempfile::TempDir,
}

impl Bench {
    pub(super) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_795_000_000)));
        let keeper = Keeper::shared();
        let tables = Arc::new(Tables::open(dir.path(), TABLES).unwrap());
        let place = Place {
            region: "ap-northeast-1".parse().unwrap(),
            account: "123456789012".parse().unwrap(),
        };
        let shared = Arc::clone(&clock) as Arc<dyn Clock>;
        let instances = Instances::open(tables, place, shared, keeper.clone()).unwrap();
        let day = Duration::from_secs(86_400);
        let (token, _) = instances.enrol(None, day).await.unwrap();
        Self {
            service: service(Arc::clone(&instances)),
            instances,
            keeper,
            clock,
            key: token.0.access_key_id,
            _dir: dir,
        }
    }

    pub(super) fn advance(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
    }

    /// Joins with a general key, and reports once.
    pub(super) async fn host(&self, name: &str) -> String {
        let facts = Facts {
            fingerprint: format!("machine-{name}"),
            hostname: format!("{name}.example"),
            name: Some(name.to_owned()),
            addresses: vec!["10.0.0.7".parse().unwrap(), "2001:db8::7".parse().unwrap()],
            architecture: "aarch64".to_owned(),
            cores: 2,
            memory_bytes: 4 << 30,
            ..Facts::default()
        };
        let joined = self.join(&self.key, facts).await;
        joined.instance.to_string()
    }

    pub(super) async fn join(&self, key: &str, facts: Facts) -> JoinAnswer {
        let secret = hex::encode([u8::try_from(facts.fingerprint.len()).unwrap(); 16]);
        let name = hex::encode(facts.fingerprint.as_bytes());
        let request = JoinRequest {
            secret: format!("{name:0>32.32}{secret}"),
            run: "run".to_owned(),
            facts,
            doubt: Doubt::Refuse,
        };
        let joined = self.instances.join(key, request).await.unwrap();
        self.report(&joined).await;
        joined
    }

    pub(super) async fn report(&self, joined: &JoinAnswer) {
        let sync = SyncRequest {
            run: "run".to_owned(),
            facts: None,
            done: Vec::new(),
        };
        let (id, key) = (&joined.instance, &joined.access_key_id);
        self.instances.sync(id, key, sync).await.unwrap();
    }

    /// The answer of a call that goes well.
    pub(super) async fn ok(&self, operation: &str, input: Value) -> Value {
        match self.call(operation, input).await {
            Ok(answer) => answer,
            Err(fault) => panic!("{operation}: {fault}"),
        }
    }

    /// Code and text of the fault of a call that does not.
    pub(super) async fn fault(&self, operation: &str, input: Value) -> (&'static str, String) {
        match self.call(operation, input).await {
            Ok(answer) => panic!("{operation}: {answer}"),
            Err(fault) => (fault.code, fault.message.into_owned()),
        }
    }

    pub(super) async fn call(&self, operation: &str, input: Value) -> Result<Value, Fault> {
        let body = input.to_string();
        let call = self
            .service
            .decode(operation, Protocol::Json11, body.as_bytes());
        let call = call.unwrap().unwrap();
        let ctx = self.ctx();
        let access = call.access(&ctx.caller);
        assert_eq!(access[0].action, format!("ec2:{operation}"));
        let answered = call.run(ctx, Masked::Wanted).await?;
        Ok(serde_json::from_slice(&answered.body).unwrap())
    }

    /// The answer with sensitive members masked, as it goes into the record.
    pub(super) async fn masked(&self, operation: &str, input: Value) -> String {
        let body = input.to_string();
        let call = self
            .service
            .decode(operation, Protocol::Json11, body.as_bytes());
        let answered = call.unwrap().unwrap().run(self.ctx(), Masked::Wanted).await;
        String::from_utf8(answered.unwrap().masked.unwrap()).unwrap()
    }

    /// Whether an input is read at all.
    pub(super) fn is_read(&self, operation: &str, input: &Value) -> bool {
        let body = input.to_string();
        let call = self
            .service
            .decode(operation, Protocol::Json11, body.as_bytes());
        call.unwrap().is_ok()
    }

    /// What a call would touch.
    pub(super) fn access(&self, operation: &str, input: &Value) -> Vec<Access> {
        let body = input.to_string();
        let call = self
            .service
            .decode(operation, Protocol::Json11, body.as_bytes());
        call.unwrap().unwrap().access(&self.ctx().caller)
    }

    fn ctx(&self) -> Ctx {
        let account = &self.instances.place().account;
        let caller = Caller::user(account, "/", "admin", "AIDAEXAMPLE", "AKIAEXAMPLE");
        Ctx {
            base_url: Arc::from("http://127.0.0.1:5310"),
            ..Ctx::inside(Arc::new(caller), self.clock.now())
        }
    }
}
