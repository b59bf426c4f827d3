//! The least that is needed: by whoever runs a trial, and by the functions of one.

use anyhow::Context;
use serde_json::{Value, json};

/// What a trial without functions needs.
pub(crate) const USER: &str = include_str!("policy.json");
/// What its functions add to it.
const FUNCTIONS: &str = include_str!("functions.json");
/// What the functions' role may do, in any trial.
pub(crate) const ROLE: &str = include_str!("role.json");
/// What stands in it for the name of a trial.
const ANY: &str = "shukuba-verify-*";

/// Whose policy it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Whose {
    /// Of whoever runs the check
    User,
    /// Of a role that is given by --role
    Role,
}

/// The policy of whoever runs a trial with functions. With a `role` of its own nobody needs to make one: that is passed.
pub(crate) fn with_functions(role: Option<&str>) -> anyhow::Result<String> {
    let mut policy: Value = serde_json::from_str(USER).context("policy.json")?;
    let more: Vec<Value> = serde_json::from_str(FUNCTIONS).context("functions.json")?;
    let all = policy.get_mut("Statement").and_then(Value::as_array_mut);
    let all = all.context("policy.json has no statements")?;
    for mut statement in more {
        let sid = statement.get("Sid").and_then(Value::as_str);
        match (role, sid) {
            (Some(_), Some("Role")) => continue,
            (Some(role), Some("Given")) => {
                if let Some(resource) = statement.get_mut("Resource") {
                    *resource = json!(role);
                }
            }
            _ => {}
        }
        all.push(statement);
    }
    serde_json::to_string_pretty(&policy).context("the policy")
}

/// What the role of the trial `name` may do.
pub(super) fn of_role(name: &str) -> String {
    ROLE.replace(ANY, name)
}

#[cfg(test)]
mod tests {
    use aws::trial::Names;

    use super::*;

    fn statements(policy: &str) -> Vec<Value> {
        let policy: Value = serde_json::from_str(policy).unwrap();
        policy["Statement"].as_array().unwrap().clone()
    }

    fn resources(statement: &Value) -> Vec<&str> {
        match &statement["Resource"] {
            Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
            one => one.as_str().into_iter().collect(),
        }
    }

    #[test]
    fn policies_name_only_what_a_trial_makes() {
        let functions = with_functions(None).unwrap();
        assert!(Names::of("0").queue.starts_with("shukuba-verify-"));
        for policy in [USER, &functions, ROLE] {
            for statement in statements(policy) {
                // CloudWatch's reads know no resources.
                let is_figures = statement["Sid"] == "Figures";
                for resource in resources(&statement) {
                    assert!(is_figures || resource.contains(ANY), "{resource}");
                }
            }
        }
        assert!(statements(&functions).len() > statements(USER).len());
    }

    #[test]
    fn who_gives_a_role_need_not_make_one() {
        let role = "arn:aws:iam::123456789012:role/functions";
        let given = with_functions(Some(role)).unwrap();
        assert!(!given.contains("iam:CreateRole") && !given.contains("role/shukuba-verify-"));
        let statements = statements(&given);
        let passed = statements.iter().find(|one| one["Sid"] == "Given").unwrap();
        assert_eq!(resources(passed), [role]);
        assert_eq!(
            passed["Condition"]["StringEquals"]["iam:PassedToService"],
            "lambda.amazonaws.com"
        );
    }

    #[test]
    fn a_role_is_of_one_trial() {
        let names = Names::of("0");
        let policy = of_role(&names.role);
        assert!(!policy.contains(ANY));
        let all: Vec<Value> = statements(&policy);
        let all: Vec<&str> = all.iter().flat_map(resources).collect();
        for name in [&names.notifier, &names.scaler] {
            let group = format!("arn:aws:logs:*:*:log-group:/aws/lambda/{name}:*");
            assert!(all.contains(&group.as_str()), "{group}");
        }
        let queue = format!("arn:aws:sqs:*:*:{}", names.queue);
        assert!(
            all.contains(&queue.as_str()),
            "its own queue, not the dead letters'"
        );
    }
}
