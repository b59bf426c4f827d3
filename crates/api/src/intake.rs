//! A way in for clients that speak neither AWS's protocols nor sign as AWS's clients always do: one path, whole bodies, one
//! operation. Metrics of OpenTelemetry and Prometheus come so.
//!
//! The gateway routes, verifies who sends, bounds the body and records; in between the intake reads its own form, asks what
//! its sender may do, and writes its own answer.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::Response;

use crate::access::Access;
use crate::ctx::Ctx;
use crate::fault::Fault;
use crate::record::Audit;
use crate::rest::Gate;

/// What does not change about an intake.
#[derive(Debug)]
pub struct IntakeFacts {
    /// Where its requests are sent by `POST`, such as `/v1/metrics`.
    pub path: &'static str,
    /// The services for which a sender may have signed, such as `aps`.
    pub scopes: &'static [&'static str],
    /// A `Content-Encoding` that is part of its form, such as `snappy`; gzip is undone for it.
    pub own_encoding: Option<&'static str>,
    /// The service under which calls are recorded, such as `monitoring`.
    pub service: &'static str,
    /// The operation under which they are, such as `PutMetricData`.
    pub operation: &'static str,
    /// Its class.
    pub audit: Audit,
}

/// One request of a proven sender.
#[derive(Debug)]
pub struct IntakeCall {
    /// Its circumstances.
    pub ctx: Ctx,
    /// Decides what the intake asks.
    pub gate: Arc<dyn Gate>,
    /// As its head has it; nothing where it says nothing.
    pub content_type: String,
    /// All of it, without gzip.
    pub body: Bytes,
}

/// What goes back, and what goes into the record.
#[derive(Debug)]
pub struct IntakeAnswer {
    /// To the sender.
    pub response: Response<Bytes>,
    /// What it touched or wanted to.
    pub access: Vec<Access>,
    /// How it ended.
    pub outcome: Result<(), Fault>,
}

/// A way in. The gateway holds them and knows none by name.
pub trait Intake: Send + Sync + fmt::Debug {
    /// Its path and its names.
    fn facts(&self) -> &'static IntakeFacts;

    /// Takes a request. Never fails: every trouble is an answer.
    fn take(&self, call: IntakeCall) -> BoxFuture<'static, IntakeAnswer>;

    /// A fault of the gateway in the form that its clients read. `content_type`: of the request.
    fn fault(&self, content_type: &str, fault: &Fault) -> Response<Bytes>;
}
