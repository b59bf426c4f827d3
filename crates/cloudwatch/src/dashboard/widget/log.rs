//! A query of logs. Kept and shown as a place; there are no logs to ask here.

use super::{Kind, by_fields, other};
use crate::dashboard::check::{Fields, Is};

pub(super) const KIND: Kind = Kind {
    name: "log",
    check: |report, path, properties| by_fields(report, path, properties, &FIELDS),
    read: |properties| other("log", properties),
};

static FIELDS: Fields = Fields {
    known: &[
        ("query", Is::Text),
        (
            "queryLanguage",
            Is::OneOf(&["CWLI", "SQL", "PPL", "LogsQL"]),
        ),
        ("region", Is::Text),
        ("accountId", Is::Text),
        ("title", Is::Text),
        ("stacked", Is::Flag),
        ("queryBy", Is::Text),
        ("view", Is::OneOf(&["table", "timeSeries", "bar", "pie"])),
    ],
    required: &["query", "region"],
};
