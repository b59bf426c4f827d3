//! The port `Lines` over the logs of this server: what functions print is found in the groups `/aws/lambda/NAME`.

use std::io;
use std::sync::Arc;

use base::Timestamp;
use logs::{Logs, Printed};

/// Lines on their way into the logs.
#[derive(Debug)]
pub(super) struct Lines(Printed);

impl Lines {
    /// Into `logs`.
    pub(super) fn into(logs: Arc<Logs>) -> io::Result<Self> {
        Printed::into(logs).map(Self)
    }

    /// Puts what waits, and takes no more. Blocks.
    pub(super) fn close(&self) {
        self.0.close();
    }
}

impl lambda::port::Lines for Lines {
    fn line(&self, group: &str, stream: &str, at: Timestamp, line: &str) {
        self.0.line(group, stream, at, line);
    }
}
