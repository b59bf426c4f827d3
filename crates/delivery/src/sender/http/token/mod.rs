//! OAuth 2 tokens for a destination: the client credentials grant (RFC 6749, section 4.4), used as RFC 6750 says.
//!
//! A token is asked for when the first notification needs one and kept until shortly before it expires. One request runs
//! at a time for a client; the others wait for its answer, and a failure is theirs as well for a while ([`FAILED_FOR`]).
//!
//! A 401 of the receiver drops the token that was sent, once: a new one is asked for and the request is sent again, within
//! the same attempt. A 401 with a token that is new is the receiver's answer.
//!
//! INVARIANT: without a token nothing is sent; and no token stands in an attempt that leaves here.

mod answer;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, StatusCode};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};
use url::{Url, form_urlencoded};

use self::answer::{Granted, error_in};
use super::{Failure, HttpSender, failure};
use crate::config::{DestinationRules, SecretText};
use crate::port::{Attempt, ErrorClass, FailureClass, Notification, Request};
use crate::sender::blank;
use crate::verdict;

/// The longest answer of a token server. Chosen: a token with many claims is some KiB.
pub const TOKEN_ANSWER_BYTES_MAX: usize = 64 << 10;

/// The longest token. Chosen: servers refuse longer headers.
pub const TOKEN_BYTES_MAX: usize = 16 << 10;

/// How long a token is kept whose answer does not say. Chosen.
const LIFE: Duration = Duration::from_secs(300);

/// A token is kept for a day at most, whatever its answer says. Chosen.
const LIFE_MAX: Duration = Duration::from_secs(86_400);

/// A new token is asked for so long before the old one expires, or a tenth of its life before where that is less. Chosen:
/// longer than an attempt takes.
const MARGIN: Duration = Duration::from_secs(60);

/// No token server is asked again sooner after a failure, nor for a token in the place of one that a receiver refused.
/// Chosen.
const FAILED_FOR: Duration = Duration::from_secs(1);

/// The longest that a `Retry-After` of a token server is obeyed. Chosen.
const LIMITED_FOR_MAX: Duration = Duration::from_secs(60);

/// A receiver that refuses tokens again and again costs one new token in so long. Chosen.
const REFUSED_EVERY: Duration = Duration::from_secs(10);

/// How the client authenticates to the token server (RFC 6749, section 2.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientAuth {
    /// By a header.
    #[default]
    Basic,
    /// In the form.
    Body,
}

/// What tokens are asked for with.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// The token endpoint.
    pub url: Url,
    /// `client_id`.
    pub id: SecretText,
    /// `client_secret`.
    pub secret: SecretText,
    /// `scope`; empty for none.
    pub scope: String,
    /// `audience`; empty for none.
    pub audience: String,
    /// How the client authenticates.
    pub auth: ClientAuth,
}

/// A client of a token server, and its token.
struct Client {
    grant: Grant,
    /// The rules of the token server's host.
    rules: OnceLock<DestinationRules>,
    /// Held while a token is asked for.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Held,
    /// Counts the tokens.
    number: u64,
    /// When a receiver's refusal last dropped one.
    refused: Option<Instant>,
}

#[derive(Clone, Default)]
enum Held {
    #[default]
    Nothing,
    Token(Token),
    Failed(Failed),
}

/// A token.
#[derive(Clone)]
struct Token {
    text: Arc<str>,
    number: u64,
    /// When the next one is asked for.
    until: Instant,
}

/// A failure that holds for a while.
#[derive(Clone, Debug)]
struct Failed {
    class: ErrorClass,
    detail: String,
    retry_after: Option<Duration>,
    until: Instant,
}

/// How the requests to one destination get their token.
pub struct Authorizer {
    client: Arc<Client>,
    /// The destination's rules with the token in them, and the token's number.
    with_token: Mutex<Option<(u64, Arc<DestinationRules>)>>,
}

impl fmt::Debug for Authorizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authorizer")
            .field(&self.client.grant)
            .finish()
    }
}

impl PartialEq for Authorizer {
    fn eq(&self, other: &Self) -> bool {
        self.client.grant == other.client.grant
    }
}

impl Grant {
    /// What no result may hold.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        vec![self.secret.expose().to_owned(), self.basic()]
    }

    /// RFC 6749, section 2.3.1: both encoded as in a form before they are joined.
    fn basic(&self) -> String {
        let encoded = |text: &SecretText| {
            form_urlencoded::byte_serialize(text.expose().as_bytes()).collect::<String>()
        };
        STANDARD.encode(format!("{}:{}", encoded(&self.id), encoded(&self.secret)))
    }

    fn request(&self) -> Notification {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        for (name, value) in [("scope", &self.scope), ("audience", &self.audience)] {
            if !value.is_empty() {
                form.append_pair(name, value);
            }
        }
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut headers = vec![
            header("content-type", "application/x-www-form-urlencoded"),
            header("accept", "application/json"),
        ];
        match self.auth {
            ClientAuth::Basic => {
                headers.push(header("authorization", &format!("Basic {}", self.basic())));
            }
            ClientAuth::Body => {
                form.append_pair("client_id", self.id.expose());
                form.append_pair("client_secret", self.secret.expose());
            }
        }
        Notification {
            id: Arc::from("token"),
            request: Request {
                url: self.url.clone(),
                method: Method::POST,
                headers,
                body: Bytes::from(form.finish()),
            },
            attempt: 1,
            expires_at: None,
            line: 0,
            message_id: Arc::from("token"),
            origin: None,
            replay: None,
        }
    }
}

impl Client {
    fn held(&self, now: Instant) -> Option<Result<Token, Failed>> {
        match &self.state.lock().held {
            Held::Token(token) if now < token.until => Some(Ok(token.clone())),
            Held::Failed(failed) if now < failed.until => Some(Err(failed.clone())),
            _ => None,
        }
    }

    /// The token that holds, or a new one. Only one asks at a time.
    async fn token(&self, sender: &HttpSender, end: Instant) -> Result<Token, Failed> {
        if let Some(held) = self.held(Instant::now()) {
            return held;
        }
        let late = || Failed {
            class: ErrorClass::TokenTimeout,
            detail: "no token before the attempt's time was over".to_owned(),
            retry_after: None,
            until: end,
        };
        let turn = timeout_at(end, self.turn.lock()).await;
        let _turn = turn.map_err(|_| late())?;
        // Whoever had the turn before may have got one.
        if let Some(held) = self.held(Instant::now()) {
            return held;
        }
        let default = DestinationRules::default;
        let rules = self.rules.get_or_init(|| rules_for_tokens(&default()));
        let budget = end.saturating_duration_since(Instant::now());
        let answer = Box::pin(sender.attempt(&self.grant.request(), rules, budget)).await;
        let now = Instant::now();
        let read = self.read(&answer, rules, now);
        let mut state = self.state.lock();
        match read {
            Ok((text, until)) => {
                state.number += 1;
                let number = state.number;
                let token = Token {
                    text,
                    number,
                    until,
                };
                state.held = Held::Token(token.clone());
                Ok(token)
            }
            Err(failed) => {
                state.held = Held::Failed(failed.clone());
                Err(failed)
            }
        }
    }

    fn read(
        &self,
        answer: &Attempt,
        rules: &DestinationRules,
        now: Instant,
    ) -> Result<(Arc<str>, Instant), Failed> {
        let host = self.grant.url.host_str().unwrap_or_default();
        let failed = |class, what: String| Failed {
            class,
            detail: format!("no token from `{host}`: {what}"),
            retry_after: answer.retry_after,
            until: now
                + match answer.retry_after {
                    Some(wait) => wait.clamp(FAILED_FOR, LIMITED_FOR_MAX),
                    None => FAILED_FOR,
                },
        };
        if let Some(class) = verdict::class(answer, rules) {
            let what = match answer.status {
                Some(status) => format!("status {status}{}", error_in(&answer.excerpt)),
                None => answer.detail.clone(),
            };
            return Err(failed(class_of(class), what));
        }
        let granted = Granted::read(&answer.excerpt);
        let granted = granted.map_err(|what| failed(ErrorClass::TokenServer, what))?;
        Ok((granted.text, now + granted.kept))
    }

    /// Forgets the token `number`, which a receiver refused; `false` when there is no newer one to be had now.
    fn drop_token(&self, number: u64, now: Instant) -> bool {
        let mut state = self.state.lock();
        match &state.held {
            // Somebody else has dropped it already.
            Held::Token(token) if token.number != number => return true,
            Held::Nothing => return true,
            Held::Failed(_) => return false,
            Held::Token(_) => {}
        }
        if state.refused.is_some_and(|last| now < last + REFUSED_EVERY) {
            return false;
        }
        state.refused = Some(now);
        state.held = Held::Nothing;
        true
    }
}

impl Authorizer {
    /// Tokens that are asked for with `grant`.
    #[must_use]
    pub fn new(grant: Grant) -> Self {
        Self::of(Arc::new(Client {
            grant,
            rules: OnceLock::new(),
            turn: tokio::sync::Mutex::default(),
            state: Mutex::default(),
        }))
    }

    fn of(client: Arc<Client>) -> Self {
        Self {
            client,
            with_token: Mutex::default(),
        }
    }

    /// The same client for a destination with other rules.
    #[must_use]
    pub(crate) fn for_others(&self) -> Self {
        Self::of(Arc::clone(&self.client))
    }

    /// Where tokens come from.
    #[must_use]
    pub(crate) fn url(&self) -> &Url {
        &self.client.grant.url
    }

    /// Takes the rules of the token server's host; the first that are given hold.
    pub(crate) fn set_rules(&self, rules: &DestinationRules) {
        let _ = self.client.rules.set(rules_for_tokens(rules));
    }

    /// The destination's `rules` with the token as one of its headers.
    fn rules(&self, rules: &DestinationRules, token: &Token) -> Arc<DestinationRules> {
        let mut kept = self.with_token.lock();
        if let Some((number, kept)) = &*kept
            && *number == token.number
        {
            return Arc::clone(kept);
        }
        let mut with = rules.clone();
        with.auth = None;
        with.headers
            .retain(|(name, _)| !name.eq_ignore_ascii_case("authorization"));
        let value = format!("Bearer {}", token.text);
        let header = ("authorization".to_owned(), SecretText::new(value));
        with.headers.push(header);
        with.hidden = crate::config::hidden_forms(vec![token.text.to_string()]);
        let with = Arc::new(with);
        *kept = Some((token.number, Arc::clone(&with)));
        with
    }

    /// An attempt with a token.
    pub(super) async fn attempt(
        &self,
        sender: &HttpSender,
        notification: &Notification,
        rules: &DestinationRules,
        budget: Duration,
    ) -> Attempt {
        let started = sender.clock.now();
        let begun = Instant::now();
        let end = begun + rules.timeout_total.min(budget);
        let mut attempt = match self.client.token(sender, end).await {
            Ok(token) => self.with(token, sender, notification, rules, end).await,
            Err(failed) => failed.attempt(notification, started),
        };
        attempt.started = started;
        attempt.timings.total = begun.elapsed();
        attempt
    }

    async fn with(
        &self,
        token: Token,
        sender: &HttpSender,
        notification: &Notification,
        rules: &DestinationRules,
        end: Instant,
    ) -> Attempt {
        let send = async |token: &Token| {
            let rules = self.rules(rules, token);
            let left = end.saturating_duration_since(Instant::now());
            let mut attempt = sender.attempt(notification, &rules, left).await;
            hide(&mut attempt, &rules);
            attempt
        };
        let first = send(&token).await;
        let is_refused = first.status == Some(StatusCode::UNAUTHORIZED.as_u16());
        if !is_refused || first.error.is_some() || Instant::now() >= end {
            return first;
        }
        if !self.client.drop_token(token.number, Instant::now()) {
            return first;
        }
        match self.client.token(sender, end).await {
            Ok(new) => send(&new).await,
            Err(failed) => Attempt {
                sent: true,
                ..failed.attempt(notification, first.started)
            },
        }
    }
}

impl Failed {
    fn attempt(self, notification: &Notification, started: base::Timestamp) -> Attempt {
        let Failure { class, detail, .. } = failure(self.class, self.detail);
        Attempt {
            error: Some(class),
            detail,
            retry_after: self.retry_after,
            ..blank(notification.attempt, started)
        }
    }
}

fn hide(attempt: &mut Attempt, rules: &DestinationRules) {
    if let Cow::Owned(hidden) = rules.hide(&attempt.excerpt) {
        attempt.excerpt = hidden.into();
    }
    if let Cow::Owned(hidden) = rules.hide(attempt.detail.as_bytes()) {
        attempt.detail = String::from_utf8_lossy(&hidden).into_owned();
    }
}

/// The rules of a token server: those of its host for the connection, and nothing that is for notifications.
fn rules_for_tokens(of_host: &DestinationRules) -> DestinationRules {
    DestinationRules {
        auth: None,
        sign: None,
        request: None,
        recorded: None,
        headers: Vec::new(),
        id_header: Arc::from(""),
        success: DestinationRules::default().success,
        request_bytes_max: TOKEN_ANSWER_BYTES_MAX,
        response_bytes_max: TOKEN_ANSWER_BYTES_MAX,
        response_excerpt_bytes: TOKEN_ANSWER_BYTES_MAX,
        ..of_host.clone()
    }
}

/// A failure of the token server is none of the notification's own: it is tried again.
fn class_of(class: FailureClass) -> ErrorClass {
    match class {
        FailureClass::Network | FailureClass::Policy => ErrorClass::TokenNetwork,
        FailureClass::Timeout => ErrorClass::TokenTimeout,
        FailureClass::Limited => ErrorClass::TokenLimited,
        FailureClass::Server
        | FailureClass::Client
        | FailureClass::Redirect
        | FailureClass::Unrecorded
        | FailureClass::Unresolved => ErrorClass::TokenServer,
    }
}
