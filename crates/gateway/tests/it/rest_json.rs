//! Services over REST with JSON: routed by scope, method and path, answered in their form.

use std::future::Future;
use std::sync::Arc;

use api::{
    Access, AnyOperation, Audit, Caller, Catalogue, Ctx, Fault, Operation, Service, ServiceFacts,
};
use base::{Arn, ByteCount};
use gateway::Limits;
use wire::rest::Http;
use wire::{Blob, Detail, Protocol, Shape};

use crate::harness::{Got, House, Role, Toy};

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

static OPERATIONS: &[&dyn AnyOperation<Toy>] = &[&Invoke, &GetPolicy, &TagResource, &UpdateCode];

pub(crate) fn service(toy: Arc<Toy>) -> Arc<dyn Service> {
    Arc::new(Catalogue::new(&FACTS, toy, OPERATIONS))
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct InvocationRequest {
    #[shape(uri, required)]
    function_name: String,
    #[shape(header = "X-Amz-Invocation-Type")]
    invocation_type: Option<String>,
    #[shape(querystring)]
    qualifier: Option<String>,
    #[shape(payload)]
    payload: Option<Blob>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct InvocationResponse {
    #[shape(statuscode)]
    status_code: Option<i32>,
    #[shape(header = "X-Amz-Executed-Version")]
    executed_version: Option<String>,
    #[shape(payload)]
    payload: Option<Blob>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct FunctionRequest {
    #[shape(uri, required)]
    function_name: String,
    #[shape(sensitive)]
    zip_file: Option<Blob>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct Function {
    function_name: String,
    code_size: Option<i64>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct TagRequest {
    #[shape(uri, required)]
    resource: String,
    #[shape(querystring = "n")]
    number: Option<i32>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct Nothing {}

macro_rules! operation {
    ($name:ident, $input:ty, $output:ty, $http:expr, |$given:ident| $work:expr) => {
        #[derive(Debug)]
        struct $name;

        impl Operation<Toy> for $name {
            type Input = $input;
            type Output = $output;
            const NAME: &'static str = stringify!($name);
            const HTTP: Option<Http> = Some($http);

            fn access(&self, toy: &Toy, _: &Caller, _: &$input) -> Vec<Access> {
                let action = concat!("lambda:", stringify!($name));
                vec![Access::new(action, toy.arn())]
            }

            fn audit(&self) -> Audit {
                Audit::Management
            }

            fn call(
                &self,
                _: &Arc<Toy>,
                _: Ctx,
                $given: $input,
            ) -> impl Future<Output = Result<$output, Fault>> + Send {
                async move { $work }
            }
        }
    };
}

operation!(
    Invoke,
    InvocationRequest,
    InvocationResponse,
    Http::post("/2015-03-31/functions/{FunctionName}/invocations")
        .with_payload_type("application/json"),
    |given| {
        let is_event = given.invocation_type.as_deref() == Some("Event");
        Ok(InvocationResponse {
            status_code: Some(if is_event { 202 } else { 200 }),
            executed_version: given.qualifier,
            payload: given.payload.filter(|_| !is_event),
        })
    }
);
operation!(
    GetPolicy,
    FunctionRequest,
    Nothing,
    Http::get("/2015-03-31/functions/{FunctionName}/policy"),
    |given| {
        let message = format!("Function not found: {}", given.function_name);
        let later = Detail::Header("7".to_owned());
        Err(Fault::sender("ResourceNotFoundException", message)
            .with_status(404)
            .with_detail("Retry-After", later))
    }
);
operation!(
    TagResource,
    TagRequest,
    Nothing,
    Http::post("/2017-03-31/tags/{Resource}").with_status(204),
    |given| {
        assert!(given.resource.starts_with("arn:aws:lambda:"));
        Ok(Nothing {})
    }
);
operation!(
    UpdateCode,
    FunctionRequest,
    Function,
    Http::put("/2015-03-31/functions/{FunctionName}/code")
        .with_status(201)
        .with_body_bytes(ByteCount::kib(256)),
    |given| {
        Ok(Function {
            function_name: given.function_name,
            code_size: given.zip_file.map(|blob| blob.0.len() as i64),
        })
    }
);

impl Toy {
    fn arn(&self) -> Arn {
        let (region, account) = self.place();
        Arn::new("lambda", region, account, "function:f")
    }
}

async fn open() -> House {
    House::open(Limits::default()).await
}

async fn ask(house: &House, request: &[u8]) -> Got {
    house.connect().await.ask(request).await
}

const INVOKE: &str = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aap-northeast-1%3A123456789012%3Afunction%3Af/invocations";

#[tokio::test]
async fn a_payload_goes_in_and_out_as_it_is() {
    let house = open().await;
    let path = format!("{INVOKE}?Qualifier=live");
    // curl's and others' content types make no form of it.
    let form = ("content-type", "application/x-www-form-urlencoded");
    let post = house.signed("lambda", "POST", &path, &[form], b"{\"a\":\xff}");
    let got = ask(&house, &post).await;
    assert_eq!(
        (got.status, &got.bytes[..]),
        (200, &b"{\"a\":\xff}"[..]),
        "{got:?}"
    );
    for (name, value) in [
        ("content-type", "application/json"),
        ("x-amz-executed-version", "live"),
    ] {
        assert_eq!(got.headers[name], value);
    }
    assert!(got.headers.contains_key("x-amzn-requestid"));
    let kept = house.kept.take();
    let told = "Decided lambda Invoke root ok in={\"functionName\":\"arn:aws:lambda:ap-northeast-1:123456789012:function:f\",\
                \"qualifier\":\"live\",\"payload\":\"HIDDEN_DUE_TO_SECURITY_REASONS\"} \
                out={\"statusCode\":200,\"executedVersion\":\"live\",\"payload\":\"HIDDEN_DUE_TO_SECURITY_REASONS\"}";
    assert!(
        kept.len() == 1 && without_caller(&kept[0]) == without_caller(told),
        "{kept:?}"
    );

    let event = ("x-amz-invocation-type", "Event");
    let got = ask(
        &house,
        &house.signed("lambda", "POST", INVOKE, &[event], "{}"),
    )
    .await;
    assert_eq!((got.status, got.body.as_str()), (202, ""), "{got:?}");
    assert!(!got.headers.contains_key("content-type"), "{got:?}");
}

/// A line of the record without the word that says who called.
fn without_caller(line: &str) -> String {
    let words: Vec<_> = line.split(' ').collect();
    [&words[..3], &words[4..]].concat().join(" ")
}

#[tokio::test]
async fn nothing_is_answered_without_a_body_and_a_document_with_its_status() {
    let house = open().await;
    let arn = "arn%3Aaws%3Alambda%3Aap-northeast-1%3A123456789012%3Afunction%3Af";
    let path = format!("/2017-03-31/tags/{arn}");
    let got = ask(&house, &house.signed("lambda", "POST", &path, &[], "{}")).await;
    assert_eq!((got.status, got.body.as_str()), (204, ""), "{got:?}");
    let body = r#"{"ZipFile":"aGVsbG8="}"#;
    let path = "/2015-03-31/functions/f/code/";
    let got = ask(&house, &house.signed("lambda", "PUT", path, &[], body)).await;
    assert_eq!(got.status, 201);
    assert_eq!(got.body, r#"{"FunctionName":"f","CodeSize":5}"#);
    assert_eq!(got.headers["content-type"], "application/json");
}

#[tokio::test]
async fn faults_have_their_name_in_a_header() {
    let house = open().await;
    let sender = house.key_of(Role::Sender);
    let policy = "/2015-03-31/functions/f/policy";
    for (request, status, code, text) in [
        (
            house.signed("lambda", "GET", policy, &[], ""),
            404,
            "ResourceNotFoundException",
            "Function not found: f",
        ),
        (
            house.signed_by(&sender, "lambda", "GET", policy, &[], ""),
            403,
            "AccessDeniedException",
            "is not authorized to perform: lambda:GetPolicy on resource: arn:aws:lambda:",
        ),
        (
            house.signed("lambda", "PUT", policy, &[], ""),
            404,
            "UnknownOperationException",
            "there is no operation `PUT /2015-03-31/functions/f/policy` here",
        ),
        (
            house.signed("lambda", "POST", "/2017-03-31/tags/arn?n=x", &[], ""),
            400,
            "ValidationException",
            "1 validation error detected: `Number` is not a whole number",
        ),
        (
            house.signed("lambda", "PUT", "/2015-03-31/functions/f/code", &[], "{"),
            400,
            "SerializationException",
            "malformed at byte 1",
        ),
        (
            house.signed("lambda", "GET", "/2015-03-31/functions/%zz/policy", &[], ""),
            400,
            "ValidationException",
            "`FunctionName` is not percent-encoded UTF-8",
        ),
    ] {
        let got = ask(&house, &request).await;
        assert_eq!(got.status, status, "{got:?}");
        assert_eq!(got.headers["x-amzn-errortype"], code);
        assert_eq!(got.headers["content-type"], "application/json");
        let body: serde_json::Value = serde_json::from_str(&got.body).unwrap();
        assert_eq!(body["Type"], "User");
        assert!(body["Message"].as_str().unwrap().contains(text), "{got:?}");
        assert_eq!(body["Message"], body["message"]);
        // Only that of the service says when to come again.
        let later = got.headers.get("retry-after").map(String::as_str);
        assert_eq!(later, (code == "ResourceNotFoundException").then_some("7"));
        assert!(!got.body.contains("Retry-After"), "{got:?}");
    }
    let kept = house.kept.take();
    assert!(kept[0].starts_with("Decided lambda GetPolicy "), "{kept:?}");
    assert!(kept[2].starts_with("Undecoded lambda  "), "{kept:?}");
    assert!(
        kept[4].starts_with("Undecoded lambda UpdateCode "),
        "{kept:?}"
    );
}

#[tokio::test]
async fn a_signature_for_another_service_or_none_opens_no_path() {
    let house = open().await;
    // S3 has buckets that are called so.
    let got = ask(&house, &house.signed("s3", "PUT", INVOKE, &[], "body")).await;
    assert!(got.body.contains("<Code>Unread</Code>"), "{got:?}");
    let got = ask(&house, &house.signed("sqs", "POST", INVOKE, &[], "{}")).await;
    assert!(
        got.status == 404 && !got.headers.contains_key("x-amzn-errortype"),
        "{got:?}"
    );
    let unsigned = format!(
        "POST {INVOKE} HTTP/1.1\r\nhost: {}\r\ncontent-length: 0\r\n\r\n",
        house.addr
    );
    let got = ask(&house, unsigned.as_bytes()).await;
    assert_eq!(got.status, 403, "{got:?}");
    let broken = house.signed("lambda", "POST", INVOKE, &[], "{}");
    let broken = String::from_utf8(broken)
        .unwrap()
        .replace("/invocations", "/invocation5");
    let got = ask(&house, broken.as_bytes()).await;
    assert_eq!(
        (got.status, got.headers["x-amzn-errortype"].as_str()),
        (403, "InvalidSignatureException")
    );
}

#[tokio::test]
async fn an_operation_may_take_more_than_others() {
    let limits = Limits {
        body_bytes: ByteCount::kib(4),
        ..Limits::default()
    };
    let house = House::open(limits).await;
    let put = |kib: usize| {
        let zip = "A".repeat(kib << 10);
        let body = format!("{{\"ZipFile\":\"{zip}\"}}");
        house.signed("lambda", "PUT", "/2015-03-31/functions/f/code", &[], body)
    };
    let got = ask(&house, &put(200)).await;
    assert!(
        got.status == 201 && got.body.contains(r#""CodeSize":153600"#),
        "{got:?}"
    );
    let got = ask(&house, &put(256)).await;
    assert_eq!(
        (got.status, got.headers["x-amzn-errortype"].as_str()),
        (413, "RequestEntityTooLargeException")
    );
    let got = ask(
        &house,
        &house.signed("lambda", "POST", INVOKE, &[], "x".repeat(5000)),
    )
    .await;
    assert_eq!(got.status, 413, "{got:?}");
}
