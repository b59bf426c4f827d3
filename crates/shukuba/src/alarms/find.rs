//! Alarms by name or pattern, for commands that take several.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::apply::{NAMES_MAX, described, is_composite, of_page, text};
use super::naming::is_pattern;
use crate::client::cloudwatch::CloudWatch;

/// The alarms that are named, each once, in the order of their names.
///
/// # Errors
/// Where a name has no alarm or a pattern none: somebody meant another one.
pub(crate) fn find(
    cloudwatch: &dyn CloudWatch,
    names: &[String],
) -> anyhow::Result<BTreeMap<String, Value>> {
    let mut all = BTreeMap::new();
    let (patterns, names): (Vec<_>, Vec<_>) = names.iter().partition(|name| is_pattern(name));
    let mut missing = Vec::new();
    for pattern in patterns {
        let found = described(cloudwatch, pattern)?;
        if found.is_empty() {
            missing.push(pattern.as_str());
        }
        all.extend(found.into_iter().map(keyed));
    }
    for some in names.chunks(NAMES_MAX) {
        let input = json!({
            "AlarmNames": some, "AlarmTypes": ["MetricAlarm", "CompositeAlarm"], "MaxRecords": NAMES_MAX,
        });
        let pages = cloudwatch.pages("DescribeAlarms", &input)?;
        all.extend(pages.iter().flat_map(of_page).map(keyed));
    }
    missing.extend(
        names
            .iter()
            .map(|name| name.as_str())
            .filter(|name| !all.contains_key(*name)),
    );
    anyhow::ensure!(
        missing.is_empty(),
        "no alarm is called `{}`; nothing was done",
        missing.join("` or `")
    );
    Ok(all)
}

fn keyed(alarm: Value) -> (String, Value) {
    (text(&alarm, "AlarmName").to_owned(), alarm)
}

/// The names in such parts as DeleteAlarms takes: one alarm of others at a time, and those before what they are made of.
///
/// An alarm whose name stands in another's rule is deleted after it.
pub(crate) fn to_delete(alarms: &BTreeMap<String, Value>) -> Vec<Vec<&str>> {
    let (mut composite, plain): (Vec<_>, Vec<_>) =
        alarms.iter().partition(|(_, alarm)| is_composite(alarm));
    let mut parts = Vec::new();
    while !composite.is_empty() {
        let is_free = |name: &str| {
            composite.iter().all(|(other, alarm)| {
                other.as_str() == name || !text(alarm, "AlarmRule").contains(name)
            })
        };
        // In a circle none is free; then the server says no.
        let at = composite
            .iter()
            .position(|(name, _)| is_free(name))
            .unwrap_or(0);
        let (name, _) = composite.remove(at);
        parts.push(vec![name.as_str()]);
    }
    let plain: Vec<&str> = plain.into_iter().map(|(name, _)| name.as_str()).collect();
    parts.extend(plain.chunks(NAMES_MAX).map(<[&str]>::to_vec));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::cloudwatch::tests::Told;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn names_and_patterns_are_found_each_once() {
        let one = json!({"AlarmName": "web-1-cpu"});
        let other = json!({"AlarmName": "web-2-mem"});
        let told = Told::new([
            ("DescribeAlarms", json!({"MetricAlarms": [one, other]})),
            ("DescribeAlarms", json!({"MetricAlarms": [one]})),
        ]);
        let found = find(&told, &names(&["web-1-cpu", "web-?-cpu"])).unwrap();
        assert_eq!(found.into_keys().collect::<Vec<_>>(), ["web-1-cpu"]);
        assert_eq!(
            told.asked("DescribeAlarms")[1]["AlarmNames"],
            json!(["web-1-cpu"])
        );
    }

    #[test]
    fn what_is_not_there_is_named() {
        let told = Told::default();
        let error = find(&told, &names(&["a", "b*"])).unwrap_err().to_string();
        assert_eq!(error, "no alarm is called `b*` or `a`; nothing was done");
    }

    #[test]
    fn alarms_of_alarms_go_one_by_one_before_their_parts() {
        let alarms = [
            ("a", json!({"AlarmRule": "ALARM(\"m\")"})),
            ("b", json!({"AlarmRule": "ALARM(a) OR ALARM(m)"})),
            ("m", json!({})),
            ("n", json!({})),
        ];
        let alarms = alarms.map(|(name, alarm)| (name.to_owned(), alarm)).into();
        assert_eq!(to_delete(&alarms), [vec!["b"], vec!["a"], vec!["m", "n"]]);
    }
}
