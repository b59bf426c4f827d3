//! What a line would become: its request, its destination and the addresses, without sending anything.

use std::sync::Arc;

use base::SystemClock;
use bytes::Bytes;
use delivery::config::Route;
use delivery::destinations::{self, Destinations};
use delivery::format::{Format, Parsed};
use delivery::sender::{Senders, Tools};
use serde::{Deserialize, Serialize};

/// What would happen.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tested {
    pub(crate) route: String,
    /// Whether it would be sent.
    pub(crate) is_sent: bool,
    /// Why not, and what would be right.
    pub(crate) problem: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) expires_at: Option<String>,
    pub(crate) method: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<String>,
    /// The name of the rules that apply.
    pub(crate) destination: Option<String>,
    /// Where it would connect to.
    pub(crate) addresses: Vec<String>,
}

/// Tests `line` on a route.
pub(crate) async fn run(
    name: &str,
    route: &Route,
    destinations: &Destinations,
    line: &str,
) -> Tested {
    let mut tested = Tested {
        route: name.to_owned(),
        ..Tested::default()
    };
    match parse(route, line) {
        Err(problem) => tested.problem = Some(problem),
        Ok(parsed) => {
            let rules = destinations.of_url(&parsed.request.url).clone();
            let senders = Senders::new(Tools::new(Arc::new(SystemClock::new())));
            match senders.addresses(&parsed.request, &rules).await {
                Ok(addresses) => {
                    tested.is_sent = true;
                    tested.addresses = addresses.iter().map(ToString::to_string).collect();
                }
                Err(refused) => tested.problem = Some(refused.to_string()),
            }
            let is_default = matches!(rules.name.as_ref(), "*" | "(default)" | "");
            tested.destination = Some(match is_default {
                true => destinations::authority(&parsed.request.url),
                false => rules.name.to_string(),
            });
            tell(&mut tested, parsed, &rules);
        }
    }
    tested
}

fn parse(route: &Route, line: &str) -> Result<Parsed, String> {
    let format = Format::new(&route.format)?;
    format
        .parse(&Bytes::copy_from_slice(line.as_bytes()))
        .map_err(|error| error.to_string())
}

fn tell(tested: &mut Tested, parsed: Parsed, rules: &delivery::config::DestinationRules) {
    let request = parsed.request;
    tested.id = parsed.id;
    tested.expires_at = parsed.expires_at.map(base::Timestamp::rfc3339);
    tested.method = Some(request.method.to_string());
    tested.url = Some(request.url.to_string());
    tested.headers = request.headers;
    // Static headers may hold secrets: their names only.
    tested.headers.extend(
        rules
            .headers
            .iter()
            .map(|(name, _)| (name.clone(), "(set by the destination)".to_owned())),
    );
    tested.body =
        (!request.body.is_empty()).then(|| String::from_utf8_lossy(&request.body).into_owned());
}
