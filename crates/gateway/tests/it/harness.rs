//! A server with a toy service, and a client that sends bytes.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use api::{
    Access, AnyOperation, Audit, Caller, Catalogue, Ctx, Fault, Operation, Service, ServiceFacts,
};
use base::{AccountId, Arn, Clock, ManualClock, Region, Timestamp};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use gateway::{Admin, Door, Limits, Listen, PlainHttp, Proxies, Server, Tls};
use http::{HeaderMap, HeaderName, HeaderValue};
use iam::engine::key::{SetStatus, Status};
use iam::{Iam, NewKey, managed};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use wire::sigv4::{PathStyle, SecretKey, Signer};
use wire::{Protocol, Shape};

use crate::intake::Echo;
use crate::mirror::Mirror;
use crate::recorder::Kept;
use crate::rest_json;
use crate::setup::{self, FACTS};

/// The server's time.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_795_410_190);
/// The server's region.
pub(crate) const REGION: &str = "ap-northeast-1";

/// A service that shares SQS's name and target, so that roles apply to it.
#[derive(Debug)]
pub(crate) struct Toy {
    account: AccountId,
    region: Region,
    /// Told when `ReceiveMessage` has begun.
    pub(crate) begun: Notify,
    /// Lets `ReceiveMessage` end.
    pub(crate) go_on: Notify,
    /// Whether something of it is open to all.
    pub(crate) is_open: AtomicBool,
}

impl Toy {
    pub(crate) fn place(&self) -> (&Region, &AccountId) {
        (&self.region, &self.account)
    }
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "ToyRequest")]
pub(crate) struct Input {
    #[shape(required)]
    pub(crate) queue_url: String,
    #[shape(sensitive)]
    pub(crate) message_body: Option<String>,
    #[shape(query = "tag")]
    pub(crate) tags: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "ToyResult")]
pub(crate) struct Output {
    pub(crate) message_body: Option<String>,
    pub(crate) queue_url: Option<String>,
    #[shape(query = "tagSet")]
    pub(crate) tags: Vec<String>,
}

macro_rules! operation {
    ($name:ident, |$toy:ident, $input:ident| $work:expr) => {
        #[derive(Debug)]
        struct $name;

        impl Operation<Toy> for $name {
            type Input = Input;
            type Output = Output;
            const NAME: &'static str = stringify!($name);

            fn access(&self, toy: &Toy, _: &Caller, _: &Input) -> Vec<Access> {
                let action = concat!("sqs:", stringify!($name));
                vec![Access::new(
                    action,
                    Arn::new("sqs", &toy.region, &toy.account, "s2s"),
                )]
            }

            fn audit(&self) -> Audit {
                Audit::Data
            }

            fn call(
                &self,
                toy: &Arc<Toy>,
                _: Ctx,
                input: Input,
            ) -> impl Future<Output = Result<Output, Fault>> + Send {
                let ($toy, $input) = (Arc::clone(toy), input);
                async move { $work }
            }
        }
    };
}

operation!(SendMessage, |_toy, input| Ok(Output {
    message_body: input.message_body,
    queue_url: Some(input.queue_url),
    tags: input.tags,
}));
operation!(GetQueueUrl, |_toy, input| {
    drop(input);
    Err(Fault::sender_with_query_code(
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
        "The specified queue does not exist.",
    ))
});
operation!(ReceiveMessage, |toy, input| {
    toy.begun.notify_one();
    toy.go_on.notified().await;
    Ok(Output {
        message_body: Some("done".to_owned()),
        queue_url: Some(input.queue_url),
        tags: Vec::new(),
    })
});
operation!(PurgeQueue, |_toy, input| panic!(
    "an operation with a fault of its own: {}",
    input.queue_url
));
operation!(ListQueues, |_toy, input| {
    drop(input);
    Ok(Output {
        message_body: Some("x".repeat(32 << 20)),
        ..Output::default()
    })
});

static OPERATIONS: &[&dyn AnyOperation<Toy>] = &[
    &SendMessage,
    &GetQueueUrl,
    &ReceiveMessage,
    &PurgeQueue,
    &ListQueues,
];

#[derive(Debug)]
struct ToyAdmin;

impl Admin for ToyAdmin {
    fn action(&self, name: &str) -> Option<&'static str> {
        match name {
            "ledger" => Some("shukuba:GetLedger"),
            "pause" => Some("shukuba:Pause"),
            _ => None,
        }
    }

    fn audit(&self, name: &str) -> Audit {
        match name {
            "ledger" => Audit::Data,
            _ => Audit::Management,
        }
    }

    fn handle<'a>(
        &'a self,
        name: &'a str,
        _: Ctx,
        input: Bytes,
    ) -> BoxFuture<'a, Result<Vec<u8>, Fault>> {
        Box::pin(async move {
            Ok(format!("{{\"name\":\"{name}\",\"bytes\":{}}}", input.len()).into_bytes())
        })
    }
}

/// A service without a region, whose JSON is not that of a query service.
static OTHER: ServiceFacts = ServiceFacts {
    name: "iam",
    json_target: Some("com.example.Trail_20131101"),
    json_protocol: Protocol::Json11,
    rpc_service: None,
    query_version: Some("2010-05-08"),
    query_protocol: Protocol::Query,
    xml_namespace: "https://iam.amazonaws.com/doc/2010-05-08/",
    error_namespace: "com.example.trail",
    is_query_compatible: false,
    query_url_member: None,
    is_global: true,
};

/// A service with EC2's query form.
static MACHINES: ServiceFacts = ServiceFacts {
    name: "ec2",
    json_target: None,
    rpc_service: None,
    query_version: Some("2016-11-15"),
    query_protocol: Protocol::Ec2Query,
    xml_namespace: "http://ec2.amazonaws.com/doc/2016-11-15/",
    error_namespace: "com.amazonaws.ec2",
    is_global: false,
    ..OTHER
};

/// What a key is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role {
    Sender,
    Reader,
}

/// A key to sign with.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) key_id: String,
    pub(crate) secret: SecretKey,
}

impl From<NewKey> for Credentials {
    fn from(made: NewKey) -> Self {
        Self {
            key_id: made.key.id,
            secret: made.secret,
        }
    }
}

/// A running server.
pub(crate) struct House {
    pub(crate) addr: SocketAddr,
    pub(crate) toy: Arc<Toy>,
    pub(crate) iam: Arc<Iam>,
    /// What was recorded.
    pub(crate) kept: Arc<Kept>,
    pub(crate) stop: Option<oneshot::Sender<()>>,
    pub(crate) serving: JoinHandle<()>,
    key: Credentials,
    _dir: tempfile::TempDir,
}

impl House {
    pub(crate) async fn open(limits: Limits) -> Self {
        Self::open_with(limits, None).await
    }

    pub(crate) async fn open_with(limits: Limits, tls: Option<Arc<Tls>>) -> Self {
        Self::open_as(limits, tls, Vec::new()).await
    }

    /// One that trusts the proxies in `networks`.
    pub(crate) async fn open_behind(limits: Limits, networks: Vec<ipnet::IpNet>) -> Self {
        Self::open_as(limits, None, networks).await
    }

    async fn open_as(limits: Limits, tls: Option<Arc<Tls>>, networks: Vec<ipnet::IpNet>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(NOW));
        let iam = Arc::new(setup::keys(dir.path(), &clock));
        let region: Region = REGION.parse().unwrap();
        let toy = Arc::new(Toy {
            account: iam.account_id(),
            region: region.clone(),
            begun: Notify::new(),
            go_on: Notify::new(),
            is_open: AtomicBool::new(false),
        });
        let is_open = |toy: &Toy| toy.is_open.load(Ordering::Relaxed);
        let service: Arc<dyn Service> =
            Arc::new(Catalogue::new(&FACTS, Arc::clone(&toy), OPERATIONS).open_while(is_open));
        let other = Catalogue::new(&OTHER, Arc::clone(&toy), OPERATIONS);
        let other = Arc::new(other);
        let admin = Arc::new(ToyAdmin);
        let mut parts = setup::parts(service, Arc::clone(&iam), admin, clock, region, limits);
        parts.rest.push(Arc::new(Mirror));
        parts.intakes.push(Arc::new(Echo));
        parts.proxies = Proxies::new(networks);
        parts.services.push(other);
        let machines = Catalogue::new(&MACHINES, Arc::clone(&toy), OPERATIONS);
        parts.services.push(Arc::new(machines));
        parts.services.push(rest_json::service(Arc::clone(&toy)));
        let kept = Arc::new(Kept::over(Arc::clone(&parts.recorder)));
        parts.recorder = kept.clone();
        let door = Door::new(parts);
        let listen = Listen {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls,
            plain_http: PlainHttp::LoopbackOnly,
            limits,
        };
        let server = Server::bind(listen).await.unwrap();
        let addr = server.local_addr();
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(server.serve(door, async move {
            let _ = stopped.await;
        }));
        let key = iam.administrator().unwrap().into();
        Self {
            addr,
            toy,
            iam,
            kept,
            stop: Some(stop),
            serving,
            key,
            _dir: dir,
        }
    }

    pub(crate) fn key_of(&self, role: Role) -> Credentials {
        let (name, policy) = match role {
            Role::Sender => ("sender", managed::SENDER),
            Role::Reader => ("reader", managed::READER),
        };
        self.iam.create_key_with(name, policy).unwrap().into()
    }

    pub(crate) fn switch_off(&self, key: &Credentials) {
        let user = self.iam.state().key(&key.key_id).unwrap().0.name.clone();
        self.iam
            .run(SetStatus {
                user,
                key_id: key.key_id.clone(),
                status: Status::Inactive,
            })
            .unwrap();
    }

    pub(crate) async fn connect(&self) -> Client<TcpStream> {
        Client::new(TcpStream::connect(self.addr).await.unwrap())
    }

    /// The bytes of a JSON call, signed by the administrator.
    pub(crate) fn json(&self, operation: &str, body: &str) -> Vec<u8> {
        self.json_by(&self.key, operation, body)
    }

    pub(crate) fn json_by(&self, key: &Credentials, operation: &str, body: &str) -> Vec<u8> {
        let target = format!("AmazonSQS.{operation}");
        let headers = [
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amz-target", &target),
        ];
        self.signed_by(key, "sqs", "POST", "/", &headers, body)
    }

    pub(crate) fn signed(
        &self,
        service: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> Vec<u8> {
        self.signed_by(&self.key, service, method, path, headers, body)
    }

    pub(crate) fn signed_by(
        &self,
        key: &Credentials,
        service: &str,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> Vec<u8> {
        let mut map = HeaderMap::new();
        map.insert(
            "host",
            HeaderValue::from_str(&self.addr.to_string()).unwrap(),
        );
        for (name, value) in headers {
            map.insert(
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let region = if service == "iam" {
            "us-east-1"
        } else {
            REGION
        };
        let mut signer = Signer::new(&key.key_id, &key.secret, region, service);
        if service == "s3" {
            signer.path = PathStyle::OBJECT;
        }
        signer
            .sign(method, path, query, &mut map, body.as_ref(), NOW)
            .unwrap();
        raw(method, target, &map, body)
    }

    pub(crate) fn presigned(&self, target: &str) -> Vec<u8> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let signer = Signer::new(&self.key.key_id, &self.key.secret, REGION, "sqs");
        let host = HeaderValue::from_str(&self.addr.to_string()).unwrap();
        let query = signer.presign("GET", &host, path, query, 60, NOW);
        let mut map = HeaderMap::new();
        map.insert("host", host);
        raw("GET", &format!("{path}?{query}"), &map, "")
    }
}

/// A request as bytes.
pub(crate) fn raw(
    method: &str,
    target: &str,
    headers: &HeaderMap,
    body: impl AsRef<[u8]>,
) -> Vec<u8> {
    let body = body.as_ref();
    let mut bytes = format!("{method} {target} HTTP/1.1\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    if !body.is_empty() || method == "POST" {
        bytes.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// One connection.
pub(crate) struct Client<T> {
    pub(crate) stream: T,
    buffer: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    /// The body; what is not UTF-8 in it is replaced.
    pub(crate) body: String,
    pub(crate) bytes: Vec<u8>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Client<T> {
    pub(crate) fn new(stream: T) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    pub(crate) async fn ask(&mut self, request: &[u8]) -> Got {
        self.send(request).await;
        self.answer().await.expect("an answer")
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The next answer; `None` when the connection ends before it.
    pub(crate) async fn answer(&mut self) -> Option<Got> {
        loop {
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                return self.rest_of_answer(end + 4).await;
            }
            if !self.more().await {
                return None;
            }
        }
    }

    async fn rest_of_answer(&mut self, head_bytes: usize) -> Option<Got> {
        let head = String::from_utf8(self.buffer[..head_bytes].to_vec()).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines
            .next()
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        let headers: BTreeMap<String, String> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let body_bytes: usize = headers
            .get("content-length")
            .map_or(0, |text| text.parse().unwrap());
        while self.buffer.len() < head_bytes + body_bytes {
            if !self.more().await {
                return None;
            }
        }
        let rest = self.buffer.split_off(head_bytes + body_bytes);
        let bytes = self.buffer.split_off(head_bytes);
        let body = String::from_utf8_lossy(&bytes).into_owned();
        self.buffer = rest;
        Some(Got {
            status,
            headers,
            body,
            bytes,
        })
    }

    /// Reads until the other end closes; `true` when it did so without another answer.
    pub(crate) async fn is_closed(&mut self) -> bool {
        while self.more().await {}
        self.buffer.is_empty()
    }

    async fn more(&mut self) -> bool {
        let mut chunk = [0; 8192];
        match self.stream.read(&mut chunk).await {
            Ok(count) if count > 0 => {
                self.buffer.extend_from_slice(&chunk[..count]);
                true
            }
            _ => false,
        }
    }
}
