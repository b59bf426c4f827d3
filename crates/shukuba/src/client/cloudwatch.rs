//! CloudWatch in AWS JSON 1.0, of a server of ours or of AWS.
//!
//! Members are those of the API's model; moments are seconds since the epoch, with a fraction.

use std::fmt;

use serde_json::{Map, Value, json};

use super::json::Json;
use super::service::Service;
use crate::access::calls::Failure;

/// What stands before the operation in `X-Amz-Target`.
const TARGET: &str = "GraniteServiceVersion20100801";
/// The most pages of one list. Chosen: a hundred thousand alarms at a hundred a page.
const PAGES_MAX: usize = 1000;

/// Somewhere that CloudWatch's operations can be called.
pub(crate) trait CloudWatch: Send + Sync + fmt::Debug {
    /// Calls `operation`, and waits for its answer.
    fn call(&self, operation: &str, input: &Value) -> Result<Value, Failure>;
}

impl dyn CloudWatch + '_ {
    /// All pages of an answer.
    pub(crate) fn pages(&self, operation: &str, input: &Value) -> Result<Vec<Value>, Failure> {
        let mut pages = Vec::new();
        let mut input = input.clone();
        for _ in 0..PAGES_MAX {
            let page = self.call(operation, &input)?;
            let next = page.get("NextToken").filter(|next| !next.is_null());
            let Some(next) = next.cloned() else {
                pages.push(page);
                return Ok(pages);
            };
            set(&mut input, "NextToken", next);
            pages.push(page);
        }
        Err(Failure::Failed(anyhow::anyhow!(
            "{operation}: more than {PAGES_MAX} pages; ask for less"
        )))
    }

    /// The members of the list called `list`, of all pages.
    pub(crate) fn list(
        &self,
        operation: &str,
        input: &Value,
        list: &str,
    ) -> Result<Vec<Value>, Failure> {
        let pages = self.pages(operation, input)?;
        Ok(pages.iter().flat_map(|page| members(page, list)).collect())
    }

    /// The tags of what has this ARN.
    pub(crate) fn tags(&self, arn: &str) -> Result<Map<String, Value>, Failure> {
        let answer = self.call("ListTagsForResource", &json!({ "ResourceARN": arn }))?;
        let tags = members(&answer, "Tags");
        let pair = |tag: Value| {
            Some((
                tag.get("Key")?.as_str()?.to_owned(),
                tag.get("Value")?.clone(),
            ))
        };
        Ok(tags.into_iter().filter_map(pair).collect())
    }
}

/// Sets a member of an object.
pub(crate) fn set(object: &mut Value, name: &str, value: impl Into<Value>) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value.into());
    }
}

/// The members of a list.
fn members(page: &Value, list: &str) -> Vec<Value> {
    let found = page.get(list).and_then(Value::as_array);
    found.cloned().unwrap_or_default()
}

/// CloudWatch over the wire.
#[derive(Debug)]
pub(crate) struct Wire(Json);

impl Wire {
    pub(crate) fn new(service: Service) -> Self {
        Self(Json::new(service, "1.0", TARGET))
    }

    /// The region that it is called in.
    pub(crate) fn region(&self) -> &str {
        self.0.region()
    }
}

impl CloudWatch for Wire {
    fn call(&self, operation: &str, input: &Value) -> Result<Value, Failure> {
        self.0.call(operation, input)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use parking_lot::Mutex;

    use super::*;
    use crate::client::json::read;

    /// Answers what it was told to, in order, and keeps what it was asked.
    #[derive(Debug, Default)]
    pub(crate) struct Told {
        answers: Mutex<Vec<(String, Value)>>,
        pub(crate) asked: Mutex<Vec<(String, Value)>>,
    }

    impl Told {
        /// Of each operation the answers in order; one without an answer answers an empty object.
        pub(crate) fn new<const N: usize>(answers: [(&str, Value); N]) -> Self {
            let answers = answers.map(|(operation, answer)| (operation.to_owned(), answer));
            Self {
                answers: Mutex::new(answers.into()),
                asked: Mutex::default(),
            }
        }

        /// What an operation was asked, in order.
        pub(crate) fn asked(&self, operation: &str) -> Vec<Value> {
            let asked = self.asked.lock();
            let of = asked.iter().filter(|(name, _)| name == operation);
            of.map(|(_, input)| input.clone()).collect()
        }
    }

    impl CloudWatch for Told {
        fn call(&self, operation: &str, input: &Value) -> Result<Value, Failure> {
            self.asked
                .lock()
                .push((operation.to_owned(), input.clone()));
            let mut answers = self.answers.lock();
            let found = answers.iter().position(|(name, _)| name == operation);
            let answer = found.map(|at| answers.remove(at).1).unwrap_or(json!({}));
            match answer.get("__type").and_then(Value::as_str) {
                Some(_) => read(operation, 400, answer.to_string().as_bytes()),
                None => Ok(answer),
            }
        }
    }

    #[test]
    fn pages_are_asked_for_until_there_is_no_next() {
        let told = Told::new([
            (
                "DescribeAlarms",
                json!({"MetricAlarms": [1, 2], "NextToken": "n"}),
            ),
            (
                "DescribeAlarms",
                json!({"MetricAlarms": [3], "NextToken": null}),
            ),
        ]);
        let told: &dyn CloudWatch = &told;
        let all = told
            .list("DescribeAlarms", &json!({}), "MetricAlarms")
            .unwrap();
        assert_eq!(all, [json!(1), json!(2), json!(3)]);
    }
}
