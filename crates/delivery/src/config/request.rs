//! `[routes.R.request]` and `[destinations."h".request]`: templates of requests, and how they are read.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::destination::key_of;
use super::route::BodyKind;
use super::rules::DestinationRules;
use super::secret::{self, SecretText, Secrets};
use super::{Destination, FormatKind, Invalid, Problems, Route};
use crate::format::{Format, check_method, check_static_header, group_names};
use crate::making::{OfDestination, OfRoute};
use crate::template::{Name, Place, Scope, Template, component};

/// `[routes.NAME.request]`: how the request is made from the fields of a line, by templates such as
/// `https://h.example/e?gaid={gaid|lower}` (docs/templates.md). With `url` it is made of these templates alone; of the line count its
/// fields, `id` and `expires_at`. Without it they change the request that the line says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RouteRequest {
    /// Template of the URL. Default the line's URL.
    pub url: Option<String>,
    /// The method. Default that of the line; with `url` that of the route's format, else `GET` without a body and `POST` with one.
    pub method: Option<String>,
    /// Templates of headers by their names. Default none.
    pub headers: BTreeMap<String, String>,
    /// Template of the body. Default the line's body; none with `url`.
    pub body: Option<String>,
    /// What the body is, which says how values are escaped in it: `raw`, `json` or `form`. Default `raw`.
    pub body_kind: Option<BodyKind>,
}

/// `[destinations."host".request]`: what is changed in the request for this receiver, by templates (docs/templates.md): method, query,
/// body and headers, never whom it goes to. A key that is not set is taken from `*`, parameters one by one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DestinationRequest {
    /// The method. Default that of the line.
    pub method: Option<String>,
    /// Templates of query parameters by their names; they replace those of the URL or are added. Default none.
    pub query: BTreeMap<String, String>,
    /// Template of the body; needs `method`. Default the line's body.
    pub body: Option<String>,
    /// What the body is, which says how values are escaped in it: `raw`, `json` or `form`. Default `raw`.
    pub body_kind: Option<BodyKind>,
}

/// Where templates are read: with secrets, or without for a first look.
struct Reader<'a> {
    scope: Scope,
    reveal: &'a dyn Fn(&str) -> Result<String, secret::Error>,
    /// What cannot be read.
    bad: Vec<Invalid>,
}

impl Reader<'_> {
    fn read(&mut self, key: String, text: &str, place: Place) -> Option<Template> {
        match Template::parse(text, place, self.scope, self.reveal) {
            Ok(template) => Some(template),
            Err(error) => {
                self.bad.push(Invalid::new(&key, error));
                None
            }
        }
    }

    fn method(&mut self, key: String, name: &str) -> Option<http::Method> {
        if let Err(detail) = check_method(name) {
            self.bad.push(Invalid::new(&key, detail));
        }
        http::Method::from_bytes(name.to_ascii_uppercase().as_bytes()).ok()
    }

    fn body(
        &mut self,
        key: &dyn Fn(&str) -> String,
        body: Option<&str>,
        kind: Option<BodyKind>,
    ) -> Option<(Template, BodyKind)> {
        let Some(body) = body else {
            if kind.is_some() {
                let detail =
                    "stands without `body`, and says what that is: add one or leave it out";
                self.bad.push(Invalid::new(&key("body_kind"), detail));
            }
            return None;
        };
        let kind = kind.unwrap_or_default();
        let place = match kind {
            BodyKind::Raw => Place::Raw,
            BodyKind::Json => Place::Json,
            BodyKind::Form => Place::Form,
        };
        Some((self.read(key("body"), body, place)?, kind))
    }

    fn headers(
        &mut self,
        key: &dyn Fn(&str) -> String,
        headers: &BTreeMap<String, String>,
    ) -> Vec<(String, Template)> {
        let mut read = Vec::new();
        for (name, text) in headers {
            let at = key(&format!("headers.{name}"));
            let Some(template) = self.read(at.clone(), text, Place::Header) else {
                continue;
            };
            match check_static_header(name, template.fixed().unwrap_or_default()) {
                Err(detail) => self.bad.push(Invalid::new(&at, detail)),
                Ok(()) => read.push((name.clone(), template)),
            }
        }
        read
    }
}

/// Reads any reference as if it named a secret: for what can be said without them.
fn any(_: &str) -> Result<String, secret::Error> {
    Ok("secret".to_owned())
}

/// Reads references as they are read everywhere.
fn revealing<'a>(
    named: &'a BTreeMap<String, String>,
    secrets: &'a dyn Secrets,
) -> impl Fn(&str) -> Result<String, secret::Error> + 'a {
    |reference| {
        let text = secret::expand(&format!("${{{reference}}}"), named, secrets)?;
        Ok(text.expose().to_owned())
    }
}

impl Route {
    /// The reader of its lines, with the templates of its `request`.
    ///
    /// # Errors
    /// [`Invalid`] for the first setting that cannot be used, a secret that cannot be read among them.
    pub fn reader(
        &self,
        name: &str,
        named: &BTreeMap<String, String>,
        secrets: &dyn Secrets,
    ) -> Result<Format, Invalid> {
        let mut reader = Reader {
            scope: Scope::Line,
            reveal: &revealing(named, secrets),
            bad: Vec::new(),
        };
        let request = self.read_request(name, &mut reader);
        if let Some(bad) = reader.bad.into_iter().next() {
            return Err(bad);
        }
        let request = (self.request != RouteRequest::default()).then_some(request);
        Format::with_request(&self.format, request)
            .map_err(|detail| Invalid::new(&format!("routes.{name}.format"), detail))
    }

    fn read_request(&self, name: &str, reader: &mut Reader<'_>) -> OfRoute {
        let key = |key: &str| format!("routes.{name}.request.{key}");
        let own = &self.request;
        let url = own.url.as_deref();
        OfRoute {
            url: url.and_then(|text| reader.read(key("url"), text, Place::Url)),
            method: own
                .method
                .as_deref()
                .and_then(|text| reader.method(key("method"), text))
                .map(|method| method.to_string()),
            headers: reader.headers(&key, &own.headers),
            body: reader.body(&key, own.body.as_deref(), own.body_kind),
        }
    }

    /// Adds what is wrong with the templates, as far as it can be said without secrets.
    pub(super) fn check_request(&self, name: &str, problems: &mut Problems) {
        let mut reader = Reader {
            scope: Scope::Line,
            reveal: &any,
            bad: Vec::new(),
        };
        let request = self.read_request(name, &mut reader);
        problems.0.append(&mut reader.bad);
        let key = format!("routes.{name}.request");
        if self.format.kind == FormatKind::Url && request.is_whole() {
            problems.push(&format!("{key}.url"), "the lines of kind `url` are the URL; leave it out, or set format.kind to `json`, `ltsv` or `regex`");
        }
        let fields = request.templates().flat_map(Template::names);
        let mut fields = fields.filter_map(|name| match name {
            Name::Field(path) => Some(path.as_str()),
            _ => None,
        });
        match self.format.kind {
            FormatKind::Json | FormatKind::Ltsv => {}
            FormatKind::Url => {
                if let Some(field) = fields.next() {
                    problems.push(&key, format!("`{{{field}}}` names a field, and lines of kind `url` have none; set format.kind to `json`, `ltsv` or `regex`"));
                }
            }
            FormatKind::Regex => {
                let groups = group_names(self.format.pattern.as_deref().unwrap_or_default());
                if let Some(field) = fields.find(|field| !groups.iter().any(|group| group == field))
                {
                    problems.push(
                        &key,
                        format!(
                            "`{{{field}}}` is no group of the pattern; it has {}",
                            groups.join(", ")
                        ),
                    );
                }
            }
        }
    }

    /// Adds the secrets of the templates that cannot be read. What [`Route::check_request`] says is not said again.
    pub(super) fn check_request_sources(
        &self,
        name: &str,
        named: &BTreeMap<String, String>,
        secrets: &dyn Secrets,
        problems: &mut Problems,
    ) {
        let mut before = Problems::default();
        self.check_request(name, &mut before);
        let mut reader = Reader {
            scope: Scope::Line,
            reveal: &revealing(named, secrets),
            bad: Vec::new(),
        };
        self.read_request(name, &mut reader);
        problems.add_new(reader.bad, &before);
    }
}

/// What `[destinations."host"]` says of requests, read.
pub(super) struct Read {
    /// Headers that are the same for every line.
    pub(super) headers: Vec<(String, SecretText)>,
    pub(super) request: Option<Arc<OfDestination>>,
}

impl Destination {
    /// Its headers and templates over those of `under`.
    pub(super) fn resolve_request(
        &self,
        name: &str,
        under: &DestinationRules,
        named: &BTreeMap<String, String>,
        secrets: &dyn Secrets,
    ) -> Result<Read, Invalid> {
        let mut reader = Reader {
            scope: Scope::Request,
            reveal: &revealing(named, secrets),
            bad: Vec::new(),
        };
        let own = self.read_request(name, &mut reader);
        if let Some(bad) = reader.bad.into_iter().next() {
            return Err(bad);
        }
        Ok(over(own, under))
    }

    fn read_request(&self, name: &str, reader: &mut Reader<'_>) -> OfDestination {
        let key = |key: &str| key_of(name, &format!("request.{key}"));
        let own = &self.request;
        if own.body.is_some() && own.method.is_none() {
            let detail = "stands without `method`: say with which one it is sent, such as `method = \"POST\"`";
            reader.bad.push(Invalid::new(&key("body"), detail));
        }
        let mut query = Vec::new();
        for (name, text) in &own.query {
            let template = reader.read(key(&format!("query.{name}")), text, Place::Query);
            let encoded = component(name.as_bytes()).into_owned();
            query.extend(template.map(|template| (encoded, template)));
        }
        OfDestination {
            method: own
                .method
                .as_deref()
                .and_then(|text| reader.method(key("method"), text)),
            query,
            headers: reader.headers(&|header| key_of(name, header), &self.headers),
            body: reader.body(&key, own.body.as_deref(), own.body_kind),
        }
    }

    /// Adds what is wrong with headers and templates, as far as it can be said without secrets.
    pub(super) fn check_request(&self, name: &str, problems: &mut Problems) {
        let mut reader = Reader {
            scope: Scope::Request,
            reveal: &any,
            bad: Vec::new(),
        };
        self.read_request(name, &mut reader);
        problems.0.append(&mut reader.bad);
    }

    /// What in its headers and templates is known of the line alone, and not of the request.
    pub(super) fn of_line(&self, name: &str) -> Option<String> {
        let mut reader = Reader {
            scope: Scope::Request,
            reveal: &any,
            bad: Vec::new(),
        };
        let read = self.read_request(name, &mut reader);
        let mut names = read.templates().flat_map(Template::names);
        names
            .find(|name| name.is_of_line())
            .map(ToString::to_string)
    }

    /// Adds the secrets of headers and templates that cannot be read. What [`Destination::check_request`] says is not said
    /// again.
    pub(super) fn check_request_sources(
        &self,
        name: &str,
        named: &BTreeMap<String, String>,
        secrets: &dyn Secrets,
        problems: &mut Problems,
    ) {
        let mut before = Problems::default();
        self.check_request(name, &mut before);
        let mut reader = Reader {
            scope: Scope::Request,
            reveal: &revealing(named, secrets),
            bad: Vec::new(),
        };
        self.read_request(name, &mut reader);
        problems.add_new(reader.bad, &before);
    }
}

/// `own` over `under`: headers and parameters one by one, the rest as a whole. Headers without macros stay with those that
/// cost nothing.
fn over(own: OfDestination, under: &DestinationRules) -> Read {
    let mut headers = under.headers.clone();
    let mut request = under.request.as_deref().cloned().unwrap_or_default();
    for (name, template) in own.headers {
        headers.retain(|(other, _)| !other.eq_ignore_ascii_case(&name));
        request
            .headers
            .retain(|(other, _)| !other.eq_ignore_ascii_case(&name));
        match template.fixed() {
            Some(text) => {
                let secrets = template.secrets().map(str::to_owned).collect();
                headers.push((name, SecretText::of_parts(text.to_owned(), secrets)));
            }
            None => request.headers.push((name, template)),
        }
    }
    for (name, template) in own.query {
        request.query.retain(|(other, _)| *other != name);
        request.query.push((name, template));
    }
    request.method = own.method.or(request.method);
    request.body = own.body.or(request.body);
    Read {
        headers,
        request: (!request.is_empty()).then(|| Arc::new(request)),
    }
}
