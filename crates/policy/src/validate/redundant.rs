//! What could be left out.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{Checker, Location};
use crate::document::codes::{Code, REDUNDANT_ACTION, REDUNDANT_RESOURCE, REDUNDANT_STATEMENT};
use crate::document::draft::{DraftStatement, Element, Written};
use crate::glob::{Glob, tokens};

impl Checker {
    pub(super) fn redundant_statements(&mut self, statements: &[DraftStatement]) {
        let mut seen: HashMap<String, &Location> = HashMap::new();
        for statement in statements {
            self.redundant_values(statement);
            if let Some(first) = seen.insert(meaning(statement), &statement.at) {
                let details = "The statements are redundant because they provide identical permissions. Update the \
                               policy to remove the redundant statement.";
                self.add(
                    REDUNDANT_STATEMENT,
                    vec![first.clone(), statement.at.clone()],
                    details,
                );
            }
        }
    }

    fn redundant_values(&mut self, statement: &DraftStatement) {
        if let Some(actions) = &statement.actions {
            let lower = |text: &str| text.to_ascii_lowercase();
            self.redundant(REDUNDANT_ACTION, actions, lower, |pairs| {
                format!(
                    "The action(s) are redundant because they provide similar permissions. Update the policy to \
                     remove the redundant action such as: {pairs}."
                )
            });
        }
        if let Some(resources) = &statement.resources {
            self.redundant(REDUNDANT_RESOURCE, resources, str::to_owned, |pairs| {
                format!(
                    "The resource ARN(s) are redundant because they reference the same resource. Review the use of \
                     wildcards (*) in {pairs}."
                )
            });
        }
    }

    fn redundant(
        &mut self,
        code: Code,
        element: &Element<Written>,
        normal: impl Fn(&str) -> String,
        details: impl Fn(&str) -> String,
    ) {
        let texts = element
            .values
            .iter()
            .map(|value| normal(&value.text))
            .collect::<Vec<_>>();
        let wide = texts
            .iter()
            .filter(|text| text.contains('*') && !text.contains(['?', '$']))
            .map(|text| (text, Glob::new(&tokens(text))))
            .collect::<Vec<_>>();
        let mut seen = HashSet::new();
        for (text, value) in texts.iter().zip(&element.values) {
            // A pattern covers another when it fits it as a text: its stars take the other's stars as letters.
            let mut covering = wide.iter().filter(|(other, _)| *other != text);
            let is_covered = covering.any(|(_, glob)| glob.matches(text));
            if is_covered || !seen.insert(text) {
                self.add(code, vec![value.at.clone()], details(&value.text));
            }
        }
    }
}

/// What a statement says, whatever the order in which it does.
fn meaning(statement: &DraftStatement) -> String {
    let element = |element: &Option<Element<Written>>| {
        let values = element.iter().flat_map(|element| &element.values);
        let is_not = element.as_ref().map(|element| element.is_not);
        (
            is_not,
            values
                .map(|value| value.text.clone())
                .collect::<BTreeSet<_>>(),
        )
    };
    let principals = statement.principal.iter().flat_map(|principal| {
        let is_not = principal.is_not;
        principal
            .values
            .iter()
            .map(move |named| format!("{is_not} {:?} {}", named.sort, named.name.text))
    });
    let conditions = statement.conditions.iter().map(|condition| {
        let values = condition
            .values
            .iter()
            .map(|value| &value.text)
            .collect::<BTreeSet<_>>();
        format!(
            "{} {} {values:?}",
            condition.operator_name,
            condition.key.text.to_lowercase()
        )
    });
    format!(
        "{:?} {:?} {:?} {:?} {:?}",
        statement.effect,
        element(&statement.actions),
        element(&statement.resources),
        principals.collect::<BTreeSet<_>>(),
        conditions.collect::<BTreeSet<_>>(),
    )
}
