//! Where a request goes, as far as its head tells.
//!
//! | the request | goes to |
//! |---|---|
//! | `GET /_shukuba/health`, `GET /_shukuba/metrics` | the gateway itself, unsigned |
//! | `POST /_shukuba/api/NAME` | the operator's API |
//! | anything else under `/_shukuba/` that a browser asks | a page for people, unsigned ([`crate::pages`]) |
//! | `X-Amz-Target: AmazonSQS.SendMessage` | the service with that target |
//! | `POST /service/NAME/operation/OPERATION` with `smithy-protocol: rpc-v2-cbor` | the service of that name |
//! | a form, or `?Action=…` | the service that the signature is for |
//! | signed for a service that speaks REST with JSON | the operation of that service by method and path |
//! | a `POST` to the path of an intake, not signed for another service | that intake ([`crate::intake`]) |
//! | none of these | a service that speaks HTTP itself, by the signature's scope or as the only one that takes what nobody signed ([`crate::rest`]) |

use http::request::Parts;
use http::uri::Authority;
use http::{Method, Version, header};
use wire::Protocol;

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// Whether we serve.
    Health,
    /// Our counts.
    Metrics,
    /// The operator's API.
    Admin {
        /// Such as `ledger`.
        name: &'a str,
    },
    /// A page for people.
    Page {
        /// What stands behind `/_shukuba/`.
        path: &'a str,
    },
    /// A protocol whose head names service and operation: AWS JSON, or Smithy RPC v2 with CBOR.
    Rpc {
        /// Such as `AmazonSQS`; of CBOR the service's name in the path.
        target: &'a str,
        /// Such as `SendMessage`.
        operation: &'a str,
        /// In which the client speaks.
        protocol: Protocol,
    },
    /// REST with JSON: the service in the scope of the signature, and what its paths say.
    Rest {
        /// Such as `lambda`.
        service: &'static str,
        /// Such as `Invoke`; `None` where the service has no such method and path.
        operation: Option<&'static str>,
    },
    /// The query protocol; its `Action` stands in the form.
    Query,
    /// None of these.
    Nowhere,
}

/// The header that names a Smithy protocol.
pub(crate) const SMITHY_PROTOCOL: &str = "smithy-protocol";
/// Its value for CBOR.
pub(crate) const RPC_V2_CBOR: &str = "rpc-v2-cbor";
const FORM: &str = "application/x-www-form-urlencoded";
const JSON_1_1: &str = "application/x-amz-json-1.1";
const ADMIN: &str = "/_shukuba/api/";

/// Reads the head.
pub(crate) fn find(head: &Parts) -> Route<'_> {
    let path = head.uri.path();
    if let Some(own) = path.strip_prefix("/_shukuba/") {
        return match (&head.method, own, path.strip_prefix(ADMIN)) {
            (&Method::GET | &Method::HEAD, "health", _) => Route::Health,
            (&Method::GET, "metrics", _) => Route::Metrics,
            (&Method::POST, _, Some(name)) => Route::Admin { name },
            (_, "health" | "metrics", _) => Route::Nowhere,
            (&Method::GET | &Method::HEAD | &Method::POST, path, None) => Route::Page { path },
            _ => Route::Nowhere,
        };
    }
    let content_type = text(head, header::CONTENT_TYPE.as_str());
    if head.method == Method::POST
        && let Some((target, operation)) = text(head, "x-amz-target").rsplit_once('.')
    {
        let protocol = if is_type(content_type, JSON_1_1) {
            Protocol::Json11
        } else {
            Protocol::Json10
        };
        return Route::Rpc {
            target,
            operation,
            protocol,
        };
    }
    if let Some((target, operation)) = smithy_path(head) {
        return Route::Rpc {
            target,
            operation,
            protocol: Protocol::RpcV2Cbor,
        };
    }
    let is_form = head.method == Method::POST && is_type(content_type, FORM);
    let has_action = matches!(head.method, Method::GET | Method::POST)
        && head
            .uri
            .query()
            .is_some_and(|query| crate::form::value(query.as_bytes(), "Action").is_some());
    if is_form || has_action {
        Route::Query
    } else {
        Route::Nowhere
    }
}

impl Route<'_> {
    /// The protocol in which to answer when the service is not known yet.
    pub(crate) fn protocol(&self) -> Protocol {
        match self {
            Self::Rpc { protocol, .. } => *protocol,
            Self::Rest { .. } => Protocol::RestJson,
            Self::Query => Protocol::Query,
            _ => Protocol::Json10,
        }
    }
}

/// Service and operation of a request in Smithy RPC v2 CBOR: the last parts of its path, since an endpoint may have a path.
///
/// Source: Smithy RPC v2 CBOR protocol, "Requests".
fn smithy_path(head: &Parts) -> Option<(&str, &str)> {
    let is_cbor = head.method == Method::POST && text(head, SMITHY_PROTOCOL) == RPC_V2_CBOR;
    let mut parts = head.uri.path().rsplit('/').filter(|_| is_cbor);
    let operation = parts.next()?;
    let is_operation = parts.next()? == "operation";
    let service = parts.next()?;
    let is_service = parts.next()? == "service";
    (is_operation && is_service).then_some((service, operation))
}

/// Whether a request says in two ways what it is for. A server of Smithy RPC v2 must refuse it: what stands between may have
/// gone by the other way.
///
/// Source: Smithy RPC v2 CBOR protocol, "Requests".
pub(crate) fn is_twofold(head: &Parts) -> bool {
    let names = ["x-amz-target", "x-amzn-target"];
    head.headers.contains_key(SMITHY_PROTOCOL)
        && names.iter().any(|name| head.headers.contains_key(*name))
}

/// Whether the request names its host as HTTP/1.1 wants it: once, and as a host with or without a port.
///
/// Source: RFC 9112, 3.2.
pub(crate) fn names_host(head: &Parts) -> bool {
    let mut hosts = head.headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => head.version < Version::HTTP_11,
        (Some(host), None) => is_host(host.as_bytes()),
        (Some(_), Some(_)) => false,
    }
}

fn is_host(host: &[u8]) -> bool {
    let parsed = Authority::try_from(host);
    parsed.is_ok_and(|authority| !authority.host().is_empty() && !host.contains(&b'@'))
}

/// A header's value, or nothing.
pub(crate) fn text<'h>(head: &'h Parts, name: &str) -> &'h str {
    head.headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn is_type(content_type: &str, wanted: &str) -> bool {
    content_type
        .split(';')
        .next()
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_named_once_and_is_one() {
        for (version, hosts, is_right) in [
            (Version::HTTP_11, &["x"][..], true),
            (Version::HTTP_11, &["127.0.0.1:5310"], true),
            (Version::HTTP_11, &["[::1]:5310"], true),
            (Version::HTTP_11, &["sqs_1.example"], true),
            (Version::HTTP_11, &[], false),
            (Version::HTTP_10, &[], true),
            (Version::HTTP_11, &["x", "x"], false),
            (Version::HTTP_10, &["x", "y"], false),
            (Version::HTTP_11, &[""], false),
            (Version::HTTP_11, &[":80"], false),
            (Version::HTTP_11, &["a b"], false),
            (Version::HTTP_11, &["user@x"], false),
            (Version::HTTP_11, &["x/path"], false),
        ] {
            let mut request = http::Request::builder().version(version);
            for host in hosts {
                request = request.header("host", *host);
            }
            let (head, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(names_host(&head), is_right, "{version:?} {hosts:?}");
        }
    }

    #[test]
    fn requests_go_where_their_head_says() {
        let json = |protocol| Route::Rpc {
            target: "AmazonSQS",
            operation: "SendMessage",
            protocol,
        };
        let target = Some(("x-amz-target", "AmazonSQS.SendMessage"));
        let cbor = Some(("smithy-protocol", "rpc-v2-cbor"));
        let form = Some((
            "content-type",
            "application/x-www-form-urlencoded; charset=utf-8",
        ));
        for (method, uri, first, second, expected) in [
            ("GET", "/_shukuba/health", None, None, Route::Health),
            ("GET", "/_shukuba/metrics", None, None, Route::Metrics),
            (
                "POST",
                "/_shukuba/api/ledger",
                None,
                None,
                Route::Admin { name: "ledger" },
            ),
            ("GET", "/_shukuba/api/ledger", None, None, Route::Nowhere),
            ("GET", "/_shukuba/", None, None, Route::Page { path: "" }),
            ("PUT", "/_shukuba/", None, None, Route::Nowhere),
            (
                "POST",
                "/_shukuba/sign-in",
                form,
                None,
                Route::Page { path: "sign-in" },
            ),
            ("POST", "/_shukuba/health", target, None, Route::Nowhere),
            (
                "POST",
                "/",
                target,
                Some(("content-type", "application/x-amz-json-1.0")),
                json(Protocol::Json10),
            ),
            (
                "POST",
                "/",
                target,
                Some(("content-type", "application/x-amz-json-1.1")),
                json(Protocol::Json11),
            ),
            ("POST", "/123456789012/s2s", form, None, Route::Query),
            ("GET", "/?Action=ListQueues", None, None, Route::Query),
            ("GET", "/?Actio=ListQueues", None, None, Route::Nowhere),
            ("GET", "/", None, None, Route::Nowhere),
            ("PUT", "/bucket/key", form, None, Route::Nowhere),
            (
                "POST",
                "/service/AmazonSQS/operation/SendMessage",
                cbor,
                None,
                json(Protocol::RpcV2Cbor),
            ),
            (
                "POST",
                "/behind/a/proxy/service/AmazonSQS/operation/SendMessage",
                cbor,
                Some(("content-type", "application/cbor")),
                json(Protocol::RpcV2Cbor),
            ),
            (
                "POST",
                "/service/AmazonSQS/operation/SendMessage",
                None,
                None,
                Route::Nowhere,
            ),
            (
                "GET",
                "/service/AmazonSQS/operation/SendMessage",
                cbor,
                None,
                Route::Nowhere,
            ),
            (
                "POST",
                "/AmazonSQS/operation/SendMessage",
                cbor,
                None,
                Route::Nowhere,
            ),
            ("POST", "/", cbor, None, Route::Nowhere),
        ] {
            let mut request = http::Request::builder().method(method).uri(uri);
            for (name, value) in [first, second].into_iter().flatten() {
                request = request.header(name, value);
            }
            let (head, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(find(&head), expected, "{method} {uri}");
        }
    }
}
