//! The ways to send, a file or folder per kind.
//!
//! To add a kind: write its file, give it schemes and a function from [`Tools`] to a [`Sender`], and list them in
//! [`SENDERS`]. The notifier picks by the URL's scheme and knows no kind.
//!
//! INVARIANT: a scheme has one sender.

pub mod beside;
pub mod command;
#[cfg(test)]
mod contract;
pub mod http;
pub mod mail;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Timestamp};
use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::config::DestinationRules;
use crate::config::dns::Dns;
use crate::dns::{self, Resolve};
use crate::port::{Attempt, NotSendable, Notification, Request, Sender, Timings, Way};

/// Makes the sender of one kind.
pub type Make = fn(&Tools) -> Arc<dyn Sender>;

/// Every kind with its schemes, one line each.
pub const SENDERS: &[(&[&str], Make)] = &[
    (http::SCHEMES, http::sender),
    (mail::SCHEMES, mail::sender),
    (command::SCHEMES, command::sender),
];

/// Whether a text begins with a scheme that can be sent, so that it is a URL.
#[must_use]
pub fn has_scheme(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once(':') else {
        return false;
    };
    let mut all = SENDERS.iter().flat_map(|(schemes, _)| *schemes);
    all.any(|own| scheme.eq_ignore_ascii_case(own))
}

/// What senders are built from.
#[derive(Clone, Debug)]
pub struct Tools {
    /// Where the time of day comes from.
    pub clock: Arc<dyn Clock>,
    /// Names to addresses, shared by all kinds.
    pub dns: Arc<dns::Cache>,
}

impl Tools {
    /// The resolver of the default settings behind the default cache.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::of(clock, &Dns::default())
    }

    /// The resolver of these settings behind the default cache.
    #[must_use]
    pub fn of(clock: Arc<dyn Clock>, settings: &Dns) -> Self {
        Self::with_resolver(clock, dns::resolver(settings))
    }

    /// Another resolver behind the default cache.
    #[must_use]
    pub fn with_resolver(clock: Arc<dyn Clock>, resolver: Arc<dyn Resolve>) -> Self {
        let dns = Arc::new(dns::Cache::new(resolver, dns::Limits::default()));
        Self { clock, dns }
    }
}

/// One sender of each kind, found by scheme. Cheap to clone; connections are shared by all clones.
#[derive(Clone)]
pub struct Senders {
    tools: Tools,
    schemes: Arc<[&'static str]>,
    all: Arc<[Arc<dyn Sender>]>,
}

impl fmt::Debug for Senders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Senders").field(&self.schemes()).finish()
    }
}

impl Senders {
    /// All kinds of [`SENDERS`].
    #[must_use]
    pub fn new(tools: Tools) -> Self {
        let schemes = SENDERS.iter().flat_map(|(schemes, _)| *schemes).copied();
        let schemes = schemes.collect();
        let all = SENDERS.iter().map(|(_, make)| make(&tools)).collect();
        Self {
            tools,
            schemes,
            all,
        }
    }

    /// The sender of a scheme.
    #[must_use]
    pub fn of(&self, scheme: &str) -> Option<&Arc<dyn Sender>> {
        self.all
            .iter()
            .find(|sender| sender.schemes().contains(&scheme))
    }
}

impl Sender for Senders {
    fn schemes(&self) -> &[&'static str] {
        &self.schemes
    }

    fn check(&self, request: &Request, rules: &DestinationRules) -> Result<(), NotSendable> {
        match self.of(request.url.scheme()) {
            Some(sender) => sender.check(request, rules),
            None => Err(NotSendable {
                detail: format!(
                    "scheme `{}` cannot be sent; those that can: {}",
                    request.url.scheme(),
                    self.schemes().join(", ")
                ),
            }),
        }
    }

    fn send<'a>(
        &'a self,
        notification: &'a Notification,
        rules: &'a DestinationRules,
        budget: Duration,
    ) -> BoxFuture<'a, Attempt> {
        match &rules.beside {
            None => self.send_to_receiver(notification, rules, budget),
            Some(second) => beside::send(self, second, notification, rules, budget),
        }
    }

    fn own_headers<'a>(&self, request: &Request, rules: &'a DestinationRules) -> Vec<&'a str> {
        let sender = self.of(request.url.scheme());
        sender.map_or_else(Vec::new, |sender| sender.own_headers(request, rules))
    }

    fn written(
        &self,
        notification: &Notification,
        rules: &DestinationRules,
    ) -> Result<Vec<u8>, NotSendable> {
        self.check(&notification.request, rules)?;
        match self.of(notification.request.url.scheme()) {
            Some(sender) => sender.written(notification, rules),
            None => Ok(Vec::new()),
        }
    }

    fn way<'a>(
        &'a self,
        request: &'a Request,
        rules: &'a DestinationRules,
    ) -> BoxFuture<'a, Result<Way, NotSendable>> {
        match (self.check(request, rules), self.of(request.url.scheme())) {
            (Ok(()), Some(sender)) => sender.way(request, rules),
            (checked, _) => Box::pin(std::future::ready(checked.map(|()| Way::default()))),
        }
    }
}

impl Senders {
    /// Sends to the receiver itself, whatever second URL it has.
    fn send_to_receiver<'a>(
        &'a self,
        notification: &'a Notification,
        rules: &'a DestinationRules,
        budget: Duration,
    ) -> BoxFuture<'a, Attempt> {
        match self.of(notification.request.url.scheme()) {
            Some(sender) if rules.hidden.is_empty() => sender.send(notification, rules, budget),
            // A receiver may send back what it got: a secret never stands in a result.
            Some(sender) => Box::pin(async move {
                let mut attempt = sender.send(notification, rules, budget).await;
                if let Cow::Owned(hidden) = rules.hide(&attempt.excerpt) {
                    attempt.excerpt = hidden.into();
                }
                if let Cow::Owned(hidden) = rules.hide(attempt.detail.as_bytes()) {
                    attempt.detail = String::from_utf8_lossy(&hidden).into_owned();
                }
                attempt
            }),
            None => {
                let mut attempt = blank(notification.attempt, self.tools.clock.now());
                attempt.error = Some(crate::port::ErrorClass::Refused);
                if let Err(refused) = self.check(&notification.request, rules) {
                    attempt.detail = refused.detail;
                }
                Box::pin(std::future::ready(attempt))
            }
        }
    }
}

/// An attempt of which nothing has happened yet.
fn blank(number: u32, started: Timestamp) -> Attempt {
    Attempt {
        number,
        started,
        address: None,
        http: None,
        status: None,
        error: None,
        detail: String::new(),
        timings: Timings::default(),
        excerpt: Bytes::new(),
        retry_after: None,
        sent: false,
        beside: None,
    }
}

/// A refusal with these words.
fn not_sendable(detail: impl Into<String>) -> NotSendable {
    NotSendable {
        detail: detail.into(),
    }
}

#[cfg(test)]
mod tests {
    use base::SystemClock;

    use super::*;

    #[test]
    fn a_scheme_has_one_sender() {
        let senders = Senders::new(Tools::new(Arc::new(SystemClock::new())));
        let of_each = senders.all.iter().flat_map(|sender| sender.schemes());
        assert!(of_each.eq(senders.schemes()));
        let mut schemes = senders.schemes().to_vec();
        schemes.sort_unstable();
        schemes.dedup();
        assert_eq!(schemes, ["command", "http", "https", "mailto"]);
        assert!(senders.of("ftp").is_none());
        assert!(has_scheme("MAILTO:a@b.example") && !has_scheme("m-1:7") && !has_scheme("http"));
    }
}
