//! From a line to a request.

use crate::config::RouteFormat;

/// Reads lines of one form.
#[derive(Clone, Debug)]
pub struct Format {}

impl Format {
    /// A reader of lines of this form.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn new(_settings: &RouteFormat) -> Result<Self, String> {
        Ok(Self {})
    }
}

/// Whether a header may be sent.
///
/// # Errors
/// What is wrong with it.
pub fn check_header(_name: &str, _value: &str) -> Result<(), String> {
    Ok(())
}
