//! AWS query: a form with `Action` and `Version`; structures, lists and maps are paths such as
//! `SendMessageBatchRequestEntry.1.Id=a`, counted from 1. Answers are XML.

mod params;
mod sink;
mod source;

pub use params::Params;
pub use sink::QuerySink;
pub use source::QuerySource;
