//! No pages: where a data directory is only read, nobody serves.

use api::{PageAnswer, PageCall, Pages};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Response, StatusCode};

/// Shows nothing.
#[derive(Clone, Copy, Debug)]
pub(in crate::serve) struct Closed;

impl Pages for Closed {
    fn show(&self, _: PageCall) -> BoxFuture<'static, PageAnswer> {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        let answer = PageAnswer {
            response,
            event: None,
        };
        Box::pin(std::future::ready(answer))
    }
}
