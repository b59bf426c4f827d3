//! Progress on standard error: a line that moves on a terminal, a line now and then elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use base::{Clock, SystemClock};
use indicatif::{ProgressBar, ProgressStyle};
use parking_lot::Mutex;

use crate::output;

/// How often a line is written where no terminal is. Chosen.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Shows how far a command is.
#[derive(Debug)]
pub(crate) struct Progress {
    verb: &'static str,
    bar: Option<ProgressBar>,
    last: Mutex<Duration>,
    clock: SystemClock,
}

impl Progress {
    /// `verb`: what is done, such as `shipped`.
    pub(crate) fn new(verb: &'static str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self {
            verb,
            bar,
            last: Mutex::new(Duration::ZERO),
            clock: SystemClock::new(),
        }
    }

    /// `done` of `of` are done.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate for people"
    )]
    pub(crate) fn show(&self, done: u64, of: u64, detail: &str) {
        let since = self.clock.monotonic();
        let rate = (done as f64 / since.as_secs_f64().max(0.001)) as u64;
        let text = || {
            let (done, of, rate) = (output::count(done), output::count(of), output::count(rate));
            format!("{} {done} of {of} ({rate}/s) {detail}", self.verb)
        };
        match &self.bar {
            Some(bar) => {
                bar.set_message(text());
                bar.tick();
            }
            None => {
                let mut last = self.last.lock();
                if since.saturating_sub(*last) >= LINE_EVERY && done < of {
                    *last = since;
                    output::complain(&text());
                }
            }
        }
    }

    /// Clears the line.
    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
