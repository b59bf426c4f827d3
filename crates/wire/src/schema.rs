//! What a shape looks like, as data: one schema for the codecs, the trail, the comparison with the service models, the
//! coverage table and the help.
//!
//! INVARIANT: a schema is `'static` and never built at run time, so that codecs may keep references into it.

use std::borrow::Cow;

/// A structure and its members, in the order of the struct's fields.
#[derive(Debug)]
pub struct Schema {
    /// The shape's name in the service model, such as `SendMessageRequest`.
    pub name: &'static str,
    /// Its members.
    pub members: &'static [Member],
}

/// One member of a structure.
#[derive(Debug)]
pub struct Member {
    /// The Rust field.
    pub field: &'static str,
    /// The member's name in the service model; what JSON and CBOR write.
    pub name: &'static str,
    /// Another name in the query protocols, in XML, and of a label, parameter or header (`locationName` of the service model).
    pub query: Option<&'static str>,
    /// Another name in EC2's query protocol (`queryName` of the service model).
    pub ec2: Option<&'static str>,
    /// What a list's items are called in query and XML where the list is not flattened; `member` is EC2's `item`.
    pub item: &'static str,
    /// What a map's keys are called in query and XML.
    pub key: &'static str,
    /// What a map's values are called in query and XML.
    pub value: &'static str,
    /// Where the member travels in the REST protocols.
    pub location: Location,
    /// The form of a timestamp where it is not the protocol's own.
    pub timestamp: Option<TimestampForm>,
    /// Whether the member has an effect here.
    pub support: Support,
    /// What is right instead of a member that is refused, where that is not just to leave it out.
    pub instead: Option<&'static str>,
    /// A list or map without a wrapping element.
    pub is_flattened: bool,
    /// A request without it is refused.
    pub is_required: bool,
    /// Masked in the trail.
    pub is_sensitive: bool,
    /// An attribute of the XML element rather than an element.
    pub is_xml_attribute: bool,
    /// What it holds.
    pub kind: &'static Kind,
}

/// What a value is.
#[derive(Debug)]
pub enum Kind {
    /// UTF-8 text.
    String,
    /// `true` or `false`.
    Boolean,
    /// A whole number of 32 bits.
    Integer,
    /// A whole number of 64 bits.
    Long,
    /// A number with a fraction, 64 bits.
    Double,
    /// Bytes.
    Blob,
    /// A moment.
    Timestamp,
    /// Any JSON.
    Document,
    /// Values in order.
    List(&'static Kind),
    /// Values by a text.
    Map(&'static Kind),
    /// A structure; a function, so that a structure may hold itself.
    Structure(fn() -> &'static Schema),
}

/// Where a member travels in the REST protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// In the document of the body.
    Body,
    /// As the whole body.
    Payload,
    /// In a header.
    Header,
    /// In all headers with a prefix, as a map.
    Headers,
    /// In the path.
    Uri,
    /// In the query string.
    QueryString,
    /// As the status.
    StatusCode,
}

/// The form of a timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampForm {
    /// Seconds since 1970 as a number, with a fraction: `1515531081.123`.
    EpochSeconds,
    /// `2018-01-09T20:51:21.123Z`.
    Iso8601,
    /// `Tue, 09 Jan 2018 20:51:21 GMT`.
    HttpDate,
}

/// Whether a member has an effect here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It does what the API says.
    Full,
    /// It is accepted, has no effect, and is listed as such.
    Ignored,
    /// A request that has it is refused.
    Refused,
}

impl Schema {
    /// Whether the service model has such a shape: an operation that answers nothing has a shape named `Nothing`, and in
    /// XML no result, while an output without members has an empty one.
    #[must_use]
    pub fn is_output(&self) -> bool {
        self.name != "Nothing"
    }

    /// The member that is the whole body in the REST protocols, with its place.
    #[must_use]
    pub fn payload(&'static self) -> Option<(usize, &'static Member)> {
        let mut rows = self.members.iter().enumerate();
        rows.find(|(_, member)| member.location == Location::Payload)
    }

    /// Whether some member travels in the document of the body.
    #[must_use]
    pub fn has_body(&self) -> bool {
        let mut members = self.members.iter();
        members.any(|member| member.location == Location::Body)
    }

    /// The member called `name` in JSON, with its place.
    ///
    /// `hint`: where to look first; clients write members in one order, so the next one is mostly the next one.
    #[must_use]
    pub fn member_named(
        &'static self,
        name: &str,
        hint: usize,
    ) -> Option<(usize, &'static Member)> {
        if let Some(member) = self.members.get(hint)
            && member.name == name
        {
            return Some((hint, member));
        }
        let mut rows = self.members.iter().enumerate();
        rows.find(|(_, member)| member.name == name)
    }
}

impl Member {
    /// Whether the member is the body as it stands, without JSON around it.
    #[must_use]
    pub fn is_raw(&self) -> bool {
        self.location == Location::Payload && matches!(self.kind, Kind::Blob | Kind::String)
    }

    /// Whether the trail masks it: what is sensitive, and what is a body as it stands, whose size nothing bounds.
    #[must_use]
    pub fn is_masked(&self) -> bool {
        self.is_sensitive || self.is_raw()
    }

    /// The member's name in the query protocol and its XML; in REST that of its label, parameter, header or prefix of headers.
    #[must_use]
    pub fn query_name(&self) -> &'static str {
        self.query.unwrap_or(self.name)
    }

    /// The member's name in EC2's query protocol: its own, else the query name with a capital first letter.
    #[must_use]
    pub fn ec2_name(&self) -> Cow<'static, str> {
        let name = self.ec2.unwrap_or_else(|| self.query_name());
        if self.ec2.is_some() || !name.starts_with(|first: char| first.is_ascii_lowercase()) {
            return name.into();
        }
        let mut letters = name.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters).collect()
    }
}

impl Kind {
    /// The structure behind this kind, also through lists and maps.
    #[must_use]
    pub fn structure(&self) -> Option<&'static Schema> {
        match self {
            Self::Structure(schema) => Some(schema()),
            Self::List(of) | Self::Map(of) => of.structure(),
            _ => None,
        }
    }

    /// The kind's name in an AWS service model: `string`, `list`, `structure`, …
    #[must_use]
    pub const fn model_name(&self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Long => "long",
            Self::Double => "double",
            Self::Blob => "blob",
            Self::Timestamp => "timestamp",
            Self::Document => "document",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Structure(_) => "structure",
        }
    }
}
