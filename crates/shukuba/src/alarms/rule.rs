//! What is watched, and when it is too much: what PutMetricAlarm is given.

use cloudwatch::metric::Statistic;
use serde_json::{Map, Value, json};

use super::condition::{Comparison, Lasts};
use super::naming::{Format, NAME_CHARS_MAX, Of};
use super::owner::{self, SET_BY, SEVERITY, Tags, US};
use crate::client::ec2::Instance;

/// The members of a call.
pub(crate) type Input = Map<String, Value>;

/// What is watched.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) namespace: String,
    pub(crate) metric: String,
    pub(crate) statistic: Statistic,
    pub(crate) period_secs: u32,
    pub(crate) lasts: Lasts,
    pub(crate) comparison: Comparison,
    pub(crate) threshold: f64,
    /// As the API writes it, such as `notBreaching`.
    pub(crate) missing: Option<&'static str>,
    /// Names and values; values may name the instance.
    pub(crate) dimensions: Vec<(String, Format)>,
    /// ARNs that are told of ALARM and OK.
    pub(crate) actions: Vec<String>,
    pub(crate) description: Option<String>,
    pub(crate) severity: Option<&'static str>,
}

/// An alarm that should be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) name: String,
    /// Whose it is, where it is an instance's.
    pub(crate) instance: Option<Instance>,
    /// What PutMetricAlarm is given, but for tags.
    pub(crate) input: Input,
    pub(crate) tags: Tags,
}

/// Why alarms cannot be named.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unnameable {
    /// Instances would get one alarm.
    #[error("instances would share an alarm; nothing was set:{}", shared(.0))]
    Shared(Vec<(String, Vec<Instance>)>),
    /// A name is empty or too long.
    #[error(
        "`{0}` cannot be an alarm's name: 1 to {NAME_CHARS_MAX} characters, none of them a control character"
    )]
    Wrong(String),
}

fn shared(all: &[(String, Vec<Instance>)]) -> String {
    let line = |(alarm, instances): &(String, Vec<Instance>)| {
        let ids: Vec<_> = instances.iter().map(|it| it.id.as_str()).collect();
        let name = instances
            .first()
            .map(|it| it.name.as_str())
            .unwrap_or_default();
        format!("\n  {alarm}: {} (Name `{name}`)", ids.join(", "))
    };
    let lines: String = all.iter().map(line).collect();
    format!("{lines}\nGive them Names of their own, or put `{{id}}` into --name-format")
}

impl Rule {
    /// The alarms of instances, in their order.
    ///
    /// # Errors
    /// [`Unnameable`]: an alarm's name is its key, and the second instance of one name would take the first one's alarm.
    pub(crate) fn of_instances(
        &self,
        pattern: &str,
        instances: &[Instance],
        format: &Format,
    ) -> Result<Vec<Wanted>, Unnameable> {
        let wanted: Vec<_> = instances
            .iter()
            .map(|it| self.of_instance(pattern, it, format))
            .collect();
        let mut sorted: Vec<&Wanted> = wanted.iter().collect();
        sorted.sort_by(|one, other| one.name.cmp(&other.name));
        let shared: Vec<_> = sorted
            .chunk_by(|one, other| one.name == other.name)
            .filter(|same| same.len() > 1)
            .filter_map(|same| {
                let instances = same.iter().filter_map(|it| it.instance.clone()).collect();
                Some((same.first()?.name.clone(), instances))
            })
            .collect();
        match shared.is_empty() {
            true => wanted.into_iter().map(named).collect(),
            false => Err(Unnameable::Shared(shared)),
        }
    }

    fn of_instance(&self, pattern: &str, instance: &Instance, format: &Format) -> Wanted {
        let of = Of {
            instance,
            namespace: &self.namespace,
            metric: &self.metric,
        };
        let mut dimensions: Vec<_> = self
            .dimensions
            .iter()
            .map(|(name, value)| (name.clone(), value.of(of)))
            .collect();
        if !self
            .dimensions
            .iter()
            .any(|(_, value)| value.names_the_instance())
        {
            dimensions.push(("InstanceId".to_owned(), instance.id.clone()));
        }
        Wanted {
            name: format.of(of),
            instance: Some(instance.clone()),
            input: self.input(&format.of(of), dimensions),
            tags: self.tagged(owner::tags(pattern, instance)),
        }
    }

    /// The alarm of no instance.
    ///
    /// # Errors
    /// [`Unnameable::Wrong`].
    pub(crate) fn alone(&self, name: &str) -> Result<Wanted, Unnameable> {
        let none = Instance {
            name: String::new(),
            id: String::new(),
        };
        let of = Of {
            instance: &none,
            namespace: &self.namespace,
            metric: &self.metric,
        };
        let dimensions = self.dimensions.iter();
        let dimensions = dimensions.map(|(name, value)| (name.clone(), value.of(of)));
        named(Wanted {
            name: name.to_owned(),
            instance: None,
            input: self.input(name, dimensions.collect()),
            tags: self.tagged(Tags::from([(SET_BY.to_owned(), US.to_owned())])),
        })
    }

    fn tagged(&self, mut tags: Tags) -> Tags {
        if let Some(severity) = self.severity {
            tags.insert(SEVERITY.to_owned(), severity.to_owned());
        }
        tags
    }

    fn input(&self, name: &str, mut dimensions: Vec<(String, String)>) -> Input {
        dimensions.sort();
        let dimensions = dimensions
            .into_iter()
            .map(|(name, value)| json!({ "Name": name, "Value": value }));
        let statistic = match self.statistic.is_extended() {
            true => "ExtendedStatistic",
            false => "Statistic",
        };
        let mut input = Input::new();
        let mut put = |member: &str, value: Value| input.insert(member.to_owned(), value);
        put("AlarmName", json!(name));
        put("Namespace", json!(self.namespace));
        put("MetricName", json!(self.metric));
        put("Dimensions", dimensions.collect());
        put(statistic, json!(self.statistic.to_string()));
        put("Period", json!(self.period_secs));
        put("EvaluationPeriods", json!(self.lasts.periods));
        put("DatapointsToAlarm", json!(self.lasts.points));
        put("ComparisonOperator", json!(self.comparison.operator()));
        put("Threshold", json!(self.threshold));
        if let Some(missing) = self.missing {
            put("TreatMissingData", json!(missing));
        }
        if let Some(description) = &self.description {
            put("AlarmDescription", json!(description));
        }
        if !self.actions.is_empty() {
            put("AlarmActions", json!(self.actions));
            put("OKActions", json!(self.actions));
        }
        input
    }
}

fn named(wanted: Wanted) -> Result<Wanted, Unnameable> {
    let is_right = (1..=NAME_CHARS_MAX).contains(&wanted.name.chars().count())
        && !wanted.name.chars().any(|letter| letter.is_ascii_control());
    match is_right {
        true => Ok(wanted),
        false => Err(Unnameable::Wrong(wanted.name)),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::alarms) fn rule() -> Rule {
        Rule {
            namespace: "AWS/EC2".to_owned(),
            metric: "CPUUtilization".to_owned(),
            statistic: Statistic::Average,
            period_secs: 60,
            lasts: "3/5".parse().unwrap(),
            comparison: Comparison::Above,
            threshold: 80.0,
            missing: None,
            dimensions: Vec::new(),
            actions: vec!["arn:aws:sns:us-east-1:123456789012:ops".to_owned()],
            description: None,
            severity: None,
        }
    }

    pub(in crate::alarms) fn instance(name: &str, id: &str) -> Instance {
        Instance {
            name: name.to_owned(),
            id: id.to_owned(),
        }
    }

    pub(in crate::alarms) fn format() -> Format {
        "{Name}-{metric}".parse().unwrap()
    }

    #[test]
    fn an_alarm_is_what_the_plain_script_puts() {
        // As examples/set-alarm.py.
        let expected = json!({
            "AlarmName": "web-1-CPUUtilization", "Namespace": "AWS/EC2", "MetricName": "CPUUtilization",
            "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}], "Statistic": "Average", "Period": 60,
            "EvaluationPeriods": 5, "DatapointsToAlarm": 3, "ComparisonOperator": "GreaterThanThreshold", "Threshold": 80.0,
            "AlarmActions": ["arn:aws:sns:us-east-1:123456789012:ops"], "OKActions": ["arn:aws:sns:us-east-1:123456789012:ops"],
        });
        let wanted = rule()
            .of_instances("web-*", &[instance("web-1", "i-1")], &format())
            .unwrap();
        assert_eq!(Value::Object(wanted[0].input.clone()), expected);
        assert_eq!(wanted[0].tags["shukuba:pattern"], "web-=2A");
    }

    #[test]
    fn instances_that_share_a_name_are_refused_with_their_ids() {
        let instances = [
            instance("web-1", "i-1"),
            instance("web-2", "i-2"),
            instance("web-1", "i-3"),
        ];
        let refused = rule()
            .of_instances("web-*", &instances, &format())
            .unwrap_err();
        let text = refused.to_string();
        assert!(
            text.contains("web-1-CPUUtilization: i-1, i-3 (Name `web-1`)"),
            "{text}"
        );
        assert!(!text.contains("i-2"), "{text}");
        let by_id = "{Name}-{id}".parse().unwrap();
        assert_eq!(
            rule()
                .of_instances("web-*", &instances, &by_id)
                .unwrap()
                .len(),
            3
        );
    }

    #[test]
    fn a_dimension_that_names_the_instance_takes_the_place_of_its_id() {
        for (dimensions, expected) in [
            (
                vec![("path", "/")],
                json!([{"Name": "InstanceId", "Value": "i-1"}, {"Name": "path", "Value": "/"}]),
            ),
            (
                vec![("host", "{Name}.example")],
                json!([{"Name": "host", "Value": "web-1.example"}]),
            ),
        ] {
            let dimensions = dimensions.into_iter();
            let rule = Rule {
                dimensions: dimensions
                    .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
                    .collect(),
                ..rule()
            };
            let wanted = rule
                .of_instances("web-*", &[instance("web-1", "i-1")], &format())
                .unwrap();
            assert_eq!(wanted[0].input["Dimensions"], expected);
        }
    }

    #[test]
    fn percentiles_are_extended_and_what_is_not_said_is_left_out() {
        let rule = Rule {
            statistic: "p99".parse().unwrap(),
            missing: Some("notBreaching"),
            description: Some("slow".to_owned()),
            severity: Some("warning"),
            actions: Vec::new(),
            ..rule()
        };
        let wanted = rule.alone("slow").unwrap();
        assert_eq!(wanted.input["ExtendedStatistic"], "p99");
        assert_eq!(wanted.input["TreatMissingData"], "notBreaching");
        assert_eq!(wanted.input["AlarmDescription"], "slow");
        for member in ["Statistic", "AlarmActions", "OKActions"] {
            assert!(!wanted.input.contains_key(member), "{member}");
        }
        assert_eq!(wanted.tags["severity"], "warning");
        assert_eq!(wanted.input["Dimensions"], json!([]));
    }

    #[test]
    fn names_that_no_alarm_can_have_are_refused() {
        for name in ["", "a\nb", &"x".repeat(256)] {
            assert_eq!(rule().alone(name), Err(Unnameable::Wrong(name.to_owned())));
        }
    }
}
