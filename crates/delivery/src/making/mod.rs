//! Makes requests by templates: a route's from the fields of a line, a destination's over the request that a line asks for.
//!
//! What is sent is made anew for each attempt, from the line as it came: what is kept, carried and sent again is the line.
//!
//! INVARIANT: a destination's templates never change whom the request goes to: they touch method, query, headers and body.
//!
//! - [`OfRoute`]: `[routes.R.request]`; [`OfDestination`]: `[destinations."h".request]` and `headers` with macros
//! - [`Fields`]: the fields of a line by their names; [`Facts`]: what is known of the message

mod fields;
mod of_destination;
mod of_route;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use base::Timestamp;
use bytes::Bytes;

use crate::config::hidden::with_more;
use crate::destinations::Destinations;
use crate::format::{self, Format, Parsed};
use crate::template::{Builtin, Name, Value};

pub(crate) use self::fields::Fields;
pub use self::of_destination::OfDestination;
pub(crate) use self::of_route::Made;
pub use self::of_route::OfRoute;

/// What is known of a message beside its lines.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The notification's id, where the line has none of its own or that does not count.
    pub id: &'a str,
    /// Whether a line's own id counts.
    pub takes_own_id: bool,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// The message's attributes.
    pub attributes: Option<&'a BTreeMap<String, String>>,
    /// When this attempt is made.
    pub at: Timestamp,
    /// When the notification was accepted.
    pub accepted_at: Timestamp,
}

impl Facts<'_> {
    /// The value of what is no field of the line and not of the request.
    fn value(&self, name: &Name) -> Option<Value<'_>> {
        match name {
            Name::Attribute(name) => self.attributes?.get(&**name).map(|text| Value::text(text)),
            Name::Builtin(Builtin::Id) => Some(Value::text(self.id)),
            Name::Builtin(Builtin::Attempt) => Some(Value::number(self.attempt)),
            Name::Builtin(Builtin::Time(form)) => Some(form.of(self.at)),
            Name::Builtin(Builtin::Accepted(form)) => Some(form.of(self.accepted_at)),
            Name::Builtin(_) | Name::Field(_) | Name::Parameter(_) => None,
        }
    }
}

/// The request of a line as it is sent to its receiver: by the route's templates, then by the receiver's.
///
/// # Errors
/// As [`Format::parse_with`], of the receiver's templates as well.
pub fn make(
    format: &Format,
    destinations: &Destinations,
    line: &Bytes,
    facts: &Facts<'_>,
) -> Result<Parsed, format::Error> {
    let mut parsed = format.parse_with(line, facts)?;
    let rules = destinations.of_url(&parsed.request.url);
    let Some(templates) = &rules.request else {
        return Ok(parsed);
    };
    let own = parsed.id.clone().filter(|_| facts.takes_own_id);
    let facts = Facts {
        id: own.as_deref().unwrap_or(facts.id),
        ..*facts
    };
    templates.apply(&mut parsed.request, &format.fields(line), &facts)?;
    Ok(parsed)
}

/// The secrets that templates put into requests of a route: no result may hold them.
#[must_use]
pub fn secrets(format: &Format, destinations: &Destinations) -> Arc<[String]> {
    let mut all = destinations.template_secrets();
    all.sort_unstable();
    all.dedup();
    with_more(format.hidden(), all)
}

/// Sets a header in the place of all that have its name.
pub(crate) fn set_header(headers: &mut Vec<(String, String)>, name: &str, value: String) {
    headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
    headers.push((name.to_owned(), value));
}
