//! A statement as CSV (RFC 4180): a row for each value, and the signed document itself in the last one.

use super::rows::rows;
use super::{Signed, canonical};

const HEAD: &str = "part,route,destination,name,value";

/// What the last row begins with.
const DOCUMENT: &str = "document,,,json,";

pub(crate) fn write(signed: &Signed) -> String {
    let mut out = format!("{HEAD}\n");
    for row in rows(signed) {
        let fields = [
            row.part,
            &row.route,
            &row.destination,
            &row.name,
            &row.value,
        ];
        out.push_str(&fields.map(field).join(","));
        out.push('\n');
    }
    let document = serde_json::to_value(signed).unwrap_or_default();
    out.push_str(DOCUMENT);
    out.push_str(&field(&String::from_utf8_lossy(&canonical(&document))));
    out
}

/// The document in a file that [`write`] made; `None` where this is none.
pub(crate) fn document(text: &str) -> Option<String> {
    let text = text.strip_prefix(HEAD)?;
    let (_, document) = text.rsplit_once(&format!("\n{DOCUMENT}\""))?;
    Some(document.trim_end().strip_suffix('"')?.replace("\"\"", "\""))
}

fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
