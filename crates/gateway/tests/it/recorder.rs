//! A recorder that keeps lines.

use std::sync::Arc;

use api::{Audit, CallRecord, Recorder};
use parking_lot::Mutex;

/// Keeps one line for each record: `STAGE service operation caller key code`, and the masked output.
#[derive(Debug)]
pub(crate) struct Kept {
    lines: Mutex<Vec<String>>,
    classes: Mutex<Vec<Audit>>,
    under: Arc<dyn Recorder>,
}

impl Kept {
    /// One that tells `under` too.
    pub(crate) fn over(under: Arc<dyn Recorder>) -> Self {
        Self {
            lines: Mutex::default(),
            classes: Mutex::default(),
            under,
        }
    }

    /// The lines since the last time.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.lines.lock())
    }

    /// The classes since the last time.
    pub(crate) fn take_classes(&self) -> Vec<Audit> {
        std::mem::take(&mut *self.classes.lock())
    }
}

impl Recorder for Kept {
    fn wants_input(&self, _: &str, _: &str, _: Audit) -> bool {
        true
    }

    fn wants_output(&self, _: &str, _: &str, _: Audit) -> bool {
        true
    }

    fn record(&self, record: &CallRecord<'_>) -> api::Kept {
        let kept = self.under.record(record);
        self.classes.lock().push(record.audit);
        let caller = &record.ctx.caller;
        let who = match caller.is_anonymous() {
            true => "anonymous",
            false => caller.arn.resource.as_str(),
        };
        let code = record
            .outcome
            .map_or_else(|fault| fault.query_code, |()| "ok");
        let text =
            |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or(b"-")).into_owned();
        self.lines.lock().push(format!(
            "{:?} {} {} {who} {code} in={} out={}",
            record.stage,
            record.service,
            record.operation,
            text(record.input),
            text(record.output),
        ));
        kept
    }
}
