//! A request's claim to be signed: read it, then verify it.

use std::borrow::Cow;
use std::time::Duration;

use base::Timestamp;
use http::HeaderMap;
use subtle::ConstantTimeEq;

use super::canonical::{self, PathStyle, RequestParts};
use super::key::{Scope, SecretKey};
use super::refusal::Refusal;
use super::sent::{Sent, required};
use super::{ALGORITHM, hex_digest, sha256, time};

/// The header that says what of the body is signed.
const CONTENT_SHA256: &str = "x-amz-content-sha256";
/// What stands in for the body's hash where the body is not signed.
const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
/// The region in which clients sign for services that have none.
const GLOBAL_REGION: &str = "us-east-1";
/// The most headers that a signature may cover.
const SIGNED_HEADERS_LIMIT: usize = 64;
/// The longest time that a presigned URL may hold: 7 days.
const PRESIGNED_SECS_MAX: u64 = 604_800;

/// What the verifier asks for.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The region that is taken.
    pub region: &'a str,
    /// Services that have no region: clients sign for them as in `us-east-1`, and that is taken too.
    pub global: &'a [&'a str],
    /// How far the signer's clock may be away from ours: 15 minutes.
    pub skew: Duration,
    /// How the path goes into the canonical request.
    pub path: PathStyle,
    /// Whether `UNSIGNED-PAYLOAD` is taken: S3 only.
    pub payload: Payload,
}

/// Whether the body must be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Every body is compared with its signed hash.
    Signed,
    /// `UNSIGNED-PAYLOAD` is taken, and stands for the body of presigned requests.
    MayBeUnsigned,
}

impl<'a> Rules<'a> {
    /// The rules for every service but S3.
    #[must_use]
    pub const fn service(region: &'a str) -> Self {
        Self {
            region,
            global: &[],
            skew: Duration::from_secs(15 * 60),
            path: PathStyle::SERVICE,
            payload: Payload::Signed,
        }
    }

    /// The rules for S3.
    #[must_use]
    pub const fn object(region: &'a str) -> Self {
        Self {
            path: PathStyle::OBJECT,
            payload: Payload::MayBeUnsigned,
            ..Self::service(region)
        }
    }
}

/// Where the signature stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// In the `Authorization` header.
    Header,
    /// In the query string.
    Presigned,
}

/// A claim that is in form, in scope and in time, but not proven.
#[derive(Debug)]
pub struct Claim<'a> {
    parts: RequestParts<'a>,
    rules: Rules<'a>,
    style: Style,
    credential: Cow<'a, str>,
    signed_at: Cow<'a, str>,
    signed_headers: Cow<'a, str>,
    signature: [u8; 32],
    token: Option<Cow<'a, str>>,
}

impl<'a> Claim<'a> {
    /// Takes a request's signature apart and checks what needs neither key nor body.
    ///
    /// # Errors
    /// A [`Refusal`] that names what is wrong; never one about the key, the body or the signature.
    pub fn read(
        parts: RequestParts<'a>,
        rules: Rules<'a>,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        refuse_doubled_headers(parts.headers)?;
        let (style, sent) = Sent::find(&parts)?;
        let expires = sent.expires.clone();
        let claim = Self::from_sent(parts, rules, style, sent)?;
        claim.check_signed_headers()?;
        claim.check_time(expires.as_deref(), now)?;
        Ok(claim)
    }

    fn from_sent(
        parts: RequestParts<'a>,
        rules: Rules<'a>,
        style: Style,
        sent: Sent<'a>,
    ) -> Result<Self, Refusal> {
        let credential = required(sent.credential, style, "Credential")?;
        let signed_headers = required(sent.signed_headers, style, "SignedHeaders")?;
        let signature = required(sent.signature, style, "Signature")?;
        let signed_at = sent.date.ok_or_else(|| {
            Refusal::Incomplete(
                "the request has no 'X-Amz-Date', such as 20150830T123600Z".to_owned(),
            )
        })?;
        let (_, scope) = read_credential(&credential)?;
        check_scope(&scope, &rules, &signed_at)?;
        let signature = read_signature(&signature)?;
        Ok(Self {
            parts,
            rules,
            style,
            credential,
            signed_at,
            signed_headers,
            signature,
            token: sent.token,
        })
    }

    /// The id of the key that claims to have signed.
    #[must_use]
    pub fn key_id(&self) -> &str {
        self.credential.split('/').next().unwrap_or_default()
    }

    /// The service that the signature is for, such as `sqs`.
    #[must_use]
    pub fn service(&self) -> &str {
        self.scope().service
    }

    /// The session token, which the key's keeper must check.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Where the signature stands.
    #[must_use]
    pub fn style(&self) -> Style {
        self.style
    }

    /// Refuses a signature for another service than `service`.
    ///
    /// # Errors
    /// [`Refusal::Scope`].
    pub fn check_service(&self, service: &str) -> Result<(), Refusal> {
        if self.service() == service {
            return Ok(());
        }
        Err(Refusal::Scope(format!(
            "Credential should be scoped to correct service: '{service}'."
        )))
    }

    /// Compares the body with its hash and the signature with what `secret` gives.
    ///
    /// # Errors
    /// [`Refusal::BodyHash`], [`Refusal::PayloadForm`] or [`Refusal::Mismatch`].
    pub fn verify(&self, secret: &SecretKey, body: &[u8]) -> Result<(), Refusal> {
        self.compare(secret, &self.payload(body)?)
    }

    /// Compares the signature with what `secret` gives for the head and for what it says of the body. Whoever reads the
    /// body must then hold it against that.
    ///
    /// # Errors
    /// [`Refusal::Incomplete`] where the head says nothing of the body, [`Refusal::Mismatch`].
    pub fn verify_head(&self, secret: &SecretKey) -> Result<(), Refusal> {
        let payload = match self.style {
            Style::Presigned => UNSIGNED_PAYLOAD,
            Style::Header => header(self.parts.headers, CONTENT_SHA256).ok_or_else(|| {
                Refusal::Incomplete(format!("the request has no '{CONTENT_SHA256}'"))
            })?,
        };
        self.compare(secret, payload)
    }

    fn compare(&self, secret: &SecretKey, payload: &str) -> Result<(), Refusal> {
        let canonical = self.canonical_request(payload);
        let scope = self.scope();
        let string_to_sign = string_to_sign(&self.signed_at, &scope, &canonical);
        let expected = secret.sign(&scope, &string_to_sign);
        if bool::from(expected.ct_eq(&self.signature)) {
            return Ok(());
        }
        Err(Refusal::Mismatch {
            canonical: String::from_utf8_lossy(&canonical).into_owned(),
            string_to_sign,
        })
    }

    /// The canonical request with `payload` as its last line.
    #[must_use]
    pub fn canonical_request(&self, payload: &str) -> Vec<u8> {
        let names: Vec<&str> = self.signed_headers.split(';').collect();
        canonical::request(&self.parts, self.rules.path, &names, payload)
    }

    fn scope(&self) -> Scope<'_> {
        let mut parts = self.credential.split('/').skip(1);
        let mut next = || parts.next().unwrap_or_default();
        Scope {
            day: next(),
            region: next(),
            service: next(),
        }
    }

    /// The last line of the canonical request.
    fn payload(&self, body: &[u8]) -> Result<String, Refusal> {
        let may_be_unsigned = self.rules.payload == Payload::MayBeUnsigned;
        let sent = header(self.parts.headers, CONTENT_SHA256);
        match sent {
            None if self.style == Style::Presigned && may_be_unsigned => {
                Ok(UNSIGNED_PAYLOAD.to_owned())
            }
            None => Ok(hex_digest(&sha256(body))),
            Some(UNSIGNED_PAYLOAD) if may_be_unsigned => Ok(UNSIGNED_PAYLOAD.to_owned()),
            Some(form) if !is_hex_digest(form) => Err(Refusal::PayloadForm { form: shown(form) }),
            Some(digest) => {
                let computed = hex_digest(&sha256(body));
                if computed == digest {
                    Ok(computed)
                } else {
                    Err(Refusal::BodyHash { computed })
                }
            }
        }
    }

    /// INVARIANT: after this, what decides about the request is signed: the host and every `x-amz-*` header.
    fn check_signed_headers(&self) -> Result<(), Refusal> {
        let names: Vec<&str> = self.signed_headers.split(';').collect();
        if names.len() > SIGNED_HEADERS_LIMIT {
            return Err(Refusal::Incomplete(format!(
                "more than {SIGNED_HEADERS_LIMIT} headers are signed"
            )));
        }
        let is_in_order = names.windows(2).all(|pair| matches!(pair, [a, b] if a < b));
        if !is_in_order || names.iter().any(|name| !is_header_name(name)) {
            return Err(Refusal::Incomplete(
                "'SignedHeaders' must be names in lower case, sorted, each once, joined by ';'"
                    .to_owned(),
            ));
        }
        if let Some(absent) = names
            .iter()
            .find(|name| !self.parts.headers.contains_key(**name))
        {
            return Err(Refusal::Unsigned(format!(
                "the signed header '{absent}' is not in the request"
            )));
        }
        if names.binary_search(&"host").is_err() {
            return Err(Refusal::Unsigned(
                "'Host' must be a 'SignedHeader' in the AWS Authorization.".to_owned(),
            ));
        }
        let unsigned = self.parts.headers.keys().find(|name| {
            name.as_str().starts_with("x-amz-") && names.binary_search(&name.as_str()).is_err()
        });
        unsigned.map_or(Ok(()), |name| {
            Err(Refusal::Unsigned(format!(
                "'{name}' must be a 'SignedHeader' in the AWS Authorization."
            )))
        })
    }

    fn check_time(&self, expires: Option<&str>, now: Timestamp) -> Result<(), Refusal> {
        let signed = time::parse(&self.signed_at).ok_or_else(|| {
            Refusal::Incomplete("'X-Amz-Date' must be in the form 20150830T123600Z".to_owned())
        })?;
        let window_minutes = self.rules.skew.as_secs() / 60;
        let latest = now.plus(self.rules.skew);
        if signed > latest {
            return Err(Refusal::NotYetCurrent {
                signed: self.signed_at.to_string(),
                latest: time::format(latest),
                now: time::format(now),
                window_minutes,
            });
        }
        if self.style == Style::Presigned {
            return check_expiry(signed, expires, now);
        }
        let earliest = now.minus(self.rules.skew);
        if signed >= Timestamp::from_secs(earliest.as_secs()) {
            return Ok(());
        }
        Err(Refusal::Expired {
            signed: self.signed_at.to_string(),
            earliest: time::format(earliest),
            now: time::format(now),
            window_minutes,
        })
    }
}

/// The text whose HMAC is the signature.
pub(super) fn string_to_sign(signed_at: &str, scope: &Scope<'_>, canonical: &[u8]) -> String {
    let mut text = String::with_capacity(192);
    for part in [
        ALGORITHM,
        "\n",
        signed_at,
        "\n",
        scope.day,
        "/",
        scope.region,
        "/",
        scope.service,
    ] {
        text.push_str(part);
    }
    text.push_str("/aws4_request\n");
    text.push_str(&hex_digest(&sha256(canonical)));
    text
}

fn check_expiry(signed: Timestamp, expires: Option<&str>, now: Timestamp) -> Result<(), Refusal> {
    let secs = expires
        .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .filter(|secs| (1..=PRESIGNED_SECS_MAX).contains(secs))
        .ok_or_else(|| {
            Refusal::Incomplete(format!(
                "'X-Amz-Expires' must be 1 to {PRESIGNED_SECS_MAX} seconds"
            ))
        })?;
    let until = signed.plus(Duration::from_secs(secs));
    if now > until {
        Err(Refusal::PresignedExpired { until, now })
    } else {
        Ok(())
    }
}

/// `KEYID/20150830/us-east-1/sqs/aws4_request`
fn read_credential(credential: &str) -> Result<(&str, Scope<'_>), Refusal> {
    let mut parts = credential.split('/');
    let five = (
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
    );
    let (Some(key_id), Some(day), Some(region), Some(service), Some(end), None) = five else {
        return Err(Refusal::Incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term".to_owned(),
        ));
    };
    if end != "aws4_request" {
        return Err(Refusal::Scope(format!(
            "Credential should be scoped with a valid terminator: 'aws4_request', not '{}'.",
            shown(end)
        )));
    }
    if key_id.is_empty() {
        return Err(Refusal::Incomplete(
            "Credential must begin with the id of a key".to_owned(),
        ));
    }
    Ok((
        key_id,
        Scope {
            day,
            region,
            service,
        },
    ))
}

fn check_scope(scope: &Scope<'_>, rules: &Rules<'_>, date: &str) -> Result<(), Refusal> {
    let is_global = scope.region == GLOBAL_REGION && rules.global.contains(&scope.service);
    if scope.region != rules.region && !is_global {
        return Err(Refusal::Scope(format!(
            "Credential should be scoped to a valid Region, not '{}'; this server is '{}'.",
            shown(scope.region),
            rules.region
        )));
    }
    let day_sent = date.get(..8).unwrap_or(date);
    if scope.day == day_sent {
        return Ok(());
    }
    Err(Refusal::Scope(format!(
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{}', from '{}'.",
        shown(scope.day),
        shown(day_sent),
        shown(date)
    )))
}

fn read_signature(text: &str) -> Result<[u8; 32], Refusal> {
    let mut bytes = [0; 32];
    if is_hex_digest(text) && hex::decode_to_slice(text, &mut bytes).is_ok() {
        return Ok(bytes);
    }
    Err(Refusal::Incomplete(
        "'Signature' must be 64 hexadecimal digits in lower case".to_owned(),
    ))
}

fn is_hex_digest(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_header_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase())
}

pub(super) fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Headers that decide about a request, so that two of them leave open which one does.
const ONCE: [&str; 6] = [
    "authorization",
    "host",
    "x-amz-date",
    "x-amz-content-sha256",
    "x-amz-security-token",
    "x-amz-target",
];

fn refuse_doubled_headers(headers: &HeaderMap) -> Result<(), Refusal> {
    // INVARIANT: `len` counts values, `keys_len` names; equal means that no header is doubled.
    if headers.len() == headers.keys_len() {
        return Ok(());
    }
    let doubled = ONCE
        .iter()
        .find(|name| headers.get_all(**name).iter().nth(1).is_some());
    doubled.map_or(Ok(()), |name| {
        Err(Refusal::Incomplete(format!(
            "the header '{name}' stands twice"
        )))
    })
}

/// What a caller sent, short enough for an answer.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(128).collect()
}
