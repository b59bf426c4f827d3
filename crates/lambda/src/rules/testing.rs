//! Rules in process, over tables in a folder of their own, with a clock that is turned and others that note what they are told.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use api::{Caller, Ctx, Fault, Masked, Service};
use async_trait::async_trait;
use base::{Arn, Clock, ManualClock, MetricSink, Timestamp};
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::Value;
use store::tables::Tables;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use wire::Protocol;

use super::port::{Policies, Start};
use super::{Place, Ports, Rules, TABLES, service};
use crate::function::{FunctionName, Qualifier};
use crate::port::{QueueAttribute, QueueFacts, QueueMessage, QueuePort, RoleKeys, Roles, Trouble};

pub(crate) const START: Timestamp = Timestamp::from_secs(1_800_000_000);

/// A dead letter: body and attributes.
type Letter = (String, Vec<(String, QueueAttribute)>);

/// What the others were told, and how they answer.
#[derive(Debug, Default)]
pub(crate) struct Others {
    /// Function or queue, group, body.
    pub(crate) told: Mutex<Vec<(String, Option<String>, String)>>,
    pub(crate) letters: Mutex<Vec<Letter>>,
    pub(crate) trouble: Mutex<Option<Trouble>>,
    pub(crate) closed: Mutex<BTreeSet<String>>,
    pub(crate) counts: Mutex<Vec<String>>,
}

impl Others {
    fn tell(&self, whom: String, group: Option<&str>, body: String) -> Result<(), Trouble> {
        match self.trouble.lock().clone() {
            Some(trouble) => Err(trouble),
            None => {
                self.told
                    .lock()
                    .push((whom, group.map(str::to_owned), body));
                Ok(())
            }
        }
    }

    /// How often something was counted.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.counts.lock().iter().filter(|it| *it == name).count()
    }
}

impl Policies for Others {
    fn allow(&self, _action: &str, resource: &Arn, rule: &Arn) -> bool {
        assert!(rule.resource.starts_with("rule/"));
        !self.closed.lock().contains(&resource.text())
    }
}

#[async_trait]
impl Start for Others {
    async fn start(
        &self,
        name: &FunctionName,
        qualifier: Option<&Qualifier>,
        payload: Bytes,
    ) -> Result<(), Trouble> {
        let whom = qualifier.map_or_else(|| name.to_string(), |it| format!("{name}:{it}"));
        self.tell(whom, None, String::from_utf8(payload.to_vec()).unwrap())
    }
}

#[async_trait]
impl Roles for Others {
    async fn assume(&self, role: &str, service: &str, _session: &str) -> Result<RoleKeys, Trouble> {
        assert_eq!(service, "events.amazonaws.com");
        match role.ends_with("untrusting") {
            true => Err(Trouble::Lasting("it trusts nobody".to_owned())),
            false => Ok(RoleKeys {
                access_key_id: String::new(),
                secret: String::new(),
                token: String::new(),
                until: Timestamp::MAX,
            }),
        }
    }

    async fn may(&self, role: &str, _action: &str, _resource: &str) -> Result<bool, Trouble> {
        Ok(!role.ends_with("weak"))
    }
}

#[async_trait]
impl QueuePort for Others {
    async fn send(&self, arn: &str, body: String, group: Option<&str>) -> Result<(), Trouble> {
        self.tell(arn.to_owned(), group, body)
    }

    async fn send_with(
        &self,
        _arn: &str,
        body: String,
        attributes: Vec<(String, QueueAttribute)>,
    ) -> Result<(), Trouble> {
        self.letters.lock().push((body, attributes));
        Ok(())
    }

    async fn receive(&self, _: &str, _: u32, _: Duration) -> Result<Vec<QueueMessage>, Trouble> {
        Ok(Vec::new())
    }

    async fn delete(&self, _: &str, _: Vec<String>) -> Result<(), Trouble> {
        Ok(())
    }

    async fn give_back(&self, _: &str, _: Vec<String>, _: u32) -> Result<(), Trouble> {
        Ok(())
    }

    async fn facts(&self, _: &str) -> Option<QueueFacts> {
        None
    }
}

impl MetricSink for Others {
    fn add(&self, _: &'static str, name: &'static str, _: &[(&'static str, &str)], _: f64) {
        self.counts.lock().push(name.to_owned());
    }

    fn record(&self, _: &'static str, _: &'static str, _: &[(&'static str, &str)], _: f64) {}
}

/// Rules with their task.
pub(crate) struct Bench {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) others: Arc<Others>,
    pub(crate) rules: Arc<Rules>,
    service: Arc<dyn Service>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    tables: Option<Arc<Tables>>,
    folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(START));
        Self::over(folder, clock, Arc::default())
    }

    fn over(folder: tempfile::TempDir, clock: Arc<ManualClock>, others: Arc<Others>) -> Self {
        let tables = Arc::new(Tables::open(folder.path(), TABLES).unwrap());
        let place = Place {
            account: "123456789012".parse().unwrap(),
            region: "us-east-1".parse().unwrap(),
        };
        let ports = Ports {
            clock: clock.clone(),
            functions: others.clone(),
            queues: others.clone(),
            policies: others.clone(),
            roles: others.clone(),
            metrics: others.clone(),
        };
        let rules = Arc::new(Rules::open(tables.clone(), place, ports).unwrap());
        let (stop, stopped) = watch::channel(false);
        Self {
            clock,
            others,
            service: service(rules.clone()),
            task: tokio::spawn(rules.clone().run(stopped)),
            rules,
            stop,
            tables: Some(tables),
            folder,
        }
    }

    /// Ends the process and begins it anew after `passes`.
    pub(crate) async fn restart(mut self, passes: Duration) -> Self {
        self.stop.send_replace(true);
        self.task.await.unwrap();
        drop((self.rules, self.service, self.tables.take()));
        self.clock.advance(passes);
        Self::over(self.folder, self.clock, self.others)
    }

    /// Ends the process wherever it is and begins it anew at once.
    pub(crate) async fn kill(mut self) -> Self {
        self.task.abort();
        assert!(self.task.await.is_err());
        drop((self.rules, self.service, self.tables.take()));
        Self::over(self.folder, self.clock, self.others)
    }

    /// Lets time pass, and what is due then be done.
    pub(crate) async fn pass(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
        self.settle().await;
    }

    /// Waits until nothing is due and nothing runs.
    pub(crate) async fn settle(&self) {
        for _ in 0..100_000 {
            if self.is_settled() {
                return;
            }
            self.rules.wake();
            tokio::task::yield_now().await;
            tokio::task::spawn_blocking(std::thread::yield_now)
                .await
                .unwrap();
        }
        panic!("it does not come to rest");
    }

    fn is_settled(&self) -> bool {
        let now = self.clock.now();
        let is_due = self.rules.bus().is_due(self.rules.from, now);
        let backlog = self.rules.backlog.lock();
        // What runs is in the backlog and does not wait.
        let runs = backlog.len() > backlog.waiting_len();
        let is_ready = backlog.next().is_some_and(|due| due <= now);
        !is_due && !runs && !is_ready
    }

    /// The answer of a call that goes well.
    pub(crate) async fn ok(&self, operation: &str, input: Value) -> Value {
        match self.call(operation, input).await {
            Ok(answer) => answer,
            Err(fault) => panic!("{operation}: {fault}"),
        }
    }

    /// The fault of a call that does not.
    pub(crate) async fn fault(&self, operation: &str, input: Value) -> Fault {
        match self.call(operation, input).await {
            Ok(answer) => panic!("{operation}: {answer}"),
            Err(fault) => fault,
        }
    }

    async fn call(&self, operation: &str, input: Value) -> Result<Value, Fault> {
        let body = input.to_string();
        let decoded = self
            .service
            .decode(operation, Protocol::Json11, body.as_bytes());
        let call = decoded.unwrap().unwrap();
        let account = &self.rules.place().account;
        let caller = Caller::user(account, "/", "admin", "AIDAEXAMPLE", "AKIAEXAMPLE");
        let ctx = Ctx::inside(Arc::new(caller), self.clock.now());
        assert!(!call.access(&ctx.caller).is_empty(), "{operation}");
        let answered = call.run(ctx, Masked::Unwanted).await?;
        Ok(serde_json::from_slice(&answered.body).unwrap_or_default())
    }

    /// The error of a request that cannot be read.
    pub(crate) fn unread(&self, operation: &str, input: &Value) -> String {
        let body = input.to_string();
        let decoded = self
            .service
            .decode(operation, Protocol::Json11, body.as_bytes());
        decoded.unwrap().err().unwrap().to_string()
    }
}
