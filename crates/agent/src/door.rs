//! The server, as the agent reaches it: signed calls to the operators' part of its door.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use net::HostPlan;
use serde::Serialize;
use serde::de::DeserializeOwned;
use watch::agent::protocol::{
    Batch, Failed, Goodbye, JoinRequest, Joined, LinkAnswer, LinkRequest, Server, SyncAnswer,
    SyncRequest,
};
use wire::sigv4::SecretKey;

use crate::call::http::Http;
use crate::call::{Credentials, Endpoint, Keys, base_url, fault_of};
use crate::command::{Usage, usage};

/// What calls are signed for.
pub const SERVICE: &str = "shukuba";
/// The code of a call that is wrong in itself.
pub const INVALID: &str = "InvalidRequest";

/// The server, as the agent reaches it.
pub struct Door {
    url: url::Url,
    region: String,
    ca_file: Option<PathBuf>,
    /// The key that may only join.
    token: Option<Credentials>,
    /// The connection of the key that the agent has.
    own: Kept,
    /// Another one, for questions that wait for their answer.
    waiting: Kept,
}

/// A connection with the id of its key.
type Kept = parking_lot::Mutex<Option<(String, Arc<Http>)>>;

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door")
            .field("url", &self.url.as_str())
            .finish_non_exhaustive()
    }
}

impl Door {
    /// The way to the server at `url`.
    ///
    /// # Errors
    /// [`Usage`] for a token or a URL that is none.
    pub fn open(
        url: &str,
        token: Option<&str>,
        region: &str,
        ca_file: Option<PathBuf>,
    ) -> anyhow::Result<Self> {
        let token = match token.map(ec2::Token::parse) {
            Some(None) => {
                return Err(usage(
                    "this is no token; they begin with `sj_`: shukuba host token",
                ));
            }
            Some(Some(token)) => Some(Credentials {
                key_id: token.0.access_key_id,
                secret: Arc::new(SecretKey::new(&token.0.secret)),
                token: None,
            }),
            None => None,
        };
        Ok(Self {
            url: base_url(url).map_err(Usage)?,
            region: region.to_owned(),
            ca_file,
            token,
            own: Kept::default(),
            waiting: Kept::default(),
        })
    }

    /// Where the server is, as `host:port`.
    #[must_use]
    pub fn server(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        let port = self.url.port_or_known_default().unwrap_or_default();
        format!("{host}:{port}")
    }

    fn http(&self, credentials: Credentials) -> Result<Http, Failed> {
        let endpoint = Endpoint {
            url: self.url.clone(),
            keys: Keys::Fixed(credentials),
            region: self.region.clone(),
            own_certificate: self.ca_file.clone(),
        };
        Http::new(endpoint, SERVICE).map_err(|error| Failed::Refused(format!("{error:#}")))
    }

    /// The connection by the key of `who`, kept from call to call.
    fn of(&self, who: &Joined) -> Result<Arc<Http>, Failed> {
        self.kept(&self.own, who)
    }

    fn kept(&self, kept: &Kept, who: &Joined) -> Result<Arc<Http>, Failed> {
        let mut own = kept.lock();
        if let Some((key, http)) = &*own
            && *key == who.access_key_id
        {
            return Ok(http.clone());
        }
        let http = Arc::new(self.http(Credentials {
            key_id: who.access_key_id.clone(),
            secret: Arc::new(SecretKey::new(&who.secret_access_key)),
            token: None,
        })?);
        *own = Some((who.access_key_id.clone(), http.clone()));
        Ok(http)
    }
}

async fn call<I: Serialize, O: DeserializeOwned>(
    http: &Http,
    name: &str,
    input: &I,
) -> Result<O, Failed> {
    let body = serde_json::to_vec(input).map_err(|error| Failed::Refused(error.to_string()))?;
    let mut headers = HeaderMap::new();
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    let path = format!("/_shukuba/api/{name}");
    let answer = http.post(&path, headers, Bytes::from(body)).await;
    let answer = answer.map_err(|error| Failed::Away(error.to_string()))?;
    if answer.status == 200 {
        let read = serde_json::from_slice(&answer.body);
        return read.map_err(|error| Failed::Away(format!("the answer is not in form: {error}")));
    }
    Err(failed(answer.status, &answer.body))
}

/// What a fault means to an agent. That it may not do something may change; that a call is wrong does not.
fn failed(status: u16, body: &[u8]) -> Failed {
    let (code, detail) = fault_of(status, body);
    match code.as_str() {
        // The key of a host that was terminated is gone.
        "UnknownHost" | "UnrecognizedClientException" if status < 500 => Failed::Unknown,
        code if status < 500 && code.starts_with("InvalidClientTokenId") => Failed::Unknown,
        INVALID if status < 500 => Failed::Refused(detail),
        code => Failed::Away(format!("{code}: {detail}")),
    }
}

#[async_trait]
impl Server for Door {
    async fn join(&self, request: JoinRequest) -> Result<Joined, Failed> {
        let token = self.token.clone().ok_or_else(|| {
            Failed::Refused(
                "a host joins with a token: --token, from `shukuba host token`".to_owned(),
            )
        })?;
        let http = self.http(token)?;
        match call(&http, "agent-join", &request).await {
            Err(Failed::Unknown) => Err(Failed::Refused(
                "the token is not valid (any more)".to_owned(),
            )),
            other => other,
        }
    }

    async fn sync(&self, who: &Joined, request: SyncRequest) -> Result<SyncAnswer, Failed> {
        call(&*self.of(who)?, "agent-sync", &request).await
    }

    async fn put(&self, who: &Joined, batch: Batch) -> Result<(), Failed> {
        let done: Result<serde_json::Value, Failed> =
            call(&*self.of(who)?, "agent-put", &batch).await;
        done.map(|_| ())
    }

    async fn link(&self, who: &Joined, request: LinkRequest) -> Result<Option<HostPlan>, Failed> {
        let http = self.kept(&self.waiting, who)?;
        let answer: Result<LinkAnswer, Failed> = call(&http, "agent-link", &request).await;
        answer.map(|answer| answer.plan)
    }

    async fn goodbye(&self, who: &Joined, request: Goodbye) -> Result<(), Failed> {
        let done: Result<serde_json::Value, Failed> =
            call(&*self.of(who)?, "agent-goodbye", &request).await;
        done.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_change_is_away_and_what_is_wrong_is_refused() {
        let said = |code: &str| format!(r#"{{"__type": "{code}", "message": "why"}}"#);
        let refused = Failed::Refused("why".to_owned());
        for (status, code, expected) in [
            (400, "UnknownHost", Failed::Unknown),
            (403, "InvalidClientTokenId", Failed::Unknown),
            (403, "UnrecognizedClientException", Failed::Unknown),
            (400, INVALID, refused),
            (
                403,
                "AccessDenied",
                Failed::Away("AccessDenied: why".to_owned()),
            ),
            (
                503,
                "InvalidRequest",
                Failed::Away("InvalidRequest: why".to_owned()),
            ),
        ] {
            assert_eq!(failed(status, said(code).as_bytes()), expected, "{code}");
        }
        assert_eq!(
            failed(502, b"<html>"),
            Failed::Away("status 502: ".to_owned())
        );
    }

    #[test]
    fn the_server_is_where_its_url_says() {
        for (url, expected) in [
            ("https://s2s.example.com", "s2s.example.com:443"),
            ("http://10.20.0.5:5310", "10.20.0.5:5310"),
            ("http://[2001:db8::1]:5310/", "[2001:db8::1]:5310"),
        ] {
            assert_eq!(Door::open(url, None, "r", None).unwrap().server(), expected);
        }
    }

    #[test]
    fn a_text_that_is_no_token_is_said_to_be_none() {
        let opened = Door::open("http://h:1", Some("x"), "r", None);
        let error = opened.unwrap_err();
        assert!(error.downcast_ref::<Usage>().is_some(), "{error}");
    }
}
