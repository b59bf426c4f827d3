//! A text in Markdown.

use serde_json::Value;

use super::{Content, Kind, by_fields};
use crate::dashboard::check::{Fields, Is};
use crate::dashboard::read;

pub(super) const KIND: Kind = Kind {
    name: "text",
    check: |report, path, properties| by_fields(report, path, properties, &FIELDS),
    read: |properties| {
        Content::Text(Text {
            markdown: read::text(properties, "markdown").unwrap_or_default(),
            is_transparent: properties.get("background").and_then(Value::as_str)
                == Some("transparent"),
        })
    },
};

static FIELDS: Fields = Fields {
    known: &[
        ("markdown", Is::Text),
        ("background", Is::OneOf(&["solid", "transparent"])),
    ],
    required: &["markdown"],
};

/// A text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// In Markdown.
    pub markdown: String,
    /// Whether it has no ground of its own.
    pub is_transparent: bool,
}
