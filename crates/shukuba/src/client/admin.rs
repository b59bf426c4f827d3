//! The operator's calls: `POST /_shukuba/api/<name>`, signed for the service `shukuba`.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Error;
use super::http::Http;
use crate::answers::INVALID;
use crate::app;

/// Longest time that a copy of all data may take. Chosen.
const COPY_TIME: Duration = Duration::from_secs(12 * 3600);

/// What its calls are signed for.
pub(crate) const SERVICE: &str = agent::door::SERVICE;

/// Calls a server's admin API.
#[derive(Debug)]
pub(crate) struct Admin {
    http: Http,
}

impl Admin {
    pub(crate) fn new(http: Http) -> Self {
        Self { http }
    }

    /// For calls that copy: waits for the answer as long as the disks may take.
    pub(crate) fn patient(mut self) -> Self {
        self.http.answer_time = COPY_TIME;
        self
    }

    /// Calls `name` with `input`.
    pub(crate) async fn call<I: Serialize, O: DeserializeOwned>(
        &self,
        name: &str,
        input: &I,
    ) -> anyhow::Result<O> {
        let body = serde_json::to_vec(input)?;
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        let path = format!("/_shukuba/api/{name}");
        let answer = self.http.post(&path, headers, Bytes::from(body)).await?;
        if answer.status == 200 {
            return Ok(serde_json::from_slice(&answer.body)?);
        }
        // What is wrong with the arguments is said as any other slip in them is.
        Err(
            match super::sqs::fault(self.http.url(), answer.status, &answer.body) {
                Error::Refused { code, detail, .. } if code == INVALID => app::usage(detail),
                error => anyhow::Error::new(error),
            },
        )
    }
}
