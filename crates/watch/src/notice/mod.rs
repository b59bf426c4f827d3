//! The router of notices: what alarms and checks say becomes messages to people, grouped, repeated, escalated, silenced.
//!
//! It decides who is told what and when, and sends nothing: a [`Notice`] goes out through the queue and the senders that
//! notifications go through, with their retries and their stored results.
//!
//! - [`event`] has [`Event`], what a source says, once for each change
//! - [`settings`] has [`Settings`]: receivers, routes, maintenance
//! - [`matching`]: labels against patterns
//! - [`silence`] has [`Silence`], and the windows of maintenance
//! - [`engine`] has [`Engine`]: events and time in, notices out, without clock or disk
//! - [`router`] has [`Router`], the engine on the disk
//! - [`render`]: a notice in the form of each channel, in English or Japanese
//!
//! INVARIANT: an event counts once, by its id; what it changes and the notices that follow are durable together.

pub mod engine;
pub mod event;
pub mod matching;
pub mod render;
pub mod router;
pub mod settings;
pub mod silence;

pub use engine::{Alert, Engine, Notice, NoticeKind};
pub use event::{Event, Kind, Severity};
pub use router::Router;
pub use settings::Settings;
pub use silence::Silence;
