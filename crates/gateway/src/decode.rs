//! Step: decode. From the bytes of a proven request to a call of an operation.

use api::{Call, Fault};
use bytes::Bytes;
use http::header;
use http::request::Parts;
use wire::Protocol;
use wire::rest::Request;

use crate::answer;
use crate::form;
use crate::route::Route;
use crate::verify::Proven;

/// Reads the operation that the target or the form names.
pub(crate) fn call(
    head: &Parts,
    protocol: Protocol,
    route: Route<'_>,
    base_url: &str,
    proven: &Proven<'_>,
) -> Result<Box<dyn Call>, Fault> {
    let decoded = match (route, proven.service) {
        (Route::Rpc { operation, .. }, Some(service)) => service
            .decode(operation, protocol, &proven.body.bytes)
            .ok_or_else(|| unknown_operation(operation))?,
        (
            Route::Rest {
                operation: Some(operation),
                ..
            },
            Some(service),
        ) => {
            let request = Request {
                path: head.uri.path(),
                query: head.uri.query().unwrap_or_default(),
                headers: &head.headers,
                body: &proven.body.bytes,
            };
            service
                .decode_rest(operation, &request)
                .ok_or_else(|| unknown_operation(operation))?
        }
        (
            Route::Rpc {
                target, operation, ..
            },
            None,
        ) => return Err(unknown_operation(&format!("{target}.{operation}"))),
        (Route::Query, Some(service)) => {
            let form = whole_form(
                head,
                base_url,
                service.facts().query_url_member,
                &proven.body.bytes,
            );
            let action = query_action(service.facts().query_version, &form)?;
            service
                .decode(&action, protocol, &form)
                .ok_or_else(|| invalid_action(&action))?
        }
        (Route::Query, None) => {
            let action = form::value(&proven.body.bytes, "Action")
                .unwrap_or_default()
                .into_owned();
            return Err(invalid_action(&action));
        }
        _ => {
            let path = format!("{} {}", head.method, head.uri.path());
            return Err(unknown_operation(&path));
        }
    };
    decoded.map_err(|error| answer::undecodable(protocol, &error))
}

/// Whether the body is as its protocol has it; `false` where it is gzip.
///
/// Source: RFC 9110, 8.4; `x-gzip` is the same.
pub(crate) fn is_plain(head: &Parts) -> Result<bool, Fault> {
    let mut named = head.headers.get_all(header::CONTENT_ENCODING).iter();
    let Some(first) = named.next() else {
        return Ok(true);
    };
    let name = String::from_utf8_lossy(first.as_bytes());
    let name = name.trim();
    match name.to_ascii_lowercase().as_str() {
        _ if named.next().is_some() => Err(unknown_encoding("more than one")),
        "" | "identity" => Ok(true),
        "gzip" | "x-gzip" => Ok(false),
        _ => Err(unknown_encoding(name)),
    }
}

fn unknown_encoding(name: &str) -> Fault {
    let message = format!(
        "the Content-Encoding `{}` is not known here; gzip and identity are",
        short(name)
    );
    answer::front("UnsupportedMediaTypeException", 415, message)
}

/// Body and query string as one form, with the member that the URL stands for.
fn whole_form(head: &Parts, base_url: &str, url_member: Option<&str>, body: &Bytes) -> Bytes {
    let query = form::without_signature(head.uri.query().unwrap_or_default());
    let whole = if query.is_empty() {
        body.clone()
    } else {
        form::joined(query, body)
    };
    match url_member {
        Some(member) if head.uri.path() != "/" && form::value(&whole, member).is_none() => {
            form::with(&whole, member, &format!("{base_url}{}", head.uri.path()))
        }
        _ => whole,
    }
}

fn query_action(known_version: Option<&str>, form: &[u8]) -> Result<String, Fault> {
    let missing = || {
        answer::front(
            "MissingAction",
            400,
            "The request must contain the parameter Action",
        )
    };
    let action = form::value(form, "Action")
        .ok_or_else(missing)?
        .into_owned();
    match form::value(form, "Version") {
        Some(version) if Some(version.as_ref()) != known_version => {
            let shown: String = version.chars().take(64).collect();
            let message = format!(
                "Could not find operation {} for version {shown}",
                short(&action)
            );
            Err(answer::front("InvalidAction", 400, message))
        }
        _ => Ok(action),
    }
}

fn unknown_operation(name: &str) -> Fault {
    let message = format!("there is no operation `{}` here", short(name));
    answer::front_with_query_code("UnknownOperationException", "InvalidAction", 404, message)
}

fn invalid_action(action: &str) -> Fault {
    answer::front(
        "InvalidAction",
        400,
        format!(
            "The action {} is not valid for this endpoint.",
            short(action)
        ),
    )
}

/// What a caller sent, short enough for an answer.
fn short(text: &str) -> String {
    text.chars().take(128).collect()
}
