//! Reads shapes from a message: first what stands outside of the body, then the body.

use std::vec::IntoIter;

use base::Timestamp;
use bytes::Bytes;

use super::gather::{self, Found, Message};
use crate::error::{DecodeError, Problem};
use crate::form;
use crate::json::JsonSource;
use crate::schema::{Kind, Location, Member, Schema};
use crate::shape::Source;
use crate::values::{Blob, Document};

/// A message being read.
#[derive(Debug)]
pub(super) struct RestSource<'a> {
    schema: &'static Schema,
    found: IntoIter<Found>,
    body: &'a Bytes,
    /// The body where it is JSON; an empty object where it is not.
    json: JsonSource<'a>,
    at: At,
    /// Whether the message itself was entered.
    is_entered: bool,
    /// Structures that are entered within it.
    depth: usize,
    rest: Rest,
}

/// Where we are.
#[derive(Debug)]
enum At {
    /// Between members.
    Nowhere,
    /// At a member outside of the body.
    Text(Texts),
    /// At the body as it stands.
    Raw(&'static Member),
    /// Within JSON.
    Json,
}

/// What of the body is to come.
#[derive(Clone, Copy, Debug)]
enum Rest {
    /// The body is this member.
    Payload(usize, &'static Member),
    /// The body is a document that is not entered yet.
    Document,
    /// The document is entered.
    Entered,
    /// The payload was read as JSON.
    PayloadRead,
    None,
}

/// The texts of a member.
#[derive(Debug)]
struct Texts {
    member: &'static Member,
    left: IntoIter<(String, String)>,
    /// The one whose value comes next, with its key.
    now: Option<(String, String)>,
    count: usize,
}

impl<'a> RestSource<'a> {
    pub(super) fn new(
        schema: &'static Schema,
        message: &Message<'_>,
        body: &'a Bytes,
    ) -> Result<Self, DecodeError> {
        let rest = match schema.payload() {
            Some(_) if body.is_empty() => Rest::None,
            Some((index, member)) => Rest::Payload(index, member),
            None if schema.has_body() => Rest::Document,
            None => Rest::None,
        };
        let is_json = match rest {
            Rest::Payload(_, member) => !member.is_raw(),
            Rest::Document => !body.is_empty(),
            _ => false,
        };
        Ok(Self {
            schema,
            found: gather::gather(schema, message)?.into_iter(),
            body,
            json: JsonSource::new(if is_json { body } else { b"{}" })?,
            at: At::Nowhere,
            is_entered: false,
            depth: 0,
            rest,
        })
    }

    /// The next member of the message itself.
    fn next_part(&mut self) -> Result<Option<usize>, DecodeError> {
        if let Some(found) = self.found.next() {
            let index = found.index;
            self.at = At::Text(Texts::new(found));
            return Ok(Some(index));
        }
        match self.rest {
            Rest::Payload(index, member) if member.is_raw() => {
                self.at = At::Raw(member);
                self.rest = Rest::None;
                Ok(Some(index))
            }
            Rest::Payload(index, _) => {
                self.at = At::Json;
                self.rest = Rest::PayloadRead;
                Ok(Some(index))
            }
            Rest::Document => {
                self.json.begin_structure(self.schema)?;
                self.rest = Rest::Entered;
                self.next_of_document()
            }
            Rest::Entered => self.next_of_document(),
            Rest::PayloadRead | Rest::None => {
                self.at = At::Nowhere;
                Ok(None)
            }
        }
    }

    /// The next member in the document. One that travels elsewhere is unknown there, and passed over.
    fn next_of_document(&mut self) -> Result<Option<usize>, DecodeError> {
        while let Some(index) = self.json.next_member()? {
            let member = self.schema.members.get(index);
            if member.is_some_and(|member| member.location == Location::Body) {
                self.at = At::Json;
                return Ok(Some(index));
            }
            self.json.document()?;
        }
        self.at = At::Nowhere;
        Ok(None)
    }

    /// The text that stands here.
    fn text(&mut self, expected: &'static str) -> Result<String, DecodeError> {
        let found = match &self.at {
            At::Text(texts) => texts.now.as_ref().map(|(_, text)| text.clone()),
            At::Raw(_) => std::str::from_utf8(self.body).ok().map(str::to_owned),
            _ => None,
        };
        found.ok_or_else(|| self.fail(Problem::Malformed { expected }))
    }

    /// What `read` makes of the text that stands here.
    fn parsed<T>(
        &mut self,
        expected: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, DecodeError> {
        let text = self.text(expected)?;
        read(text.trim()).ok_or_else(|| self.fail(Problem::Malformed { expected }))
    }

    fn is_json(&self) -> bool {
        matches!(self.at, At::Json)
    }

    fn not(&self, expected: &'static str) -> DecodeError {
        let found = "a text";
        self.fail(Problem::WrongType { found, expected })
    }
}

impl Texts {
    fn new(found: Found) -> Self {
        let mut left = found.texts.into_iter();
        let now = (!gather::is_many(found.member))
            .then(|| left.next())
            .flatten();
        Self {
            member: found.member,
            left,
            now,
            count: 0,
        }
    }

    fn step(&mut self) -> bool {
        self.now = self.left.next();
        self.count += 1;
        self.now.is_some()
    }

    fn path(&self) -> String {
        let name = self.member.name;
        match (self.member.kind, &self.now) {
            (Kind::List(_), Some(_)) => format!("{name}[{}]", self.count.saturating_sub(1)),
            (Kind::Map(_), Some((key, _))) => format!("{name}.{key}"),
            _ => name.to_owned(),
        }
    }
}

impl Source for RestSource<'_> {
    fn begin_structure(&mut self, schema: &'static Schema) -> Result<(), DecodeError> {
        if !self.is_entered {
            self.is_entered = true;
            return Ok(());
        }
        if !self.is_json() {
            return Err(self.not("an object"));
        }
        self.depth += 1;
        self.json.begin_structure(schema)
    }

    fn next_member(&mut self) -> Result<Option<usize>, DecodeError> {
        if self.depth > 0 {
            return self.json.next_member();
        }
        self.next_part()
    }

    fn end_structure(&mut self) -> Result<(), DecodeError> {
        if self.depth > 0 {
            self.depth -= 1;
            return self.json.end_structure();
        }
        match self.rest {
            Rest::Entered => {
                self.json.end_structure()?;
                self.json.end()
            }
            Rest::PayloadRead => self.json.end(),
            _ => Ok(()),
        }
    }

    fn begin_list(&mut self) -> Result<(), DecodeError> {
        match &self.at {
            At::Json => self.json.begin_list(),
            At::Text(texts) if matches!(texts.member.kind, Kind::List(_)) && texts.count == 0 => {
                Ok(())
            }
            _ => Err(self.not("a list")),
        }
    }

    fn next_item(&mut self) -> Result<bool, DecodeError> {
        match &mut self.at {
            At::Text(texts) => Ok(texts.step()),
            _ => self.json.next_item(),
        }
    }

    fn begin_map(&mut self) -> Result<(), DecodeError> {
        match &self.at {
            At::Json => self.json.begin_map(),
            At::Text(texts) if matches!(texts.member.kind, Kind::Map(_)) && texts.count == 0 => {
                Ok(())
            }
            _ => Err(self.not("an object")),
        }
    }

    fn next_key(&mut self) -> Result<Option<String>, DecodeError> {
        match &mut self.at {
            At::Text(texts) => {
                texts.step();
                Ok(texts.now.as_ref().map(|(key, _)| key.clone()))
            }
            _ => self.json.next_key(),
        }
    }

    fn string(&mut self) -> Result<String, DecodeError> {
        if self.is_json() {
            return self.json.string();
        }
        self.text("UTF-8")
    }

    fn boolean(&mut self) -> Result<bool, DecodeError> {
        if self.is_json() {
            return self.json.boolean();
        }
        self.parsed("true or false", |text| text.parse().ok())
    }

    fn integer(&mut self, low: i64, high: i64) -> Result<i64, DecodeError> {
        if self.is_json() {
            return self.json.integer(low, high);
        }
        let number = self.parsed("a whole number", whole)?;
        let number = number.filter(|number| (low..=high).contains(number));
        number.ok_or_else(|| self.fail(Problem::OutOfRange { low, high }))
    }

    fn double(&mut self) -> Result<f64, DecodeError> {
        if self.is_json() {
            return self.json.double();
        }
        self.parsed("a number", form::read_double)
    }

    fn blob(&mut self) -> Result<Blob, DecodeError> {
        match self.at {
            At::Json => self.json.blob(),
            At::Raw(_) => Ok(Blob(self.body.clone())),
            _ => {
                let text = self.text("base64")?;
                form::read_blob(text.trim()).map_err(|problem| self.fail(problem))
            }
        }
    }

    fn timestamp(&mut self) -> Result<Timestamp, DecodeError> {
        if self.is_json() {
            return self.json.timestamp();
        }
        let text = self.text("a moment")?;
        form::read_timestamp(text.trim()).map_err(|problem| self.fail(problem))
    }

    fn document(&mut self) -> Result<Document, DecodeError> {
        if self.is_json() {
            return self.json.document();
        }
        Err(self.not("any JSON in the body"))
    }

    fn fail(&self, problem: Problem) -> DecodeError {
        let path = match &self.at {
            At::Json => return self.json.fail(problem),
            At::Text(texts) => texts.path(),
            At::Raw(member) => member.name.to_owned(),
            At::Nowhere => String::new(),
        };
        DecodeError::new(path, problem)
    }
}

/// Digits, perhaps with a minus; the inner `None` where 64 bits cannot hold them.
fn whole(text: &str) -> Option<Option<i64>> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_whole.then(|| text.parse().ok())
}
