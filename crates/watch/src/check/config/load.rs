//! Reading the file, and saying all that is wrong and where.

use std::fmt;
use std::path::Path;

use base::place::{self, Place, Unfit};
use serde::Deserialize as _;
use toml::Spanned;
use toml::de::DeTable;

use super::check::KINDS;
use super::tree::{self, Broken};
use super::{FILE_BYTES_MAX, Settings};

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// TOML.
    Toml,
    /// JSON.
    Json,
}

impl Form {
    /// Of a file with this name.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        match path.extension().is_some_and(|ending| ending == "json") {
            true => Self::Json,
            false => Self::Toml,
        }
    }
}

/// Settings that cannot be used: all that is wrong, a line each, such as `checks.toml:3:1: checks.load: …`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Wrong {
    /// The lines.
    pub problems: Vec<String>,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("\n"))
    }
}

/// Problems that one reading gives. Chosen: more than anybody reads.
const PROBLEMS_MAX: usize = 100;

impl Settings {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Wrong`] with every problem.
    pub fn read(path: &Path) -> Result<Self, Wrong> {
        let name = path.display().to_string();
        let failed = |why: String| Wrong {
            problems: vec![format!("{name}: {why}")],
        };
        let size = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?;
        if size.len() > FILE_BYTES_MAX {
            return Err(failed(format!("is larger than {FILE_BYTES_MAX} bytes")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        Self::parse(&name, &text, Form::of(path))
    }

    /// Reads `text`, which is called `name` in what is wrong with it.
    ///
    /// # Errors
    /// [`Wrong`] with every problem.
    pub fn parse(name: &str, text: &str, form: Form) -> Result<Self, Wrong> {
        let tree = match form {
            Form::Toml => tree::toml(text),
            Form::Json => tree::json(text),
        };
        let reading = Reading { name, text };
        let root = tree.map_err(|(at, why): Broken| Wrong {
            problems: vec![reading.line(Some(at), &why)],
        })?;
        let (settings, unfit) = reading.settings(&root);
        let mut problems: Vec<_> = unfit
            .iter()
            .map(|it| reading.line(it.at, &it.detail))
            .collect();
        // A check whose kind could not be read has one.
        let is_told = |key: &str| {
            let kinds = KINDS.split(", ").map(|kind| format!("{key}.{kind}"));
            let mut kinds = kinds.filter(|kind| {
                let told = unfit.iter().filter_map(|it| it.detail.strip_prefix(kind));
                told.into_iter().any(|rest| rest.starts_with([':', '.']))
            });
            kinds.next().is_some()
        };
        for invalid in settings.as_ref().map(Self::problems).unwrap_or_default() {
            if !is_told(&invalid.key) {
                let at = place::of_key(root.get_ref(), &invalid.key);
                problems.push(reading.line(at, &invalid.to_string()));
            }
        }
        match settings {
            Some(settings) if problems.is_empty() => Ok(settings),
            _ => Err(Wrong { problems }),
        }
    }
}

struct Reading<'a> {
    name: &'a str,
    text: &'a str,
}

impl Reading<'_> {
    /// What can be read, and each value that cannot: it is left out and the rest is read again.
    fn settings(&self, root: &Spanned<DeTable<'_>>) -> (Option<Settings>, Vec<Unfit>) {
        let mut root = root.clone();
        let mut problems = Vec::new();
        while problems.len() < PROBLEMS_MAX {
            let error = match Settings::deserialize(toml::Deserializer::from(root.clone())) {
                Ok(settings) => return (Some(settings), problems),
                Err(error) => error,
            };
            let unfit = Unfit::new(root.get_ref(), &error);
            let path = unfit.path.clone();
            problems.push(unfit);
            if path.is_empty() {
                return (None, problems);
            }
            place::remove(root.get_mut(), &path);
        }
        (None, problems)
    }

    fn line(&self, at: Option<usize>, what: &str) -> String {
        match at.map(|at| place::of_byte(self.text, at)) {
            Some(Place { line, column }) => format!("{}:{line}:{column}: {what}", self.name),
            None => format!("{}: {what}", self.name),
        }
    }
}
