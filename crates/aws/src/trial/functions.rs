//! What a trial makes to try functions: their role, two log groups, two functions whose package lies in the bucket.
//!
//! Log groups are made before anything can write to them, so that the role need not be allowed to: what writes late finds none,
//! and leaves none.
//!
//! Source: IAM, Lambda and CloudWatch Logs API References.

use std::collections::BTreeMap;

use ::http::{Method, StatusCode};
use bytes::Bytes;
use delivery::port::Error;
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, WriteMultipart};
use serde_json::{Value, json};
use url::Url;
use url::form_urlencoded::Serializer;

use super::Trial;
use super::call::Answer;
use crate::objects;

/// An upload goes in parts of this size, each of which has as much time as any call. Chosen: more than the 5 MiB that S3 wants.
const PART_BYTES: usize = 8 << 20;
/// The name of the role's policy.
const POLICY_NAME: &str = "verify";
/// Who may take the role.
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
/// What Lambda says until it knows of a role that was just made. Source: Lambda Developer Guide, "Troubleshooting IAM".
const ROLE_NOT_READY: &str = "cannot be assumed by Lambda";

/// A function that is to be made.
#[derive(Clone, Debug)]
pub struct Function<'a> {
    /// Its name.
    pub name: &'a str,
    /// What of the binary it is: `scaler` or `notifier`.
    pub handler: &'a str,
    /// Its role's ARN.
    pub role: &'a str,
    /// For which processor its package is: `x86_64` or `arm64`.
    pub architecture: &'a str,
    /// Where in the bucket its package lies.
    pub package: &'a str,
    /// Seconds after which it is killed.
    pub timeout_secs: u64,
    /// MiB.
    pub memory_mib: u64,
    /// Its variables.
    pub environment: BTreeMap<&'a str, String>,
}

/// Whether a function was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    /// It was.
    Yes,
    /// Its role is not known yet: the same call may go well in some seconds.
    RoleNotReady(String),
}

/// What a function answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Invoked {
    /// Whether that is an error of its own.
    pub is_error: bool,
    /// Its answer.
    pub payload: Value,
}

impl Trial {
    /// Makes the role, with a policy of its own; gives its ARN.
    ///
    /// # Errors
    /// What IAM says.
    pub async fn make_role(&self, policy: &str) -> Result<String, Error> {
        let what = self.role();
        let mut asked = vec![
            ("AssumeRolePolicyDocument".to_owned(), TRUST.to_owned()),
            (
                "Description".to_owned(),
                "Made by shukuba verify-aws; it may be deleted".to_owned(),
            ),
        ];
        for (place, (key, value)) in self.tags.iter().enumerate() {
            let member = format!("Tags.member.{}", place + 1);
            asked.push((format!("{member}.Key"), key.clone()));
            asked.push((format!("{member}.Value"), value.clone()));
        }
        let answer = self.iam("CreateRole", asked).await?;
        if !answer.status.is_success() {
            return Err(answer.refused_in_xml(&what));
        }
        let none = || Error::refused(&what, "the answer has no Arn");
        let arn = answer.element("Arn").ok_or_else(none)?;
        let asked = vec![
            ("PolicyName".to_owned(), POLICY_NAME.to_owned()),
            ("PolicyDocument".to_owned(), policy.to_owned()),
        ];
        let answer = self.iam("PutRolePolicy", asked).await?;
        match answer.status.is_success() {
            true => Ok(arn),
            false => Err(answer.refused_in_xml(&what)),
        }
    }

    /// Takes the role away with its policy.
    ///
    /// # Errors
    /// What IAM says, but that it is not there.
    pub async fn delete_role(&self) -> Result<(), Error> {
        let policy = vec![("PolicyName".to_owned(), POLICY_NAME.to_owned())];
        for (operation, asked) in [("DeleteRolePolicy", policy), ("DeleteRole", Vec::new())] {
            let answer = self.iam(operation, asked).await?;
            let is_gone = answer.status == StatusCode::NOT_FOUND;
            if !answer.status.is_success() && !is_gone {
                return Err(answer.refused_in_xml(&self.role()));
            }
        }
        Ok(())
    }

    /// Makes the log group of a function.
    ///
    /// # Errors
    /// What CloudWatch Logs says.
    pub async fn make_log_group(&self, function: &str) -> Result<(), Error> {
        let group = log_group(function);
        let input = json!({"logGroupName": group, "tags": self.tags});
        let answer = self.logs("CreateLogGroup", &group, &input).await?;
        match answer.status.is_success() {
            true => Ok(()),
            false => Err(answer.refused(&format!("log group `{group}`"))),
        }
    }

    /// Takes the log group of a function away.
    ///
    /// # Errors
    /// What CloudWatch Logs says, but that it is not there.
    pub async fn delete_log_group(&self, function: &str) -> Result<(), Error> {
        let group = log_group(function);
        let input = json!({"logGroupName": group});
        let answer = self.logs("DeleteLogGroup", &group, &input).await?;
        let refused = answer.refused(&format!("log group `{group}`"));
        match answer.status.is_success()
            || refused.to_string().contains("ResourceNotFoundException")
        {
            true => Ok(()),
            false => Err(refused),
        }
    }

    /// Puts an object into the bucket.
    ///
    /// # Errors
    /// What S3 says.
    pub async fn put(&self, key: &str, bytes: &[u8]) -> Result<(), Error> {
        let what = format!("object `{key}` of bucket `{}`", self.names.bucket);
        let refused = |error: &dyn std::fmt::Display| Error::refused(&what, error);
        let store = objects::open_bucket(&self.account, &self.names.bucket, &what)?;
        let path = Path::parse(key).map_err(|error| refused(&error))?;
        let failed = |error: object_store::Error| Error::unavailable(&what, error);
        let upload = store.put_multipart(&path).await.map_err(failed)?;
        let mut writer = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        writer.write(bytes);
        writer.finish().await.map(|_| ()).map_err(failed)
    }

    /// Makes a function, which is not invoked again by Lambda itself where it failed.
    ///
    /// # Errors
    /// What Lambda says, but that it does not know the role yet.
    pub async fn make_function(&self, function: &Function<'_>) -> Result<Made, Error> {
        let what = named(function.name);
        let input = json!({
            "FunctionName": function.name,
            "Description": "Made by shukuba verify-aws; it may be deleted",
            "Runtime": "provided.al2023",
            "Handler": function.handler,
            "Role": function.role,
            "Architectures": [function.architecture],
            "Code": {"S3Bucket": self.names.bucket, "S3Key": function.package},
            "Timeout": function.timeout_secs,
            "MemorySize": function.memory_mib,
            "Environment": {"Variables": function.environment},
            "Tags": self.tags,
        });
        let answer = self.lambda(Method::POST, "2015-03-31/functions", &[], &input);
        let answer = answer.await?;
        if answer.status.is_success() {
            return Ok(Made::Yes);
        }
        let refused = answer.refused(&what);
        let text = refused.to_string();
        match text.contains(ROLE_NOT_READY) {
            true => Ok(Made::RoleNotReady(text)),
            false => Err(refused),
        }
    }

    /// Has Lambda never invoke the function again by itself for an event that it failed.
    ///
    /// # Errors
    /// What Lambda says.
    pub async fn never_retry(&self, function: &str) -> Result<(), Error> {
        let path = format!("2019-09-25/functions/{function}/event-invoke-config");
        let input = json!({"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60});
        let answer = self.lambda(Method::PUT, &path, &[], &input).await?;
        match answer.status.is_success() {
            true => Ok(()),
            false => Err(answer.refused(&named(function))),
        }
    }

    /// The function's state, such as `Active`, and why, where Lambda says so.
    ///
    /// # Errors
    /// What Lambda says.
    pub async fn function_state(&self, function: &str) -> Result<(String, String), Error> {
        let path = format!("2015-03-31/functions/{function}/configuration");
        let answer = self.lambda(Method::GET, &path, &[], &Value::Null).await?;
        if !answer.status.is_success() {
            return Err(answer.refused(&named(function)));
        }
        let found: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let text = |name: &str| found.get(name).and_then(Value::as_str).unwrap_or_default();
        Ok((text("State").to_owned(), text("StateReason").to_owned()))
    }

    /// Invokes a function, and waits for its answer.
    ///
    /// # Errors
    /// What Lambda says.
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<Invoked, Error> {
        let path = format!("2015-03-31/functions/{function}/invocations");
        let waits = [("x-amz-invocation-type", "RequestResponse")];
        let answer = self.lambda(Method::POST, &path, &waits, event).await?;
        if !answer.status.is_success() {
            return Err(answer.refused(&named(function)));
        }
        Ok(Invoked {
            is_error: answer.headers.contains_key("x-amz-function-error"),
            payload: serde_json::from_slice(&answer.body).unwrap_or_default(),
        })
    }

    /// Takes a function away.
    ///
    /// # Errors
    /// What Lambda says, but that it is not there.
    pub async fn delete_function(&self, function: &str) -> Result<(), Error> {
        let path = format!("2015-03-31/functions/{function}");
        let answer = self.lambda(Method::DELETE, &path, &[], &Value::Null);
        let answer = answer.await?;
        match answer.status.is_success() || answer.status == StatusCode::NOT_FOUND {
            true => Ok(()),
            false => Err(answer.refused(&named(function))),
        }
    }

    async fn iam(&self, operation: &str, asked: Vec<(String, String)>) -> Result<Answer, Error> {
        let url = self.endpoint("AWS_ENDPOINT_URL_IAM", "https://iam.amazonaws.com")?;
        let mut form = Serializer::new(String::new());
        form.append_pair("Action", operation)
            .append_pair("Version", "2010-05-08")
            .append_pair("RoleName", &self.names.role);
        for (name, value) in &asked {
            form.append_pair(name, value);
        }
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        let (what, body) = (self.role(), form.finish());
        self.signed(&what, "iam", Method::POST, &url, &kind, body)
            .await
    }

    async fn lambda(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        input: &Value,
    ) -> Result<Answer, Error> {
        let place = format!("https://lambda.{}.amazonaws.com", self.region);
        let mut url = self.endpoint("AWS_ENDPOINT_URL_LAMBDA", &place)?;
        url.set_path(path);
        let body = match input {
            Value::Null => Bytes::new(),
            input => Bytes::from(input.to_string()),
        };
        let mut all = vec![("content-type", "application/json")];
        all.extend(headers);
        let what = format!("Lambda, {method} /{path}");
        self.signed(&what, "lambda", method, &url, &all, body).await
    }

    async fn logs(&self, operation: &str, group: &str, input: &Value) -> Result<Answer, Error> {
        let place = format!("https://logs.{}.amazonaws.com", self.region);
        let url: Url = self.endpoint("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", &place)?;
        let target = format!("Logs_20140328.{operation}");
        let headers = [
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", &*target),
        ];
        let (what, body) = (format!("log group `{group}`"), input.to_string());
        self.signed(&what, "logs", Method::POST, &url, &headers, body)
            .await
    }

    fn role(&self) -> String {
        format!("role `{}`", self.names.role)
    }
}

/// Where Lambda keeps what a function prints.
fn log_group(function: &str) -> String {
    format!("/aws/lambda/{function}")
}

fn named(function: &str) -> String {
    format!("function `{function}`")
}
