//! Reads shapes from JSON, member by member, without a tree in between.

use base::Timestamp;

use super::scan::Scanner;
use crate::error::{DecodeError, Problem};
use crate::form;
use crate::nest::{DEPTH_LIMIT, check_count, push_name};
use crate::schema::{Member, Schema};
use crate::shape::Source;
use crate::values::{Blob, Document};

/// A JSON text being read.
#[derive(Debug)]
pub struct JsonSource<'a> {
    scanner: Scanner<'a>,
    frames: Vec<Frame>,
}

/// A bracket that is open, and where we are within it.
#[derive(Debug)]
enum Frame {
    Structure {
        schema: &'static Schema,
        member: Option<&'static Member>,
        hint: usize,
        is_first: bool,
    },
    List {
        count: usize,
    },
    Map {
        key: Option<String>,
        count: usize,
    },
}

impl<'a> JsonSource<'a> {
    /// A source at the start of `body`.
    ///
    /// # Errors
    /// [`Problem::Malformed`] when the body is not UTF-8.
    pub fn new(body: &'a [u8]) -> Result<Self, DecodeError> {
        let text = std::str::from_utf8(body).map_err(|_| {
            let problem = Problem::Malformed { expected: "UTF-8" };
            DecodeError::new(String::new(), problem)
        })?;
        Ok(Self {
            scanner: Scanner::new(text),
            frames: Vec::with_capacity(8),
        })
    }

    /// Checks that nothing follows the value that was read.
    ///
    /// # Errors
    /// [`Problem::Syntax`] when something does.
    pub fn end(&mut self) -> Result<(), DecodeError> {
        if self.scanner.is_at_end() {
            return Ok(());
        }
        Err(self.fail(self.scanner.syntax("the end")))
    }

    fn enter(&mut self, open: u8, expected: &'static str, frame: Frame) -> Result<(), DecodeError> {
        if !self.scanner.take(open) {
            return Err(self.wrong(expected));
        }
        if self.frames.len() >= DEPTH_LIMIT {
            return Err(self.fail(Problem::TooDeep { limit: DEPTH_LIMIT }));
        }
        self.frames.push(frame);
        Ok(())
    }

    /// Goes before the next entry; `false` when the bracket closes here.
    fn advance(&mut self, is_first: bool, close: u8) -> Result<bool, Problem> {
        if self.scanner.take(close) {
            return Ok(false);
        }
        if !is_first {
            self.scanner.expect(b',', "a comma or the end")?;
        }
        Ok(true)
    }

    /// Goes to the next member's value; the outer `None` when the structure ends, the inner when it is to be passed over.
    fn step(&mut self) -> Result<Option<Option<usize>>, Problem> {
        let depth = self.frames.len();
        let Some(Frame::Structure {
            schema,
            hint,
            is_first,
            ..
        }) = self.frames.last()
        else {
            return Ok(None);
        };
        let (schema, hint, is_first) = (*schema, *hint, *is_first);
        self.set_member(None, hint);
        if !self.advance(is_first, b'}')? {
            return Ok(None);
        }
        let name = self.scanner.string()?;
        self.scanner.expect(b':', "a colon")?;
        let Some((index, member)) = schema.member_named(&name, hint) else {
            self.scanner.skip(depth)?;
            return Ok(Some(None));
        };
        self.set_member(Some(member), index + 1);
        let is_null = self.scanner.peek() == b'n' && self.scanner.take_word("null");
        Ok(Some((!is_null).then_some(index)))
    }

    fn set_member(&mut self, found: Option<&'static Member>, next: usize) {
        if let Some(Frame::Structure {
            member,
            hint,
            is_first,
            ..
        }) = self.frames.last_mut()
        {
            *member = found;
            *hint = next;
            *is_first = false;
        }
    }

    fn step_item(&mut self) -> Result<bool, Problem> {
        let Some(Frame::List { count }) = self.frames.last_mut() else {
            return Ok(false);
        };
        *count += 1;
        let count = *count;
        let is_there = self.advance(count == 1, b']')?;
        check_count(is_there, count)?;
        Ok(is_there)
    }

    fn step_key(&mut self) -> Result<Option<String>, Problem> {
        let Some(Frame::Map { key, count }) = self.frames.last_mut() else {
            return Ok(None);
        };
        *key = None;
        *count += 1;
        let count = *count;
        let is_there = self.advance(count == 1, b'}')?;
        check_count(is_there, count)?;
        if !is_there {
            return Ok(None);
        }
        let name = self.scanner.string()?.into_owned();
        self.scanner.expect(b':', "a colon")?;
        if let Some(Frame::Map { key, .. }) = self.frames.last_mut() {
            *key = Some(name.clone());
        }
        Ok(Some(name))
    }

    /// An error that says what stands here in place of `expected`.
    fn wrong(&mut self, expected: &'static str) -> DecodeError {
        let found = match self.scanner.peek() {
            b'"' => "a string",
            b'{' => "an object",
            b'[' => "a list",
            b't' | b'f' => "a boolean",
            b'n' => "null",
            b'-' | b'0'..=b'9' => "a number",
            _ => return self.fail(self.scanner.syntax(expected)),
        };
        self.fail(Problem::WrongType { found, expected })
    }

    fn text(&mut self, expected: &'static str) -> Result<std::borrow::Cow<'a, str>, DecodeError> {
        if self.scanner.peek() != b'"' {
            return Err(self.wrong(expected));
        }
        self.scanner.string().map_err(|problem| self.fail(problem))
    }

    fn number(&mut self, expected: &'static str) -> Result<&'a str, DecodeError> {
        if !matches!(self.scanner.peek(), b'-' | b'0'..=b'9') {
            return Err(self.wrong(expected));
        }
        self.scanner.number().map_err(|problem| self.fail(problem))
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for frame in &self.frames {
            match frame {
                Frame::Structure {
                    member: Some(member),
                    ..
                } => push_name(&mut path, member.name),
                Frame::Map { key: Some(key), .. } => push_name(&mut path, key),
                Frame::List { count: count @ 1.. } => path.push_str(&format!("[{}]", count - 1)),
                _ => {}
            }
        }
        path
    }
}

/// A whole number, also where it is written with a fraction of zero or an exponent.
fn whole(text: &str) -> Option<Result<i64, ()>> {
    if text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'-')
    {
        return Some(text.parse().map_err(drop));
    }
    form::whole(text.parse().ok()?)
}

impl Source for JsonSource<'_> {
    fn begin_structure(&mut self, schema: &'static Schema) -> Result<(), DecodeError> {
        let frame = Frame::Structure {
            schema,
            member: None,
            hint: 0,
            is_first: true,
        };
        self.enter(b'{', "an object", frame)
    }

    fn next_member(&mut self) -> Result<Option<usize>, DecodeError> {
        loop {
            match self.step().map_err(|problem| self.fail(problem))? {
                Some(None) => {}
                Some(found) => return Ok(found),
                None => return Ok(None),
            }
        }
    }

    fn end_structure(&mut self) -> Result<(), DecodeError> {
        self.frames.pop();
        Ok(())
    }

    fn begin_list(&mut self) -> Result<(), DecodeError> {
        self.enter(b'[', "a list", Frame::List { count: 0 })
    }

    fn next_item(&mut self) -> Result<bool, DecodeError> {
        let is_there = self.step_item().map_err(|problem| self.fail(problem))?;
        if !is_there {
            self.frames.pop();
        }
        Ok(is_there)
    }

    fn begin_map(&mut self) -> Result<(), DecodeError> {
        self.enter(
            b'{',
            "an object",
            Frame::Map {
                key: None,
                count: 0,
            },
        )
    }

    fn next_key(&mut self) -> Result<Option<String>, DecodeError> {
        let key = self.step_key().map_err(|problem| self.fail(problem))?;
        if key.is_none() {
            self.frames.pop();
        }
        Ok(key)
    }

    fn string(&mut self) -> Result<String, DecodeError> {
        self.text("a string").map(std::borrow::Cow::into_owned)
    }

    fn boolean(&mut self) -> Result<bool, DecodeError> {
        if self.scanner.take_word("true") {
            return Ok(true);
        }
        if self.scanner.take_word("false") {
            return Ok(false);
        }
        Err(self.wrong("a boolean"))
    }

    fn integer(&mut self, low: i64, high: i64) -> Result<i64, DecodeError> {
        let text = self.number("a whole number")?;
        let Some(number) = whole(text) else {
            return Err(self.fail(Problem::WrongType {
                found: "a number with a fraction",
                expected: "a whole number",
            }));
        };
        let number = number.ok().filter(|number| (low..=high).contains(number));
        number.ok_or_else(|| self.fail(Problem::OutOfRange { low, high }))
    }

    fn double(&mut self) -> Result<f64, DecodeError> {
        const EXPECTED: Problem = Problem::Malformed {
            expected: "a number that 64 bits can hold",
        };
        let text = if self.scanner.peek() == b'"' {
            self.text("a number")?
        } else {
            self.number("a number")?.into()
        };
        form::read_double(&text).ok_or_else(|| self.fail(EXPECTED))
    }

    fn blob(&mut self) -> Result<Blob, DecodeError> {
        let text = self.text("a string of base64")?;
        form::read_blob(&text).map_err(|problem| self.fail(problem))
    }

    fn timestamp(&mut self) -> Result<Timestamp, DecodeError> {
        let text = if self.scanner.peek() == b'"' {
            self.text("a moment")?
        } else {
            self.number("a moment")?.into()
        };
        form::read_timestamp(&text).map_err(|problem| self.fail(problem))
    }

    fn document(&mut self) -> Result<Document, DecodeError> {
        let depth = self.frames.len();
        let text = self
            .scanner
            .skip(depth)
            .map_err(|problem| self.fail(problem))?;
        Ok(Document(text.to_owned()))
    }

    fn fail(&self, problem: Problem) -> DecodeError {
        DecodeError::new(self.path(), problem)
    }
}
