//! What Lambda writes of an invocation into its log, and what it bills.
//!
//! ```text
//! START RequestId: 8476a536-e9f4-11e8-9739-2dfe598c3fcd Version: $LATEST
//! END RequestId: 8476a536-e9f4-11e8-9739-2dfe598c3fcd
//! REPORT RequestId: 8476a536-…⇥Duration: 12.34 ms⇥Billed Duration: 19 ms⇥Memory Size: 128 MB⇥Max Memory Used: 30 MB⇥Init Duration: 5.67 ms⇥
//! INIT_REPORT Init Duration: 10000.05 ms⇥Phase: init⇥Status: timeout
//! ```
//!
//! Source: Lambda Developer Guide, "Understanding the Lambda execution environment lifecycle", "Using CloudWatch Logs".

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use bytes::Bytes;

use super::api::ANSWER_BYTES_MAX;

/// What an invocation took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// From when the event was given to the function until its answer.
    pub duration: Duration,
    /// The start of the environment, when this invocation began with one.
    pub init: Option<Duration>,
    /// Milliseconds that are billed: both together, rounded up. Source: AWS bills the start of all functions since August 2025.
    pub billed_ms: u64,
    /// The function's memory in MiB.
    pub memory_mib: u32,
    /// Most memory that the environment has used so far, in MiB.
    pub memory_used_mib: u32,
}

impl Report {
    /// What is billed of `duration` and `init`.
    #[must_use]
    pub fn new(
        duration: Duration,
        init: Option<Duration>,
        memory_mib: u32,
        memory_used_mib: u32,
    ) -> Self {
        Self {
            duration,
            init,
            billed_ms: billed_ms(duration, init),
            memory_mib,
            memory_used_mib,
        }
    }

    /// GB-seconds: billed time by memory, as the price list counts them (1 GB is 1,024 MiB).
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds of at most some 16 minutes"
    )]
    pub fn gb_secs(&self) -> f64 {
        self.billed_ms as f64 / 1000.0 * f64::from(self.memory_mib) / 1024.0
    }
}

fn billed_ms(duration: Duration, init: Option<Duration>) -> u64 {
    let nanos = (duration + init.unwrap_or_default()).as_nanos();
    u64::try_from(nanos.div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// Why an environment did not come to an answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// The process ended.
    Exit(ExitStatus),
    /// It took more memory than the function has.
    OutOfMemory,
    /// It filled more than the function's space for files.
    StorageFull,
    /// The function's time is over.
    TimedOut(Duration),
    /// The start took too long.
    InitTimedOut(Duration),
    /// The answer is larger than answers may be.
    TooLarge,
    /// The package has no `bootstrap`.
    NoBootstrap,
    /// The process cannot be started.
    CannotStart(std::io::Error),
    /// The runtime says that it cannot start.
    InitError {
        /// Its name for why.
        kind: String,
        /// What the caller is given.
        body: Bytes,
    },
}

impl Fault {
    /// AWS's name for it.
    pub(super) fn kind(&self) -> &str {
        match self {
            Self::Exit(_) | Self::StorageFull => "Runtime.ExitError",
            Self::OutOfMemory => "Runtime.OutOfMemory",
            Self::TimedOut(_) | Self::InitTimedOut(_) => "Sandbox.Timedout",
            Self::TooLarge => "Function.ResponseSizeTooLarge",
            Self::NoBootstrap | Self::CannotStart(_) => "Runtime.InvalidEntrypoint",
            Self::InitError { kind, .. } => kind,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Exit(status) => exited(*status),
            Self::OutOfMemory | Self::StorageFull => {
                "Runtime exited with error: signal: killed".to_owned()
            }
            Self::TimedOut(limit) | Self::InitTimedOut(limit) => {
                format!("Task timed out after {} seconds", secs(*limit))
            }
            Self::TooLarge => format!(
                "Response payload size exceeded maximum allowed payload size ({ANSWER_BYTES_MAX} bytes)."
            ),
            Self::NoBootstrap => {
                "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]".to_owned()
            }
            Self::CannotStart(error) => format!("fork/exec /var/task/bootstrap: {error}"),
            Self::InitError { kind, .. } => format!("Runtime could not start: {kind}"),
        }
    }

    /// What the caller is given.
    pub(super) fn body(&self, request_id: &str) -> Bytes {
        let message = match self {
            Self::InitError { body, .. } => return body.clone(),
            Self::TooLarge => self.text(),
            _ => format!("RequestId: {request_id} Error: {}", self.text()),
        };
        serde_json::json!({ "errorType": self.kind(), "errorMessage": message })
            .to_string()
            .into()
    }

    /// What is written of it into the log, at `at` (RFC 3339).
    pub(super) fn lines(&self, request_id: &str, at: &str) -> Vec<String> {
        match self {
            Self::TimedOut(_) | Self::InitTimedOut(_) => {
                vec![format!("{at} {request_id} {}", self.text()), String::new()]
            }
            Self::TooLarge => vec![format!("{} {}", self.kind(), self.text())],
            Self::InitError { .. } => Vec::new(),
            _ => {
                let mut lines = vec![format!("RequestId: {request_id} Error: {}", self.text())];
                if matches!(self, Self::StorageFull) {
                    lines.push("more than the function's ephemeral storage was used".to_owned());
                }
                lines.push(self.kind().to_owned());
                lines
            }
        }
    }

    /// How the lines `REPORT` and `INIT_REPORT` end.
    pub(super) fn status(&self) -> String {
        match self {
            Self::TimedOut(_) | Self::InitTimedOut(_) => "Status: timeout".to_owned(),
            _ => format!("Status: error\tError Type: {}", self.kind()),
        }
    }
}

/// As Go's `exec.ExitError` says it, which is what AWS shows.
fn exited(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(0), _) => "Runtime exited without providing a reason".to_owned(),
        (Some(code), _) => format!("Runtime exited with error: exit status {code}"),
        (None, Some(signal)) => {
            format!("Runtime exited with error: signal: {}", signal_name(signal))
        }
        (None, None) => "Runtime exited with error".to_owned(),
    }
}

/// Names of signals as Go says them.
const SIGNALS: &[(i32, &str)] = &[
    (1, "hangup"),
    (2, "interrupt"),
    (3, "quit"),
    (4, "illegal instruction"),
    (5, "trace/breakpoint trap"),
    (6, "aborted"),
    (7, "bus error"),
    (8, "floating point exception"),
    (9, "killed"),
    (11, "segmentation fault"),
    (13, "broken pipe"),
    (14, "alarm clock"),
    (15, "terminated"),
];

fn signal_name(signal: i32) -> String {
    let known = SIGNALS.iter().find(|(number, _)| *number == signal);
    known.map_or_else(
        || format!("signal {signal}"),
        |(_, name)| (*name).to_owned(),
    )
}

/// `START …`.
pub(super) fn start_line(request_id: &str, version: &str) -> String {
    format!("START RequestId: {request_id} Version: {version}")
}

/// `END …`.
pub(super) fn end_line(request_id: &str) -> String {
    format!("END RequestId: {request_id}")
}

/// `REPORT …`; `status` where the invocation came to no answer.
pub(super) fn report_line(request_id: &str, report: &Report, status: Option<&str>) -> String {
    let mut line = format!(
        "REPORT RequestId: {request_id}\tDuration: {} ms\tBilled Duration: {} ms\tMemory Size: {} MB\tMax Memory Used: {} MB\t",
        millis(report.duration),
        report.billed_ms,
        report.memory_mib,
        report.memory_used_mib,
    );
    if let Some(init) = report.init {
        line.push_str(&format!("Init Duration: {} ms\t", millis(init)));
    }
    line.push_str(status.unwrap_or_default());
    line
}

/// `INIT_REPORT …` of a start that failed; `phase` is `init`, or `invoke` where it was tried again.
pub(super) fn init_report_line(took: Duration, phase: &str, status: &str) -> String {
    format!(
        "INIT_REPORT Init Duration: {} ms\tPhase: {phase}\t{status}",
        millis(took)
    )
}

fn millis(span: Duration) -> String {
    let hundredths = (span.as_nanos() + 5_000) / 10_000;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

fn secs(span: Duration) -> String {
    format!("{:.2}", span.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";

    fn micros(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    #[test]
    fn time_is_billed_by_the_millisecond_rounded_up_with_the_start() {
        for (duration, init, billed) in [
            (0, None, 0),
            (1, None, 1),
            (12_340, None, 13),
            (13_000, None, 13),
            (12_340, Some(5_670), 19),
            (3_000_000, None, 3_000),
        ] {
            let report = Report::new(micros(duration), init.map(micros), 128, 30);
            assert_eq!(report.billed_ms, billed, "{duration} {init:?}");
        }
        // 1,000 s at 128 MB are 125 GB-seconds.
        let report = Report::new(Duration::from_secs(1_000), None, 128, 30);
        assert!((report.gb_secs() - 125.0).abs() < 1e-9);
    }

    #[test]
    fn lines_are_as_aws_writes_them() {
        let warm = Report::new(micros(12_340), None, 128, 30);
        assert_eq!(
            report_line(ID, &warm, None),
            format!(
                "REPORT RequestId: {ID}\tDuration: 12.34 ms\tBilled Duration: 13 ms\tMemory Size: 128 MB\tMax Memory Used: 30 MB\t"
            )
        );
        let cold = Report::new(micros(3_000_000), Some(micros(5_670)), 128, 30);
        assert_eq!(
            report_line(ID, &cold, Some("Status: timeout")),
            format!(
                "REPORT RequestId: {ID}\tDuration: 3000.00 ms\tBilled Duration: 3006 ms\tMemory Size: 128 MB\tMax Memory Used: 30 MB\tInit Duration: 5.67 ms\tStatus: timeout"
            )
        );
        let fault = Fault::Exit(ExitStatus::from_raw(256));
        assert_eq!(
            init_report_line(micros(10_170), "init", &fault.status()),
            "INIT_REPORT Init Duration: 10.17 ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError"
        );
        assert_eq!(
            start_line(ID, "$LATEST"),
            format!("START RequestId: {ID} Version: $LATEST")
        );
        assert_eq!(end_line(ID), format!("END RequestId: {ID}"));
    }

    #[test]
    fn faults_are_told_in_aws_words() {
        let exit = |raw| Fault::Exit(ExitStatus::from_raw(raw));
        for (fault, kind, text) in [
            (
                exit(256),
                "Runtime.ExitError",
                "Runtime exited with error: exit status 1",
            ),
            (
                exit(0),
                "Runtime.ExitError",
                "Runtime exited without providing a reason",
            ),
            (
                exit(11),
                "Runtime.ExitError",
                "Runtime exited with error: signal: segmentation fault",
            ),
            (
                Fault::OutOfMemory,
                "Runtime.OutOfMemory",
                "Runtime exited with error: signal: killed",
            ),
            (
                Fault::TimedOut(Duration::from_secs(3)),
                "Sandbox.Timedout",
                "Task timed out after 3.00 seconds",
            ),
            (
                Fault::NoBootstrap,
                "Runtime.InvalidEntrypoint",
                "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]",
            ),
        ] {
            let body: serde_json::Value = serde_json::from_slice(&fault.body(ID)).unwrap();
            assert_eq!(body["errorType"], kind);
            assert_eq!(
                body["errorMessage"],
                format!("RequestId: {ID} Error: {text}")
            );
        }
    }
}
