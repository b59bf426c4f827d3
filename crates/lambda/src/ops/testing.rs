//! Operations in process, as the gateway calls them: a request over REST in, an answer or a fault out.

use std::collections::BTreeSet;
use std::io::{Cursor, Write};
use std::sync::Arc;
use std::time::Duration;

use api::{Access, Call, Caller, Ctx, Fault, Masked, Service};
use async_trait::async_trait;
use base::{Clock, MetricSink, SystemClock, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use parking_lot::Mutex;
use serde_json::{Value, json};
use store::tables::Tables;
use wire::rest::Request;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::{Lambda, service};
use crate::TABLES;
use crate::events::{self, Events};
use crate::fleet::{self, Fleet};
use crate::functions::{self, Functions, Place, Ports};
use crate::mapping::{self, Mappings};
use crate::port::{
    Lines, NoMeter, Objects, QueueAttribute, QueueFacts, QueueMessage, QueuePort, RoleKeys, Roles,
    Trouble,
};
use crate::rules;

/// The role that can be assumed.
pub(super) const ROLE: &str = "arn:aws:iam::123456789012:role/notifier";

/// What functions need of others.
#[derive(Debug, Default)]
pub(super) struct World {
    /// Actions that roles may not do.
    pub(super) denied: Mutex<BTreeSet<String>>,
}

#[async_trait]
impl Roles for World {
    async fn assume(&self, role: &str, service: &str, _: &str) -> Result<RoleKeys, Trouble> {
        assert_eq!(service, "lambda.amazonaws.com");
        match role == ROLE {
            true => Ok(RoleKeys {
                access_key_id: "ASIAEXAMPLE".to_owned(),
                secret: "secret".to_owned(),
                token: "token".to_owned(),
                until: Timestamp::MAX,
            }),
            false => Err(Trouble::Lasting("no such role".to_owned())),
        }
    }

    async fn may(&self, _: &str, action: &str, _: &str) -> Result<bool, Trouble> {
        Ok(!self.denied.lock().contains(action))
    }
}

#[async_trait]
impl Objects for World {
    async fn read(
        &self,
        bucket: &str,
        key: &str,
        _: Option<&str>,
        _: u64,
    ) -> Result<Bytes, Trouble> {
        match (bucket, key) {
            ("code", "notifier.zip") => Ok(package("echo from a bucket")),
            _ => Err(Trouble::Lasting(
                "The specified key does not exist.".to_owned(),
            )),
        }
    }
}

impl Lines for World {
    fn line(&self, _: &str, _: &str, _: Timestamp, _: &str) {}
}

impl MetricSink for World {
    fn add(&self, _: &'static str, _: &'static str, _: &[(&'static str, &str)], _: f64) {}
    fn record(&self, _: &'static str, _: &'static str, _: &[(&'static str, &str)], _: f64) {}
}

#[async_trait]
impl QueuePort for World {
    async fn send(&self, _: &str, _: String, _: Option<&str>) -> Result<(), Trouble> {
        Ok(())
    }

    async fn send_with(
        &self,
        _: &str,
        _: String,
        _: Vec<(String, QueueAttribute)>,
    ) -> Result<(), Trouble> {
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

    async fn facts(&self, arn: &str) -> Option<QueueFacts> {
        arn.ends_with(":jobs").then_some(QueueFacts {
            visibility_secs: 30,
            is_fifo: false,
        })
    }
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

/// Lambda on a directory of its own.
pub(super) struct Bench {
    pub(super) lambda: Arc<Lambda>,
    pub(super) world: Arc<World>,
    service: Arc<dyn Service>,
    dir: tempfile::TempDir,
}

impl Bench {
    pub(super) async fn new() -> Self {
        Self::on(tempfile::tempdir().unwrap()).await
    }

    async fn on(dir: tempfile::TempDir) -> Self {
        let world = Arc::new(World::default());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let tables = Arc::new(Tables::open(&dir.path().join("tables"), TABLES).unwrap());
        let place = Place::here(
            "ap-northeast-1".parse().unwrap(),
            "123456789012".parse().unwrap(),
        );
        let ports = Ports {
            clock: Arc::clone(&clock),
            roles: world.clone(),
            objects: world.clone(),
        };
        let config = functions::Config {
            dir: dir.path().join("code"),
            place,
            concurrency: fleet::CONCURRENCY,
        };
        let functions = Functions::open(Arc::clone(&tables), config, ports).unwrap();
        let config = fleet::Config {
            work: dir.path().join("work"),
            region: "ap-northeast-1".to_owned(),
            endpoint: "http://127.0.0.1:5310".to_owned(),
            account: None,
            is_bounded_by_kernel: false,
            init_max: Duration::from_secs(60),
            concurrency: fleet::CONCURRENCY,
            environments_max: 4,
            idle: fleet::IDLE,
        };
        let ports = fleet::Ports {
            clock: Arc::clone(&clock),
            roles: world.clone(),
            packages: functions.packages(),
            lines: world.clone(),
            metrics: world.clone(),
            meter: Arc::new(NoMeter),
        };
        let fleet = Arc::new(Fleet::start(config, ports).await.unwrap());
        let place = functions.place();
        let place = rules::Place {
            account: place.account.clone(),
            region: place.region.clone(),
        };
        let ports = mapping::Ports {
            clock: Arc::clone(&clock),
            catalog: functions.clone(),
            functions: fleet.clone(),
            queues: world.clone(),
            roles: world.clone(),
        };
        let mappings = Mappings::open(Arc::clone(&tables), place, ports).unwrap();
        let ports = events::Ports {
            clock,
            catalog: functions.clone(),
            queues: world.clone(),
            roles: world.clone(),
        };
        let events = Arc::new(Events::open(tables, Arc::clone(&fleet), ports).unwrap());
        let lambda = Lambda::new(functions, fleet, events, Arc::new(mappings));
        Self {
            service: service(Arc::clone(&lambda)),
            lambda,
            world,
            dir,
        }
    }

    /// The same after a stop.
    pub(super) async fn again(self) -> Self {
        let Self {
            lambda,
            service,
            dir,
            ..
        } = self;
        lambda.fleet.stop(Duration::ZERO).await;
        drop((lambda, service));
        Self::on(dir).await
    }

    /// Makes the function `notifier`.
    pub(super) async fn create(&self) -> Value {
        let made = self.ok("POST /2015-03-31/functions", creation()).await;
        assert_eq!(made.status, 201);
        made.json()
    }

    /// The answer of a call that goes well. `line`: method and path with its query string.
    pub(super) async fn ok(&self, line: &str, input: Value) -> Answer {
        match self.call(line, &[], json_body(&input)).await {
            Ok(answer) => answer,
            Err(fault) => panic!("{line}: {fault}"),
        }
    }

    /// Code, status and text of the fault of a call that does not.
    pub(super) async fn fault(&self, line: &str, input: Value) -> (&'static str, u16, String) {
        match self.call(line, &[], json_body(&input)).await {
            Ok(answer) => panic!("{line}: {answer:?}"),
            Err(fault) => (fault.code, fault.status, fault.message.into_owned()),
        }
    }

    pub(super) async fn call(
        &self,
        line: &str,
        headers: &[(&'static str, &str)],
        body: Bytes,
    ) -> Result<Answer, Fault> {
        let (name, call) = self.read(line, headers, body);
        let access = call.access(&self.ctx().caller);
        let action = if name == "Invoke" {
            "InvokeFunction"
        } else {
            name
        };
        assert_eq!(access[0].action, format!("lambda:{action}"));
        let answered = call.run(self.ctx(), Masked::Wanted).await?;
        Ok(Answer {
            status: answered.status.unwrap_or(200),
            headers: answered.headers,
            body: answered.body,
        })
    }

    /// What a call would touch.
    pub(super) fn access(&self, line: &str, input: &Value) -> Vec<Access> {
        let (_, call) = self.read(line, &[], json_body(input));
        call.access(&self.ctx().caller)
    }

    /// A call's input as it goes into the record.
    pub(super) fn masked(&self, line: &str, input: &Value) -> String {
        let (_, call) = self.read(line, &[], json_body(input));
        String::from_utf8(call.input_json_masked()).unwrap()
    }

    /// Whether a request is read at all.
    pub(super) fn is_read(&self, line: &str, input: &Value) -> bool {
        let (method, path) = line.split_once(' ').unwrap();
        let name = self.service.operation_at(method, path, "").unwrap();
        let request = Request {
            path,
            query: "",
            headers: &HeaderMap::new(),
            body: &json_body(input),
        };
        self.service.decode_rest(name, &request).unwrap().is_ok()
    }

    fn read(
        &self,
        line: &str,
        headers: &[(&'static str, &str)],
        body: Bytes,
    ) -> (&'static str, Box<dyn Call>) {
        let (method, target) = line.split_once(' ').unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let name = self.service.operation_at(method, path, query);
        let name = name.unwrap_or_else(|| panic!("{line} is no operation"));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let request = Request {
            path,
            query,
            headers: &map,
            body: &body,
        };
        match self.service.decode_rest(name, &request).unwrap() {
            Ok(call) => (name, call),
            Err(error) => panic!("{line}: {error}"),
        }
    }

    fn ctx(&self) -> Ctx {
        let account = &self.lambda.functions.place().account;
        let caller = Caller::user(account, "/", "admin", "AIDAEXAMPLE", "AKIAEXAMPLE");
        Ctx::inside(Arc::new(caller), self.lambda.functions.now())
    }
}

fn json_body(input: &Value) -> Bytes {
    match input {
        Value::Null => Bytes::new(),
        input => input.to_string().into(),
    }
}

/// The request that makes the function `notifier`.
pub(super) fn creation() -> Value {
    json!({
        "FunctionName": "notifier",
        "Runtime": "provided.al2023",
        "Role": ROLE,
        "Handler": "bootstrap",
        "Code": {"ZipFile": zipped("echo \"said $event\"")},
        "Environment": {"Variables": {"QUEUE": "s2s"}},
        "Timeout": 20
    })
}

/// A package in base64.
pub(super) fn zipped(shell: &str) -> String {
    STANDARD.encode(package(shell))
}

/// A package whose program runs `shell` for each event and gives it back: the runtime API in a shell.
pub(super) fn package(shell: &str) -> Bytes {
    let script = format!(
        r#"#!/bin/bash
IFS=: read -r host port <<< "$AWS_LAMBDA_RUNTIME_API"
while :; do
  exec 3<>"/dev/tcp/$host/$port"
  printf 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' >&3
  while IFS= read -r line <&3; do
    line=${{line%$'\r'}}
    [ -z "$line" ] && break
    case "${{line,,}}" in lambda-runtime-aws-request-id:*) id=${{line#*: }};; esac
  done
  event=$(cat <&3)
  exec 3>&-
  {shell}
  exec 3<>"/dev/tcp/$host/$port"
  printf 'POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %s\r\n\r\n%s' "$id" "${{#event}}" "$event" >&3
  cat <&3 >/dev/null
  exec 3>&-
done
"#
    );
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().unix_permissions(0o755);
    writer.start_file("bootstrap", options).unwrap();
    writer.write_all(script.as_bytes()).unwrap();
    writer.finish().unwrap().into_inner().into()
}
