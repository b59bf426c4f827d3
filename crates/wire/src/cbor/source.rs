//! Reads shapes from CBOR, member by member, without a tree in between.

use std::borrow::Cow;

use base::Timestamp;

use super::reader::{Item, Length, Reader};
use crate::error::{DecodeError, Problem};
use crate::form;
use crate::nest::{DEPTH_LIMIT, check_count, push_name};
use crate::schema::{Member, Schema};
use crate::shape::Source;
use crate::values::{Blob, Document};

/// Seconds since 1970, as RFC 8949 numbers tags.
const EPOCH_TAG: u64 = 1;
const MOMENT: &str = "a moment: seconds since 1970, up to the year 9999";

/// A CBOR document being read.
#[derive(Debug)]
pub struct CborSource<'a> {
    reader: Reader<'a>,
    frames: Vec<Frame>,
}

/// A list or map that is open, and where we are within it.
#[derive(Debug)]
enum Frame {
    Structure {
        schema: &'static Schema,
        member: Option<&'static Member>,
        hint: usize,
        left: Length,
    },
    List {
        count: usize,
        left: Length,
    },
    Map {
        key: Option<String>,
        count: usize,
        left: Length,
    },
}

impl<'a> CborSource<'a> {
    /// A source at the start of `body`.
    #[must_use]
    pub fn new(body: &'a [u8]) -> Self {
        Self {
            reader: Reader::new(body),
            frames: Vec::with_capacity(8),
        }
    }

    /// Checks that nothing follows the value that was read.
    ///
    /// # Errors
    /// [`Problem::Syntax`] when something does.
    pub fn end(&mut self) -> Result<(), DecodeError> {
        if self.reader.is_at_end() {
            return Ok(());
        }
        Err(self.fail(self.reader.syntax("the end")))
    }

    fn next(&mut self) -> Result<Item, DecodeError> {
        self.reader.next().map_err(|problem| self.fail(problem))
    }

    fn push(&mut self, frame: Frame) -> Result<(), DecodeError> {
        if self.frames.len() >= DEPTH_LIMIT {
            return Err(self.fail(Problem::TooDeep { limit: DEPTH_LIMIT }));
        }
        self.frames.push(frame);
        Ok(())
    }

    fn open_map(&mut self) -> Result<Length, DecodeError> {
        match self.next()? {
            Item::Map(left) => Ok(left),
            found => Err(self.wrong(found, "a map")),
        }
    }

    /// Goes to the next member's value; the outer `None` when the structure ends, the inner when it is to be passed over.
    fn step(&mut self) -> Result<Option<Option<usize>>, Problem> {
        let depth = self.frames.len();
        let Some(Frame::Structure {
            schema,
            member,
            hint,
            left,
        }) = self.frames.last_mut()
        else {
            return Ok(None);
        };
        *member = None;
        if !self.reader.goes_on(left) {
            return Ok(None);
        }
        let name = key(&mut self.reader)?;
        let Some((index, found)) = schema.member_named(&name, *hint) else {
            self.reader.skip(depth)?;
            return Ok(Some(None));
        };
        *member = Some(found);
        *hint = index + 1;
        if self.reader.peek()? == Item::Null {
            self.reader.next()?;
            return Ok(Some(None));
        }
        Ok(Some(Some(index)))
    }

    fn step_item(&mut self) -> Result<bool, Problem> {
        let Some(Frame::List { count, left }) = self.frames.last_mut() else {
            return Ok(false);
        };
        *count += 1;
        let is_there = self.reader.goes_on(left);
        check_count(is_there, *count)?;
        Ok(is_there)
    }

    fn step_key(&mut self) -> Result<Option<String>, Problem> {
        let Some(Frame::Map {
            key: last,
            count,
            left,
        }) = self.frames.last_mut()
        else {
            return Ok(None);
        };
        *last = None;
        *count += 1;
        let is_there = self.reader.goes_on(left);
        check_count(is_there, *count)?;
        if !is_there {
            return Ok(None);
        }
        let name = key(&mut self.reader)?.into_owned();
        *last = Some(name.clone());
        Ok(Some(name))
    }

    /// An error that says what stands here in place of `expected`.
    fn wrong(&self, found: Item, expected: &'static str) -> DecodeError {
        let found = match found {
            Item::Unsigned(_) | Item::Negative(_) | Item::Float(_) => "a number",
            Item::Bytes(_) => "a byte string",
            Item::Text(_) => "a string",
            Item::List(_) => "a list",
            Item::Map(_) => "a map",
            Item::Tag(_) => "a tagged value",
            Item::Boolean(_) => "a boolean",
            Item::Null => "null",
            Item::Break => return self.fail(self.reader.syntax(expected)),
        };
        self.fail(Problem::WrongType { found, expected })
    }

    fn text(&mut self, expected: &'static str) -> Result<String, DecodeError> {
        let length = match self.next()? {
            Item::Text(length) => length,
            found => return Err(self.wrong(found, expected)),
        };
        let text = self.reader.text(length);
        text.map(Cow::into_owned)
            .map_err(|problem| self.fail(problem))
    }

    fn number(&mut self, found: Item, expected: &'static str) -> Result<f64, DecodeError> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "the nearest double, as of a text with as many digits"
        )]
        match found {
            Item::Unsigned(number) => Ok(number as f64),
            Item::Negative(number) => Ok(-1.0 - number as f64),
            Item::Float(number) => Ok(number),
            found => Err(self.wrong(found, expected)),
        }
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
                Frame::List {
                    count: count @ 1.., ..
                } => path.push_str(&format!("[{}]", count - 1)),
                _ => {}
            }
        }
        path
    }
}

/// A map's key, which is a text.
fn key<'a>(reader: &mut Reader<'a>) -> Result<Cow<'a, str>, Problem> {
    match reader.peek()? {
        Item::Text(length) => {
            reader.next()?;
            reader.text(length)
        }
        _ => Err(reader.syntax("a string as key")),
    }
}

impl Source for CborSource<'_> {
    fn begin_structure(&mut self, schema: &'static Schema) -> Result<(), DecodeError> {
        let left = self.open_map()?;
        self.push(Frame::Structure {
            schema,
            member: None,
            hint: 0,
            left,
        })
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
        match self.next()? {
            Item::List(left) => self.push(Frame::List { count: 0, left }),
            found => Err(self.wrong(found, "a list")),
        }
    }

    fn next_item(&mut self) -> Result<bool, DecodeError> {
        let is_there = self.step_item().map_err(|problem| self.fail(problem))?;
        if !is_there {
            self.frames.pop();
        }
        Ok(is_there)
    }

    fn begin_map(&mut self) -> Result<(), DecodeError> {
        let left = self.open_map()?;
        self.push(Frame::Map {
            key: None,
            count: 0,
            left,
        })
    }

    fn next_key(&mut self) -> Result<Option<String>, DecodeError> {
        let key = self.step_key().map_err(|problem| self.fail(problem))?;
        if key.is_none() {
            self.frames.pop();
        }
        Ok(key)
    }

    fn string(&mut self) -> Result<String, DecodeError> {
        self.text("a string")
    }

    fn boolean(&mut self) -> Result<bool, DecodeError> {
        match self.next()? {
            Item::Boolean(truth) => Ok(truth),
            found => Err(self.wrong(found, "a boolean")),
        }
    }

    fn integer(&mut self, low: i64, high: i64) -> Result<i64, DecodeError> {
        let number = match self.next()? {
            Item::Unsigned(number) => i64::try_from(number).ok(),
            Item::Negative(number) => i64::try_from(number).ok().map(|number| -1 - number),
            Item::Float(number) => match form::whole(number) {
                Some(whole) => whole.ok(),
                None => {
                    return Err(self.fail(Problem::WrongType {
                        found: "a number with a fraction",
                        expected: "a whole number",
                    }));
                }
            },
            found => return Err(self.wrong(found, "a whole number")),
        };
        let number = number.filter(|number| (low..=high).contains(number));
        number.ok_or_else(|| self.fail(Problem::OutOfRange { low, high }))
    }

    fn double(&mut self) -> Result<f64, DecodeError> {
        let found = self.next()?;
        self.number(found, "a number")
    }

    fn blob(&mut self) -> Result<Blob, DecodeError> {
        let length = match self.next()? {
            Item::Bytes(length) => length,
            found => return Err(self.wrong(found, "a byte string")),
        };
        let bytes = self.reader.bytes(length);
        let bytes = bytes.map_err(|problem| self.fail(problem))?;
        Ok(Blob::from(bytes.into_owned()))
    }

    fn timestamp(&mut self) -> Result<Timestamp, DecodeError> {
        let found = match self.next()? {
            Item::Tag(EPOCH_TAG) => self.next()?,
            found => found,
        };
        let seconds = self.number(found, "a moment")?;
        form::from_seconds(seconds)
            .ok_or_else(|| self.fail(Problem::Malformed { expected: MOMENT }))
    }

    fn document(&mut self) -> Result<Document, DecodeError> {
        self.text("a string of JSON").map(Document)
    }

    fn fail(&self, problem: Problem) -> DecodeError {
        DecodeError::new(self.path(), problem)
    }
}
