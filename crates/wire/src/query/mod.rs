//! AWS query: a form with `Action` and `Version`; structures, lists and maps are paths such as
//! `SendMessageBatchRequestEntry.1.Id=a`, counted from 1. Answers are XML. And EC2's variant of it, [`Style::Ec2`].
//!
//! # Shapes of EC2
//! Of a member in EC2's service model, `locationName` is written `query` and `queryName` is written `ec2`; nothing else is
//! needed. In requests a name begins with a capital letter and no list has a name for its items (`flattened` and `item` say
//! nothing there); in answers the items of a list are called `item`, unless `item` says otherwise.
//!
//! ```ignore
//! #[derive(Debug, Shape)]
//! struct DescribeInstancesRequest {
//!     #[shape(query = "InstanceId")] // InstanceId.1=i-1
//!     instance_ids: Vec<String>,
//!     #[shape(query = "Filter")] // Filter.1.Name=tag:Name&Filter.1.Value.1=web*
//!     filters: Vec<Filter>,
//!     #[shape(query = "dryRun")] // DryRun=true
//!     dry_run: Option<bool>,
//! }
//!
//! #[derive(Debug, Shape)]
//! struct DescribeInstancesResult {
//!     #[shape(query = "nextToken")]
//!     next_token: Option<String>,
//!     // <reservationSet><item>…</item></reservationSet>. `Some` also when empty: clients look for it without asking.
//!     #[shape(query = "reservationSet")]
//!     reservations: Option<Vec<Reservation>>,
//! }
//!
//! // In requests and answers: Tag.1.Key=a&Tag.1.Value=b, and <tagSet><item><key>a</key><value>b</value></item></tagSet>.
//! #[derive(Debug, Shape)]
//! struct Tag {
//!     #[shape(query = "key")]
//!     key: String,
//!     #[shape(query = "value")]
//!     value: String,
//! }
//! ```
//!
//! An answer has its request's id as first element and no element around its members; that of an operation without an
//! output (a shape named `Nothing`) has `<return>true</return>` in their place.
//!
//! Source: EC2 API Reference, "Structure of a GET request" and "Response structure"; Smithy, AWS EC2 query protocol.

mod params;
mod sink;
mod source;

use std::borrow::Cow;

pub use params::Params;
pub use sink::QuerySink;
pub use source::QuerySource;

use crate::schema::Member;

/// How names and lists are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// AWS query: `Filters.member.1.Name=a`.
    Aws,
    /// EC2's: `Filter.1.Name=a`.
    Ec2,
}

impl Style {
    fn name(self, member: &Member) -> Cow<'static, str> {
        match self {
            Self::Aws => member.query_name().into(),
            Self::Ec2 => member.ec2_name(),
        }
    }

    /// What stands between a list's name and an item's number.
    fn item(self, member: Option<&Member>) -> Option<&'static str> {
        match (self, member) {
            (Self::Ec2, _) => None,
            (Self::Aws, None) => Some("member"),
            (Self::Aws, Some(member)) => (!member.is_flattened).then_some(member.item),
        }
    }
}
