//! Writes a record. Without clock and randomness: time and id are passed in.

use base::{AccountId, Arn, Region, Timestamp};
use serde_json::{Value, json};

use super::redact::{self, HIDDEN};
use super::{PARAMETERS_BYTES_MAX, RESOURCES_MAX, TEXT_BYTES_MAX, facts};
use crate::seen::{Class, Identity, Mfa, Origin, Seen, Way, Who};

/// The version of the form. Source: CloudTrail user guide, record contents.
const VERSION: &str = "1.11";

/// How AWS names who did not sign. Source: Amazon S3 user guide, identifying requests with CloudTrail.
const ANYBODY: &str = "ANONYMOUS_PRINCIPAL";

/// Letters of an operation's name, beyond which a stranger's claim is not repeated. Chosen: the longest of AWS has 60.
const NAME_BYTES_MAX: usize = 128;

/// Where calls are taken.
#[derive(Clone, Debug)]
pub struct Place {
    /// The account.
    pub account: AccountId,
    /// The region.
    pub region: Region,
}

/// The record of a call that ended at `at`, under the id `event_id`.
#[must_use]
pub fn event(place: &Place, at: Timestamp, event_id: &str, seen: &Seen<'_>) -> Vec<u8> {
    let mut out = Object::new(512 + seen.request.map_or(0, <[u8]>::len));
    out.text("eventVersion", VERSION);
    out.value("userIdentity", &identity(&seen.identity));
    out.text("eventTime", &second(at));
    out.text("eventSource", &facts::event_source(seen.service));
    out.text("eventName", claimed_name(seen.operation));
    out.text("awsRegion", region(place, seen.service));
    match seen.source {
        Some(address) => out.text("sourceIPAddress", &address.to_canonical().to_string()),
        None => out.text("sourceIPAddress", "shukuba.internal"),
    }
    if !seen.user_agent.is_empty() {
        out.text("userAgent", cut(seen.user_agent, TEXT_BYTES_MAX));
    }
    if let Some(failure) = &seen.failure {
        out.text("errorCode", cut(failure.code, NAME_BYTES_MAX));
        let shown = redact::without_secrets(failure.message);
        out.text("errorMessage", cut(&shown, TEXT_BYTES_MAX));
    }
    out.value(
        "requestParameters",
        &parameters(seen.request, "requestParameters"),
    );
    out.value(
        "responseElements",
        &parameters(seen.response, "responseElements"),
    );
    if seen.tls.is_none() && !seen.host.is_empty() {
        let host = cut(seen.host, TEXT_BYTES_MAX);
        out.value(
            "additionalEventData",
            &json!({ "clientProvidedHostHeader": host }),
        );
    }
    out.text("requestID", seen.request_id);
    out.text("eventID", event_id);
    out.value(
        "readOnly",
        &facts::is_read_only(seen.service, seen.operation).into(),
    );
    if !seen.resources.is_empty() {
        out.value("resources", &resources(place, seen.resources));
    }
    out.text("eventType", event_type(seen.way));
    out.value("managementEvent", &(seen.class == Class::Management).into());
    out.text("recipientAccountId", place.account.as_str());
    out.text("eventCategory", category(seen.class));
    if let Some(tls) = &seen.tls {
        let details = json!({
            "tlsVersion": tls.version,
            "cipherSuite": tls.cipher_suite,
            "clientProvidedHostHeader": cut(seen.host, TEXT_BYTES_MAX),
        });
        out.value("tlsDetails", &details);
    }
    if seen
        .identity
        .session
        .is_some_and(|it| it.origin == Origin::SignIn)
    {
        out.text("sessionCredentialFromConsole", "true");
    }
    out.end()
}

/// The record of something that the trail itself did or found, such as a torn tail that was cut off.
#[must_use]
pub fn service_event(
    place: &Place,
    at: Timestamp,
    event_id: &str,
    name: &str,
    details: &Value,
) -> Vec<u8> {
    let mut out = Object::new(512);
    let by = "cloudtrail.amazonaws.com";
    out.text("eventVersion", VERSION);
    out.value(
        "userIdentity",
        &json!({ "type": "AWSService", "invokedBy": by }),
    );
    out.text("eventTime", &second(at));
    out.text("eventSource", by);
    out.text("eventName", name);
    out.text("awsRegion", place.region.as_str());
    out.text("sourceIPAddress", by);
    out.text("userAgent", by);
    out.value("requestParameters", &Value::Null);
    out.value("responseElements", &Value::Null);
    out.text("eventID", event_id);
    out.value("readOnly", &false.into());
    out.text("eventType", "AwsServiceEvent");
    out.value("managementEvent", &true.into());
    out.text("recipientAccountId", place.account.as_str());
    out.value("serviceEventDetails", details);
    out.text("eventCategory", "Management");
    out.end()
}

/// `2026-11-29T06:32:10Z`: records have no fractions of seconds.
fn second(at: Timestamp) -> String {
    let text = Timestamp::from_secs(at.as_secs()).rfc3339();
    text.replace(".000Z", "Z")
}

fn region<'a>(place: &'a Place, service: &str) -> &'a str {
    match facts::is_global(service) {
        true => facts::GLOBAL_REGION,
        false => place.region.as_str(),
    }
}

const fn event_type(way: Way) -> &'static str {
    match way {
        Way::Call => "AwsApiCall",
        Way::SignIn => "AwsConsoleSignIn",
    }
}

const fn category(class: Class) -> &'static str {
    match class {
        Class::Management => "Management",
        Class::Data => "Data",
    }
}

fn identity(of: &Identity<'_>) -> Value {
    let mut out = serde_json::Map::new();
    let mut put = |name: &str, value: &str| {
        if !value.is_empty() {
            out.insert(name.to_owned(), value.into());
        }
    };
    let key = claimed_key(of);
    match of.who {
        Who::Root => {
            put("type", "Root");
            put("principalId", of.account);
        }
        Who::User { name, id } => {
            put("type", "IAMUser");
            put("principalId", id);
            put("userName", name);
        }
        Who::AssumedRole {
            role_id, session, ..
        } => {
            put("type", "AssumedRole");
            put("principalId", &format!("{role_id}:{session}"));
        }
        Who::Federated { session, .. } => {
            put("type", "FederatedUser");
            put("principalId", &format!("{}:{session}", of.account));
        }
        Who::Service { name } => {
            put("type", "AWSService");
            put("invokedBy", name);
        }
        Who::Anybody => {
            put("type", "AWSAccount");
            put("principalId", ANYBODY);
        }
        Who::Unknown => put("type", "Unknown"),
    }
    let is_somebody = !matches!(of.who, Who::Anybody | Who::Unknown);
    if is_somebody {
        put("arn", of.arn);
        put("accountId", of.account);
    }
    put("accessKeyId", &key);
    if let Some(context) = session_context(of) {
        out.insert("sessionContext".to_owned(), context);
    }
    Value::Object(out)
}

fn session_context(of: &Identity<'_>) -> Option<Value> {
    let session = of.session?;
    let mfa = match session.mfa {
        Mfa::Shown => "true",
        Mfa::NotShown => "false",
    };
    let attributes = json!({ "creationDate": second(session.issued_at), "mfaAuthenticated": mfa });
    let mut context = json!({ "attributes": attributes });
    if let (Some(issuer), Value::Object(context)) = (issuer(of), &mut context) {
        context.insert("sessionIssuer".to_owned(), issuer);
    }
    Some(context)
}

fn issuer(of: &Identity<'_>) -> Option<Value> {
    let (kind, id, arn, name) = match of.who {
        Who::AssumedRole {
            role,
            role_id,
            role_arn,
            ..
        } => ("Role", role_id, role_arn, role),
        Who::Federated {
            user,
            user_id,
            user_arn,
            ..
        } => ("IAMUser", user_id, user_arn, user),
        _ => return None,
    };
    Some(json!({
        "type": kind,
        "principalId": id,
        "arn": arn,
        "accountId": of.account,
        "userName": name,
    }))
}

/// The key's id. Who is not known may have pasted a secret there, which has other letters than an id.
fn claimed_key(of: &Identity<'_>) -> String {
    let is_id = |text: &str| {
        text.len() <= NAME_BYTES_MAX
            && text
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    match of.who {
        Who::Unknown if !is_id(of.access_key_id) => HIDDEN.to_owned(),
        _ => of.access_key_id.to_owned(),
    }
}

/// An operation's name, or `Unknown` where a stranger sent something else in its place.
fn claimed_name(name: &str) -> &str {
    let is_name = (1..=NAME_BYTES_MAX).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':'));
    if is_name { name } else { "Unknown" }
}

/// What was given or answered, without secrets; what is too large or no JSON is said to be left out.
fn parameters(json: Option<&[u8]>, what: &str) -> Value {
    let Some(json) = json else {
        return Value::Null;
    };
    let left_out = |why: &str| {
        json!({
            "omitted": true,
            "originalSize": json.len(),
            "reason": format!("{what} {why}"),
        })
    };
    if json.len() > PARAMETERS_BYTES_MAX {
        return left_out("too large");
    }
    match serde_json::from_slice::<Value>(json) {
        Ok(Value::Object(members)) if members.is_empty() => Value::Null,
        Ok(mut value) => {
            redact::hide(&mut value);
            let value = begin_small(value);
            // What stands where something is hidden may be longer than what stood there.
            match value.to_string().len() {
                ..=PARAMETERS_BYTES_MAX => value,
                _ => left_out("too large"),
            }
        }
        Err(_) => left_out("not readable"),
    }
}

/// Members whose own names are the caller's: maps.
const MAPS: &[&str] = &[
    "Attributes",
    "Tags",
    "MessageAttributes",
    "MessageSystemAttributes",
];

/// Names of members as records have them, `queueName` for `QueueName`; abbreviations such as `AWSAccountIds` stay.
///
/// Source: SQS developer guide, "Example SQS CloudTrail log entries" (AddPermission has `AWSAccountIds` and `queueUrl`).
fn begin_small(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let small = |(name, value): (String, Value)| match value {
                Value::Object(_) if MAPS.contains(&&*name) => (small_name(&name), value),
                value => (small_name(&name), begin_small(value)),
            };
            members.into_iter().map(small).collect()
        }
        Value::Array(items) => items.into_iter().map(begin_small).collect(),
        plain => plain,
    }
}

/// Names that records have as they are. Source: CloudTrail user guide, console sign-in events.
const KEPT: &[&str] = &["ConsoleLogin"];

fn small_name(name: &str) -> String {
    if KEPT.contains(&name) {
        return name.to_owned();
    }
    let mut letters = name.chars();
    match (letters.next(), letters.next()) {
        (Some(first), second) if !second.is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(name.chars().skip(1)).collect()
        }
        _ => name.to_owned(),
    }
}

fn resources(place: &Place, of: &[Arn]) -> Value {
    let one = |arn: &Arn| {
        let account = match arn.account.as_str() {
            "" => place.account.as_str(),
            account => account,
        };
        let name = arn.to_string();
        let name = redact::without_secrets(cut(&name, TEXT_BYTES_MAX));
        let mut one = json!({ "ARN": name, "accountId": cut(account, TEXT_BYTES_MAX) });
        if let (Some(kind), Value::Object(one)) = (facts::resource_type(arn), &mut one) {
            one.insert("type".to_owned(), kind.into());
        }
        one
    };
    of.iter().take(RESOURCES_MAX).map(one).collect()
}

/// The longest beginning of `text` that has at most `bytes` and ends between letters.
fn cut(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// A JSON object being written member by member, in the order given.
struct Object {
    out: Vec<u8>,
}

impl Object {
    fn new(bytes: usize) -> Self {
        let mut out = Vec::with_capacity(bytes);
        out.push(b'{');
        Self { out }
    }

    fn name(&mut self, name: &str) {
        if self.out.len() > 1 {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        push_json(&mut self.out, &text);
    }

    fn value(&mut self, name: &str, value: &Value) {
        self.name(name);
        push_json(&mut self.out, value);
    }

    fn end(mut self) -> Vec<u8> {
        self.out.push(b'}');
        self.out
    }
}

#[expect(
    clippy::expect_used,
    reason = "texts and values are always JSON, and memory takes them"
)]
fn push_json<T: serde::Serialize>(out: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(out, value).expect("it is JSON");
}
