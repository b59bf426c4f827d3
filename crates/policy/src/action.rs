//! Actions of a statement, arranged so that thousands of them cost a decision next to nothing.
//!
//! Names have no case and may hold wildcards: `sqs:Get*`. They are kept in lower case: whole names in a sorted list,
//! patterns by their service. AWS's ReadOnlyAccess has 2,677 of them; a decision looks at the dozen of one service.

use std::borrow::Cow;

use crate::glob::{Glob, tokens};

/// An action that a request wants, in lower case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'r> {
    whole: &'r str,
    service: &'r str,
    name: &'r str,
}

/// Patterns of actions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Actions {
    /// `*` is among them.
    is_all: bool,
    /// Without wildcards, sorted.
    exact: Box<[Box<str>]>,
    /// With wildcards in the name alone, sorted by service.
    services: Box<[(Box<str>, Vec<Glob>)]>,
    /// Of every service: `*:Get*`.
    names: Box<[Glob]>,
}

/// Room for an action in lower case; the longest of AWS has 60 letters. Longer ones are allocated.
const LOWER_BYTES: usize = 128;

impl<'r> Wanted<'r> {
    /// `lower` is the action in lower case.
    pub(crate) fn new(lower: &'r str) -> Self {
        let (service, name) = lower.split_once(':').unwrap_or(("", lower));
        Self {
            whole: lower,
            service,
            name,
        }
    }
}

/// Calls `with` with `action` in lower case.
pub(crate) fn lowered<T>(action: &str, with: impl FnOnce(&str) -> T) -> T {
    let mut room = [0_u8; LOWER_BYTES];
    let lower = room.get_mut(..action.len()).and_then(|room| {
        room.copy_from_slice(action.as_bytes());
        room.make_ascii_lowercase();
        std::str::from_utf8(room).ok()
    });
    with(&lower.map_or_else(|| Cow::Owned(action.to_ascii_lowercase()), Cow::Borrowed))
}

impl Actions {
    pub(crate) fn new<'t>(patterns: impl IntoIterator<Item = &'t str>) -> Self {
        let mut exact = Vec::new();
        let mut services: Vec<(Box<str>, Vec<Glob>)> = Vec::new();
        let mut names = Vec::new();
        let mut is_all = false;
        for pattern in patterns {
            let pattern = pattern.to_ascii_lowercase();
            let is_wild = |text: &str| text.contains(['*', '?']);
            let glob = |text: &str| Glob::new(&tokens(text));
            match pattern.split_once(':') {
                Some(("*", "*")) => is_all = true,
                None => is_all |= pattern == "*",
                Some(("*", name)) => names.push(glob(name)),
                Some((service, name)) if is_wild(name) => {
                    match services.iter_mut().find(|(known, _)| **known == *service) {
                        Some((_, globs)) => globs.push(glob(name)),
                        None => services.push((service.into(), vec![glob(name)])),
                    }
                }
                Some(_) => exact.push(pattern.into_boxed_str()),
            }
        }
        exact.sort_unstable();
        services.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        Self {
            is_all,
            exact: exact.into(),
            services: services.into(),
            names: names.into(),
        }
    }

    pub(crate) fn contains(&self, wanted: Wanted<'_>) -> bool {
        self.is_all
            || self.by_service(wanted)
            || self
                .exact
                .binary_search_by(|known| (**known).cmp(wanted.whole))
                .is_ok()
            || self.names.iter().any(|name| name.matches(wanted.name))
    }

    fn by_service(&self, wanted: Wanted<'_>) -> bool {
        self.services
            .binary_search_by(|(service, _)| (**service).cmp(wanted.service))
            .ok()
            .and_then(|at| self.services.get(at))
            .is_some_and(|(_, globs)| globs.iter().any(|glob| glob.matches(wanted.name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(patterns: &[&str], action: &str) -> bool {
        let actions = Actions::new(patterns.iter().copied());
        lowered(action, |action| actions.contains(Wanted::new(action)))
    }

    #[test]
    fn actions_are_matched_without_case() {
        for (patterns, action, expected) in [
            (&["*"][..], "sqs:SendMessage", true),
            (&["*:*"], "sqs:SendMessage", true),
            (&["SQS:sendmessage"], "sqs:SendMessage", true),
            (&["sqs:Send*"], "sqs:SendMessageBatch", true),
            (&["sqs:Send*"], "s3:SendMessage", false),
            (&["sqs:SendMessage"], "sqs:SendMessageBatch", false),
            (&["*:*Message"], "sqs:SendMessage", true),
            (&["iam:*AccessKey*"], "iam:CreateAccessKey", true),
            (&["sqs:Get?rl", "s3:*", "sqs:List*"], "sqs:ListQueues", true),
            (&["sqs:*"], "sqsx:ListQueues", false),
            (&[], "sqs:ListQueues", false),
        ] {
            assert_eq!(
                contains(patterns, action),
                expected,
                "{patterns:?} {action}"
            );
        }
    }

    #[test]
    fn a_long_action_is_an_action() {
        let long = format!("sqs:{}", "A".repeat(LOWER_BYTES));
        assert!(contains(&["sqs:a*"], &long));
        assert!(contains(&[&long], &long.to_lowercase()));
    }
}
