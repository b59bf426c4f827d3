//! A dashboard's body in a file.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context;
use cloudwatch::dashboard::body::BODY_BYTES_MAX;
use cloudwatch::dashboard::{Body, Message, Refused};
use serde_json::Value;

use super::place;

/// A body, with what is odd in it.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) text: String,
    pub(crate) value: Value,
    pub(crate) body: Body,
}

/// Reads a file, or standard input for `-`.
pub(crate) fn read(path: &Path) -> anyhow::Result<String> {
    let most = BODY_BYTES_MAX as u64;
    let mut text = String::new();
    let read =
        |from: &mut dyn std::io::Read, text: &mut String| from.take(most + 1).read_to_string(text);
    let count = match path == Path::new("-") {
        true => read(&mut std::io::stdin().lock(), &mut text),
        false => {
            let mut file = std::fs::File::open(path)
                .with_context(|| format!("cannot read `{}`", path.display()))?;
            read(&mut file, &mut text)
        }
    };
    let count = count.with_context(|| format!("`{}` cannot be read as text", path.display()))?;
    anyhow::ensure!(
        count as u64 <= most,
        "`{}` is larger than {BODY_BYTES_MAX} bytes, which no dashboard is",
        path.display()
    );
    Ok(text)
}

/// What a text is as a dashboard, with the lines that say what is wrong or odd in it.
///
/// `name`: what the text is called in those lines.
///
/// # Errors
/// The lines that say what is wrong.
pub(crate) fn checked(name: &str, text: &str) -> Result<(Source, Vec<String>), Vec<String>> {
    let value: Value = serde_json::from_str(text)
        // `expected value at line 3 column 7`, in the form of the other lines.
        .map_err(|error| {
            vec![format!(
                "{name}:{}:{}: {}",
                error.line(),
                error.column(),
                syntax(&error)
            )]
        })?;
    match Body::read(text) {
        Ok((body, warnings)) => {
            let warnings = told(name, text, &warnings);
            let text = text.to_owned();
            Ok((Source { text, value, body }, warnings))
        }
        Err(Refused::Invalid(messages)) => Err(told(name, text, &messages)),
        Err(refused) => Err(vec![format!("{name}: {refused}")]),
    }
}

/// A body as it is, whatever is wrong in it.
pub(crate) fn unchecked(text: &str) -> anyhow::Result<Source> {
    let value: Value = serde_json::from_str(text).context("the body is no JSON")?;
    Ok(Source {
        text: text.to_owned(),
        body: Body::of(&value),
        value,
    })
}

/// Messages with their places: `d.json:12:7: /widgets/0/properties: Should have required property 'metrics'`.
pub(crate) fn told(name: &str, text: &str, messages: &[Message]) -> Vec<String> {
    let line = |message: &Message| {
        let place = place::of(text, &message.path);
        let place = place.map_or_else(String::new, |at| format!(":{}:{}", at.line, at.column));
        let path = match message.path.as_str() {
            "" => "/",
            path => path,
        };
        format!("{name}{place}: {path}: {}", message.text)
    };
    messages.iter().map(line).collect()
}

fn syntax(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, expected) in [
            ("{\n  \"widgets\": [,]\n}", "d.json:2:15: expected value"),
            (
                "{\n  \"start\": \"-PT3H\"\n}",
                "d.json:1:1: /: Should have required property 'widgets'",
            ),
            (
                "{\"widgets\": [\n  {\"type\": \"text\", \"width\": 30,\n   \"properties\": {\"markdown\": \"a\"}}]}",
                "d.json:2:29: /widgets/0/width: Should be <= 24",
            ),
            ("[]", "d.json: the body of a dashboard is a JSON object"),
        ] {
            assert_eq!(checked("d.json", text).unwrap_err(), [expected]);
        }
    }

    #[test]
    fn what_is_odd_is_said_too_and_the_body_is_taken() {
        let (source, warnings) = checked("d.json", "{\"widgets\": [],\n \"colour\": 1}").unwrap();
        assert_eq!(source.body.widgets.len(), 0);
        assert_eq!(
            warnings,
            ["d.json:2:12: /colour: Should NOT have additional properties"]
        );
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = read(Path::new("/nonexistent/d.json")).unwrap_err();
        assert!(error.to_string().contains("`/nonexistent/d.json`"));
    }
}
