//! An HMAC of what a template says, in headers that templates write.
//!
//! `{digest}` is one key's code, for the template of one signature; `{signatures}` are those signatures, for the headers.
//! The built-ins of a request that is being sent are known everywhere; fields of the line are not, any more.
//!
//! The body is not copied: what is signed is cut at each `{@body}`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac::{Context, HMAC_SHA1_FOR_LEGACY_USE_ONLY, HMAC_SHA256, HMAC_SHA512, Key, Tag};
use serde::{Deserialize, Serialize};
use url::Position;

use super::{Facts, Scheme};
use crate::template::{Builtin, Lookup, Name, Place, Reveal, Scope, Template, Value};

/// The hash of an HMAC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// SHA-1, for receivers that know no other.
    Sha1,
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-512.
    Sha512,
}

/// How a code is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Two digits of 0-9 and a-f a byte.
    #[default]
    Hex,
    /// Base64 with padding (RFC 4648, section 4).
    Base64,
}

/// How signatures are made and written.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a> {
    /// The hash.
    pub algorithm: Algorithm,
    /// How a code is written.
    pub encoding: Encoding,
    /// What is signed.
    pub content: &'a str,
    /// One signature.
    pub signature: &'a str,
    /// What stands between signatures; without it only the newest key signs.
    pub join: Option<&'a str>,
}

/// Signs by templates.
#[derive(Debug)]
pub struct Hmac {
    names: Vec<Box<str>>,
    values: Vec<Template>,
    keys: Vec<Key>,
    encoding: Encoding,
    content: Vec<Piece>,
    signature: Template,
    join: Box<str>,
}

#[derive(Debug)]
enum Piece {
    Filled(Template),
    Body,
}

/// The name in the template of one signature.
const DIGEST: &str = "digest";
/// The name in the templates of headers.
const SIGNATURES: &str = "signatures";
const BODY: &str = "{@body}";

impl Hmac {
    /// A signer that writes `headers`, names and templates.
    ///
    /// # Errors
    /// The key of the setting that is wrong, and what would be right.
    pub fn new<'a>(
        written: Written<'_>,
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
        secrets: impl IntoIterator<Item = &'a str>,
        reveal: Reveal<'_>,
    ) -> Result<Self, (String, String)> {
        let mut names = Vec::new();
        let mut values = Vec::new();
        for (name, text) in headers {
            let value = template(text, Place::Header, &[SIGNATURES], reveal)
                .map_err(|detail| (format!("headers.{name}"), detail))?;
            names.push(name.to_ascii_lowercase().into());
            values.push(value);
        }
        let is_signed = |value: &Template| value.names().any(|name| is_field(name, SIGNATURES));
        if !values.iter().any(is_signed) {
            let detail = "no header holds `{signatures}`; give such as `{ \"x-signature\" = \"sha256={signatures}\" }`";
            return Err(("headers".to_owned(), detail.to_owned()));
        }
        let signature = template(written.signature, Place::Raw, &[DIGEST], reveal)
            .map_err(|detail| ("signature".to_owned(), detail))?;
        if !signature.names().any(|name| is_field(name, DIGEST)) {
            let detail = "holds no `{digest}`, such as `v1={digest}`".to_owned();
            return Err(("signature".to_owned(), detail));
        }
        let algorithm = match written.algorithm {
            Algorithm::Sha1 => HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Algorithm::Sha256 => HMAC_SHA256,
            Algorithm::Sha512 => HMAC_SHA512,
        };
        let taken = written.join.map_or(1, |_| super::KEYS_MAX);
        let secrets = secrets.into_iter().take(taken);
        Ok(Self {
            names,
            values,
            keys: secrets
                .map(|secret| Key::new(algorithm, secret.as_bytes()))
                .collect(),
            encoding: written.encoding,
            content: pieces(written.content, reveal)
                .map_err(|detail| ("content".to_owned(), detail))?,
            signature,
            join: written.join.unwrap_or_default().into(),
        })
    }

    fn tags(&self, facts: &Facts<'_>) -> Result<Vec<Tag>, String> {
        let mut contexts: Vec<Context> = self.keys.iter().map(Context::with_key).collect();
        let known = Known { facts, own: None };
        for piece in &self.content {
            let filled;
            let bytes = match piece {
                Piece::Body => &*facts.notification.request.body,
                Piece::Filled(template) => {
                    filled = template.render(&known).map_err(|error| error.to_string())?;
                    filled.as_slice()
                }
            };
            for context in &mut contexts {
                context.update(bytes);
            }
        }
        Ok(contexts.into_iter().map(Context::sign).collect())
    }

    fn signatures(&self, facts: &Facts<'_>) -> Result<String, String> {
        let mut all = String::new();
        for (number, tag) in self.tags(facts)?.iter().enumerate() {
            let digest = match self.encoding {
                Encoding::Hex => hex::encode(tag),
                Encoding::Base64 => STANDARD.encode(tag),
            };
            let own = Some((DIGEST, digest.as_str()));
            let one = self.signature.render_text(&Known { facts, own });
            if number > 0 {
                all.push_str(&self.join);
            }
            all.push_str(&one.map_err(|error| error.to_string())?);
        }
        Ok(all)
    }
}

impl Scheme for Hmac {
    fn names(&self) -> &[Box<str>] {
        &self.names
    }

    fn sign(&self, facts: &Facts<'_>, put: &mut dyn FnMut(&str, &str)) -> Result<(), String> {
        let signatures = self.signatures(facts)?;
        let own = Some((SIGNATURES, signatures.as_str()));
        for (name, value) in self.names.iter().zip(&self.values) {
            let value = value.render_text(&Known { facts, own });
            put(name, &value.map_err(|error| error.to_string())?);
        }
        Ok(())
    }
}

/// What is signed, cut at each body.
fn pieces(text: &str, reveal: Reveal<'_>) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut begun = 0;
    let mut at = 0;
    let filled = |text: &str| template(text, Place::Raw, &[], reveal).map(Piece::Filled);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("{{") {
            at += 2;
        } else if rest.starts_with(BODY) {
            if let Some(before) = text.get(begun..at).filter(|before| !before.is_empty()) {
                pieces.push(filled(before)?);
            }
            pieces.push(Piece::Body);
            at += BODY.len();
            begun = at;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    if let Some(rest) = text.get(begun..).filter(|rest| !rest.is_empty()) {
        pieces.push(filled(rest)?);
    }
    match pieces.is_empty() {
        true => Err("is empty; give what is signed, such as `{@time.unix}.{@body}`".to_owned()),
        false => Ok(pieces),
    }
}

/// A template of which everything is known when a request is sent; `own` are the names that are known here alone.
fn template(
    text: &str,
    place: Place,
    own: &[&str],
    reveal: Reveal<'_>,
) -> Result<Template, String> {
    let found = Template::parse(text, place, Scope::Request, reveal);
    let found = found.map_err(|error| error.to_string())?;
    let unknown = found.names().find(|name| match name {
        Name::Field(path) => !own.contains(&path.as_str()),
        Name::Attribute(_) | Name::Parameter(_) | Name::Builtin(Builtin::Accepted(_)) => true,
        Name::Builtin(_) => false,
    });
    match unknown {
        None => Ok(found),
        Some(name) => Err(format!(
            "`{{{name}}}` is not known when a request is signed; known are {}`{{@id}}`, `{{@time.unix}}`, `{{@body}}` and what else is of the request",
            own.iter()
                .map(|own| format!("`{{{own}}}`, "))
                .collect::<String>()
        )),
    }
}

fn is_field(name: &Name, own: &str) -> bool {
    matches!(name, Name::Field(path) if path.as_str() == own)
}

/// What names stand for while a request is signed.
struct Known<'a> {
    facts: &'a Facts<'a>,
    own: Option<(&'static str, &'a str)>,
}

impl Lookup for Known<'_> {
    fn value(&self, name: &Name) -> Option<Value<'_>> {
        let notification = self.facts.notification;
        let url = &notification.request.url;
        let builtin = match name {
            Name::Field(path) => {
                let (own, value) = self.own?;
                return (path.as_str() == own).then(|| Value::text(value));
            }
            Name::Attribute(_) | Name::Parameter(_) => return None,
            Name::Builtin(builtin) => *builtin,
        };
        match builtin {
            Builtin::Id => Some(Value::text(&notification.id)),
            Builtin::Attempt => Some(Value::number(notification.attempt)),
            Builtin::Time(form) => Some(form.of(self.facts.at)),
            Builtin::Accepted(_) => None,
            Builtin::Method => Some(Value::text(notification.request.method.as_str())),
            Builtin::Url => Some(Value::text(&url[..Position::AfterQuery])),
            Builtin::Host => url.host_str().map(Value::text),
            Builtin::Path => Some(Value::text(url.path())),
            Builtin::Query => url.query().map(Value::text),
            Builtin::Body => Some(Value::bytes(&notification.request.body)),
        }
    }
}
