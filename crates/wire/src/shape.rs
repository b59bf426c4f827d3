//! The traits between shapes and codecs.
//!
//! Reading is pulled, writing is pushed, both without a tree in between: a shape asks its source for the next member it
//! has, and tells its sink each member that it holds.

use base::Timestamp;

use crate::error::{DecodeError, Problem};
use crate::schema::{Kind, Member, Schema, Support};
use crate::values::{Blob, Document};

/// A structure on the wire. Derive it: `#[derive(Shape)]`.
pub trait Shape: Sized + std::fmt::Debug + Send + Sync + 'static {
    /// What it looks like.
    const SCHEMA: &'static Schema;

    /// Reads one from where `source` stands.
    ///
    /// # Errors
    /// [`DecodeError`] at the first thing that is not as the schema says.
    fn read(source: &mut dyn Source) -> Result<Self, DecodeError>;

    /// Writes itself where `sink` stands.
    fn write(&self, sink: &mut dyn Sink);
}

/// Anything that a member can hold: texts, numbers, lists, maps, structures.
pub trait Value: Sized {
    /// What it is.
    const KIND: &'static Kind;

    /// Reads one from where `source` stands.
    ///
    /// # Errors
    /// [`DecodeError`] when something else stands there.
    fn read(source: &mut dyn Source) -> Result<Self, DecodeError>;

    /// Writes itself where `sink` stands.
    fn write(&self, sink: &mut dyn Sink);
}

/// A field of a structure: a value, or one that may be absent.
pub trait Field: Sized {
    /// What it holds when it is there.
    type Value: Value;

    /// The field from what was found; `None` where something must be found.
    fn from_found(found: Option<Self::Value>) -> Option<Self>;

    /// What is to be written; `None` writes nothing.
    fn to_write(&self) -> Option<&Self::Value>;
}

/// Where a shape reads itself from: a decoder of one protocol, standing somewhere in a document.
pub trait Source {
    /// Enters a structure.
    ///
    /// # Errors
    /// [`DecodeError`] when no structure stands here, or it lies too deep.
    fn begin_structure(&mut self, schema: &'static Schema) -> Result<(), DecodeError>;

    /// Goes to the value of the next member that the document has, and says its place in the schema.
    /// Members without a value (JSON `null`) and unknown ones are passed over.
    ///
    /// # Errors
    /// [`DecodeError`] when the document is malformed.
    fn next_member(&mut self) -> Result<Option<usize>, DecodeError>;

    /// Leaves a structure whose members are all read.
    ///
    /// # Errors
    /// [`DecodeError`] when the document is malformed.
    fn end_structure(&mut self) -> Result<(), DecodeError>;

    /// Enters a list.
    ///
    /// # Errors
    /// [`DecodeError`] when no list stands here, or it lies too deep.
    fn begin_list(&mut self) -> Result<(), DecodeError>;

    /// Goes to the list's next item; `false` leaves the list.
    ///
    /// # Errors
    /// [`DecodeError`] when the document is malformed.
    fn next_item(&mut self) -> Result<bool, DecodeError>;

    /// Enters a map.
    ///
    /// # Errors
    /// [`DecodeError`] when no map stands here, or it lies too deep.
    fn begin_map(&mut self) -> Result<(), DecodeError>;

    /// Goes to the value of the map's next key; `None` leaves the map.
    ///
    /// # Errors
    /// [`DecodeError`] when the document is malformed.
    fn next_key(&mut self) -> Result<Option<String>, DecodeError>;

    /// Reads a text.
    ///
    /// # Errors
    /// [`DecodeError`] when something else stands here; so for all below.
    fn string(&mut self) -> Result<String, DecodeError>;

    /// Reads `true` or `false`.
    ///
    /// # Errors
    /// As [`Source::string`].
    fn boolean(&mut self) -> Result<bool, DecodeError>;

    /// Reads a whole number between `low` and `high`.
    ///
    /// # Errors
    /// As [`Source::string`].
    fn integer(&mut self, low: i64, high: i64) -> Result<i64, DecodeError>;

    /// Reads a number.
    ///
    /// # Errors
    /// As [`Source::string`].
    fn double(&mut self) -> Result<f64, DecodeError>;

    /// Reads bytes (base64 in JSON and query).
    ///
    /// # Errors
    /// As [`Source::string`].
    fn blob(&mut self) -> Result<Blob, DecodeError>;

    /// Reads a moment, in the form of the member or else of the protocol.
    ///
    /// # Errors
    /// As [`Source::string`].
    fn timestamp(&mut self) -> Result<Timestamp, DecodeError>;

    /// Reads any JSON as it stands.
    ///
    /// # Errors
    /// As [`Source::string`].
    fn document(&mut self) -> Result<Document, DecodeError>;

    /// Whether an empty list or map differs from an absent one; in a form it does not.
    fn has_empty(&self) -> bool {
        true
    }

    /// An error about the place where the source stands.
    fn fail(&self, problem: Problem) -> DecodeError;
}

/// Where a shape writes itself to: an encoder of one protocol. It cannot fail: bytes go to memory.
pub trait Sink {
    /// Opens a structure.
    fn begin_structure(&mut self, schema: &'static Schema);
    /// Announces the member whose value comes next.
    fn member(&mut self, member: &'static Member);
    /// Closes a structure.
    fn end_structure(&mut self);
    /// Opens a list.
    fn begin_list(&mut self);
    /// Announces the item that comes next.
    fn item(&mut self);
    /// Closes a list.
    fn end_list(&mut self);
    /// Opens a map.
    fn begin_map(&mut self);
    /// Announces the key whose value comes next.
    fn key(&mut self, key: &str);
    /// Closes a map.
    fn end_map(&mut self);
    /// Writes a text.
    fn string(&mut self, text: &str);
    /// Writes `true` or `false`.
    fn boolean(&mut self, truth: bool);
    /// Writes a whole number.
    fn integer(&mut self, number: i64);
    /// Writes a number.
    fn double(&mut self, number: f64);
    /// Writes bytes.
    fn blob(&mut self, bytes: &[u8]);
    /// Writes a moment.
    fn timestamp(&mut self, at: Timestamp);
    /// Writes JSON as it stands.
    fn document(&mut self, document: &Document);
}

/// Reads a member's value into its slot. For derived code.
///
/// # Errors
/// [`DecodeError`] when the slot is full already (a member given twice), or the value is not right.
pub fn fill<V: Value>(slot: &mut Option<V>, source: &mut dyn Source) -> Result<(), DecodeError> {
    if slot.is_some() {
        return Err(source.fail(Problem::Duplicate));
    }
    *slot = Some(V::read(source)?);
    Ok(())
}

/// Turns a slot into the field. For derived code.
///
/// # Errors
/// [`DecodeError`] when a required member is missing, or one that is not supported is there.
pub fn finish<F: Field>(
    slot: Option<F::Value>,
    source: &dyn Source,
    schema: &'static Schema,
    index: usize,
) -> Result<F, DecodeError> {
    let Some(member) = schema.members.get(index) else {
        return Err(source.fail(Problem::Missing));
    };
    if member.support == Support::Refused && slot.is_some() {
        let instead = member.instead.unwrap_or("leave it out");
        let problem = Problem::Unsupported { instead };
        return Err(source.fail(problem).under(member.name));
    }
    let may_be_empty = !source.has_empty() && matches!(member.kind, Kind::List(_) | Kind::Map(_));
    if member.is_required && slot.is_none() && !may_be_empty {
        return Err(source.fail(Problem::Missing).under(member.name));
    }
    F::from_found(slot).ok_or_else(|| source.fail(Problem::Missing).under(member.name))
}

/// Writes a field, if there is something to write. For derived code.
pub fn put<F: Field>(field: &F, sink: &mut dyn Sink, schema: &'static Schema, index: usize) {
    if let Some(value) = field.to_write()
        && let Some(member) = schema.members.get(index)
    {
        sink.member(member);
        value.write(sink);
    }
}
