//! Smithy RPC v2 CBOR: RFC 8949, members by their names of the service model.
//!
//! | a value | is written | is read from |
//! |---|---|---|
//! | structure, map | a map of a definite length, text keys | a map of any length |
//! | list | an array of a definite length | an array of any length |
//! | text, bytes | one string | a string in one piece or in chunks |
//! | whole number | the shortest integer | an integer, or a float without a fraction |
//! | number | a double | an integer, or a float of 16, 32 or 64 bits; NaN and infinities too |
//! | moment | tag 1 with seconds as a double | seconds as an integer or a float, tagged or not |
//! | document | its JSON as a text | a text; the protocol has no documents |
//!
//! Members that are null or undefined, or that the schema does not know, are passed over. Tags other than 1 are refused
//! where a member's value stands, since they would change its meaning.
//!
//! Example: `{"Period": 60}` is `a1 66 50 65 72 69 6f 64 18 3c`.
//!
//! Source: Smithy RPC v2 CBOR protocol (smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html), "CBOR shape
//! serialization"; a reader of our own, since the bounds and the places in errors are those of the other protocols.

mod reader;
mod sink;
mod source;

pub use sink::CborSink;
pub use source::CborSource;
