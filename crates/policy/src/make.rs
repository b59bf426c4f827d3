//! The policy generator.

use crate::document::{Document, Effect, Kind};
use crate::position::Problem;

/// The text of a policy for identities that allows or denies `actions` on `resources`: indented JSON that parses.
///
/// # Errors
/// What is wrong with the actions or resources, by line and column of the text that they would make.
pub fn make(effect: Effect, actions: &[&str], resources: &[&str]) -> Result<String, Vec<Problem>> {
    let text = format!("{effect:?} {actions:?} {resources:?}");
    Document::parse(&text, Kind::Identity).map(|_| text)
}
