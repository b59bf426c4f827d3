//! A service that takes JSON by target, of a server of ours or of AWS: CloudWatch, its logs.

use http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};

use super::service::{Service, patiently};
use crate::access::calls::Failure;

/// Such a service.
#[derive(Debug)]
pub(crate) struct Json {
    service: Service,
    /// Of AWS's JSON protocol: `1.0` or `1.1`.
    version: &'static str,
    /// What stands before the operation in `X-Amz-Target`.
    target: &'static str,
}

impl Json {
    pub(crate) const fn new(service: Service, version: &'static str, target: &'static str) -> Self {
        Self {
            service,
            version,
            target,
        }
    }

    /// The region that it is called in.
    pub(crate) fn region(&self) -> &str {
        self.service.region()
    }

    /// Calls `operation`, and waits for its answer.
    pub(crate) fn call(&self, operation: &str, input: &Value) -> Result<Value, Failure> {
        let body = input.to_string();
        patiently(|| self.once(operation, &body), std::thread::sleep)
    }

    fn once(&self, operation: &str, body: &str) -> Result<Value, Failure> {
        let mut headers = HeaderMap::new();
        let mut set = |name: header::HeaderName, value: String| {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        };
        let content_type = format!("application/x-amz-json-{}", self.version);
        set(header::CONTENT_TYPE, content_type);
        let target = format!("{}.{operation}", self.target);
        set(header::HeaderName::from_static("x-amz-target"), target);
        let answer = self.service.post(headers, body.to_owned())?;
        read(operation, answer.status, &answer.body)
    }
}

/// What an answer says.
pub(super) fn read(operation: &str, status: u16, body: &[u8]) -> Result<Value, Failure> {
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
mod tests {
    use super::*;

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
