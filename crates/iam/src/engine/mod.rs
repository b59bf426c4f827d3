//! What there is, what can be asked for, and what then holds.
//!
//! A [`Command`] looks at a [`State`] and says which [`Event`]s follow, or why none do; [`State::apply`] makes them true.
//! Ids, hashes and sealed secrets come in with the command: nothing here draws, measures, reads or writes.
//!
//! - [`state`] has [`State`] and its lookups
//! - [`event`] has [`Event`]
//! - [`user`], [`group`], [`role`], [`policy`], [`profile`], [`device`], [`account`], [`password`]: the things
//!   themselves, each with its commands
//! - [`key`]: access keys; [`login`]: login profiles; [`grant`]: inline and attached policies
//! - [`document`]: texts of policies
//! - [`name`]: how things may be called, [`Id`] and [`Kind`]
//! - [`tags`] has [`Tags`]; [`table`] has [`Table`], things by name and id
//! - [`error`] has [`Error`]; [`quota`]: how much there may be

pub mod account;
pub mod device;
pub mod document;
pub mod error;
pub mod event;
pub mod grant;
pub mod group;
pub mod key;
pub mod login;
pub mod name;
pub mod password;
pub mod policy;
pub mod profile;
pub mod quota;
pub mod role;
pub mod state;
pub mod table;
pub mod tags;
pub mod user;

use base::Timestamp;

pub use account::Account;
pub use device::Device;
pub use error::Error;
pub use event::Event;
pub use grant::{Grants, Holder};
pub use group::Group;
pub use key::AccessKey;
pub use login::Login;
pub use name::{Id, Kind};
pub use password::PasswordPolicy;
pub use policy::Policy;
pub use profile::InstanceProfile;
pub use role::Role;
pub use state::State;
pub use table::Table;
pub use tags::Tags;
pub use user::User;

/// What a command leads to: events to be kept and applied, and what is answered.
pub type Decided<T> = Result<(Vec<Event>, T), Error>;

/// Something asked of the identities.
pub trait Command {
    /// What is answered when it goes well.
    type Outcome;

    /// Says what follows from this command, given to `state` at `at`. Changes nothing by itself.
    ///
    /// # Errors
    /// When nothing may follow; the state stays.
    fn decide(self, state: &State, at: Timestamp) -> Decided<Self::Outcome>;
}
