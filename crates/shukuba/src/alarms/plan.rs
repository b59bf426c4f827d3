//! What is to be done so that the alarms are as wanted: of what is wanted and what there is.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};

use super::owner::Tags;
use super::rule::{Input, Wanted};

/// Members that a rule decides over; what it does not say of them is taken away.
const DECIDED: [&str; 16] = [
    "Namespace",
    "MetricName",
    "Dimensions",
    "Statistic",
    "ExtendedStatistic",
    "Unit",
    "Period",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "ComparisonOperator",
    "Threshold",
    "TreatMissingData",
    "AlarmActions",
    "OKActions",
    "Metrics",
    "EvaluationCriteria",
];
/// Members that stay as somebody else set them, unless the rule says otherwise: PutMetricAlarm would reset them.
const KEPT: [&str; 6] = [
    "ActionsEnabled",
    "AlarmDescription",
    "InsufficientDataActions",
    "EvaluationWindow",
    "WarmUpConfiguration",
    "ActionConfiguration",
];
/// The same, but only an alarm on a percentile may have it.
const KEPT_OF_PERCENTILES: &str = "EvaluateLowSampleCountPercentile";

/// An alarm that there is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Existing {
    /// As DescribeAlarms gives it.
    pub(crate) alarm: Value,
    pub(crate) tags: Tags,
}

/// What is to be done with one alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Deed {
    /// It is made.
    Add,
    /// It becomes other.
    Change,
    /// It is as it should be.
    Keep,
    /// Its instance is gone, and so will it.
    Delete,
    /// Its instance is gone; nobody asked to delete it.
    Leave,
}

/// A member that becomes other; `None` where there is nothing.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) old: Option<String>,
    pub(crate) new: Option<String>,
}

/// One alarm of a plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Change {
    pub(crate) alarm_name: String,
    pub(crate) deed: Deed,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instance_id: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) fields: Vec<Field>,
    /// What somebody should know before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) warning: Option<String>,
    /// What PutMetricAlarm is given.
    #[serde(skip)]
    pub(crate) put: Option<Input>,
    /// Whose tags are set afterwards, and which: PutMetricAlarm leaves those of an alarm that there is.
    #[serde(skip)]
    pub(crate) tag: Option<(String, Tags)>,
}

/// All that is to be done.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Plan {
    pub(crate) changes: Vec<Change>,
}

/// Whether alarms whose instance is gone are deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prune {
    Yes,
    No,
}

/// The plan by which `wanted` comes to be.
///
/// `existing`: alarms by name, those that are wanted among them; `gone`: names of those that were set by the same command for
/// instances that are not any more.
pub(crate) fn plan(
    wanted: Vec<Wanted>,
    existing: &BTreeMap<String, Existing>,
    gone: &BTreeSet<String>,
    prune: Prune,
) -> Plan {
    let mut changes: Vec<Change> = wanted
        .into_iter()
        .map(|wanted| match existing.get(&wanted.name) {
            Some(existing) => changed(wanted, existing),
            None => added(wanted),
        })
        .collect();
    let deed = match prune {
        Prune::Yes => Deed::Delete,
        Prune::No => Deed::Leave,
    };
    changes.extend(gone.iter().map(|name| Change {
        alarm_name: name.clone(),
        deed,
        instance_id: existing.get(name).and_then(|it| instance_id(&it.alarm)),
        fields: Vec::new(),
        warning: None,
        put: None,
        tag: None,
    }));
    Plan { changes }
}

impl Plan {
    /// Those of one kind.
    pub(crate) fn of(&self, deed: Deed) -> impl Iterator<Item = &Change> {
        self.changes
            .iter()
            .filter(move |change| change.deed == deed)
    }

    /// Whether there is nothing to do.
    pub(crate) fn is_done(&self) -> bool {
        let is_left = |change: &Change| matches!(change.deed, Deed::Keep | Deed::Leave);
        self.changes.iter().all(is_left)
    }
}

fn added(wanted: Wanted) -> Change {
    let mut put = wanted.input;
    let tags = wanted.tags.iter();
    let tags = tags.map(|(name, value)| json!({ "Key": name, "Value": value }));
    put.insert("Tags".to_owned(), tags.collect());
    Change {
        alarm_name: wanted.name,
        deed: Deed::Add,
        instance_id: wanted.instance.map(|it| it.id),
        fields: Vec::new(),
        warning: None,
        put: Some(put),
        tag: None,
    }
}

fn changed(wanted: Wanted, existing: &Existing) -> Change {
    let members = members(&wanted.input, &existing.alarm);
    let tags: Tags = wanted
        .tags
        .iter()
        .filter(|(name, value)| existing.tags.get(*name) != Some(value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let put = (!members.is_empty()).then(|| merged(&wanted.input, &existing.alarm));
    let arn = existing.alarm.get("AlarmArn").and_then(Value::as_str);
    let tagged = tags.iter().map(|(name, value)| Field {
        name: format!("tag {name}"),
        old: existing.tags.get(name).cloned(),
        new: Some(value.clone()),
    });
    let fields: Vec<Field> = members.into_iter().chain(tagged).collect();
    Change {
        warning: moved(&wanted.input, &existing.alarm),
        alarm_name: wanted.name,
        deed: if fields.is_empty() {
            Deed::Keep
        } else {
            Deed::Change
        },
        instance_id: wanted.instance.map(|it| it.id),
        fields,
        put,
        tag: (!tags.is_empty()).then(|| (arn.unwrap_or_default().to_owned(), tags)),
    }
}

/// The members that become other.
fn members(wanted: &Input, existing: &Value) -> Vec<Field> {
    let description = wanted.contains_key("AlarmDescription");
    let names = DECIDED
        .into_iter()
        .chain(description.then_some("AlarmDescription"));
    let field = |name: &str| {
        let old = plain(name, existing.get(name));
        let new = plain(name, wanted.get(name));
        (old != new).then(|| Field {
            name: name.to_owned(),
            old: old.as_ref().map(shown),
            new: new.as_ref().map(shown),
        })
    };
    // An M that is not said is N.
    let is_of_all =
        plain("", wanted.get("DatapointsToAlarm")) == plain("", existing.get("EvaluationPeriods"));
    let is_default =
        |field: &Field| field.name == "DatapointsToAlarm" && field.old.is_none() && is_of_all;
    names
        .filter_map(field)
        .filter(|field| !is_default(field))
        .collect()
}

/// A member in the form in which equal ones are equal: an empty one is none, a default is said, lists without an order of their
/// own are sorted.
fn plain(name: &str, value: Option<&Value>) -> Option<Value> {
    let value = value.filter(|value| !is_empty(value));
    Some(match (name, value?) {
        ("TreatMissingData", Value::String(text)) if text == "missing" => return None,
        ("Dimensions" | "AlarmActions" | "OKActions", Value::Array(list)) => {
            let mut list = list.clone();
            list.sort_by_cached_key(Value::to_string);
            Value::Array(list)
        }
        (_, Value::Number(number)) => json!(number.as_f64()),
        (_, value) => value.clone(),
    })
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
        _ => false,
    }
}

/// What PutMetricAlarm is given for an alarm that there is: what is wanted, and what stays.
fn merged(wanted: &Input, existing: &Value) -> Input {
    let of_percentiles = wanted
        .contains_key("ExtendedStatistic")
        .then_some(KEPT_OF_PERCENTILES);
    let kept = KEPT.into_iter().chain(of_percentiles);
    let mut put: Input = kept
        .filter_map(|name| Some((name.to_owned(), existing.get(name)?.clone())))
        .filter(|(_, value)| !is_empty(value))
        .collect();
    put.extend(wanted.clone());
    put
}

/// What is said where the alarm would watch another instance.
fn moved(wanted: &Input, existing: &Value) -> Option<String> {
    let wanted = Value::Object(wanted.clone());
    let (old, new) = (instance_id(existing)?, instance_id(&wanted)?);
    (old != new).then(|| format!("it watches {old} now, and would watch {new}"))
}

/// The instance that an alarm watches.
pub(crate) fn instance_id(alarm: &Value) -> Option<String> {
    let dimensions = alarm.get("Dimensions")?.as_array()?;
    let is_id = |it: &&Value| it.get("Name").and_then(Value::as_str) == Some("InstanceId");
    let value = dimensions.iter().find(is_id)?.get("Value")?;
    value.as_str().map(str::to_owned)
}

/// A member for people.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => {
            let list: Vec<_> = list.iter().map(shown).collect();
            list.join(", ")
        }
        Value::Object(object) => match (object.get("Name"), object.get("Value")) {
            (Some(name), Some(value)) if object.len() == 2 => {
                format!("{}={}", shown(name), shown(value))
            }
            _ => value.to_string(),
        },
        Value::Number(number) => number
            .as_f64()
            .map_or_else(|| number.to_string(), |it| it.to_string()),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::rule::tests::{format, instance, rule};
    use super::super::rule::{Rule, Wanted};
    use super::*;

    fn wanted(rule: &Rule) -> Wanted {
        let instances = [instance("web-1", "i-1")];
        rule.of_instances("web-*", &instances, &format())
            .unwrap()
            .remove(0)
    }

    /// The alarm as DescribeAlarms gives it after `wanted` was set, with `other` over it.
    fn existing(wanted: &Wanted, other: Value) -> BTreeMap<String, Existing> {
        let mut alarm = Value::Object(wanted.input.clone());
        let arn = format!(
            "arn:aws:cloudwatch:us-east-1:123456789012:alarm:{}",
            wanted.name
        );
        let members = [
            ("AlarmArn", json!(arn)),
            ("ActionsEnabled", json!(true)),
            ("InsufficientDataActions", json!([])),
            ("StateValue", json!("OK")),
        ];
        for (name, value) in members {
            alarm[name] = value;
        }
        for (name, value) in other.as_object().into_iter().flatten() {
            alarm[name] = value.clone();
        }
        let tags = wanted.tags.clone();
        [(wanted.name.clone(), Existing { alarm, tags })].into()
    }

    fn only(plan: Plan) -> Change {
        assert_eq!(plan.changes.len(), 1);
        plan.changes.into_iter().next().unwrap()
    }

    fn planned(wanted: Wanted, existing: &BTreeMap<String, Existing>) -> Change {
        only(plan(vec![wanted], existing, &BTreeSet::new(), Prune::No))
    }

    #[test]
    fn an_alarm_that_is_not_there_is_added_with_its_tags() {
        let change = planned(wanted(&rule()), &BTreeMap::new());
        assert_eq!(change.deed, Deed::Add);
        assert_eq!(change.instance_id.as_deref(), Some("i-1"));
        let put = change.put.unwrap();
        assert!(
            put["Tags"]
                .as_array()
                .unwrap()
                .contains(&json!({"Key": "shukuba:set-by", "Value": "alarm-set"}))
        );
    }

    #[test]
    fn the_second_run_has_nothing_to_do() {
        let wanted = wanted(&rule());
        for other in [
            json!({}),
            json!({"TreatMissingData": "missing", "Threshold": 80, "Unit": null, "Metrics": []}),
            json!({"AlarmDescription": "by hand", "ActionsEnabled": false}),
        ] {
            let existing = existing(&wanted, other);
            let plan = plan(
                vec![wanted.clone()],
                &existing,
                &BTreeSet::new(),
                Prune::Yes,
            );
            assert!(plan.is_done(), "{plan:?}");
            assert_eq!(plan.of(Deed::Keep).count(), 1);
        }
    }

    #[test]
    fn the_order_of_dimensions_and_actions_and_an_unsaid_m_change_nothing() {
        let rule = Rule {
            lasts: "5/5".parse().unwrap(),
            actions: vec!["arn:a".to_owned(), "arn:b".to_owned()],
            dimensions: vec![("path".to_owned(), "/".parse().unwrap())],
            ..rule()
        };
        let wanted = wanted(&rule);
        let dimensions = [
            json!({"Name": "path", "Value": "/"}),
            json!({"Name": "InstanceId", "Value": "i-1"}),
        ];
        let other = json!({"DatapointsToAlarm": null, "OKActions": ["arn:b", "arn:a"], "Dimensions": dimensions});
        assert_eq!(
            planned(wanted.clone(), &existing(&wanted, other)).deed,
            Deed::Keep
        );
    }

    #[test]
    fn what_changed_is_said_from_and_to() {
        let wanted = wanted(&rule());
        for (other, field, old, new) in [
            (
                json!({"Threshold": 90.0}),
                "Threshold",
                Some("90"),
                Some("80"),
            ),
            (json!({"Period": 300}), "Period", Some("300"), Some("60")),
            (json!({"Unit": "Percent"}), "Unit", Some("Percent"), None),
            (
                json!({"OKActions": []}),
                "OKActions",
                None,
                Some("arn:aws:sns:us-east-1:123456789012:ops"),
            ),
            (
                json!({"TreatMissingData": "breaching"}),
                "TreatMissingData",
                Some("breaching"),
                None,
            ),
            (
                json!({"DatapointsToAlarm": null}),
                "DatapointsToAlarm",
                None,
                Some("3"),
            ),
            (
                json!({"Statistic": "Maximum"}),
                "Statistic",
                Some("Maximum"),
                Some("Average"),
            ),
        ] {
            let change = planned(wanted.clone(), &existing(&wanted, other));
            let expected = Field {
                name: field.to_owned(),
                old: old.map(str::to_owned),
                new: new.map(str::to_owned),
            };
            assert_eq!(change.fields, [expected]);
            assert!(change.put.is_some() && change.tag.is_none() && change.deed == Deed::Change);
        }
    }

    #[test]
    fn what_others_set_stays_when_an_alarm_is_put_again() {
        let wanted = wanted(&rule());
        let other = json!({
            "Threshold": 90.0, "ActionsEnabled": false, "AlarmDescription": "by hand", "Unit": "Percent",
            "InsufficientDataActions": ["arn:c"], "EvaluateLowSampleCountPercentile": "ignore",
        });
        let put = planned(wanted.clone(), &existing(&wanted, other))
            .put
            .unwrap();
        assert_eq!(put["ActionsEnabled"], false);
        assert_eq!(put["AlarmDescription"], "by hand");
        assert_eq!(put["InsufficientDataActions"], json!(["arn:c"]));
        assert_eq!(put["Threshold"], 80.0);
        for member in [
            "Unit",
            "EvaluateLowSampleCountPercentile",
            "StateValue",
            "AlarmArn",
        ] {
            assert!(!put.contains_key(member), "{member}");
        }
    }

    #[test]
    fn an_alarm_that_would_watch_another_instance_is_warned_of() {
        let wanted = wanted(&rule());
        let other = json!({"Dimensions": [{"Name": "InstanceId", "Value": "i-0"}]});
        let change = planned(wanted.clone(), &existing(&wanted, other));
        assert_eq!(
            change.warning.as_deref(),
            Some("it watches i-0 now, and would watch i-1")
        );
        assert_eq!(change.fields[0].old.as_deref(), Some("InstanceId=i-0"));
    }

    #[test]
    fn tags_alone_are_set_without_putting_the_alarm() {
        let wanted = wanted(&Rule {
            severity: Some("warning"),
            ..rule()
        });
        let mut existing = existing(&wanted, json!({}));
        let tags = &mut existing.get_mut(&wanted.name).unwrap().tags;
        tags.insert("severity".to_owned(), "critical".to_owned());
        tags.insert("team".to_owned(), "a".to_owned());
        let change = planned(wanted, &existing);
        assert_eq!(change.put, None);
        let (arn, tags) = change.tag.unwrap();
        assert!(arn.ends_with(":alarm:web-1-CPUUtilization"));
        assert_eq!(
            tags,
            Tags::from([("severity".to_owned(), "warning".to_owned())])
        );
        assert_eq!(change.fields[0].name, "tag severity");
    }

    #[test]
    fn alarms_of_gone_instances_are_deleted_only_when_asked() {
        let wanted = wanted(&rule());
        let existing = existing(&wanted, json!({}));
        let gone: BTreeSet<_> = [wanted.name.clone()].into();
        for (prune, deed) in [(Prune::Yes, Deed::Delete), (Prune::No, Deed::Leave)] {
            let plan = plan(Vec::new(), &existing, &gone, prune);
            assert_eq!(plan.is_done(), prune == Prune::No);
            let change = only(plan);
            assert_eq!(
                (change.deed, change.instance_id.as_deref()),
                (deed, Some("i-1"))
            );
            assert_eq!((change.put, change.tag), (None, None));
        }
    }
}
