//! Reads the alarms that there are, and does what a plan says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::naming::{Format, beginning, matches};
use super::owner::{self, Tags};
use super::plan::{Change, Deed, Existing, Plan};
use super::rule::{Rule, Wanted};
use crate::access::calls::Failure;
use crate::client::cloudwatch::{CloudWatch, set};

/// Alarms that one call deletes, turns on or off. Source: DeleteAlarms.
pub(crate) const NAMES_MAX: usize = 100;

/// What there is: alarms by name, and the names of those whose instance is gone.
pub(crate) type There = (BTreeMap<String, Existing>, BTreeSet<String>);

/// The alarms of a command: those that are wanted, and those that it set before and are wanted no more.
pub(crate) fn there(
    cloudwatch: &dyn CloudWatch,
    pattern: &str,
    rule: &Rule,
    format: &Format,
    wanted: &[Wanted],
) -> anyhow::Result<There> {
    let names = format.pattern(pattern, &rule.namespace, &rule.metric);
    let wanted: BTreeSet<&str> = wanted.iter().map(|it| it.name.as_str()).collect();
    let (mut all, mut gone) = There::default();
    for alarm in described(cloudwatch, &names)? {
        let name = text(&alarm, "AlarmName").to_owned();
        let is_wanted = wanted.contains(name.as_str());
        let is_of_rule = text(&alarm, "MetricName") == rule.metric
            && text(&alarm, "Namespace") == rule.namespace;
        if is_wanted {
            refuse_composite(&alarm)?;
        } else if !is_of_rule {
            continue;
        }
        let tags = tags(cloudwatch, &alarm)?;
        let is_gone = !is_wanted && owner::is_ours(&name, &tags, pattern, rule, format);
        if is_wanted || is_gone {
            all.insert(name.clone(), Existing { alarm, tags });
        }
        if is_gone {
            gone.insert(name);
        }
    }
    Ok((all, gone))
}

/// The one alarm of this name, where there is one.
pub(crate) fn alone(cloudwatch: &dyn CloudWatch, name: &str) -> anyhow::Result<There> {
    let input = json!({ "AlarmNames": [name], "AlarmTypes": ["MetricAlarm", "CompositeAlarm"] });
    let page = cloudwatch.call("DescribeAlarms", &input)?;
    let (mut all, gone) = There::default();
    for alarm in of_page(&page) {
        refuse_composite(&alarm)?;
        let tags = tags(cloudwatch, &alarm)?;
        all.insert(name.to_owned(), Existing { alarm, tags });
    }
    Ok((all, gone))
}

/// The alarms of both types whose names are as `pattern` says.
pub(crate) fn described(cloudwatch: &dyn CloudWatch, pattern: &str) -> Result<Vec<Value>, Failure> {
    let mut input =
        json!({ "AlarmTypes": ["MetricAlarm", "CompositeAlarm"], "MaxRecords": NAMES_MAX });
    let beginning = beginning(pattern);
    if !beginning.is_empty() {
        set(&mut input, "AlarmNamePrefix", json!(beginning));
    }
    let pages = cloudwatch.pages("DescribeAlarms", &input)?;
    let all = pages.iter().flat_map(of_page);
    Ok(all
        .filter(|alarm| matches(pattern, text(alarm, "AlarmName")))
        .collect())
}

/// The alarms of a page, of both types.
pub(crate) fn of_page(page: &Value) -> Vec<Value> {
    let lists =
        ["MetricAlarms", "CompositeAlarms"].map(|list| page.get(list).and_then(Value::as_array));
    lists.into_iter().flatten().flatten().cloned().collect()
}

/// Whether an alarm is one of others.
pub(crate) fn is_composite(alarm: &Value) -> bool {
    alarm.get("AlarmRule").is_some_and(Value::is_string)
}

/// The text of a member; nothing where there is none.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn refuse_composite(alarm: &Value) -> anyhow::Result<()> {
    anyhow::ensure!(
        !is_composite(alarm),
        "`{}` is an alarm of other alarms; nothing was set: give --name-format",
        text(alarm, "AlarmName")
    );
    Ok(())
}

fn tags(cloudwatch: &dyn CloudWatch, alarm: &Value) -> Result<Tags, Failure> {
    let tags = cloudwatch.tags(text(alarm, "AlarmArn"))?.into_iter();
    Ok(tags
        .filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())))
        .collect())
}

/// Does what the plan says. Where it fails, what came before is done, and the same command goes on from there.
///
/// `did` is told of each alarm that is done.
pub(crate) fn apply(
    cloudwatch: &dyn CloudWatch,
    plan: &Plan,
    mut did: impl FnMut(&Change),
) -> Result<(), Failure> {
    for change in plan
        .changes
        .iter()
        .filter(|it| matches!(it.deed, Deed::Add | Deed::Change))
    {
        if let Some(put) = &change.put {
            cloudwatch.call("PutMetricAlarm", &Value::Object(put.clone()))?;
        }
        if let Some((arn, tags)) = &change.tag {
            let tags = tags
                .iter()
                .map(|(name, value)| json!({ "Key": name, "Value": value }));
            let tags: Vec<_> = tags.collect();
            cloudwatch.call("TagResource", &json!({ "ResourceARN": arn, "Tags": tags }))?;
        }
        did(change);
    }
    let gone: Vec<&Change> = plan.of(Deed::Delete).collect();
    for some in gone.chunks(NAMES_MAX) {
        let names: Vec<_> = some.iter().map(|it| &it.alarm_name).collect();
        cloudwatch.call("DeleteAlarms", &json!({ "AlarmNames": names }))?;
        some.iter().copied().for_each(&mut did);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::plan::{Prune, plan};
    use super::super::rule::tests::{format, instance, rule};
    use super::*;
    use crate::client::cloudwatch::tests::Told;

    fn wanted(names: &[(&str, &str)]) -> Vec<Wanted> {
        let instances: Vec<_> = names.iter().map(|(name, id)| instance(name, id)).collect();
        rule().of_instances("web-*", &instances, &format()).unwrap()
    }

    fn alarm(wanted: &Wanted) -> Value {
        let mut alarm = Value::Object(wanted.input.clone());
        alarm["AlarmArn"] = json!(format!("arn:{}", wanted.name));
        alarm
    }

    fn tags(wanted: &Wanted) -> Value {
        let tags = wanted.tags.iter();
        let tags: Vec<_> = tags
            .map(|(name, value)| json!({"Key": name, "Value": value}))
            .collect();
        json!({ "Tags": tags })
    }

    #[test]
    fn alarms_of_instances_that_are_gone_are_told_from_those_of_others() {
        let now = wanted(&[("web-1", "i-1")]);
        let gone = wanted(&[("web-9", "i-9")]);
        let mut of_other_metric = alarm(&gone[0]);
        of_other_metric["MetricName"] = json!("NetworkIn");
        let mut by_hand = alarm(&gone[0]);
        by_hand["AlarmName"] = json!("web-x-CPUUtilization");
        // Set with `{Name}-crit-{metric}`: its instance is called web-1, not web-1-crit.
        let mut of_other_form = alarm(&now[0]);
        of_other_form["AlarmName"] = json!("web-1-crit-CPUUtilization");
        let alarms = [
            alarm(&gone[0]),
            of_other_metric,
            by_hand,
            of_other_form,
            alarm(&now[0]),
        ];
        let told = Told::new([
            (
                "DescribeAlarms",
                json!({"MetricAlarms": alarms, "CompositeAlarms": []}),
            ),
            ("ListTagsForResource", tags(&gone[0])),
            ("ListTagsForResource", json!({"Tags": []})),
            ("ListTagsForResource", tags(&now[0])),
            ("ListTagsForResource", tags(&now[0])),
        ]);
        let (all, gone) = there(&told, "web-*", &rule(), &format(), &now).unwrap();
        assert_eq!(
            gone.into_iter().collect::<Vec<_>>(),
            ["web-9-CPUUtilization"]
        );
        assert_eq!(
            all.into_keys().collect::<Vec<_>>(),
            ["web-1-CPUUtilization", "web-9-CPUUtilization"]
        );
        let asked = &told.asked("DescribeAlarms")[0];
        assert_eq!(asked["AlarmNamePrefix"], "web-");
    }

    #[test]
    fn another_pattern_s_alarms_are_not_pruned() {
        let gone = rule()
            .of_instances("web-[ab]", &[instance("web-9", "i-9")], &format())
            .unwrap();
        let told = Told::new([
            ("DescribeAlarms", json!({"MetricAlarms": [alarm(&gone[0])]})),
            ("ListTagsForResource", tags(&gone[0])),
        ]);
        let (_, gone) = there(&told, "web-*", &rule(), &format(), &[]).unwrap();
        assert!(gone.is_empty());
    }

    #[test]
    fn a_composite_alarm_of_the_name_is_not_overwritten() {
        let composite = json!({"AlarmName": "web-1-CPUUtilization", "AlarmRule": "ALARM(a)", "AlarmArn": "arn:a"});
        let page = json!({"MetricAlarms": [], "CompositeAlarms": [composite]});
        let told = Told::new([("DescribeAlarms", page.clone()), ("DescribeAlarms", page)]);
        let refused = there(
            &told,
            "web-*",
            &rule(),
            &format(),
            &wanted(&[("web-1", "i-1")]),
        );
        assert!(
            refused
                .unwrap_err()
                .to_string()
                .contains("alarm of other alarms")
        );
        assert!(alone(&told, "web-1-CPUUtilization").is_err());
    }

    #[test]
    fn a_plan_is_done_in_order_and_stops_where_it_fails() {
        let wanted = wanted(&[("web-1", "i-1"), ("web-2", "i-2"), ("web-3", "i-3")]);
        let there: There = Default::default();
        let plan = plan(wanted, &there.0, &there.1, Prune::No);
        let told = Told::new([
            ("PutMetricAlarm", json!({})),
            (
                "PutMetricAlarm",
                json!({"__type": "LimitExceededFault", "message": "too many"}),
            ),
        ]);
        let mut done = Vec::new();
        let failed = apply(&told, &plan, |change| done.push(change.alarm_name.clone()));
        assert!(failed.unwrap_err().is("LimitExceededFault"));
        assert_eq!(done, ["web-1-CPUUtilization"]);
        assert_eq!(told.asked("PutMetricAlarm").len(), 2);
    }

    #[test]
    fn tags_are_set_and_gone_alarms_deleted_a_hundred_at_a_time() {
        let now = wanted(&[("web-1", "i-1")]);
        let existing = Existing {
            alarm: alarm(&now[0]),
            tags: Tags::new(),
        };
        let gone: BTreeSet<_> = (0..150).map(|index| format!("gone-{index:03}")).collect();
        let plan = plan(
            now,
            &[("web-1-CPUUtilization".to_owned(), existing)].into(),
            &gone,
            Prune::Yes,
        );
        let told = Told::default();
        apply(&told, &plan, |_| {}).unwrap();
        assert_eq!(told.asked("PutMetricAlarm"), [] as [Value; 0]);
        let tagged = &told.asked("TagResource")[0];
        assert_eq!(tagged["ResourceARN"], "arn:web-1-CPUUtilization");
        assert_eq!(tagged["Tags"].as_array().unwrap().len(), 4);
        let deleted = told.asked("DeleteAlarms");
        let counts: Vec<_> = deleted
            .iter()
            .map(|it| it["AlarmNames"].as_array().unwrap().len())
            .collect();
        assert_eq!(counts, [100, 50]);
    }
}
