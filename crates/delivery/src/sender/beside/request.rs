//! The request for a second URL: that of the receiver, without what is a secret between us and the receiver.
//!
//! What the receiver's rules add when they send (headers, signature, token) is not in it yet. What their templates and those of
//! a route put there is: parameters and headers that were made with a secret are taken out again, and a request that holds
//! one of the secrets all the same does not go there at all.

use std::sync::LazyLock;

use base::Timestamp;
use memchr::memmem::Finder;
use url::{Position, Url};

use super::{Kind, Second, There};
use crate::config::DestinationRules;
use crate::config::hidden::is_secret_header;
use crate::making::{Facts, Fields};
use crate::masking::Masking;
use crate::port::{Notification, Request, Skip};

/// Names of what results hide.
static HIDES: LazyLock<Masking> = LazyLock::new(Masking::default);

/// The request for `second`.
pub(super) fn make(
    second: &Second,
    there: &There,
    notification: &Notification,
    rules: &DestinationRules,
    at: Timestamp,
) -> Result<Notification, Skip> {
    let mut request = notification.request.clone();
    if let Some(own) = &rules.request
        && !own.without_secrets(&mut request)
    {
        return Err(Skip::Secret);
    }
    request.url = under(&second.to, &request.url)?;
    let is_marked = |name: &str| {
        [Kind::Shadow, Kind::Canary]
            .iter()
            .any(|kind| kind.header().eq_ignore_ascii_case(name))
    };
    request.headers.retain(|(name, _)| {
        let passes = || {
            second
                .passes
                .iter()
                .any(|own| own.eq_ignore_ascii_case(name))
        };
        !is_marked(name) && (!is_secret_header(&HIDES, name) || passes())
    });
    if holds_any(&there.forbidden, &request) {
        return Err(Skip::Secret);
    }
    if let Some(theirs) = &there.rules.request {
        let facts = Facts {
            id: &notification.id,
            takes_own_id: true,
            attempt: notification.attempt,
            attributes: None,
            at,
            // Refused by `config check`: not known here.
            accepted_at: at,
        };
        let made = theirs.apply(&mut request, &Fields::None, &facts);
        made.map_err(|error| Skip::Unmade(error.to_string()))?;
    }
    let mark = second.kind.header().to_owned();
    request.headers.push((mark, "1".to_owned()));
    Ok(Notification {
        request,
        ..notification.clone()
    })
}

/// The path and query of a URL behind a base.
fn under(to: &Url, url: &Url) -> Result<Url, Skip> {
    let base = to[..Position::AfterPath].trim_end_matches('/');
    let rest = &url[Position::BeforePath..Position::AfterQuery];
    let joined = Url::parse(&format!("{base}{rest}"));
    joined.map_err(|error| Skip::Unmade(format!("the URL behind `to` is none: {error}")))
}

fn holds_any(forbidden: &[String], request: &Request) -> bool {
    let mut parts = vec![request.url.as_str().as_bytes(), &request.body];
    parts.extend(request.headers.iter().map(|(_, value)| value.as_bytes()));
    let is_in = |secret: &String| {
        let finder = Finder::new(secret.as_bytes());
        parts.iter().any(|part| finder.find(part).is_some())
    };
    forbidden.iter().any(is_in)
}
