//! Pages for people under `/_shukuba/`: what the gateway hands over, and what comes back.
//!
//! The gateway reads requests, bounds them and records what a page did; who people are and what they see is the pages' own.

use std::fmt;
use std::sync::Arc;

use base::ByteCount;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Method, Response};

use crate::caller::Caller;
use crate::ctx::Ctx;
use crate::fault::Fault;

/// The largest form of a page that says nothing else. Chosen: a user's name, two passwords of 128 characters in UTF-8 and
/// percent signs, and a token.
pub const FORM_BYTES_MAX: ByteCount = ByteCount::new(16 << 10);

/// One request for a page. Nobody has signed it.
pub struct PageCall {
    /// Its circumstances; the caller has proven nothing.
    pub ctx: Ctx,
    /// `GET`, `HEAD` or `POST`.
    pub method: Method,
    /// What stands behind `/_shukuba/`, such as `sign-in`; nothing for the first page.
    pub path: String,
    /// What stands behind the `?`, or nothing.
    pub query: String,
    /// The head's fields.
    pub headers: HeaderMap,
    /// The form of a `POST`; may hold passwords.
    pub form: Bytes,
}

/// A page, and what was done for it.
#[derive(Debug)]
pub struct PageAnswer {
    /// To the browser.
    pub response: Response<Bytes>,
    /// What goes into the record, where something was done.
    pub event: Option<PageEvent>,
}

/// What somebody did, or tried to do, on a page.
#[derive(Debug)]
pub struct PageEvent {
    /// The service, such as `signin`.
    pub service: &'static str,
    /// The operation, such as `ConsoleLogin`.
    pub operation: &'static str,
    /// Who it turned out to be; somebody anonymous where that was not proven.
    pub caller: Arc<Caller>,
    /// What was asked for, as JSON without secrets, where it may be recorded.
    pub input: Option<Vec<u8>>,
    /// What came of it as JSON, such as `{"ConsoleLogin":"Success"}`, without secrets.
    pub output: Option<Vec<u8>>,
    /// How it ended.
    pub outcome: Result<(), Fault>,
}

/// Makes pages.
pub trait Pages: Send + Sync + fmt::Debug {
    /// Makes one. Never fails: every trouble is a page.
    fn show(&self, call: PageCall) -> BoxFuture<'static, PageAnswer>;

    /// The largest form that a page takes. `path`: as in [`PageCall::path`].
    fn form_bytes_max(&self, path: &str) -> ByteCount {
        let _ = path;
        FORM_BYTES_MAX
    }
}

impl fmt::Debug for PageCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageCall")
            .field("method", &self.method)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
