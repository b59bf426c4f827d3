//! Who may do what, from the command line: the end state of a new account, people who come and go, and reports.
//!
//! What changes something is written as calls of IAM, S3 and CloudTrail, so that it works alike on a data directory that nobody
//! serves, on a server here or elsewhere, and on AWS. Reports read the identities of a data directory and ask the
//! function that decides over calls.
//!
//! - [`place`]: where the calls go; [`calls`], [`answer`]: their form; [`inside`], [`remote`]: the two ways
//! - [`init`]: the end state: groups, policies, password policy, billing; [`trail`]: the trail with its bucket
//! - [`people`]: somebody comes; [`leaver`]: somebody goes; [`password`], [`credentials`]: what is handed over
//! - [`asked`]: who can do what, and why; [`idle`]: who has not been here for long; [`reports`]: both by name
//! - [`steps`]: what was done, for people and programs

pub(crate) mod answer;
pub(crate) mod asked;
pub(crate) mod calls;
pub(crate) mod credentials;
pub(crate) mod idle;
pub(crate) mod init;
pub(crate) mod inside;
pub(crate) mod leaver;
pub(crate) mod password;
pub(crate) mod people;
pub(crate) mod place;
pub(crate) mod remote;
pub(crate) mod reports;
pub(crate) mod steps;
pub(crate) mod trail;

#[cfg(test)]
mod testing;
