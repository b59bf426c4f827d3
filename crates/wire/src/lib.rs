//! The wire: shapes, and the protocols that carry them.
//!
//! A *shape* is a plain struct with `#[derive(Shape)]`: a static [`Schema`] and a way to read itself from a [`Source`]
//! and to write itself to a [`Sink`]. A *codec* is a source and a sink for one protocol; it is not generic, and a shape
//! does not know which protocol carries it. Nothing here knows a service, a socket or a clock.

// The derive writes `::wire::…`, also for the shapes of this crate's own tests.
extern crate self as wire;

pub mod cbor;
pub mod codec;
pub mod error;
mod form;
pub mod json;
pub mod list;
mod nest;
pub mod protocol;
pub mod query;
pub mod rest;
pub mod schema;
pub mod shape;
pub mod sigv4;
mod values;
mod xml;

pub use codec::{
    Envelope, decode_request, decode_response, encode_masked, encode_request, encode_response,
};
pub use error::{DecodeError, Detail, ErrorForm, Problem, encode_error};
pub use list::List;
pub use protocol::Protocol;
pub use schema::{Kind, Location, Member, Schema, Support, TimestampForm};
pub use shape::{Field, Shape, Sink, Source, Value};
pub use values::{Blob, Document};
pub use wire_derive::Shape;
