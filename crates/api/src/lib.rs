//! What the gateway and the services agree on.
//!
//! A service declares its operations: what each may touch ([`Act::touches`]), how it is recorded
//! ([`Act::AUDIT`]) and what it does ([`Act::act`]). It never asks who may do so and never
//! writes the record itself: the gateway decides through an [`Authorizer`] and records through a [`Recorder`].
//!
//! - [`ctx`] has [`Ctx`], what a call knows about itself, with its [`RequestId`]
//! - [`caller`] has [`Caller`], who calls and by which credentials
//! - [`key`] has [`Key`], by which a caller proves itself, and [`KeyLookup`]
//! - [`act`] has [`Act`], a request that says which operation it is of, [`Op`], and [`Nothing`]: write operations so
//! - [`access`] has [`Access`] and [`Authorizer`]
//! - [`record`] has [`Audit`], [`CallRecord`], [`Recorder`], [`Kept`], and [`CountingRecorder`]
//! - [`fault`] has [`Fault`], an error as the wire shows it
//! - [`intake`] has [`Intake`], a way in for clients with a form of their own
//! - [`model`] compares operations with a published service model
//! - [`operation`] has [`Operation`], and its object-safe forms [`AnyOperation`] and [`Call`]
//! - [`pages`] has [`Pages`], which shows people pages
//! - [`rest`] has [`RestService`], a service that reads its own form of HTTP, with bodies that are streams
//! - [`service`] has [`Service`], its [`ServiceFacts`], and [`Catalogue`], which makes one of a table of operations

pub mod access;
pub mod act;
pub mod caller;
pub mod ctx;
pub mod fault;
pub mod intake;
pub mod key;
pub mod model;
pub mod operation;
pub mod pages;
pub mod record;
pub mod rest;
pub mod service;

pub use access::{Access, Authorizer, Decision};
pub use act::{Act, Nothing, Op};
pub use caller::{Caller, Carried, Grants, Principal, Session, SessionKind};
pub use ctx::{Ctx, RequestId, TlsFacts};
pub use fault::{Fault, Side};
pub use intake::{Intake, IntakeAnswer, IntakeCall, IntakeFacts};
pub use key::{Key, KeyLookup};
pub use operation::{Answered, AnyOperation, Call, Masked, Operation, Plain, Shapes};
pub use pages::{FORM_BYTES_MAX, PageAnswer, PageCall, PageEvent, Pages};
pub use record::{Audit, CLAIM_CHARS_MAX, CallRecord, CountingRecorder, Kept, Recorder, Stage};
pub use rest::{BodyError, FaultCtx, Gate, RestAnswer, RestBody, RestCall, RestService};
pub use service::{Catalogue, Service, ServiceFacts};
