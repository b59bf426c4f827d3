//! The JSON grammar: a cursor over a text that knows tokens, and nothing of shapes.
//!
//! It never looks behind itself and never recurses deeper than its bound, so hostile input costs at most one pass.

use std::borrow::Cow;

use crate::error::Problem;
use crate::nest::DEPTH_LIMIT;

/// Room for a string with escapes, before it grows; chosen for bodies of a few hundred bytes.
const ESCAPED_BYTES: usize = 384;

/// A place in a JSON text.
#[derive(Debug)]
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next byte that is not white space; 0 at the end (a 0 byte itself is no token either).
    pub(crate) fn peek(&mut self) -> u8 {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return *byte;
            }
            self.at += 1;
        }
        0
    }

    /// Takes `byte` when it comes next.
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == byte;
        if is_next {
            self.at += 1;
        }
        is_next
    }

    /// Takes `byte`, which must come next.
    pub(crate) fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), Problem> {
        if self.take(byte) {
            return Ok(());
        }
        Err(self.syntax(expected))
    }

    /// Takes the literal `word` when it comes next.
    pub(crate) fn take_word(&mut self, word: &str) -> bool {
        self.peek();
        let is_next = self.rest().starts_with(word);
        if is_next {
            self.at += word.len();
        }
        is_next
    }

    pub(crate) fn is_at_end(&mut self) -> bool {
        self.peek() == 0 && self.at >= self.text.len()
    }

    pub(crate) fn syntax(&self, expected: &'static str) -> Problem {
        Problem::Syntax {
            offset: self.at,
            expected,
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Takes a string; borrows it where it has no escapes.
    pub(crate) fn string(&mut self) -> Result<Cow<'a, str>, Problem> {
        self.expect(b'"', "a quotation mark")?;
        let rest = self.rest();
        let plain = self.plain_run(rest)?;
        if rest.as_bytes().get(plain.len()) == Some(&b'"') {
            self.at += plain.len() + 1;
            return Ok(Cow::Borrowed(plain));
        }
        self.escaped_string().map(Cow::Owned)
    }

    /// The bytes before the next quotation mark or backslash, free of control characters.
    fn plain_run(&self, rest: &'a str) -> Result<&'a str, Problem> {
        let Some(len) = memchr::memchr2(b'"', b'\\', rest.as_bytes()) else {
            return Err(Problem::Syntax {
                offset: self.text.len(),
                expected: "a quotation mark at the string's end",
            });
        };
        let run = rest.get(..len).unwrap_or_default();
        // Without an early exit the compiler vectorises it.
        let has_control = run.bytes().fold(false, |found, byte| found | (byte < 0x20));
        if has_control {
            return Err(self.syntax("an escape in place of a control character"));
        }
        Ok(run)
    }

    /// A string with escapes. Runs between them are short (bodies that are JSON themselves), so they are searched
    /// byte by byte: faster there than a vector search for each (4.8 against 14 µs for a batch of ten such bodies of 300
    /// bytes, measured with `examples/batch.rs` on 2026-11-23, two loaded cores).
    fn escaped_string(&mut self) -> Result<String, Problem> {
        let mut text = Vec::with_capacity(ESCAPED_BYTES);
        loop {
            let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
            let is_special = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
            let len = rest.iter().position(is_special).unwrap_or(rest.len());
            text.extend_from_slice(rest.get(..len).unwrap_or_default());
            self.at += len + 1;
            match rest.get(len) {
                Some(b'"') => break,
                Some(b'\\') => self.escape(&mut text)?,
                Some(_) => return Err(self.syntax("an escape in place of a control character")),
                None => return Err(self.syntax("a quotation mark at the string's end")),
            }
        }
        // The text was UTF-8 and escapes add whole characters, so this cannot fail.
        String::from_utf8(text).map_err(|_| self.syntax("UTF-8"))
    }

    /// Appends the character behind a backslash.
    fn escape(&mut self, text: &mut Vec<u8>) -> Result<(), Problem> {
        let plain = match self
            .text
            .as_bytes()
            .get(self.at)
            .copied()
            .unwrap_or_default()
        {
            letter @ (b'"' | b'\\' | b'/') => letter,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let letter = self.unicode_escape()?;
                text.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err(self.syntax("one of \" \\ / b f n r t u after a backslash")),
        };
        text.push(plain);
        self.at += 1;
        Ok(())
    }

    /// The character of `uXXXX`, or of two of them that are a pair of surrogates.
    fn unicode_escape(&mut self) -> Result<char, Problem> {
        const PAIR: &str = "a high surrogate followed by a low one";
        let first = self.hex_unit()?;
        if let Some(letter) = char::from_u32(first) {
            return Ok(letter);
        }
        if first >= 0xDC00 || !self.rest().starts_with("\\u") {
            return Err(self.syntax(PAIR));
        }
        self.at += 1;
        let second = self.hex_unit()?;
        if !(0xDC00..0xE000).contains(&second) {
            return Err(self.syntax(PAIR));
        }
        let code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        char::from_u32(code).ok_or_else(|| self.syntax(PAIR))
    }

    fn hex_unit(&mut self) -> Result<u32, Problem> {
        let digits = self.text.get(self.at + 1..self.at + 5);
        let digits = digits.filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let unit = digits.and_then(|text| u32::from_str_radix(text, 16).ok());
        let unit = unit.ok_or_else(|| self.syntax("four hexadecimal digits"))?;
        self.at += 5;
        Ok(unit)
    }

    /// Takes a number as it is written: `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`.
    pub(crate) fn number(&mut self) -> Result<&'a str, Problem> {
        self.peek();
        let start = self.at;
        self.take_byte(b"-");
        if !self.take_byte(b"0") {
            self.digits()?;
        }
        if self.take_byte(b".") {
            self.digits()?;
        }
        if self.take_byte(b"eE") {
            self.take_byte(b"+-");
            self.digits()?;
        }
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    fn take_byte(&mut self, any: &[u8]) -> bool {
        let byte = self.text.as_bytes().get(self.at);
        let is_next = byte.is_some_and(|byte| any.contains(byte));
        if is_next {
            self.at += 1;
        }
        is_next
    }

    fn digits(&mut self) -> Result<(), Problem> {
        let count = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        self.at += count;
        if count == 0 {
            return Err(self.syntax("a digit"));
        }
        Ok(())
    }

    /// Takes a whole value of any kind, and returns it as it is written.
    pub(crate) fn skip(&mut self, depth: usize) -> Result<&'a str, Problem> {
        self.peek();
        let start = self.at;
        self.skip_value(depth)?;
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    fn skip_value(&mut self, depth: usize) -> Result<(), Problem> {
        if depth > DEPTH_LIMIT {
            return Err(Problem::TooDeep { limit: DEPTH_LIMIT });
        }
        match self.peek() {
            b'{' => self.skip_entries(depth, b'}', true),
            b'[' => self.skip_entries(depth, b']', false),
            b'"' => self.string().map(drop),
            b'-' | b'0'..=b'9' => self.number().map(drop),
            _ if ["true", "false", "null"]
                .iter()
                .any(|word| self.take_word(word)) =>
            {
                Ok(())
            }
            _ => Err(self.syntax("a value")),
        }
    }

    fn skip_entries(&mut self, depth: usize, close: u8, has_keys: bool) -> Result<(), Problem> {
        self.at += 1;
        if self.take(close) {
            return Ok(());
        }
        loop {
            if has_keys {
                self.string()?;
                self.expect(b':', "a colon")?;
            }
            self.skip_value(depth + 1)?;
            if self.take(close) {
                return Ok(());
            }
            self.expect(b',', "a comma or the end")?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_read_as_rfc_8259_says() {
        let good = [
            (r#""""#, ""),
            (r#""plain""#, "plain"),
            (r#""a\"b\\c\/d\b\f\n\r\t""#, "a\"b\\c/d\u{8}\u{c}\n\r\t"),
            (r#""\u0041\u00e9\u20AC\ud83d\ude00""#, "Aé€😀"),
            ("\"日本語😀\"", "日本語😀"),
        ];
        for (json, text) in good {
            assert_eq!(Scanner::new(json).string().as_deref(), Ok(text), "{json}");
        }
        let bad = [
            "\"",
            "\"abc",
            "\"a\nb\"",
            "\"a\u{1}\\n\"",
            r#""\x""#,
            r#""\u12""#,
            r#""\u12g4""#,
            r#""\ud83d""#,
            r#""\ude00""#,
            r#""\ud83d\u0041""#,
            r#""\ud83dA""#,
            r#""\"#,
            r#""\u+041""#,
            "abc",
        ];
        for json in bad {
            assert!(Scanner::new(json).string().is_err(), "{json}");
        }
    }

    #[test]
    fn numbers_are_read_as_rfc_8259_says() {
        for json in ["0", "-0", "12", "-3.25", "1e9", "1E+9", "0.5e-3"] {
            assert_eq!(Scanner::new(json).number(), Ok(json));
        }
        for json in ["", "-", ".5", "1.", "1e", "1e+", "+1", "x"] {
            assert!(Scanner::new(json).number().is_err(), "{json}");
        }
    }

    #[test]
    fn a_value_is_skipped_whole_or_refused() {
        for json in [
            "{}",
            "[]",
            r#"{"a":[1,{"b":null}],"c":"x"}"#,
            "true",
            " [ 1 , 2 ] ",
        ] {
            assert_eq!(Scanner::new(json).skip(0), Ok(json.trim()), "{json}");
        }
        for json in [
            "{",
            "[1",
            "[1 2]",
            "{\"a\"}",
            "{a:1}",
            "[,]",
            "[1,]",
            "{\"a\":1,}",
            "nul",
            "\u{0}",
        ] {
            assert!(Scanner::new(json).skip(0).is_err(), "{json}");
        }
        let deep = "[".repeat(10_000);
        assert_eq!(
            Scanner::new(&deep).skip(0),
            Err(Problem::TooDeep { limit: DEPTH_LIMIT })
        );
    }
}
