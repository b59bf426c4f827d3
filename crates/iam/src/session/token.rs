//! What a session token holds, and how it is sealed.
//!
//! # Format
//! `seal(JSON)` bound to the id of its access key, as text of base64. The JSON, with short names since every request carries it:
//!
//! ```json
//! {"w":{"user":{"id":"AIDA…"}},"k":"token","s":"SECRET","i":1795410190000,"e":1795413790000,"m":1795410190000}
//! ```

use api::{Carried, SessionKind};
use base::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::engine::Id;
use crate::ground::Ground;

/// The most bytes of a token that is looked at. A session policy has at most 2048 characters, and ten managed ones 20,480.
pub const TOKEN_BYTES_MAX: usize = 48 * 1024;

/// What begins the id of a temporary key.
pub const KEY_PREFIX: &str = "ASIA";

/// Whose a session is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// The account's root, from the sign-in page.
    Root,
    /// A user.
    User {
        /// Its unique id.
        id: Id,
    },
    /// A role.
    Role {
        /// Its unique id.
        id: Id,
        /// The name of the session.
        session: String,
    },
    /// Somebody for whom a user asked.
    Federated {
        /// The user's unique id.
        id: Id,
        /// The name of the session.
        name: String,
    },
}

/// When a second factor was shown, if one was.
pub type Mfa = Option<Timestamp>;

/// All that is known of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Whose it is.
    pub holder: Holder,
    /// By which way it came about.
    pub kind: SessionKind,
    /// The secret of its key.
    pub secret: String,
    /// When it was issued.
    pub issued: Timestamp,
    /// Until when it holds.
    pub expires: Timestamp,
    /// When a second factor was shown, if one was.
    pub mfa: Mfa,
    /// The session policy, as it was given.
    pub policy: Option<String>,
    /// The ARNs of managed policies that limit it too.
    pub managed: Vec<String>,
    /// Tags that came with the session.
    pub tags: Vec<(String, String)>,
    /// What it hands on.
    pub carried: Carried,
}

/// Temporary credentials, for whoever asked.
#[derive(Clone)]
pub struct Credentials {
    /// `ASIA` and 16 letters.
    pub key_id: String,
    /// 40 characters; not shown by `Debug`.
    pub secret: String,
    /// The token, which goes with every request.
    pub token: String,
    /// Until when they hold.
    pub expires: Timestamp,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

/// The form in a token.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    w: Holder,
    k: Kind,
    s: String,
    i: u64,
    e: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    m: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    p: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    a: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    t: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    c: Vec<(String, String)>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Token,
    Role,
    Federation,
    SignIn,
}

impl Token {
    /// Makes a key for the session and seals everything into its token.
    #[must_use]
    pub fn issue(self, ground: &dyn Ground) -> Credentials {
        let key_id = base::id::aws_id(KEY_PREFIX, 16);
        let (secret, expires) = (self.secret.clone(), self.expires);
        let text = serde_json::to_string(&self.stored()).unwrap_or_default();
        let token = ground.seal(&text, &belongs_to(&key_id));
        Credentials {
            key_id,
            secret,
            token,
            expires,
        }
    }

    /// What the token of `key_id` holds; `None` where it is not one, or one of another key.
    #[must_use]
    pub fn open(ground: &dyn Ground, key_id: &str, token: &str) -> Option<Self> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let text = ground.open(token, &belongs_to(key_id)).ok()?;
        let stored: Stored = serde_json::from_str(&text).ok()?;
        Some(stored.into())
    }

    fn stored(self) -> Stored {
        Stored {
            w: self.holder,
            k: match self.kind {
                SessionKind::Token => Kind::Token,
                SessionKind::Role => Kind::Role,
                SessionKind::Federation => Kind::Federation,
                SessionKind::SignIn => Kind::SignIn,
            },
            s: self.secret,
            i: self.issued.as_millis(),
            e: self.expires.as_millis(),
            m: self.mfa.map(Timestamp::as_millis),
            p: self.policy,
            a: self.managed,
            t: self.tags,
            n: self.carried.source_identity,
            c: self.carried.tags,
        }
    }
}

impl From<Stored> for Token {
    fn from(stored: Stored) -> Self {
        Self {
            holder: stored.w,
            kind: match stored.k {
                Kind::Token => SessionKind::Token,
                Kind::Role => SessionKind::Role,
                Kind::Federation => SessionKind::Federation,
                Kind::SignIn => SessionKind::SignIn,
            },
            secret: stored.s,
            issued: Timestamp::from_millis(stored.i),
            expires: Timestamp::from_millis(stored.e),
            mfa: stored.m.map(Timestamp::from_millis),
            policy: stored.p,
            managed: stored.a,
            tags: stored.t,
            carried: Carried {
                source_identity: stored.n,
                tags: stored.c,
            },
        }
    }
}

/// The secret of a temporary key, drawn.
pub(crate) fn new_secret() -> String {
    STANDARD.encode(base::id::random_bytes::<30>())
}

fn belongs_to(key_id: &str) -> String {
    format!("shukuba session 1/{key_id}")
}
