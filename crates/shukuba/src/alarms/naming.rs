//! Names of alarms: `{Name}-{metric}`.

use std::str::FromStr;

use ec2::engine::wildcard::Pattern;

use crate::client::ec2::Instance;

/// Characters of an alarm's name. Source: PutMetricAlarm.
pub(crate) const NAME_CHARS_MAX: usize = 255;

/// How alarms are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Format(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// The tag Name.
    Name,
    /// The instance's id.
    Id,
    Metric,
    Namespace,
}

/// What may stand in braces.
const PARTS: &str = "`{Name}`, `{id}`, `{metric}` and `{namespace}`";

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let wrong = || format!("`{text}` is not a form of names: {PARTS} may stand in it");
            let (inside, after) = after.split_once('}').ok_or_else(wrong)?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(match inside {
                "Name" => Part::Name,
                "id" => Part::Id,
                "metric" => Part::Metric,
                "namespace" => Part::Namespace,
                _ => return Err(wrong()),
            });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }
}

/// Of what an alarm is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Of<'a> {
    pub(crate) instance: &'a Instance,
    pub(crate) namespace: &'a str,
    pub(crate) metric: &'a str,
}

impl Format {
    /// Whether it tells instances apart.
    pub(crate) fn names_the_instance(&self) -> bool {
        self.0
            .iter()
            .any(|part| matches!(part, Part::Name | Part::Id))
    }

    /// The text of one instance.
    pub(crate) fn of(&self, of: Of<'_>) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Name => of.instance.name.clone(),
            Part::Id => of.instance.id.clone(),
            Part::Metric => of.metric.to_owned(),
            Part::Namespace => of.namespace.to_owned(),
        };
        self.0.iter().map(part).collect()
    }

    /// The names that instances give whose Name is as `pattern` says, as a pattern.
    pub(crate) fn pattern(&self, pattern: &str, namespace: &str, metric: &str) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => escaped(text),
            Part::Name => pattern.to_owned(),
            Part::Id => "*".to_owned(),
            Part::Metric => escaped(metric),
            Part::Namespace => escaped(namespace),
        };
        self.0.iter().map(part).collect()
    }
}

/// Whether a text has wildcards.
pub(crate) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// What every text begins with that is as `pattern` says.
pub(crate) fn beginning(pattern: &str) -> String {
    let mut beginning = String::new();
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '*' | '?' => break,
            '\\' => {
                let escaped = letters.next_if(|next| matches!(next, '*' | '?' | '\\'));
                beginning.push(escaped.unwrap_or('\\'));
            }
            letter => beginning.push(letter),
        }
    }
    beginning
}

/// Whether `name` is as `pattern` says.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    Pattern::new(pattern).matches(name)
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '*' | '?' | '\\') {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn instance(name: &str) -> Instance {
        Instance {
            name: name.to_owned(),
            id: "i-1".to_owned(),
        }
    }

    fn named(format: &str, name: &str) -> String {
        let format: Format = format.parse().unwrap();
        format.of(Of {
            instance: &instance(name),
            namespace: "AWS/EC2",
            metric: "CPUUtilization",
        })
    }

    #[test]
    fn names_are_made_of_their_form() {
        for (format, expected) in [
            ("{Name}-{metric}", "web-1-CPUUtilization"),
            ("{namespace}:{id} high", "AWS/EC2:i-1 high"),
            ("plain", "plain"),
            ("", ""),
        ] {
            assert_eq!(named(format, "web-1"), expected);
        }
        for wrong in ["{name}", "{Name", "{}", "{Name}-{metrc}"] {
            let error = wrong.parse::<Format>().unwrap_err();
            assert!(error.contains("`{Name}`"), "{error}");
        }
    }

    #[test]
    fn a_pattern_of_instances_gives_one_of_names() {
        for (format, pattern, expected, first) in [
            ("{Name}-{metric}", "web-*", "web-*-CPUUtilization", "web-"),
            (
                "{metric} {Name}",
                "*",
                "CPUUtilization *",
                "CPUUtilization ",
            ),
            ("a*{id}", "web-1", r"a\**", "a*"),
            ("{Name}", r"a\*b?", r"a\*b?", "a*b"),
        ] {
            let format: Format = format.parse().unwrap();
            let names = format.pattern(pattern, "AWS/EC2", "CPUUtilization");
            assert_eq!(names, expected);
            assert_eq!(beginning(&names), first);
        }
    }

    proptest! {
        #[test]
        fn every_name_that_is_made_is_found_again(name in r"[a-c*?\\-]{0,12}", format in r"([a*?\\]|\{Name\}|\{id\}){0,5}") {
            let made = named(&format, &name);
            let format: Format = format.parse().unwrap();
            let pattern = format.pattern(&escaped(&name), "AWS/EC2", "CPUUtilization");
            prop_assert!(matches(&pattern, &made));
            prop_assert!(made.starts_with(&beginning(&pattern)));
        }
    }
}
