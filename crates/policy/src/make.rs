//! The policy generator.

use std::fmt::Write as _;

use crate::document::{Document, Effect, Kind};
use crate::position::Problem;

/// The text of a policy for identities that allows or denies `actions` on `resources`: indented JSON that parses.
///
/// # Errors
/// What is wrong with the actions or resources, by line and column of the text that they would make.
pub fn make(effect: Effect, actions: &[&str], resources: &[&str]) -> Result<String, Vec<Problem>> {
    let effect = match effect {
        Effect::Allow => "Allow",
        Effect::Deny => "Deny",
    };
    let actions = list(actions);
    let resources = list(resources);
    let text = format!(
        r#"{{
  "Version": "2012-10-17",
  "Statement": [
    {{
      "Effect": "{effect}",
      "Action": {actions},
      "Resource": {resources}
    }}
  ]
}}
"#
    );
    Document::parse(&text, Kind::Identity).map(|_| text)
}

fn list(texts: &[&str]) -> String {
    let items = texts
        .iter()
        .map(|text| format!("\n        {}", quoted(text)))
        .collect::<Vec<_>>();
    match items.is_empty() {
        true => "[]".to_owned(),
        false => format!("[{}\n      ]", items.join(",")),
    }
}

/// As a JSON string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c < ' ' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_policy_is_made() {
        let text = make(
            Effect::Allow,
            &["sqs:SendMessage", "sqs:Get*"],
            &["arn:aws:sqs:*:*:s2s"],
        )
        .unwrap();
        let json = serde_json::from_str::<serde_json::Value>(&text).unwrap();
        let expected = serde_json::json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Action": ["sqs:SendMessage", "sqs:Get*"],
                "Resource": ["arn:aws:sqs:*:*:s2s"],
            }],
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn what_cannot_be_a_policy_is_refused_where_it_would_stand() {
        let problems = make(Effect::Deny, &["sqs:*", "SendMessage"], &["*", "s2s"]).unwrap_err();
        let lines = problems
            .iter()
            .map(|problem| problem.line)
            .collect::<Vec<_>>();
        assert_eq!(lines, [8, 12], "{problems:?}");
        assert!(make(Effect::Allow, &[], &["*"]).is_err());
        assert!(make(Effect::Allow, &["*"], &[]).is_err());
    }

    proptest! {
        #[test]
        fn texts_are_quoted_as_json(text in any::<String>()) {
            let read = serde_json::from_str::<String>(&quoted(&text)).unwrap();
            prop_assert_eq!(read, text);
        }
    }
}
