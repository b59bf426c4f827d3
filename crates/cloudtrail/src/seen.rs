//! What the trail is told of one call: plain facts, borrowed from whoever took the call.
//!
//! The recorder makes one of what the gateway hands over; the record is made of this alone, so that what a record can
//! hold is seen here.

use std::net::IpAddr;

use base::{Arn, Timestamp};

/// To which class of events a call belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Changes or shows what is configured.
    Management,
    /// Works on what lies in a resource, such as a message or an object.
    Data,
}

/// By which way somebody came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A signed call.
    Call,
    /// The sign-in page.
    SignIn,
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who<'a> {
    /// The account itself.
    Root,
    /// A user with a name.
    User {
        /// Such as `alice`.
        name: &'a str,
        /// Such as `AIDAJ45Q7YFFAREXAMPLE`; empty where there is none.
        id: &'a str,
    },
    /// A session of a role.
    AssumedRole {
        /// The role's name.
        role: &'a str,
        /// The role's id, such as `AROAIDPPEZS35WEXAMPLE`.
        role_id: &'a str,
        /// The role's ARN.
        role_arn: &'a str,
        /// The name that the session was given.
        session: &'a str,
    },
    /// Somebody for whom a user asked for credentials.
    Federated {
        /// The name that the session was given.
        session: &'a str,
        /// The user's name.
        user: &'a str,
        /// The user's id.
        user_id: &'a str,
        /// The user's ARN.
        user_arn: &'a str,
    },
    /// A part of this server.
    Service {
        /// Such as `cloudtrail.amazonaws.com`.
        name: &'a str,
    },
    /// Nobody in particular: what everybody may do was asked for without a signature.
    Anybody,
    /// Nobody that is known: no signature where one is needed, a wrong one, or a name that is none.
    Unknown,
}

/// Who calls, by which credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity<'a> {
    /// Who.
    pub who: Who<'a>,
    /// The principal's ARN; empty where nobody is known.
    pub arn: &'a str,
    /// The account; empty where nobody is known.
    pub account: &'a str,
    /// The id of the key that signed, or that was claimed to have; empty without one.
    pub access_key_id: &'a str,
    /// How the credentials came about, where they are temporary.
    pub session: Option<Session<'a>>,
}

/// How temporary credentials came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session<'a> {
    /// When they were issued.
    pub issued_at: Timestamp,
    /// Whether a second factor was shown for them.
    pub mfa: Mfa,
    /// Who asked for them.
    pub origin: Origin,
    /// Who is said to be behind them.
    pub source_identity: Option<&'a str>,
}

/// Who asked for temporary credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A program.
    Program,
    /// The sign-in page.
    SignIn,
}

/// Whether a second factor was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mfa {
    /// It was.
    Shown,
    /// It was not.
    NotShown,
}

/// The encryption of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tls<'a> {
    /// Such as `TLSv1.3`.
    pub version: &'a str,
    /// Such as `TLS_AES_128_GCM_SHA256`.
    pub cipher_suite: &'a str,
}

/// How a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure<'a> {
    /// The code on the wire, such as `AccessDenied`.
    pub code: &'a str,
    /// The text on the wire.
    pub message: &'a str,
}

/// One call, as the trail is told of it.
#[derive(Clone, Debug)]
pub struct Seen<'a> {
    /// The service, as credential scopes name it, such as `sqs`.
    pub service: &'a str,
    /// The operation, such as `CreateQueue`; what a stranger claimed, where nothing was decoded.
    pub operation: &'a str,
    /// Its class.
    pub class: Class,
    /// By which way it came.
    pub way: Way,
    /// Who called.
    pub identity: Identity<'a>,
    /// From where; `None` for a call from inside the process.
    pub source: Option<IpAddr>,
    /// The `User-Agent`.
    pub user_agent: &'a str,
    /// The `Host`.
    pub host: &'a str,
    /// The encryption, where there was any.
    pub tls: Option<Tls<'a>>,
    /// The id under which the call was answered.
    pub request_id: &'a str,
    /// The input as JSON, sensitive members masked; `None` where nothing was decoded.
    pub request: Option<&'a [u8]>,
    /// The answer as JSON, where the operation changes something.
    pub response: Option<&'a [u8]>,
    /// How it failed, where it did.
    pub failure: Option<Failure<'a>>,
    /// What it touched or wanted to.
    pub resources: &'a [Arn],
}
