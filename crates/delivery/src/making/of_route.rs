//! `[routes.R.request]`, read: the request that is made from the fields of a line.

use std::borrow::Cow;

use bytes::Bytes;

use super::{Facts, Fields};
use crate::config::route::BodyKind;
use crate::template::{Builtin, Lookup, Name, Template, Unfilled, Value};

/// The templates of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfRoute {
    /// In the place of the line's URL.
    pub(crate) url: Option<Template>,
    /// In the place of the line's method.
    pub(crate) method: Option<String>,
    /// In the place of the line's headers of these names.
    pub(crate) headers: Vec<(String, Template)>,
    /// In the place of the line's body.
    pub(crate) body: Option<(Template, BodyKind)>,
}

/// What a route's templates make.
#[derive(Debug, Default)]
pub(crate) struct Made {
    pub(crate) url: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<(Bytes, BodyKind)>,
}

struct OfLine<'a> {
    fields: &'a Fields<'a>,
    facts: Option<&'a Facts<'a>>,
    id: Option<&'a str>,
}

impl Lookup for OfLine<'_> {
    fn value(&self, name: &Name) -> Option<Value<'_>> {
        match name {
            Name::Field(path) => self.fields.value(path),
            Name::Builtin(Builtin::Id) => self.id.map(Value::text),
            name => self.facts?.value(name),
        }
    }
}

impl OfRoute {
    /// Whether the whole request is made here, and the line's own is not looked at.
    pub(crate) fn is_whole(&self) -> bool {
        self.url.is_some()
    }

    /// All templates.
    pub(crate) fn templates(&self) -> impl Iterator<Item = &Template> {
        let headers = self.headers.iter().map(|(_, template)| template);
        let body = self.body.iter().map(|(template, _)| template);
        self.url.iter().chain(headers).chain(body)
    }

    /// What the secrets in it gave, for hiding alone.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = String> {
        self.templates()
            .flat_map(Template::secrets)
            .map(str::to_owned)
    }

    /// What the templates give. `own_id`: the line's own.
    ///
    /// # Errors
    /// [`Unfilled`] for the first macro that cannot be filled in.
    pub(crate) fn make(
        &self,
        fields: &Fields<'_>,
        facts: &Facts<'_>,
        own_id: Option<&str>,
    ) -> Result<Made, Unfilled> {
        let lookup = OfLine {
            fields,
            facts: Some(facts),
            id: own_id.filter(|_| facts.takes_own_id).or(Some(facts.id)),
        };
        let mut made = Made::default();
        if let Some(url) = &self.url {
            made.url = Some(url.render_text(&lookup)?);
        }
        for (name, template) in &self.headers {
            made.headers
                .push((name.clone(), template.render_text(&lookup)?));
        }
        if let Some((template, kind)) = &self.body {
            made.body = Some((template.render(&lookup)?.into(), *kind));
        }
        Ok(made)
    }

    /// The URL as far as it can be said, for a line that is not sent; `None` where it is the line's own.
    pub(crate) fn shown_url(
        &self,
        fields: &Fields<'_>,
        own_id: Option<&str>,
    ) -> Option<Cow<'static, str>> {
        let lookup = OfLine {
            fields,
            facts: None,
            id: own_id,
        };
        Some(Cow::Owned(self.url.as_ref()?.render_shown(&lookup)))
    }
}
