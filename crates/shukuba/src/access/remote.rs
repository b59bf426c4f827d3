//! Calls of a server elsewhere, or of AWS, signed with a key of the environment or of the data directory.

use agent::call::Endpoint;
use anyhow::Context;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::answer::Node;
use super::calls::{self, Calls, Failure, Form, VERSION};
use crate::app::App;
use crate::client::admin::{Admin, SERVICE};
use crate::client::endpoint::{self, GLOBAL_REGION};
use crate::client::http::{Answer, Call, Http};

/// What stands for AWS itself in `--endpoint`.
pub(crate) const AWS: &str = "aws";
/// The version of STS's API.
const STS_VERSION: &str = "2011-06-15";
/// What stands before the operation of CloudTrail in `X-Amz-Target`.
const CLOUDTRAIL_TARGET: &str = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101";
/// How often a call is made that is turned away for coming too fast. Chosen: AWS's own clients make it three to five times.
const ATTEMPTS: u32 = 5;

/// A server elsewhere, or AWS.
pub(crate) struct Remote {
    /// `None` for AWS, whose services have an endpoint each.
    endpoint: Option<Endpoint>,
    iam: Http,
    runtime: tokio::runtime::Runtime,
}

impl Remote {
    /// AWS, or the server at a URL.
    pub(crate) fn open(app: &App, given: &str) -> anyhow::Result<Self> {
        match given {
            AWS => Self::new(None),
            url => Self::new(Some(endpoint::for_operator(app, Some(url))?)),
        }
    }

    /// The server of the data directory.
    pub(crate) fn of_data_dir(app: &App) -> anyhow::Result<Self> {
        Self::new(Some(endpoint::for_operator(app, None)?))
    }

    fn new(endpoint: Option<Endpoint>) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        Ok(Self {
            iam: http(endpoint.as_ref(), "iam")?,
            endpoint,
            runtime: runtime.context("cannot start the runtime")?,
        })
    }

    /// Whether it is AWS itself.
    pub(crate) fn is_aws(&self) -> bool {
        self.endpoint.is_none()
    }

    /// The server's URL; of AWS that of IAM.
    pub(crate) fn url(&self) -> &str {
        self.iam.url().trim_end_matches('/')
    }

    /// The region that buckets and trails are made in.
    pub(crate) fn region(&self) -> anyhow::Result<String> {
        Ok(endpoint_of(self.endpoint.as_ref(), "s3")?.region)
    }

    /// The number of the account whose key signs.
    pub(crate) fn account(&self) -> anyhow::Result<String> {
        let sts = http(self.endpoint.as_ref(), "sts")?;
        let operation = "GetCallerIdentity";
        let body = calls::body(operation, STS_VERSION, &[]);
        let answer = self.form(&sts, operation, &body)?;
        Ok(answer.text("Account").to_owned())
    }

    /// An operation of CloudTrail: JSON in and out.
    pub(crate) fn cloudtrail(&self, operation: &str, input: &Value) -> Result<Value, Failure> {
        let http = http(self.endpoint.as_ref(), "cloudtrail").map_err(Failure::Failed)?;
        let mut headers = HeaderMap::new();
        let json = HeaderValue::from_static("application/x-amz-json-1.1");
        headers.insert(header::CONTENT_TYPE, json);
        if let Ok(target) = HeaderValue::from_str(&format!("{CLOUDTRAIL_TARGET}.{operation}")) {
            headers.insert("x-amz-target", target);
        }
        let body = Bytes::from(input.to_string());
        let answer = self.runtime.block_on(http.post("/", headers, body));
        let answer = answer.map_err(|error| Failure::Failed(error.into()))?;
        let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if answer.status == 200 {
            return Ok(value);
        }
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
        let code = text("__type").rsplit('#').next().unwrap_or_default();
        let (lower, upper) = (text("message"), text("Message"));
        Err(refused(
            operation,
            answer.status,
            code,
            &format!("{lower}{upper}"),
        ))
    }

    /// A request to a bucket: the status, and what was answered.
    pub(crate) fn bucket(
        &self,
        method: Method,
        bucket: &str,
        query: &str,
        body: String,
    ) -> Result<Answer, Failure> {
        let http = http(self.endpoint.as_ref(), "s3").map_err(Failure::Failed)?;
        let call = Call {
            method,
            path: &format!("/{bucket}"),
            query,
            headers: HeaderMap::new(),
            body: Bytes::from(body),
        };
        let answer = self.runtime.block_on(http.send(&call));
        answer.map_err(|error| Failure::Failed(error.into()))
    }

    /// An operator's call of a server.
    pub(crate) fn admin<I: Serialize, O: DeserializeOwned>(
        &self,
        name: &str,
        input: &I,
    ) -> anyhow::Result<O> {
        let admin = Admin::new(http(self.endpoint.as_ref(), SERVICE)?);
        self.runtime.block_on(admin.call(name, input))
    }

    fn form(&self, http: &Http, operation: &str, body: &str) -> Result<Node, Failure> {
        let mut headers = HeaderMap::new();
        let form = HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, form);
        let answer = self
            .runtime
            .block_on(http.post("/", headers, Bytes::from(body.to_owned())));
        let answer = answer.map_err(|error| Failure::Failed(error.into()))?;
        match answer.status {
            200 => calls::read(operation, &answer.body),
            _ => Err(fault(operation, &answer)),
        }
    }
}

impl Calls for Remote {
    fn call(&self, operation: &str, form: &Form<'_>) -> Result<Node, Failure> {
        let body = calls::body(operation, VERSION, form);
        for attempt in 1..ATTEMPTS {
            match self.form(&self.iam, operation, &body) {
                Err(failure) if failure.is("Throttling") => {
                    std::thread::sleep(std::time::Duration::from_secs(1 << attempt));
                }
                answered => return answered,
            }
        }
        self.form(&self.iam, operation, &body)
    }
}

fn http(endpoint: Option<&Endpoint>, service: &'static str) -> anyhow::Result<Http> {
    Http::new(endpoint_of(endpoint, service)?, service)
}

fn endpoint_of(endpoint: Option<&Endpoint>, service: &str) -> anyhow::Result<Endpoint> {
    let Some(endpoint) = endpoint else {
        return endpoint::of_aws(service);
    };
    let mut endpoint = endpoint.clone();
    if service == "iam" {
        GLOBAL_REGION.clone_into(&mut endpoint.region);
    }
    Ok(endpoint)
}

/// The error in an answer in XML.
pub(crate) fn fault(operation: &str, answer: &Answer) -> Failure {
    let text = Node::parse(&String::from_utf8_lossy(&answer.body)).unwrap_or_default();
    refused(
        operation,
        answer.status,
        text.text("Code"),
        text.text("Message"),
    )
}

fn refused(operation: &str, status: u16, code: &str, message: &str) -> Failure {
    let code = match code {
        "" => format!("status {status}"),
        code => code.to_owned(),
    };
    Failure::Refused {
        operation: operation.to_owned(),
        code,
        message: message.to_owned(),
    }
}
