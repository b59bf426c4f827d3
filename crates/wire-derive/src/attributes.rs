//! Reads `#[shape(…)]` from a struct and its fields; refuses what it does not know, where it stands.

use syn::meta::ParseNestedMeta;
use syn::{Attribute, Field, Ident, LitStr, Result, Token};

/// What `#[shape(…)]` says on one field.
pub(crate) struct Member {
    pub(crate) field: Ident,
    pub(crate) name: String,
    pub(crate) query: Option<String>,
    pub(crate) ec2: Option<String>,
    pub(crate) item: Option<String>,
    pub(crate) map: Option<(String, String)>,
    pub(crate) location: &'static str,
    pub(crate) timestamp: Option<&'static str>,
    pub(crate) support: &'static str,
    pub(crate) instead: Option<String>,
    pub(crate) is_flattened: bool,
    pub(crate) is_required: bool,
    pub(crate) is_sensitive: bool,
    pub(crate) is_xml_attribute: bool,
}

/// The name of the shape, when the struct states one.
pub(crate) fn shape_name(attributes: &[Attribute]) -> Result<Option<String>> {
    let mut name = None;
    for attribute in shape_attributes(attributes) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("name") {
                name = Some(text(&meta)?);
                return Ok(());
            }
            Err(meta.error("a shape knows `name`"))
        })?;
    }
    Ok(name)
}

/// What the field's attributes say, with the defaults filled in.
pub(crate) fn member(field: &Field) -> Result<Member> {
    let ident = field
        .ident
        .clone()
        .ok_or_else(|| syn::Error::new_spanned(field, "a shape has named fields"))?;
    let mut member = Member::plain(ident);
    for attribute in shape_attributes(&field.attrs) {
        attribute.parse_nested_meta(|meta| member.take(&meta))?;
    }
    Ok(member)
}

impl Member {
    fn plain(field: Ident) -> Self {
        Self {
            name: pascal_case(&field.to_string()),
            field,
            query: None,
            ec2: None,
            item: None,
            map: None,
            location: "Body",
            timestamp: None,
            support: "Full",
            instead: None,
            is_flattened: false,
            is_required: false,
            is_sensitive: false,
            is_xml_attribute: false,
        }
    }

    fn take(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let key = meta.path.require_ident()?.to_string();
        match key.as_str() {
            "name" => self.name = text(meta)?,
            "query" => self.query = Some(text(meta)?),
            "ec2" => self.ec2 = Some(text(meta)?),
            "item" => self.item = Some(text(meta)?),
            "map" => self.map = Some(map_names(meta)?),
            "uri" => self.travel("Uri", named(meta)?),
            "querystring" => self.travel("QueryString", named(meta)?),
            "header" => self.travel("Header", Some(text(meta)?)),
            "headers" => self.travel("Headers", Some(text(meta)?)),
            "payload" => self.location = "Payload",
            "statuscode" => self.location = "StatusCode",
            "timestamp" => self.timestamp = Some(timestamp(meta)?),
            "flattened" => self.is_flattened = true,
            "required" => self.is_required = true,
            "sensitive" => self.is_sensitive = true,
            "xml_attribute" => self.is_xml_attribute = true,
            "ignored" => self.support = "Ignored",
            "refused" => {
                self.support = "Refused";
                self.instead = named(meta)?;
            }
            _ => return Err(meta.error(KNOWN)),
        }
        Ok(())
    }

    /// Lets the member travel in `location`, under `name` where that is not its own.
    fn travel(&mut self, location: &'static str, name: Option<String>) {
        self.location = location;
        self.query = name.or_else(|| self.query.take());
    }
}

const KNOWN: &str = "a member knows name, query, ec2, item, map, uri, querystring, header, headers, payload, statuscode, \
                     timestamp, flattened, required, sensitive, xml_attribute, ignored, refused";

fn shape_attributes(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("shape"))
}

fn text(meta: &ParseNestedMeta<'_>) -> Result<String> {
    Ok(meta.value()?.parse::<LitStr>()?.value())
}

fn map_names(meta: &ParseNestedMeta<'_>) -> Result<(String, String)> {
    let names = text(meta)?;
    names
        .split_once('/')
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or_else(|| meta.error("the names of a map's key and value are written `Key/Value`"))
}

/// The name that stands behind an attribute, where one does.
fn named(meta: &ParseNestedMeta<'_>) -> Result<Option<String>> {
    meta.input.peek(Token![=]).then(|| text(meta)).transpose()
}

fn timestamp(meta: &ParseNestedMeta<'_>) -> Result<&'static str> {
    match text(meta)?.as_str() {
        "epoch-seconds" => Ok("EpochSeconds"),
        "iso8601" => Ok("Iso8601"),
        "http-date" => Ok("HttpDate"),
        _ => Err(meta.error("a timestamp is epoch-seconds, iso8601 or http-date")),
    }
}

/// `queue_url` becomes `QueueUrl`.
fn pascal_case(field: &str) -> String {
    let mut name = String::with_capacity(field.len());
    let field = field.strip_prefix("r#").unwrap_or(field);
    for word in field.split('_') {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::pascal_case;

    #[test]
    fn a_field_becomes_a_member_in_pascal_case() {
        assert_eq!(pascal_case("queue_url"), "QueueUrl");
        assert_eq!(pascal_case("r#type"), "Type");
        assert_eq!(pascal_case("id"), "Id");
    }
}
