//! Writing JSON objects member by member, without a tree of values between: a record is made for every call.

use serde::Serialize;

/// An object being written, its members in the order given.
pub(super) struct Object<'a> {
    out: &'a mut Vec<u8>,
    is_empty: bool,
}

impl Object<'_> {
    /// Writes the object that `members` fills.
    pub(super) fn write(out: &mut Vec<u8>, members: impl FnOnce(&mut Object<'_>)) {
        out.push(b'{');
        let mut object = Object {
            out,
            is_empty: true,
        };
        members(&mut object);
        object.out.push(b'}');
    }

    /// A member whose value is written by the caller. Names are ours: nothing in them is to be escaped.
    pub(super) fn member(&mut self, name: &'static str) -> &mut Vec<u8> {
        let before: &[u8] = if self.is_empty { b"\"" } else { b",\"" };
        self.is_empty = false;
        self.out.extend_from_slice(before);
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// A member that is an object.
    pub(super) fn object(&mut self, name: &'static str, members: impl FnOnce(&mut Object<'_>)) {
        Self::write(self.member(name), members);
    }

    /// A member that is a text.
    pub(super) fn text(&mut self, name: &'static str, text: &str) {
        push_text(self.member(name), text);
    }

    /// A member that is a text, unless it is empty.
    pub(super) fn filled(&mut self, name: &'static str, text: &str) {
        if !text.is_empty() {
            self.text(name, text);
        }
    }

    /// A member of any kind.
    pub(super) fn value(&mut self, name: &'static str, value: impl Serialize) {
        push_json(self.member(name), &value);
    }
}

/// Writes a text. Most have nothing to be escaped, which is seen many letters at a time.
pub(super) fn push_text(out: &mut Vec<u8>, text: &str) {
    let has_escapes = text.bytes().fold(false, |has, byte| {
        has | (byte < b' ') | (byte == b'"') | (byte == b'\\')
    });
    if has_escapes {
        return push_json(out, text);
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// Writes a value.
#[expect(
    clippy::expect_used,
    reason = "texts and values are always JSON, and memory takes them"
)]
pub(super) fn push_json<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(out, value).expect("it is JSON");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_are_written_as_any_value_is(text in ".*|[\\x00-\\x7f]{0,40}") {
            let (mut as_text, mut as_value) = (Vec::new(), Vec::new());
            push_text(&mut as_text, &text);
            push_json(&mut as_value, &text);
            prop_assert_eq!(as_text, as_value);
        }
    }
}
