//! What an import comes to: lines for the settings, secrets to seal, and what does not come over.
//!
//! Everything in an export was chosen by others. INVARIANT: none of it is read as a template or as a reference to a secret, a
//! variable or a file; what could be is sealed, and named by a name that is made here.

use std::collections::BTreeMap;

use delivery::config::{Destination, Secrets, Settings};
use delivery::destinations::Destinations;
use gateway::secrets::{PREVIOUS, SECRET_BYTES_MAX};
use url::Url;

use super::endpoint::{Auth, Endpoint, Found};
use super::{Product, name};
use crate::cli::env::quoted;
use crate::output;

/// The longest comment of an endpoint, in characters. Chosen.
const COMMENT_CHARS_MAX: usize = 200;

/// Headers whose value is sealed though it is no template: what one of these is part of the name of.
const SECRET_NAMES: [&str; 8] = [
    "auth",
    "cookie",
    "credential",
    "key",
    "password",
    "secret",
    "signature",
    "token",
];

/// What is said of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remark {
    /// As its server names it.
    pub(crate) id: String,
    /// The destination, where it comes over.
    pub(crate) destination: Option<String>,
    pub(crate) text: String,
}

/// An import that has not been made yet.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// The lines of each destination.
    pub(crate) lines: Vec<String>,
    /// By name; values are shown nowhere.
    pub(crate) secrets: BTreeMap<String, String>,
    pub(crate) remarks: Vec<Remark>,
    /// Endpoints by their destinations.
    taken: BTreeMap<String, Endpoint>,
}

/// The settings and the secrets of one endpoint.
struct Made {
    table: toml::Table,
    secrets: BTreeMap<String, String>,
}

/// Secrets that are about to be sealed, and nothing else.
#[derive(Debug)]
struct Pending<'a>(&'a BTreeMap<String, String>);

impl Secrets for Pending<'_> {
    fn env(&self, name: &str) -> Result<String, String> {
        Err(format!("an import names no variable, and this is `{name}`"))
    }

    fn file(&self, path: &str) -> Result<String, String> {
        Err(format!("an import names no file, and this is `{path}`"))
    }

    fn sealed(&self, name: &str) -> Result<Option<String>, String> {
        Ok(self.0.get(name).cloned())
    }
}

impl Plan {
    pub(super) fn take(&mut self, product: Product, found: Found) {
        match found {
            Found::None => {}
            Found::Left { id, why } => self.leave(&id, why),
            Found::Endpoint(endpoint) => self.add(product, *endpoint),
        }
    }

    /// How many endpoints come over.
    pub(crate) fn len(&self) -> usize {
        self.taken.len()
    }

    /// How many stay behind.
    pub(crate) fn left(&self) -> usize {
        let left = self
            .remarks
            .iter()
            .filter(|remark| remark.destination.is_none());
        left.count()
    }

    fn leave(&mut self, id: &str, why: String) {
        self.remarks.push(Remark {
            id: id.to_owned(),
            destination: None,
            text: why,
        });
    }

    fn add(&mut self, product: Product, mut endpoint: Endpoint) {
        let destination = match name::of_url(&endpoint.url) {
            Ok(destination) => destination,
            Err(why) => return self.leave(&endpoint.id, why),
        };
        if let Some(other) = self.taken.get(&destination) {
            if !is_same(other, &endpoint) {
                let why = format!(
                    "goes to the same URL as `{}`, which came first, with another secret or other rules: what goes there \
                     gets those of `{}`; give one of them another path",
                    other.id, other.id
                );
                self.leave(&endpoint.id, why);
            }
            return;
        }
        if self.taken.values().any(|other| other.id == endpoint.id) {
            let why = "is there twice, with two URLs; the first came over".to_owned();
            return self.leave(&endpoint.id, why);
        }
        let made = match make(product, &destination, &mut endpoint) {
            Ok(made) => made,
            Err(why) => return self.leave(&endpoint.id, why),
        };
        if endpoint.is_disabled {
            endpoint.note(format!(
                "is disabled there, and lines for it would be sent: `shukuba pause destination {}`",
                quoted(&destination)
            ));
        }
        if !destination.contains('/') && (!endpoint.headers.is_empty() || endpoint.auth.is_some()) {
            endpoint.note("has no path: its headers go to every path of the host that has no rules of its own");
        }
        self.lines
            .push(lines_of(&destination, &endpoint, made.table));
        self.secrets.extend(made.secrets);
        for text in &endpoint.notes {
            self.remarks.push(Remark {
                id: endpoint.id.clone(),
                destination: Some(destination.clone()),
                text: text.clone(),
            });
        }
        self.taken.insert(destination, endpoint);
    }
}

/// Whether the rules for both are one.
fn is_same(one: &Endpoint, other: &Endpoint) -> bool {
    let rules = |of: &Endpoint| {
        (
            of.secrets.clone(),
            of.sign.clone(),
            of.headers.clone(),
            of.auth.clone(),
            of.keys.clone(),
        )
    };
    rules(one) == rules(other)
}

/// Makes the settings of an endpoint, without the headers that cannot be sent: those are noted.
fn make(product: Product, destination: &str, endpoint: &mut Endpoint) -> Result<Made, String> {
    loop {
        let made = build(product, endpoint)?;
        let Some((key, detail)) = first_wrong(destination, &made)? else {
            return Ok(made);
        };
        let is_it = |(name, _): &(String, String)| key.ends_with(&format!(".headers.{name}"));
        match endpoint.headers.iter().position(is_it) {
            Some(at) if !key.contains(".sign.") => {
                let (name, _) = endpoint.headers.remove(at);
                endpoint.note(format!("its header `{name}` is left out: {detail}"));
            }
            _ => return Err(format!("cannot be set up: {key}: {detail}")),
        }
    }
}

/// What the settings' own rules say is wrong.
fn first_wrong(destination: &str, made: &Made) -> Result<Option<(String, String)>, String> {
    let rules: Destination = made
        .table
        .clone()
        .try_into()
        .map_err(|error: toml::de::Error| format!("cannot be set up: {}", error.message()))?;
    let settings = Settings {
        destinations: BTreeMap::from([(destination.to_owned(), rules)]),
        ..Settings::default()
    };
    let mut found = settings.problems().into_iter();
    let found = found
        .next()
        .or_else(|| Destinations::new(&settings, &Pending(&made.secrets)).err());
    Ok(found.map(|wrong| (wrong.key, wrong.detail)))
}

fn build(product: Product, endpoint: &Endpoint) -> Result<Made, String> {
    let mut made = Made {
        table: endpoint.keys.clone(),
        secrets: BTreeMap::new(),
    };
    let name = |part: &str| name::of_secret(product.prefix(), &endpoint.id, part);
    let mut sign = endpoint.sign.clone();
    let mut references = Vec::new();
    for (number, secret) in endpoint.secrets.iter().enumerate() {
        let name = match number {
            0 => name(""),
            // It is signed with for as long as it is there, without being named.
            1 => format!("{}{PREVIOUS}", name("")),
            _ => name(&(number + 1).to_string()),
        };
        let reference = made.seal(name, secret)?;
        if number != 1 {
            references.push(toml::Value::String(reference));
        }
    }
    sign.insert("secrets".to_owned(), toml::Value::Array(references));
    let mut headers = toml::Table::new();
    for (header, value) in &endpoint.headers {
        let value = match is_sealed(header, value) {
            true => made.seal(
                name(&format!("header-{}", header.to_ascii_lowercase())),
                value,
            )?,
            false => value.clone(),
        };
        headers.insert(header.clone(), value.into());
    }
    if !headers.is_empty() {
        made.table.insert("headers".to_owned(), headers.into());
    }
    made.table.insert("sign".to_owned(), sign.into());
    if let Some(auth) = &endpoint.auth {
        let auth = made.authenticate(auth, &name)?;
        made.table.insert("auth".to_owned(), auth.into());
    }
    Ok(made)
}

impl Made {
    /// Seals a value and gives what names it.
    fn seal(&mut self, name: String, value: &str) -> Result<String, String> {
        let bytes = value.len();
        if !(1..=SECRET_BYTES_MAX).contains(&bytes) {
            return Err(format!(
                "has a secret of {bytes} bytes; 1 to {SECRET_BYTES_MAX} are taken"
            ));
        }
        let reference = format!("${{secret:{name}}}");
        self.secrets.insert(name, value.to_owned());
        Ok(reference)
    }

    /// A value that is expanded: as it reads, or sealed where it could be more than text.
    fn text(&mut self, name: String, value: &str) -> Result<toml::Value, String> {
        match is_text(value) {
            true => Ok(value.into()),
            false => Ok(self.seal(name, value)?.into()),
        }
    }

    fn authenticate(
        &mut self,
        auth: &Auth,
        name: &dyn Fn(&str) -> String,
    ) -> Result<toml::Table, String> {
        let mut table = toml::Table::new();
        let mut set = |key: &str, value: toml::Value| table.insert(key.to_owned(), value);
        match auth {
            Auth::Basic { user, password } => {
                set("kind", "basic".into());
                set("user", self.text(name("user"), user)?);
                set("password", self.seal(name("password"), password)?.into());
            }
            Auth::Oauth2 {
                url,
                id,
                secret,
                scope,
                audience,
            } => {
                set("kind", "oauth2".into());
                let url =
                    Url::parse(url).map_err(|error| format!("its token URL is none: {error}"))?;
                if !is_text(url.as_str()) {
                    return Err("its token URL has characters that none has".to_owned());
                }
                set("token_url", url.as_str().into());
                set("client_id", self.text(name("client-id"), id)?);
                set(
                    "client_secret",
                    self.seal(name("client-secret"), secret)?.into(),
                );
                for (key, value) in [("scope", scope), ("audience", audience)] {
                    match value {
                        Some(value) if is_text(value) => set(key, value.as_str().into()),
                        Some(_) => return Err(format!("its `{key}` has characters that none has")),
                        None => None,
                    };
                }
            }
        }
        Ok(table)
    }
}

/// Whether a value is text and nothing else wherever it stands.
fn is_text(value: &str) -> bool {
    !value.contains(['{', '}', '$']) && output::plain(value, &[]) == value
}

fn is_sealed(header: &str, value: &str) -> bool {
    let name = header.to_ascii_lowercase();
    !value.is_empty() && (!is_text(value) || SECRET_NAMES.iter().any(|part| name.contains(part)))
}

/// A comment that says which endpoint it was, and its table.
fn lines_of(destination: &str, endpoint: &Endpoint, table: toml::Table) -> String {
    let label = match endpoint.label.as_str() {
        "" => String::new(),
        label => format!(": {label}"),
    };
    let disabled = if endpoint.is_disabled {
        ", disabled there"
    } else {
        ""
    };
    let comment = format!("endpoint {}{disabled}{label}", endpoint.id);
    let comment: String = output::plain(&comment, &[])
        .chars()
        .take(COMMENT_CHARS_MAX)
        .collect();
    let named = toml::Table::from_iter([(destination.to_owned(), table.into())]);
    let whole = toml::Table::from_iter([("destinations".to_owned(), toml::Value::Table(named))]);
    format!("# {comment}\n{whole}")
}
