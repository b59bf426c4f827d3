//! As a mail: a subject and plain text.

use serde_json::{Map, Value};

use super::super::engine::Notice;
use super::{Reader, field, words};

/// Letters of a subject; mail servers and people cut longer ones. Chosen.
const SUBJECT_MAX: usize = 200;

pub(super) fn fields(notice: &Notice, reader: &Reader) -> Map<String, Value> {
    let subject = words::subject(notice, reader.language);
    let one_line = subject.replace(['\r', '\n'], " ");
    let subject: String = one_line.chars().take(SUBJECT_MAX).collect();
    let mut fields = field("subject", subject);
    fields.insert("text".to_owned(), words::text(notice, reader).into());
    fields
}
