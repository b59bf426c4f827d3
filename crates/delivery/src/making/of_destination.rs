//! `[destinations."h".request]`, read: what is changed in the request for a receiver, once it is known.

use percent_encoding::percent_decode;
use url::Position;

use super::{Facts, Fields, set_header};
use crate::config::route::BodyKind;
use crate::format::content_type;
use crate::port::Request;
use crate::template::{Builtin, Lookup, Name, Template, Unfilled, Value};

/// The templates of a destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfDestination {
    /// In the place of the request's method.
    pub(crate) method: Option<http::Method>,
    /// Parameters, their names percent-encoded, in the place of those of the same name or after all others.
    pub(crate) query: Vec<(String, Template)>,
    /// In the place of the request's headers of these names.
    pub(crate) headers: Vec<(String, Template)>,
    /// In the place of the request's body.
    pub(crate) body: Option<(Template, BodyKind)>,
}

struct OfRequest<'a> {
    request: &'a Request,
    fields: &'a Fields<'a>,
    facts: &'a Facts<'a>,
}

fn of<'a>(request: &'a Request, fields: &'a Fields<'a>, facts: &'a Facts<'a>) -> OfRequest<'a> {
    OfRequest {
        request,
        fields,
        facts,
    }
}

impl Lookup for OfRequest<'_> {
    fn value(&self, name: &Name) -> Option<Value<'_>> {
        let url = &self.request.url;
        let builtin = match name {
            Name::Field(path) => return self.fields.value(path),
            Name::Attribute(_) => return self.facts.value(name),
            Name::Parameter(name) => {
                let mut pairs = url.query_pairs();
                let (_, value) = pairs.find(|(own, _)| *own == **name)?;
                return Some(Value::owned(value.into_owned()));
            }
            Name::Builtin(builtin) => *builtin,
        };
        match builtin {
            Builtin::Method => Some(Value::text(self.request.method.as_str())),
            Builtin::Url => Some(Value::text(&url[..Position::AfterQuery])),
            Builtin::Host => Some(Value::text(&url[Position::BeforeHost..Position::AfterPort])),
            Builtin::Path => Some(Value::text(url.path())),
            Builtin::Query => url.query().map(Value::text),
            Builtin::Body => Some(Value::bytes(&self.request.body)),
            _ => self.facts.value(name),
        }
    }
}

impl OfDestination {
    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What the secrets in it gave, for hiding alone.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = String> {
        self.templates()
            .flat_map(Template::secrets)
            .map(str::to_owned)
    }

    pub(crate) fn templates(&self) -> impl Iterator<Item = &Template> {
        let pairs = self.query.iter().chain(&self.headers);
        let body = self.body.iter().map(|(template, _)| template);
        pairs.map(|(_, template)| template).chain(body)
    }

    /// Takes back out of `request` what holds a secret, or was made with one: parameters and headers that templates with
    /// secrets set. `false` when that is the body, which cannot be had without.
    pub(crate) fn without_secrets(&self, request: &mut Request) -> bool {
        for (name, _) in self.query.iter().filter(|(_, own)| has_secret(own)) {
            if let Some(query) = request.url.query() {
                let rest = without_parameter(query, name);
                request.url.set_query(rest.as_deref());
            }
        }
        for (name, _) in self.headers.iter().filter(|(_, own)| has_secret(own)) {
            let headers = &mut request.headers;
            headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        }
        !self.body.as_ref().is_some_and(|(own, _)| has_secret(own))
    }

    /// Changes `request`: method, then query, then body, then headers, each seeing what those before it made; the parameters
    /// of the query see the URL as it came. Mails have none of these and stay as they are.
    ///
    /// # Errors
    /// [`Unfilled`] for the first macro that cannot be filled in. What is in `request` then says nothing.
    pub(crate) fn apply(
        &self,
        request: &mut Request,
        fields: &Fields<'_>,
        facts: &Facts<'_>,
    ) -> Result<(), Unfilled> {
        if !request.url.has_host() {
            return Ok(());
        }
        if let Some(method) = &self.method {
            request.method = method.clone();
        }
        self.set_query(request, fields, facts)?;
        if let Some((template, kind)) = &self.body {
            request.body = template.render(&of(request, fields, facts))?.into();
            request
                .headers
                .retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
            if let Some(content_type) = content_type(*kind) {
                set_header(
                    &mut request.headers,
                    "content-type",
                    content_type.to_owned(),
                );
            }
        }
        let mut headers = Vec::with_capacity(self.headers.len());
        for (name, template) in &self.headers {
            let value = template.render_text(&of(request, fields, facts))?;
            headers.push((name, value));
        }
        for (name, value) in headers {
            set_header(&mut request.headers, name, value);
        }
        Ok(())
    }

    fn set_query(
        &self,
        request: &mut Request,
        fields: &Fields<'_>,
        facts: &Facts<'_>,
    ) -> Result<(), Unfilled> {
        if self.query.is_empty() {
            return Ok(());
        }
        let mut parameters = Vec::with_capacity(self.query.len());
        for (name, template) in &self.query {
            let value = template.render_text(&of(request, fields, facts))?;
            parameters.push((name.as_str(), value));
        }
        let mut query = request.url.query().unwrap_or_default().to_owned();
        for (name, value) in parameters {
            query = with_parameter(&query, name, &value);
        }
        request.url.set_query(Some(&query));
        Ok(())
    }
}

/// The query with this parameter in the place of the first of its name, without others of it, or at the end. All others
/// stay byte for byte. `name` and `value` are encoded.
fn with_parameter(query: &str, name: &str, value: &str) -> String {
    let parameter = format!("{name}={value}");
    let named = decoded(name);
    let mut parts = Vec::new();
    let mut is_set = false;
    for part in query.split('&').filter(|_| !query.is_empty()) {
        let own = part.split('=').next().unwrap_or_default();
        if decoded(&own.replace('+', " ")) != named {
            parts.push(part);
        } else if !is_set {
            parts.push(&parameter);
            is_set = true;
        }
    }
    if !is_set {
        parts.push(&parameter);
    }
    parts.join("&")
}

fn has_secret(template: &Template) -> bool {
    template.secrets().next().is_some()
}

/// The query without parameters of this name; `None` where nothing is left.
fn without_parameter(query: &str, name: &str) -> Option<String> {
    let named = decoded(name);
    let own = |part: &str| part.split('=').next().unwrap_or_default().replace('+', " ");
    let parts: Vec<&str> = query
        .split('&')
        .filter(|part| decoded(&own(part)) != named)
        .collect();
    (!parts.is_empty()).then(|| parts.join("&"))
}

fn decoded(name: &str) -> Vec<u8> {
    percent_decode(name.as_bytes()).collect()
}
