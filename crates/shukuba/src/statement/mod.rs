//! Statements: what was accepted in some days and what became of it, signed, for two companies to compare.
//!
//! - [`build`]: the document, from the ledger's sums
//! - [`sign`]: its key, kept sealed in the data directory, and its signature
//! - [`rows`]: the document as rows of names and values; [`csv`] and [`page`] write these
//! - [`verify`]: whether a file says what was signed
//!
//! # Form
//! `{"statement": {…}, "signature": {"algorithm", "public_key", "value"}}`. Signed are the bytes of `statement` in the canonical form of
//! RFC 8785: no white space, members in order of name, integers without fraction, text as it is with the escapes of that RFC.
//! Names of members are ASCII, so their order is that of their bytes.

pub(crate) mod build;
pub(crate) mod csv;
pub(crate) mod page;
pub(crate) mod rows;
pub(crate) mod sign;
pub(crate) mod verify;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// What the document calls itself.
pub(crate) const KIND: &str = "shukuba.statement/1";

/// A statement and its signature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Signed {
    pub(crate) statement: Value,
    pub(crate) signature: Signature,
}

/// A signature over the canonical form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Signature {
    /// `ed25519`.
    pub(crate) algorithm: String,
    /// 32 bytes in base64.
    pub(crate) public_key: String,
    /// 64 bytes in base64.
    pub(crate) value: String,
    /// SHA-256 of what was signed, for comparing at a glance.
    pub(crate) sha256: String,
}

/// The bytes that are signed.
pub(crate) fn canonical(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, value);
    out
}

fn put(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| name.as_str());
            out.push(b'{');
            for (place, (name, value)) in members.into_iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                put(out, &Value::from(name.as_str()));
                out.push(b':');
                put(out, value);
            }
            out.push(b'}');
        }
        Value::Array(values) => {
            out.push(b'[');
            for (place, value) in values.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                put(out, value);
            }
            out.push(b']');
        }
        // Numbers are integers here; texts are escaped as RFC 8785 wants it.
        other => out.extend_from_slice(other.to_string().as_bytes()),
    }
}

/// SHA-256 of the canonical form, in hexadecimal digits.
pub(crate) fn digest(value: &Value) -> String {
    hex::encode(Sha256::digest(canonical(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 8785, section 3.2.2, without its fractions.
    #[test]
    fn the_canonical_form_is_that_of_rfc_8785() {
        let given = r#"{ "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "numbers": [333333333, 1], "literals": [null, true, false] }"#;
        let value: Value = serde_json::from_str(given).unwrap();
        let expected = "{\"literals\":[null,true,false],\"numbers\":[333333333,1],\"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
        assert_eq!(String::from_utf8(canonical(&value)).unwrap(), expected);
        assert_eq!(
            digest(&serde_json::json!({})),
            "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        );
    }
}
