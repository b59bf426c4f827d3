//! Expressions for alarms, as metric math evaluates them.

use base::Timestamp;

use super::data::{Answers, Math, Unread};
use crate::math::{Options, Plan, Window};
use crate::metric::{Point, Query, Read};

/// Metric math.
#[derive(Clone, Copy, Debug)]
pub struct Expressions;

impl Math for Expressions {
    fn check(&self, queries: &[Query], band: Option<&str>) -> Result<(), String> {
        let plan = Plan::new(queries).map_err(|error| error.to_string())?;
        plan.alarm(band)
            .map(|_| ())
            .map_err(|error| error.to_string())
    }

    fn points(
        &self,
        read: &dyn Read,
        queries: &[Query],
        _: u32,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Answers, Unread> {
        let plan = Plan::new(queries).map_err(|error| Unread::Expression(error.to_string()))?;
        let window = Window { from, to, now: to };
        let results = plan.run(read, &window, &Options::default());
        let results = results.map_err(|error| Unread::Expression(error.to_string()))?;
        let point = |(at, value)| Point {
            at,
            value,
            samples: 1.0,
        };
        let answers = results.answers.into_iter();
        let answers = answers.map(|it| (it.id, it.points.into_iter().map(point).collect()));
        Ok(answers.collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::alarm::engine::data::Watched;
    use crate::alarm::{Data, Metrics};
    use crate::metric::memory::{Memory, identity};
    use crate::metric::{Source, Stat, Statistic};

    /// Monday, 2026-11-23T00:00:00Z.
    const MONDAY: u64 = 1_795_392_000;

    fn queries(band: &str) -> Vec<Query> {
        let stat = Stat {
            identity: identity("N", "M", &[]),
            statistic: Statistic::Average,
            period_secs: 300,
            unit: None,
        };
        let query = |id: &str, source, is_returned| Query {
            id: id.to_owned(),
            source,
            label: None,
            is_returned,
        };
        let expression = Source::Expression {
            text: band.to_owned(),
            period_secs: None,
        };
        vec![
            query("m1", Source::Metric(stat), true),
            query("ad1", expression, true),
        ]
    }

    #[test]
    fn a_band_stands_beside_the_one_that_is_watched() {
        let check = |text: &str, band: Option<&str>| Expressions.check(&queries(text), band);
        assert_eq!(check("ANOMALY_DETECTION_BAND(m1, 2)", Some("ad1")), Ok(()));
        for (text, band, expected) in [
            (
                "m1 * 2",
                Some("ad1"),
                "ThresholdMetricId ad1 must be the Id of an ANOMALY_DETECTION_BAND expression.",
            ),
            (
                "ANOMALY_DETECTION_BAND(m1, 2)",
                None,
                "Exactly one element of the metrics list should return data.",
            ),
            (
                "ANOMALY_DETECTION_BAND(m1, 2)",
                Some("m1"),
                "ThresholdMetricId m1 must be the Id of an ANOMALY_DETECTION_BAND expression.",
            ),
            (
                "ANOMALY_DETECTION_BAND(m2, 2)",
                Some("ad1"),
                "error in expression `ad1`: there is no query `m2`",
            ),
        ] {
            assert_eq!(check(text, band), Err(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn points_are_seen_with_the_edges_of_their_band() {
        let memory = Memory::default();
        let value = |index| Some(if index % 2 == 0 { 49.0 } else { 51.0 });
        let values: Vec<_> = (0..14 * 288).map(value).chain([Some(99.0)]).collect();
        memory.put_all(&identity("N", "M", &[]), MONDAY - 14 * 86_400, 300, &values);
        let metrics = Metrics::new(Arc::new(memory), Arc::new(Expressions));
        let watched = |text: &str| Watched::Band {
            queries: queries(text),
            band: "ad1".to_owned(),
        };
        let now = Timestamp::from_secs(MONDAY + 310);
        let seen = metrics.points(&watched("ANOMALY_DETECTION_BAND(m1, 3)"), 300, 1, now);
        let seen = seen.unwrap();
        assert_eq!(seen.window.newest.as_secs(), MONDAY);
        let last = seen.points.last().unwrap();
        assert_eq!((last.at.as_secs(), last.value), (MONDAY, 99.0));
        let edges = seen.edges[&last.at];
        assert!(edges.lower > 45.0 && edges.upper < 55.0, "{edges:?}");
        // Before there was any data there is no band, and so no point.
        let early = Timestamp::from_secs(MONDAY - 14 * 86_400 + 1500);
        let seen = metrics.points(&watched("ANOMALY_DETECTION_BAND(m1, 3)"), 300, 1, early);
        assert!(seen.unwrap().points.is_empty());
    }
}
