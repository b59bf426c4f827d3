//! All rules of the default bus.
//!
//! INVARIANT: a rule's `fired` never goes back while its schedule stays as it is, so that no moment is fired twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::Timestamp;
use serde_json::Value;

use super::rule::{Rule, State, Target};

/// Rules of a bus. Source: EventBridge quotas, "Rules".
pub const RULES_MAX: usize = 300;
/// Targets of a rule. Source: EventBridge quotas, "Targets per rule".
pub const TARGETS_MAX: usize = 5;
/// Tags of a rule. Source: EventBridge API Reference, TagResource.
pub const TAGS_MAX: usize = 50;

/// All rules by name. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Bus {
    rules: BTreeMap<String, Arc<Rule>>,
}

/// Why a change was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such rule.
    #[error("rule `{name}` does not exist")]
    NoRule {
        /// Its name.
        name: String,
    },
    /// There are as many rules or targets as may be.
    #[error("there are as many {what} as may be, {max}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many may be.
        max: usize,
    },
    /// A rule with targets is not deleted.
    #[error("rule `{name}` has targets")]
    HasTargets {
        /// Its name.
        name: String,
    },
}

impl Bus {
    /// Of what was kept.
    #[must_use]
    pub fn of(rules: impl IntoIterator<Item = Rule>) -> Self {
        let named = rules
            .into_iter()
            .map(|rule| (rule.name.clone(), Arc::new(rule)));
        Self {
            rules: named.collect(),
        }
    }

    /// All rules in the order of names.
    pub fn rules(&self) -> impl Iterator<Item = &Arc<Rule>> {
        self.rules.values()
    }

    /// One rule.
    ///
    /// # Errors
    /// [`Refusal::NoRule`].
    pub fn rule(&self, name: &str) -> Result<&Arc<Rule>, Refusal> {
        let found = self.rules.get(name);
        found.ok_or_else(|| Refusal::NoRule {
            name: name.to_owned(),
        })
    }

    /// Makes a rule, or replaces what an earlier one says. That one's targets and tags stay, and its moments where the schedule does.
    ///
    /// # Errors
    /// [`Refusal::TooMany`].
    pub fn put(&mut self, now: Timestamp, mut rule: Rule) -> Result<(), Refusal> {
        (rule.anchor, rule.fired) = (now, now);
        match self.rules.get(&rule.name) {
            None if self.rules.len() >= RULES_MAX => {
                return Err(Refusal::TooMany {
                    what: "rules",
                    max: RULES_MAX,
                });
            }
            None if rule.tags.len() > TAGS_MAX => return Err(too_many_tags()),
            None => {}
            Some(before) => {
                rule.targets.clone_from(&before.targets);
                rule.tags.clone_from(&before.tags);
                if rule.schedule == before.schedule && rule.state == before.state {
                    (rule.anchor, rule.fired) = (before.anchor, before.fired);
                }
            }
        }
        self.rules.insert(rule.name.clone(), Arc::new(rule));
        Ok(())
    }

    /// Lets a rule do something, or nothing.
    ///
    /// # Errors
    /// [`Refusal::NoRule`].
    pub fn set_state(&mut self, now: Timestamp, name: &str, state: State) -> Result<(), Refusal> {
        self.edit(name, |rule| {
            if rule.state != state {
                (rule.state, rule.anchor, rule.fired) = (state, now, now);
            }
            Ok(())
        })
    }

    /// Takes a rule away, if it is there.
    ///
    /// # Errors
    /// [`Refusal::HasTargets`].
    pub fn delete(&mut self, name: &str) -> Result<(), Refusal> {
        match self.rules.get(name) {
            Some(rule) if !rule.targets.is_empty() => Err(Refusal::HasTargets {
                name: name.to_owned(),
            }),
            _ => {
                self.rules.remove(name);
                Ok(())
            }
        }
    }

    /// Adds targets or replaces those of the same ids: all of them or none.
    ///
    /// # Errors
    /// [`Refusal::NoRule`], [`Refusal::TooMany`].
    pub fn put_targets(
        &mut self,
        name: &str,
        targets: Vec<(String, Target)>,
    ) -> Result<(), Refusal> {
        self.edit(name, |rule| {
            rule.targets.extend(targets);
            match rule.targets.len() <= TARGETS_MAX {
                true => Ok(()),
                false => Err(Refusal::TooMany {
                    what: "targets",
                    max: TARGETS_MAX,
                }),
            }
        })
    }

    /// Takes targets away. Returns the ids that there were none of.
    ///
    /// # Errors
    /// [`Refusal::NoRule`].
    pub fn remove_targets(&mut self, name: &str, ids: &[String]) -> Result<Vec<String>, Refusal> {
        let mut missing = Vec::new();
        self.edit(name, |rule| {
            for id in ids.iter().collect::<BTreeSet<_>>() {
                if rule.targets.remove(id).is_none() {
                    missing.push(id.clone());
                }
            }
            Ok(())
        })?;
        Ok(missing)
    }

    /// Adds tags.
    ///
    /// # Errors
    /// [`Refusal::NoRule`], [`Refusal::TooMany`].
    pub fn tag(
        &mut self,
        name: &str,
        tags: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(), Refusal> {
        self.edit(name, |rule| {
            rule.tags.extend(tags);
            match rule.tags.len() <= TAGS_MAX {
                true => Ok(()),
                false => Err(too_many_tags()),
            }
        })
    }

    /// Takes tags away.
    ///
    /// # Errors
    /// [`Refusal::NoRule`].
    pub fn untag(&mut self, name: &str, keys: &[String]) -> Result<(), Refusal> {
        self.edit(name, |rule| {
            rule.tags.retain(|key, _| !keys.contains(key));
            Ok(())
        })
    }

    /// The rules that are due, each with its moment, which counts as fired from now on.
    ///
    /// `from`: when this process began; what was missed before is not made up for, as AWS does not either.
    pub fn fire(&mut self, from: Timestamp, now: Timestamp) -> Vec<(Arc<Rule>, Timestamp)> {
        let mut fired = Vec::new();
        for rule in self.rules.values_mut() {
            if let Some(moment) = rule.due(from, now) {
                Arc::make_mut(rule).fired = moment;
                fired.push((Arc::clone(rule), moment));
            }
        }
        fired
    }

    /// Whether a rule is due.
    #[must_use]
    pub fn is_due(&self, from: Timestamp, now: Timestamp) -> bool {
        self.rules
            .values()
            .any(|rule| rule.due(from, now).is_some())
    }

    /// When the next rule is due.
    #[must_use]
    pub fn next(&self, from: Timestamp) -> Option<Timestamp> {
        self.rules.values().filter_map(|rule| rule.next(from)).min()
    }

    /// The rules that are for an event.
    #[must_use]
    pub fn matching(&self, event: &Value) -> Vec<Arc<Rule>> {
        let enabled = self
            .rules
            .values()
            .filter(|rule| rule.state == State::Enabled);
        let matching = enabled.filter(|rule| {
            let pattern = rule.pattern.as_ref();
            pattern.is_some_and(|pattern| pattern.matches(event))
        });
        matching.cloned().collect()
    }

    /// What differs from `before`: a rule as it is now, or nothing where it is gone.
    pub fn changes<'a>(
        &'a self,
        before: &'a Self,
    ) -> impl Iterator<Item = (&'a str, Option<&'a Rule>)> {
        let put = self.rules.iter().filter_map(|(name, rule)| {
            let is_same = before
                .rules
                .get(name)
                .is_some_and(|old| Arc::ptr_eq(old, rule));
            (!is_same).then_some((name.as_str(), Some(rule.as_ref())))
        });
        let gone = before
            .rules
            .keys()
            .filter(|name| !self.rules.contains_key(*name));
        put.chain(gone.map(|name| (name.as_str(), None)))
    }

    fn edit(
        &mut self,
        name: &str,
        edit: impl FnOnce(&mut Rule) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let mut rule = Rule::clone(self.rule(name)?);
        edit(&mut rule)?;
        self.rules.insert(rule.name.clone(), Arc::new(rule));
        Ok(())
    }
}

fn too_many_tags() -> Refusal {
    Refusal::TooMany {
        what: "tags",
        max: TAGS_MAX,
    }
}
