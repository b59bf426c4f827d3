//! A secret from standard input. On a terminal it is asked for, and not shown while it is typed.

use std::io::{BufRead, IsTerminal, Read};

use anyhow::Context;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::output;
use crate::signal::Stop;

/// A line that is typed, or all that a pipe gives; not more than `bytes_max`.
pub(crate) fn secret(question: &str, bytes_max: usize) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if !std::io::stdin().is_terminal() {
        let input = std::io::stdin().lock();
        input.take(bytes_max as u64).read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    output::ask(question);
    let quiet = Quiet::new()?;
    let line = typed(bytes_max);
    drop(quiet);
    output::complain("");
    line
}

/// A line from the terminal, unless a signal comes first: the echo must be back before the program ends.
fn typed(bytes_max: usize) -> anyhow::Result<Vec<u8>> {
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut line = Vec::new();
        let input = std::io::stdin().lock();
        let read = input.take(bytes_max as u64).read_until(b'\n', &mut line);
        // Whoever was interrupted waits for nothing.
        let _ = tell.send(read.map(|_| line));
    });
    crate::app::block_on(async {
        let mut stop = Stop::new()?;
        tokio::select! {
            line = told => Ok(line.context("nothing was read")??),
            () = stop.wait() => anyhow::bail!("interrupted: nothing was changed"),
        }
    })?
}

/// A terminal that shows nothing of what is typed, until this is dropped.
struct Quiet(Termios);

impl Quiet {
    fn new() -> anyhow::Result<Self> {
        let input = std::io::stdin();
        let before = tcgetattr(&input).context("cannot ask the terminal")?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&input, OptionalActions::Flush, &quiet).context("cannot hide what is typed")?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // The terminal may be gone; there is nobody left to tell.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0);
    }
}
