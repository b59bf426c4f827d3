//! Metrics of all resources with some tags. Kept and shown as a place.

use super::{Kind, by_fields, other};
use crate::dashboard::check::{Fields, Is};

pub(super) const KIND: Kind = Kind {
    name: "explorer",
    check: |report, path, properties| by_fields(report, path, properties, &FIELDS),
    read: |properties| other("explorer", properties),
};

const LIST: Is = Is::List {
    items: &Is::Any,
    min: 0,
    max: 500,
};

static FIELDS: Fields = Fields {
    known: &[
        ("metrics", LIST),
        ("labels", LIST),
        ("aggregateBy", Is::Any),
        ("splitBy", Is::Text),
        ("widgetOptions", Is::Any),
        ("period", Is::Number),
        ("title", Is::Text),
        ("region", Is::Text),
    ],
    required: &["metrics", "labels"],
};
