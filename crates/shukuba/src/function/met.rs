//! Whom a notifier has met: the destinations in its counts, those without limits too.

use std::collections::BTreeSet;
use std::sync::Arc;

use base::MetricSink;
use delivery::notifier::LIMITS_TOLD_MAX;
use parking_lot::Mutex;

/// Notes the destinations that anything is counted of; at most [`LIMITS_TOLD_MAX`], which is too many to tell.
#[derive(Debug, Default)]
pub(super) struct Met(Mutex<BTreeSet<Arc<str>>>);

impl Met {
    /// Their names, as results have them.
    pub(super) fn names(&self) -> Vec<Arc<str>> {
        self.0.lock().iter().cloned().collect()
    }
}

impl MetricSink for Met {
    fn add(&self, _: &'static str, _: &'static str, dimensions: &[(&'static str, &str)], _: f64) {
        let destination = dimensions.iter().find(|(name, _)| *name == "Destination");
        let Some((_, destination)) = destination else {
            return;
        };
        let mut met = self.0.lock();
        if met.len() < LIMITS_TOLD_MAX && !met.contains(*destination) {
            met.insert(Arc::from(*destination));
        }
    }

    fn record(&self, _: &'static str, _: &'static str, _: &[(&'static str, &str)], _: f64) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_once_and_no_more_than_there_may_be() {
        let met = Met::default();
        let count = |name: &str| {
            let dimensions = [("Route", "s2s"), ("Destination", name)];
            met.add("Shukuba", "Attempts", &dimensions, 1.0);
        };
        ["b", "a", "b"].into_iter().for_each(count);
        met.add("Shukuba", "Received", &[("Route", "s2s")], 1.0);
        assert_eq!(met.names(), [Arc::from("a"), Arc::from("b")]);
        (0..LIMITS_TOLD_MAX).for_each(|n| count(&n.to_string()));
        assert_eq!(met.names().len(), LIMITS_TOLD_MAX);
    }
}
