//! Mappings in process: their operations, pollers and tables, over a queue in memory that hides what it gives, and a function.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::{AnyOperation, Caller, Catalogue, Ctx, Fault, Masked, Service, ServiceFacts};
use async_trait::async_trait;
use base::{Clock, ManualClock, Timestamp};
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::{Value, json};
use store::tables::Tables;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use wire::Protocol;
use wire::rest::Request;

use super::ops::{
    CreateEventSourceMapping, DeleteEventSourceMapping, GetEventSourceMapping, HasMappings,
    ListEventSourceMappings, UpdateEventSourceMapping,
};
use super::port::{Invoke, Ran};
use super::{Mappings, Ports, TABLES};
use crate::function::{CodeId, FunctionName, Qualifier, Runnable, Settings};
use crate::port::{
    Catalog, EventRules, QueueFacts, QueueMessage, QueuePort, RoleKeys, Roles, Trouble,
};
use crate::rules::Place;

pub(super) const QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:q";
pub(super) const BASE: &str = "/2015-03-31/event-source-mappings";

static FACTS: ServiceFacts = ServiceFacts {
    name: "lambda",
    json_target: None,
    json_protocol: Protocol::RestJson,
    rpc_service: None,
    query_version: None,
    query_protocol: Protocol::Query,
    xml_namespace: "",
    error_namespace: "com.amazonaws.lambda",
    is_query_compatible: false,
    query_url_member: None,
    is_global: false,
};

pub(super) struct Desk(Arc<Mappings>);

impl HasMappings for Desk {
    fn mappings(&self) -> &Arc<Mappings> {
        &self.0
    }
}

pub(super) static OPERATIONS: &[&dyn AnyOperation<Desk>] = &[
    &CreateEventSourceMapping::NEW,
    &DeleteEventSourceMapping::NEW,
    &GetEventSourceMapping::NEW,
    &ListEventSourceMappings::NEW,
    &UpdateEventSourceMapping::NEW,
];

/// Body, group, from when it is visible, how often it was received.
pub(super) type Message = (String, Option<String>, Timestamp, u32);

/// A queue, a function, roles.
#[derive(Debug)]
pub(super) struct Others {
    pub(super) clock: Arc<ManualClock>,
    pub(super) messages: Mutex<Vec<Message>>,
    pub(super) is_fifo: bool,
    pub(super) visibility_secs: u32,
    pub(super) answers: Mutex<Vec<Ran>>,
    /// The bodies of each batch that ran.
    pub(super) ran: Mutex<Vec<Vec<String>>>,
    pub(super) may: Mutex<bool>,
}

impl Others {
    pub(super) fn send(&self, body: &str, group: Option<&str>) {
        let message = (
            body.to_owned(),
            group.map(str::to_owned),
            Timestamp::EPOCH,
            0,
        );
        self.messages.lock().push(message);
    }

    pub(super) fn bodies(&self) -> Vec<String> {
        self.messages
            .lock()
            .iter()
            .map(|message| message.0.clone())
            .collect()
    }
}

#[async_trait]
impl QueuePort for Others {
    async fn send(&self, _: &str, _: String, _: Option<&str>) -> Result<(), Trouble> {
        Ok(())
    }

    async fn receive(
        &self,
        arn: &str,
        max: u32,
        _: Duration,
    ) -> Result<Vec<QueueMessage>, Trouble> {
        assert_eq!(arn, QUEUE);
        tokio::task::yield_now().await;
        let (now, mut got, mut held) = (self.clock.now(), Vec::new(), Vec::new());
        for (body, group, visible, count) in self.messages.lock().iter_mut() {
            let is_held = self.is_fifo && held.contains(group);
            if *visible > now {
                held.push(group.clone());
            } else if !is_held && got.len() < usize::try_from(max).unwrap() {
                *visible = now.plus(Duration::from_secs(self.visibility_secs.into()));
                *count += 1;
                got.push(QueueMessage {
                    id: body.clone(),
                    receipt: body.clone(),
                    body: body.clone(),
                    attributes: vec![("ApproximateReceiveCount".to_owned(), count.to_string())],
                    message_attributes: Vec::new(),
                });
            }
        }
        Ok(got)
    }

    async fn delete(&self, _: &str, receipts: Vec<String>) -> Result<(), Trouble> {
        self.messages
            .lock()
            .retain(|message| !receipts.contains(&message.0));
        Ok(())
    }

    async fn give_back(&self, _: &str, receipts: Vec<String>, _: u32) -> Result<(), Trouble> {
        for message in self.messages.lock().iter_mut() {
            if receipts.contains(&message.0) {
                message.2 = Timestamp::EPOCH;
            }
        }
        Ok(())
    }

    async fn facts(&self, arn: &str) -> Option<QueueFacts> {
        (arn == QUEUE).then_some(QueueFacts {
            visibility_secs: self.visibility_secs,
            is_fifo: self.is_fifo,
        })
    }
}

#[async_trait]
impl Invoke for Others {
    async fn invoke(&self, runnable: &Runnable, payload: Bytes) -> Ran {
        assert_eq!(runnable.name.as_str(), "notifier");
        tokio::task::yield_now().await;
        let event: Value = serde_json::from_slice(&payload).unwrap();
        let records = event["Records"].as_array().unwrap();
        let bodies = records
            .iter()
            .map(|record| record["body"].as_str().unwrap().to_owned());
        let answer = self
            .answers
            .lock()
            .pop()
            .unwrap_or(Ran::Answered(Bytes::new()));
        if answer != Ran::Throttled {
            self.ran.lock().push(bodies.collect());
        }
        answer
    }
}

#[async_trait]
impl Roles for Others {
    async fn assume(&self, _: &str, _: &str, _: &str) -> Result<RoleKeys, Trouble> {
        Err(Trouble::Lasting(String::new()))
    }

    async fn may(&self, _: &str, _: &str, _: &str) -> Result<bool, Trouble> {
        Ok(*self.may.lock())
    }
}

impl Catalog for Others {
    fn runnable(&self, name: &FunctionName, _: Option<&Qualifier>) -> Option<Runnable> {
        (name.as_str() == "notifier").then(|| Runnable {
            name: name.clone(),
            version: "$LATEST".to_owned(),
            invoked_arn: String::new(),
            revision: 1,
            settings: Arc::new(Settings {
                runtime: "provided.al2023".to_owned(),
                handler: String::new(),
                role: "arn:aws:iam::123456789012:role/r".to_owned(),
                description: String::new(),
                memory_mib: 128,
                timeout_secs: 30,
                storage_mib: 512,
                architecture: "x86_64".to_owned(),
                environment: BTreeMap::new(),
                dead_letters: None,
                tracing: String::new(),
                log_group: None,
            }),
            code: CodeId([0; 32]),
            reserved: None,
        })
    }

    fn event_rules(&self, _: &FunctionName, _: Option<&Qualifier>) -> EventRules {
        EventRules::default()
    }
}

pub(super) struct Bench {
    pub(super) clock: Arc<ManualClock>,
    pub(super) others: Arc<Others>,
    pub(super) service: Arc<dyn Service>,
    pub(super) mappings: Arc<Mappings>,
    pub(super) stop: watch::Sender<bool>,
    pub(super) task: JoinHandle<()>,
    pub(super) folder: tempfile::TempDir,
}

impl Bench {
    pub(super) fn new(is_fifo: bool, visibility_secs: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_800_000_000)));
        let others = Arc::new(Others {
            clock,
            messages: Mutex::default(),
            is_fifo,
            visibility_secs,
            answers: Mutex::default(),
            ran: Mutex::default(),
            may: Mutex::new(true),
        });
        Self::over(folder, others)
    }

    fn over(folder: tempfile::TempDir, others: Arc<Others>) -> Self {
        let clock = others.clock.clone();
        let ports = Ports {
            clock: clock.clone(),
            catalog: others.clone(),
            functions: others.clone(),
            queues: others.clone(),
            roles: others.clone(),
        };
        let place = Place {
            account: "123456789012".parse().unwrap(),
            region: "us-east-1".parse().unwrap(),
        };
        let tables = Arc::new(Tables::open(folder.path(), TABLES).unwrap());
        let mappings = Arc::new(Mappings::open(tables, place, ports).unwrap());
        let (stop, stopped) = watch::channel(false);
        Self {
            clock,
            service: Arc::new(Catalogue::new(
                &FACTS,
                Arc::new(Desk(mappings.clone())),
                OPERATIONS,
            )),
            task: tokio::spawn(mappings.clone().run(stopped)),
            mappings,
            others,
            stop,
            folder,
        }
    }

    pub(super) async fn call(
        &self,
        method: &str,
        path: &str,
        query: &str,
        body: Value,
    ) -> Result<Value, Fault> {
        let operation = self.service.operation_at(method, path, query).unwrap();
        let body = Bytes::from(body.to_string());
        let headers = http::HeaderMap::new();
        let request = Request {
            path,
            query,
            headers: &headers,
            body: &body,
        };
        let call = self
            .service
            .decode_rest(operation, &request)
            .unwrap()
            .unwrap();
        let account = &self.mappings.place().account;
        let caller = Caller::user(account, "/", "admin", "AIDAEXAMPLE", "AKIAEXAMPLE");
        let ctx = Ctx::inside(Arc::new(caller), self.clock.now());
        assert!(!call.access(&ctx.caller).is_empty(), "{operation}");
        let answered = call.run(ctx, Masked::Unwanted).await?;
        Ok(serde_json::from_slice(&answered.body).unwrap())
    }

    pub(super) async fn create(&self, more: Value) -> Result<Value, Fault> {
        let mut body = json!({"FunctionName": "notifier", "EventSourceArn": QUEUE});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        self.call("POST", BASE, "", body).await
    }

    /// Ends the process, asked to or killed, and begins it anew.
    pub(super) async fn restart(self, is_killed: bool) -> Self {
        match is_killed {
            true => self.task.abort(),
            false => {
                self.stop.send_replace(true);
            }
        }
        assert_eq!(self.task.await.is_err(), is_killed);
        // Tasks that were aborted with theirs drop what they hold.
        while Arc::strong_count(&self.mappings) > 2 {
            tokio::task::yield_now().await;
        }
        drop((self.service, self.mappings));
        Self::over(self.folder, self.others)
    }

    /// Lets others run until `what` holds; what waits for a time is not waited for.
    pub(super) async fn until(&self, what: impl Fn() -> bool) {
        for _ in 0..200_000 {
            if what() {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("it does not come to that");
    }

    pub(super) async fn until_state(&self, uuid: &str, state: &str) {
        self.until(|| {
            self.mappings
                .book()
                .get(uuid)
                .is_ok_and(|it| it.state.name() == state)
        })
        .await;
    }
}
