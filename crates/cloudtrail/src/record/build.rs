//! Writes a record. Without clock and randomness: time and id are passed in.

use std::borrow::Cow;

use base::{AccountId, Arn, Region, Timestamp};
use serde_json::Value;

use super::object::Object;
use super::redact::{self, HIDDEN};
use super::{RESOURCES_MAX, TEXT_BYTES_MAX, facts, parameters};
use crate::seen::{Class, Identity, Mfa, Origin, Seen, Way, Who};

/// The version of the form. Source: CloudTrail user guide, record contents.
const VERSION: &str = "1.11";

/// How AWS names who did not sign. Source: Amazon S3 user guide, identifying requests with CloudTrail.
const ANYBODY: &str = "ANONYMOUS_PRINCIPAL";

/// Letters of an operation's name, beyond which a stranger's claim is not repeated. Chosen: the longest of AWS has 60.
const NAME_BYTES_MAX: usize = 128;

/// Where most records find room. Chosen: those of a signed call have some 900.
const RECORD_BYTES: usize = 1 << 10;

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
    let mut out = Vec::with_capacity(RECORD_BYTES + seen.request.map_or(0, <[u8]>::len));
    Object::write(&mut out, |it| members(it, place, at, event_id, seen));
    out
}

fn members(it: &mut Object<'_>, place: &Place, at: Timestamp, event_id: &str, seen: &Seen<'_>) {
    it.text("eventVersion", VERSION);
    it.object("userIdentity", |it| identity(it, &seen.identity));
    it.text("eventTime", &at.rfc3339_secs());
    it.text("eventSource", &facts::event_source(seen.service));
    it.text("eventName", claimed_name(seen.operation));
    it.text("awsRegion", region(place, seen.service));
    match seen.source {
        Some(address) => it.text("sourceIPAddress", &address.to_canonical().to_string()),
        None => it.text("sourceIPAddress", "shukuba.internal"),
    }
    it.filled("userAgent", cut(seen.user_agent, TEXT_BYTES_MAX));
    if let Some(failure) = &seen.failure {
        it.text("errorCode", cut(failure.code, NAME_BYTES_MAX));
        let shown = redact::without_secrets(failure.message);
        it.text("errorMessage", cut(&shown, TEXT_BYTES_MAX));
    }
    for (name, json) in [
        ("requestParameters", seen.request),
        ("responseElements", seen.response),
    ] {
        parameters::write(it.member(name), json, name);
    }
    let host = cut(seen.host, TEXT_BYTES_MAX);
    if seen.tls.is_none() && !host.is_empty() {
        it.object("additionalEventData", |it| {
            it.text("clientProvidedHostHeader", host);
        });
    }
    it.text("requestID", seen.request_id);
    it.text("eventID", event_id);
    it.value(
        "readOnly",
        facts::is_read_only(seen.service, seen.operation),
    );
    if !seen.resources.is_empty() {
        resources(it.member("resources"), place, seen.resources);
    }
    it.text("eventType", event_type(seen.way));
    it.value("managementEvent", seen.class == Class::Management);
    it.text("recipientAccountId", place.account.as_str());
    it.text("eventCategory", category(seen.class));
    if let Some(tls) = &seen.tls {
        it.object("tlsDetails", |it| {
            it.text("tlsVersion", tls.version);
            it.text("cipherSuite", tls.cipher_suite);
            it.text("clientProvidedHostHeader", host);
        });
    }
    let session = seen.identity.session;
    if session.is_some_and(|it| it.origin == Origin::SignIn) {
        it.text("sessionCredentialFromConsole", "true");
    }
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
    let mut out = Vec::with_capacity(RECORD_BYTES);
    let by = "cloudtrail.amazonaws.com";
    Object::write(&mut out, |it| {
        it.text("eventVersion", VERSION);
        it.object("userIdentity", |it| {
            it.text("type", "AWSService");
            it.text("invokedBy", by);
        });
        it.text("eventTime", &at.rfc3339_secs());
        it.text("eventSource", by);
        it.text("eventName", name);
        it.text("awsRegion", place.region.as_str());
        it.text("sourceIPAddress", by);
        it.text("userAgent", by);
        it.value("requestParameters", ());
        it.value("responseElements", ());
        it.text("eventID", event_id);
        it.value("readOnly", false);
        it.text("eventType", "AwsServiceEvent");
        it.value("managementEvent", true);
        it.text("recipientAccountId", place.account.as_str());
        it.value("serviceEventDetails", details);
        it.text("eventCategory", "Management");
    });
    out
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

fn identity(it: &mut Object<'_>, of: &Identity<'_>) {
    let (kind, id) = kind_and_id(of);
    it.text("type", kind);
    it.filled("principalId", &id);
    if !matches!(of.who, Who::Anybody | Who::Unknown) {
        it.filled("arn", of.arn);
        it.filled("accountId", of.account);
    }
    it.filled("accessKeyId", claimed_key(of));
    match of.who {
        Who::User { name, .. } => it.filled("userName", name),
        Who::Service { name } => it.filled("invokedBy", name),
        _ => {}
    }
    session_context(it, of);
}

fn kind_and_id<'a>(of: &Identity<'a>) -> (&'static str, Cow<'a, str>) {
    match of.who {
        Who::Root => ("Root", of.account.into()),
        Who::User { id, .. } => ("IAMUser", id.into()),
        Who::AssumedRole {
            role_id, session, ..
        } => ("AssumedRole", format!("{role_id}:{session}").into()),
        Who::Federated { session, .. } => {
            ("FederatedUser", format!("{}:{session}", of.account).into())
        }
        Who::Service { .. } => ("AWSService", "".into()),
        Who::Anybody => ("AWSAccount", ANYBODY.into()),
        Who::Unknown => ("Unknown", "".into()),
    }
}

fn session_context(it: &mut Object<'_>, of: &Identity<'_>) {
    let Some(session) = of.session else {
        return;
    };
    let mfa = match session.mfa {
        Mfa::Shown => "true",
        Mfa::NotShown => "false",
    };
    it.object("sessionContext", |it| {
        it.object("attributes", |it| {
            it.text("creationDate", &session.issued_at.rfc3339_secs());
            it.text("mfaAuthenticated", mfa);
        });
        issuer(it, of);
        it.filled(
            "sourceIdentity",
            session.source_identity.unwrap_or_default(),
        );
    });
}

fn issuer(it: &mut Object<'_>, of: &Identity<'_>) {
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
        _ => return,
    };
    it.object("sessionIssuer", |it| {
        it.text("type", kind);
        it.text("principalId", id);
        it.text("arn", arn);
        it.text("accountId", of.account);
        it.text("userName", name);
    });
}

/// The key's id. Who is not known may have pasted a secret there, which has other letters than an id.
fn claimed_key<'a>(of: &Identity<'a>) -> &'a str {
    let is_id = |text: &str| {
        text.len() <= NAME_BYTES_MAX
            && text
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    match of.who {
        Who::Unknown if !is_id(of.access_key_id) => HIDDEN,
        _ => of.access_key_id,
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

fn resources(out: &mut Vec<u8>, place: &Place, of: &[Arn]) {
    for (number, arn) in of.iter().take(RESOURCES_MAX).enumerate() {
        out.push(if number == 0 { b'[' } else { b',' });
        Object::write(out, |it| resource(it, place, arn));
    }
    out.push(b']');
}

fn resource(it: &mut Object<'_>, place: &Place, arn: &Arn) {
    let account = match arn.account.as_str() {
        "" => place.account.as_str(),
        account => account,
    };
    let name = arn.text();
    let name = redact::without_secrets(cut(&name, TEXT_BYTES_MAX));
    it.text("ARN", &name);
    it.text("accountId", cut(account, TEXT_BYTES_MAX));
    if let Some(kind) = facts::resource_type(arn) {
        it.text("type", kind);
    }
}

/// The longest beginning of `text` that has at most `bytes` and ends between letters.
fn cut(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
