//! AWS JSON 1.0 and 1.1: RFC 8259, members by their names of the service model.

mod masked;
mod scan;
mod sink;
mod source;

pub use masked::MaskedSink;
pub use sink::JsonSink;
pub use source::JsonSource;
