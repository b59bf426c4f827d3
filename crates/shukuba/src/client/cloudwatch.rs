//! CloudWatch in AWS JSON 1.0, of a server of ours or of AWS.
//!
//! Members are those of the API's model; moments are seconds since the epoch, with a fraction.

use std::fmt;

use http::{HeaderMap, HeaderValue, header};
use serde_json::{Map, Value, json};

use super::service::{Service, patiently};
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
pub(crate) struct Wire(pub(crate) Service);

impl Wire {
    fn once(&self, operation: &str, body: &str) -> Result<Value, Failure> {
        let mut headers = HeaderMap::new();
        let json = HeaderValue::from_static("application/x-amz-json-1.0");
        headers.insert(header::CONTENT_TYPE, json);
        if let Ok(target) = HeaderValue::from_str(&format!("{TARGET}.{operation}")) {
            headers.insert("x-amz-target", target);
        }
        let answer = self.0.post(headers, body.to_owned())?;
        read(operation, answer.status, &answer.body)
    }
}

impl CloudWatch for Wire {
    fn call(&self, operation: &str, input: &Value) -> Result<Value, Failure> {
        let body = input.to_string();
        patiently(|| self.once(operation, &body), std::thread::sleep)
    }
}

fn read(operation: &str, status: u16, body: &[u8]) -> Result<Value, Failure> {
    if status == 200 {
        // Operations without an output answer nothing, or an empty object.
        let is_empty = body.iter().all(u8::is_ascii_whitespace);
        let value = if is_empty {
            Ok(json!({}))
        } else {
            serde_json::from_slice(body)
        };
        return value
            .map_err(|_| Failure::Failed(anyhow::anyhow!("{operation}: the answer is no JSON")));
    }
    let fault: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| fault.get(name).and_then(Value::as_str).unwrap_or_default();
    let code = text("__type").rsplit('#').next().unwrap_or_default();
    Err(Failure::Refused {
        operation: operation.to_owned(),
        code: if code.is_empty() {
            format!("status {status}")
        } else {
            code.to_owned()
        },
        message: format!("{}{}", text("message"), text("Message")),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use parking_lot::Mutex;

    use super::*;

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

    #[test]
    fn a_refusal_has_its_code_and_text() {
        let body = br#"{"__type":"com.amazonaws.cloudwatch#ResourceNotFound","message":"no"}"#;
        let failure = read("SetAlarmState", 404, body).unwrap_err();
        assert_eq!(failure.to_string(), "SetAlarmState: ResourceNotFound: no");
        let failure = read("SetAlarmState", 502, b"<html>").unwrap_err();
        assert!(failure.is("status 502"));
        assert_eq!(read("DeleteAlarms", 200, b"").unwrap(), json!({}));
        assert!(read("DeleteAlarms", 200, b"x").is_err());
    }
}
