//! The trail with its bucket: who did what, kept where nobody rewrites it unseen.

use http::Method;
use serde_json::{Value, json};

use super::calls::Failure;
use super::place::Place;
use super::remote::{self, Remote};
use super::steps::{Became, Steps};

/// The trail that is wanted.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// Its name.
    pub(crate) name: String,
    /// Its bucket; `None` for one with the account's number in its name, which nobody else has.
    pub(crate) bucket: Option<String>,
}

/// What both steps need to know.
struct Site<'a> {
    server: &'a Remote,
    account: String,
    region: String,
    bucket: String,
    name: &'a str,
}

/// Makes the bucket, its policy and the trail, unless they are there.
pub(crate) fn trail(place: &Place, wanted: &Wanted, steps: &mut Steps) -> Result<(), Failure> {
    let what = format!("trail {} with its bucket", wanted.name);
    let Some(server) = place.server() else {
        steps.add(
            what,
            Became::ToDo,
            "no server runs here: run this again while one does",
        );
        return Ok(());
    };
    let account = place.account().map_err(Failure::Failed)?;
    let made_up = || format!("cloudtrail-{account}");
    let site = Site {
        server,
        region: server.region().map_err(Failure::Failed)?,
        bucket: wanted.bucket.clone().unwrap_or_else(made_up),
        name: &wanted.name,
        account,
    };
    site.bucket(steps)?;
    site.trail(steps)
}

impl Site<'_> {
    fn bucket(&self, steps: &mut Steps) -> Result<(), Failure> {
        let answer = self
            .server
            .bucket(Method::HEAD, &self.bucket, "", String::new())?;
        let is_there = match answer.status {
            200 => true,
            404 => false,
            _ => return Err(remote::fault("HeadBucket", &answer)),
        };
        steps.ensure(format!("bucket {}", self.bucket), is_there, || {
            self.put("CreateBucket", "", self.place_of_bucket())
        })?;
        let said = match is_there {
            true => self.policy()?,
            false => None,
        };
        let what = format!("policy of bucket {} for the trail", self.bucket);
        match said {
            Some(said) if said != self.wanted_policy() => {
                steps.add(what, Became::Left, "it says something else than ours");
                Ok(())
            }
            said => steps.ensure(what, said.is_some(), || {
                let policy = self.wanted_policy().to_string();
                self.put("PutBucketPolicy", "policy", policy)
            }),
        }
    }

    fn put(&self, operation: &str, query: &str, body: String) -> Result<(), Failure> {
        let query = match query {
            "" => String::new(),
            name => format!("{name}="),
        };
        let answer = self
            .server
            .bucket(Method::PUT, &self.bucket, &query, body)?;
        match answer.status {
            200..300 => Ok(()),
            _ => Err(remote::fault(operation, &answer)),
        }
    }

    /// Buckets of the first region must not name it.
    fn place_of_bucket(&self) -> String {
        match self.region.as_str() {
            "us-east-1" => String::new(),
            region => format!(
                "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>{region}\
                 </LocationConstraint></CreateBucketConfiguration>"
            ),
        }
    }

    /// The bucket's policy, where it has one.
    fn policy(&self) -> Result<Option<Value>, Failure> {
        let answer = self
            .server
            .bucket(Method::GET, &self.bucket, "policy=", String::new())?;
        match answer.status {
            200 => Ok(Some(
                serde_json::from_slice(&answer.body).unwrap_or_default(),
            )),
            404 => Ok(None),
            _ => Err(remote::fault("GetBucketPolicy", &answer)),
        }
    }

    /// What CloudTrail needs.
    ///
    /// Source: CloudTrail User Guide, "Amazon S3 bucket policy for CloudTrail".
    fn wanted_policy(&self) -> Value {
        let (bucket, account) = (&self.bucket, &self.account);
        let trail = format!(
            "arn:aws:cloudtrail:{}:{account}:trail/{}",
            self.region, self.name
        );
        let service = json!({ "Service": "cloudtrail.amazonaws.com" });
        json!({
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "AWSCloudTrailAclCheck",
                    "Effect": "Allow",
                    "Principal": service,
                    "Action": "s3:GetBucketAcl",
                    "Resource": format!("arn:aws:s3:::{bucket}"),
                    "Condition": { "StringEquals": { "aws:SourceArn": trail } },
                },
                {
                    "Sid": "AWSCloudTrailWrite",
                    "Effect": "Allow",
                    "Principal": service,
                    "Action": "s3:PutObject",
                    "Resource": format!("arn:aws:s3:::{bucket}/AWSLogs/{account}/*"),
                    "Condition": { "StringEquals": {
                        "s3:x-amz-acl": "bucket-owner-full-control", "aws:SourceArn": trail,
                    } },
                },
            ],
        })
    }

    fn trail(&self, steps: &mut Steps) -> Result<(), Failure> {
        let known = self
            .server
            .cloudtrail("DescribeTrails", &json!({ "trailNameList": [self.name] }))?;
        let known = known.pointer("/trailList/0").cloned();
        steps.ensure(format!("trail {}", self.name), known.is_some(), || {
            let wanted = json!({
                "Name": self.name, "S3BucketName": self.bucket, "IsMultiRegionTrail": true,
                "IncludeGlobalServiceEvents": true, "EnableLogFileValidation": true,
            });
            self.server.cloudtrail("CreateTrail", &wanted).map(drop)
        })?;
        if let Some(known) = &known {
            let note = self.differences(known);
            steps.remark(&note);
        }
        let is_logging = match known {
            Some(_) => {
                let status = self
                    .server
                    .cloudtrail("GetTrailStatus", &json!({ "Name": self.name }))?;
                status.get("IsLogging") == Some(&Value::Bool(true))
            }
            None => false,
        };
        steps.ensure(format!("trail {} is on", self.name), is_logging, || {
            let name = json!({ "Name": self.name });
            self.server.cloudtrail("StartLogging", &name).map(drop)
        })
    }

    /// In what a trail that was there is not the one wanted; nothing where it is.
    fn differences(&self, known: &Value) -> String {
        let mut notes = Vec::new();
        if known.get("S3BucketName").and_then(Value::as_str) != Some(&self.bucket) {
            notes.push("it delivers to another bucket");
        }
        if known.get("LogFileValidationEnabled") != Some(&Value::Bool(true)) {
            notes.push("its files are not signed (LogFileValidationEnabled)");
        }
        notes.join("; ")
    }
}
