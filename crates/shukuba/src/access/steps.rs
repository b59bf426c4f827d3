//! What a command did, step by step.

use serde::Serialize;

use crate::output::{self, Format};

/// Whether a command does what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It does.
    Do,
    /// It looks, and tells what it would do.
    Look,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Became {
    /// It was done now.
    Made,
    /// It was there already.
    Exists,
    /// It is not there, and was not to be done now.
    WouldMake,
    /// It is there in another form, and was left so.
    Left,
    /// It is to be done elsewhere, or later.
    ToDo,
}

/// A step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Step {
    /// What is there afterwards, such as `group Admin`.
    pub(crate) what: String,
    /// What became of it.
    pub(crate) became: Became,
    /// What there is to say of it, or nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) note: String,
}

/// Steps in the order in which they were taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Steps {
    mode: Mode,
    steps: Vec<Step>,
}

impl Steps {
    pub(crate) fn new(mode: Mode) -> Self {
        Self {
            mode,
            steps: Vec::new(),
        }
    }

    /// Makes `what` unless it is there, or tells that it would.
    pub(crate) fn ensure<E>(
        &mut self,
        what: impl Into<String>,
        is_there: bool,
        make: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let became = match (is_there, self.mode) {
            (true, _) => Became::Exists,
            (false, Mode::Look) => Became::WouldMake,
            (false, Mode::Do) => {
                make()?;
                Became::Made
            }
        };
        self.add(what, became, "");
        Ok(())
    }

    /// Notes a step.
    pub(crate) fn add(&mut self, what: impl Into<String>, became: Became, note: impl Into<String>) {
        self.steps.push(Step {
            what: what.into(),
            became,
            note: note.into(),
        });
    }

    /// Adds to what was said of the last step.
    pub(crate) fn remark(&mut self, note: &str) {
        if let Some(step) = self.steps.last_mut() {
            note.clone_into(&mut step.note);
        }
    }

    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    #[cfg(test)]
    pub(crate) fn all(&self) -> &[Step] {
        &self.steps
    }

    /// Prints them.
    pub(crate) fn show(&self, format: Format) {
        output::show(format, &self.steps, |steps| {
            let rows = steps.iter().map(|step| {
                [
                    step.became.as_str().to_owned(),
                    step.what.clone(),
                    step.note.clone(),
                ]
            });
            output::table(&["", "step", "note"], rows)
        });
    }
}

impl Became {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Exists => "exists",
            Self::WouldMake => "would make",
            Self::Left => "left",
            Self::ToDo => "to do",
        }
    }
}
