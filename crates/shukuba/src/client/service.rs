//! One service of a server of ours, or of AWS, called and waited for: for commands that make one call after the other.
//!
//! Each has the endpoint that `--endpoint` or the environment names, else the server of the data directory.

use std::time::Duration;

use agent::call::Endpoint;
use anyhow::Context;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use super::endpoint as find;
use super::http::{Answer, Http};
use crate::access::answer::Node;
use crate::access::calls::{self, Calls, Failure, Form};
use crate::access::remote::{AWS, fault};
use crate::app::{self, App};
use crate::data;

/// How often a call is made that is turned away for coming too fast. Chosen: AWS takes three PutMetricAlarm a second, and its
/// own clients try three to five times.
const ATTEMPTS: u32 = 6;
/// Codes of calls that come too fast. Source: AWS SDKs and Tools Reference Guide, "Retry behavior".
const TOO_FAST: [&str; 4] = [
    "Throttling",
    "ThrottlingException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
];

/// Where a command's calls go.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Where {
    /// The server's URL, or `aws` for AWS with the keys and region of the environment [default: $SHUKUBA_ENDPOINT, else
    /// $AWS_ENDPOINT_URL_CLOUDWATCH (_CLOUDWATCH_LOGS, _EC2, _STS), $AWS_ENDPOINT_URL, else the server of the data directory]
    #[arg(long, value_name = "URL|aws")]
    endpoint: Option<String>,
    /// AWS itself: the same as --endpoint aws
    #[arg(long, conflicts_with = "endpoint")]
    aws: bool,
}

impl Where {
    /// The same server, for operators' calls. AWS has none.
    pub(crate) fn for_operator(&self, app: &App) -> anyhow::Result<Endpoint> {
        if self.aws || self.endpoint.as_deref() == Some(AWS) {
            return Err(app::usage(
                "AWS has no such call; this asks a Shukuba server",
            ));
        }
        match find::of_service(app, self.endpoint.as_deref(), "CLOUDWATCH")? {
            Some(endpoint) => Ok(endpoint),
            None => find::for_operator(app, None),
        }
    }
}

/// The services that are called so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// Metrics, alarms, dashboards.
    CloudWatch,
    /// Instances.
    Ec2,
    /// What functions print.
    Logs,
    /// Who calls.
    Sts,
}

impl Name {
    /// In AWS's host names, and what calls are signed for.
    const fn host(self) -> &'static str {
        match self {
            Self::CloudWatch => "monitoring",
            Self::Ec2 => "ec2",
            Self::Logs => "logs",
            Self::Sts => "sts",
        }
    }

    /// In the names of variables.
    const fn variable(self) -> &'static str {
        match self {
            Self::CloudWatch => "CLOUDWATCH",
            Self::Ec2 => "EC2",
            Self::Logs => "CLOUDWATCH_LOGS",
            Self::Sts => "STS",
        }
    }
}

/// A service to call.
#[derive(Debug)]
pub(crate) struct Service {
    http: Http,
    region: String,
    runtime: tokio::runtime::Runtime,
}

impl Service {
    pub(crate) fn open(app: &App, of: &Where, name: Name) -> anyhow::Result<Self> {
        let endpoint = endpoint(app, of, name)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        Ok(Self {
            region: endpoint.region.clone(),
            http: Http::new(endpoint, name.host())?,
            runtime,
        })
    }

    /// The region that it is called in.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// Posts `body`, and waits for the answer.
    pub(crate) fn post(&self, headers: HeaderMap, body: String) -> Result<Answer, Failure> {
        let answer = self.http.post("/", headers, Bytes::from(body));
        let answer = self.runtime.block_on(answer);
        answer.map_err(|error| Failure::Failed(error.into()))
    }
}

fn endpoint(app: &App, of: &Where, name: Name) -> anyhow::Result<Endpoint> {
    let is_aws = of.aws || of.endpoint.as_deref() == Some(AWS);
    let is_aws_by_default = of.endpoint.is_none()
        && std::env::var_os("SHUKUBA_ENDPOINT").is_some_and(|named| named == AWS);
    if is_aws || is_aws_by_default {
        return find::of_aws(name.host());
    }
    if let Some(endpoint) = find::of_service(app, of.endpoint.as_deref(), name.variable())? {
        return Ok(endpoint);
    }
    anyhow::ensure!(
        !data::is_down(app),
        "no server runs on `{}`; this needs one: shukuba serve, or --endpoint URL, or --aws",
        app.data_dir().display()
    );
    find::for_operator(app, None)
}

/// Calls again, each time later, what is turned away for coming too fast.
pub(crate) fn patiently<T>(
    call: impl Fn() -> Result<T, Failure>,
    wait: impl Fn(Duration),
) -> Result<T, Failure> {
    for attempt in 1..ATTEMPTS {
        match call() {
            Err(failure) if TOO_FAST.iter().any(|code| failure.is(code)) => {
                wait(Duration::from_millis(500 << attempt));
            }
            answered => return answered,
        }
    }
    call()
}

/// A service that takes forms and answers in XML.
#[derive(Debug)]
pub(crate) struct Forms {
    service: Service,
    /// The version of its API.
    version: &'static str,
}

impl Forms {
    pub(crate) fn new(service: Service, version: &'static str) -> Self {
        Self { service, version }
    }

    fn once(&self, operation: &str, body: &str) -> Result<Node, Failure> {
        let mut headers = HeaderMap::new();
        let form = HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, form);
        let answer = self.service.post(headers, body.to_owned())?;
        match answer.status {
            200 => calls::read(operation, &answer.body),
            _ => Err(fault(operation, &answer)),
        }
    }
}

impl Calls for Forms {
    fn call(&self, operation: &str, form: &Form<'_>) -> Result<Node, Failure> {
        let body = calls::body(operation, self.version, form);
        patiently(|| self.once(operation, &body), std::thread::sleep)
    }
}

/// The number of the account whose key signs.
pub(crate) fn account(app: &App, of: &Where) -> anyhow::Result<String> {
    let sts = Forms::new(Service::open(app, of, Name::Sts)?, "2011-06-15");
    let answer = sts.call("GetCallerIdentity", &[])?;
    Ok(answer.text("Account").to_owned())
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    fn refused(code: &str) -> Failure {
        Failure::Refused {
            operation: "PutMetricAlarm".to_owned(),
            code: code.to_owned(),
            message: "Rate exceeded".to_owned(),
        }
    }

    #[test]
    fn a_call_that_comes_too_fast_is_made_again_later_each_time() {
        let (calls, waits) = (Cell::new(0), RefCell::new(Vec::new()));
        let answer = patiently(
            || {
                calls.set(calls.get() + 1);
                match calls.get() {
                    1 | 2 => Err(refused("Throttling")),
                    _ => Ok("done"),
                }
            },
            |wait| waits.borrow_mut().push(wait.as_millis()),
        );
        assert_eq!(answer.unwrap(), "done");
        assert_eq!(waits.into_inner(), [1000, 2000]);
    }

    #[test]
    fn it_is_not_made_for_ever_nor_after_another_refusal() {
        for (code, expected) in [("RequestLimitExceeded", ATTEMPTS), ("AccessDenied", 1)] {
            let calls = Cell::new(0);
            let answer = patiently(
                || -> Result<(), _> {
                    calls.set(calls.get() + 1);
                    Err(refused(code))
                },
                |_| {},
            );
            assert!(answer.unwrap_err().is(code));
            assert_eq!(calls.get(), expected, "{code}");
        }
    }
}
