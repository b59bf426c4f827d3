//! Dashboards: what their bodies say, where they are kept, how they are made and compared.
//!
//! - [`body`] has [`Body`], a body read and checked; it is kept and given back as it was written
//! - [`check`] has the checker, with AWS's sentences, and [`Report`]
//! - [`widget`] has the kinds of widgets, one file each
//! - [`row`] has [`Row`], one metric or expression of a widget, and the short form of rows
//! - [`layout`] has [`Area`], where a widget stands
//! - [`time`] has the times that bodies say
//! - `variable` puts the defaults of variables in
//! - [`kept`] has [`Dashboards`], all that are kept
//! - [`mod@generate`] makes a body of many hosts' metrics
//! - [`mod@platform`] has the dashboard that shows this platform
//! - [`difference`] says what changed from one body to another
//!
//! Source: CloudWatch API Reference, "Dashboard Body Structure and Syntax", and answers of AWS where noted.

pub mod body;
pub mod check;
pub mod difference;
pub mod generate;
pub mod kept;
pub mod layout;
pub mod platform;
mod read;
pub mod row;
pub mod time;
mod variable;
pub mod widget;

pub use body::{Body, Refused, Widget};
pub use check::{Message, Report};
pub use difference::diff;
pub use generate::{Host, HostMetric, Sizes, generate};
pub use kept::{Dashboards, Error, More, TABLES};
pub use layout::Area;
pub use platform::platform;
pub use row::{Row, Side, Source};
pub use time::Range;

#[cfg(test)]
pub(crate) mod tests;
