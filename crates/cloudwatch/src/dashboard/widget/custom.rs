//! What a function answers. Kept and shown as a place: a dashboard calls no functions here.

use super::{Kind, by_fields, other};
use crate::dashboard::check::{Fields, Is};

pub(super) const KIND: Kind = Kind {
    name: "custom",
    check: |report, path, properties| by_fields(report, path, properties, &FIELDS),
    read: |properties| other("custom", properties),
};

static UPDATE_ON: Fields = Fields {
    known: &[
        ("refresh", Is::Flag),
        ("resize", Is::Flag),
        ("timeRange", Is::Flag),
    ],
    required: &[],
};

static FIELDS: Fields = Fields {
    known: &[
        ("endpoint", Is::Text),
        ("params", Is::Any),
        ("updateOn", Is::Fields(&UPDATE_ON)),
        ("title", Is::Text),
    ],
    required: &["endpoint"],
};
