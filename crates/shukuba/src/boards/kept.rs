//! Dashboards that a server keeps: got, compared and put.

use cloudwatch::dashboard::{Message, diff};
use serde::Serialize;
use serde_json::{Value, json};

use super::source::{self, Source};
use crate::access::calls::Failure;
use crate::client::cloudwatch::CloudWatch;

/// What putting a dashboard would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) enum Outcome {
    /// It is not there yet.
    New,
    /// It says the same already; blanks and the order of members do not count.
    Same,
    /// What becomes other, one a line.
    Changed(Vec<String>),
}

/// The body of a dashboard, as it was put; `None` where there is none of that name.
pub(crate) fn get(cloudwatch: &dyn CloudWatch, name: &str) -> Result<Option<Value>, Failure> {
    match cloudwatch.call("GetDashboard", &json!({ "DashboardName": name })) {
        Ok(answer) => Ok(Some(answer)),
        // The code of the shape, and that of the query protocol.
        Err(failure) if failure.is("DashboardNotFoundError") || failure.is("ResourceNotFound") => {
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

/// The text of a body in an answer.
pub(crate) fn body(answer: &Value) -> &str {
    answer
        .get("DashboardBody")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// What would change.
pub(crate) fn compared(old: Option<&str>, new: &Source) -> Outcome {
    let Some(old) = old else {
        return Outcome::New;
    };
    let Ok(old) = source::unchecked(old) else {
        return Outcome::Changed(vec!["~ dashboard: what is kept is no JSON".to_owned()]);
    };
    if old.value == new.value {
        return Outcome::Same;
    }
    let changes: Vec<String> = diff(&old.body, &new.body)
        .iter()
        .map(ToString::to_string)
        .collect();
    match changes.is_empty() {
        true => Outcome::Changed(vec![
            "~ dashboard: what is neither a widget nor a time".to_owned(),
        ]),
        false => Outcome::Changed(changes),
    }
}

/// Puts a body, and gives what the server finds odd in it.
pub(crate) fn put(
    cloudwatch: &dyn CloudWatch,
    name: &str,
    body: &str,
) -> Result<Vec<Message>, Failure> {
    let input = json!({ "DashboardName": name, "DashboardBody": body });
    let answer = cloudwatch.call("PutDashboard", &input)?;
    let messages = answer
        .get("DashboardValidationMessages")
        .and_then(Value::as_array);
    Ok(messages
        .into_iter()
        .flatten()
        .map(|it| message(it, "DataPath", "Message"))
        .collect())
}

/// What a server that refused a body finds wrong in it: the list at the end of its message.
pub(crate) fn found_wrong(failure: &Failure) -> Vec<Message> {
    let Failure::Refused { message: text, .. } = failure else {
        return Vec::new();
    };
    let list = text.find("[\n").and_then(|at| text.get(at..));
    let list: Vec<Value> = list
        .and_then(|list| serde_json::from_str(list).ok())
        .unwrap_or_default();
    list.iter()
        .map(|it| message(it, "dataPath", "message"))
        .collect()
}

fn message(value: &Value, path: &str, text: &str) -> Message {
    let member = |name: &str| {
        value
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    Message {
        path: member(path),
        text: member(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::cloudwatch::tests::Told;

    fn source(text: &str) -> Source {
        source::unchecked(text).unwrap()
    }

    #[test]
    fn a_body_that_says_the_same_is_the_same() {
        let text = r#"{"widgets": [{"type": "text", "width": 6, "height": 2, "properties": {"markdown": "a"}}], "x": 1}"#;
        let same = r#"{"x":1,"widgets":[{"height":2,"width":6,"type":"text","properties":{"markdown":"a"}}]}"#;
        assert_eq!(compared(Some(same), &source(text)), Outcome::Same);
        assert_eq!(compared(None, &source(text)), Outcome::New);
        let Outcome::Changed(lines) = compared(
            Some(&same.replace("\"width\":6", "\"width\":12")),
            &source(text),
        ) else {
            panic!("it changed")
        };
        assert_eq!(lines, ["~ text at 0,0: size 12x2 -> 6x2"]);
        let Outcome::Changed(lines) =
            compared(Some(&same.replace("\"x\":1", "\"x\":2")), &source(text))
        else {
            panic!("it changed")
        };
        assert_eq!(lines, ["~ dashboard: what is neither a widget nor a time"]);
    }

    #[test]
    fn a_dashboard_that_is_not_there_is_none_by_either_code() {
        for code in [
            "com.amazonaws.cloudwatch#DashboardNotFoundError",
            "ResourceNotFound",
        ] {
            let told = Told::new([("GetDashboard", json!({"__type": code, "message": "no"}))]);
            assert_eq!(get(&told, "d").unwrap(), None);
        }
        let told = Told::new([(
            "GetDashboard",
            json!({"__type": "AccessDenied", "message": "no"}),
        )]);
        assert!(get(&told, "d").is_err());
    }

    #[test]
    fn what_a_server_finds_is_read() {
        let odd = json!({"DashboardValidationMessages": [{"DataPath": "/x", "Message": "odd"}]});
        let told = Told::new([("PutDashboard", odd)]);
        let expected = |path: &str, text: &str| Message {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        assert_eq!(put(&told, "d", "{}").unwrap(), [expected("/x", "odd")]);
        // As AWS answers.
        let failure = Failure::Refused {
            operation: "PutDashboard".to_owned(),
            code: "InvalidParameterInput".to_owned(),
            message: "The dashboard body is invalid, there are 1 validation errors:\n[\n  {\n    \"dataPath\": \"/widgets/9/properties\",\n    \"message\": \"Should have required property 'metrics'\"\n  }\n]".to_owned(),
        };
        let wrong = found_wrong(&failure);
        assert_eq!(
            wrong,
            [expected(
                "/widgets/9/properties",
                "Should have required property 'metrics'"
            )]
        );
        assert_eq!(found_wrong(&Failure::Failed(anyhow::anyhow!("away"))), []);
    }
}
