//! Where in a JSON text the macros stand, and whether it is JSON whatever they give.

use serde::de::IgnoredAny;

/// Follows the text of a JSON template.
#[derive(Debug, Default)]
pub(super) struct Follower {
    is_in_string: bool,
    /// Whether the last character was a backslash in a string.
    is_escaped: bool,
    /// The text with something simple for each macro.
    sample: String,
    /// Whether a value is written as it is, which may be anything.
    has_raw: bool,
}

/// Where a macro stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    /// Inside quotes.
    Content,
    /// Where a whole value is.
    Whole,
    /// Behind a backslash, which would change its first character.
    Escaped,
}

impl Follower {
    /// Text between macros.
    pub(super) fn text(&mut self, text: &str) {
        self.sample.push_str(text);
        for c in text.chars() {
            match c {
                _ if self.is_escaped => self.is_escaped = false,
                '\\' if self.is_in_string => self.is_escaped = true,
                '"' => self.is_in_string = !self.is_in_string,
                _ => {}
            }
        }
    }

    /// A macro.
    pub(super) fn stand(&mut self, is_raw: bool) -> Stand {
        self.has_raw |= is_raw;
        match (self.is_escaped, self.is_in_string) {
            (true, _) => Stand::Escaped,
            (_, true) => {
                self.sample.push('x');
                Stand::Content
            }
            _ => {
                self.sample.push_str("null");
                Stand::Whole
            }
        }
    }

    /// Whether it is JSON.
    ///
    /// # Errors
    /// What the reader says.
    pub(super) fn end(&self) -> Result<(), String> {
        if self.has_raw {
            return Ok(());
        }
        let read = serde_json::from_str::<IgnoredAny>(&self.sample);
        read.map(drop).map_err(|error| {
            // The place in the sample is not that in the template.
            let told = error.to_string();
            told.split(" at line ")
                .next()
                .unwrap_or_default()
                .to_owned()
        })
    }
}
