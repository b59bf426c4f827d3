//! A query in PromQL. Kept and shown as a place.

use super::{Kind, by_fields, other};
use crate::dashboard::check::{Fields, Is};

pub(super) const KIND: Kind = Kind {
    name: "chart",
    check: |report, path, properties| by_fields(report, path, properties, &FIELDS),
    read: |properties| other("chart", properties),
};

/// Its members are not documented wholly, so none is called unknown.
static FIELDS: Fields = Fields {
    known: &[
        ("data", Is::Any),
        ("title", Is::Text),
        ("region", Is::Text),
        ("view", Is::Any),
        ("visualization", Is::Any),
        ("timeRange", Is::Any),
        ("yAxis", Is::Any),
        ("legend", Is::Any),
    ],
    required: &["data"],
};
