//! Where a call goes, with which key and in which region.
//!
//! The order for queues: `--endpoint`, `AWS_ENDPOINT_URL_SQS`, `AWS_ENDPOINT_URL`, the host of a queue's URL, the server of the data
//! directory. Keys: the variables `AWS_ACCESS_KEY_ID` …, the profile in `~/.aws/credentials`, the data directory's
//! administrator; and where none of these is, or the host is one of AWS's, the whole chain of the SDK (roles of instances,
//! containers and web identities). Sources as the AWS CLI documents them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use agent::call::{Chain, Credentials, Endpoint, Keys};
use async_trait::async_trait;
use base::Timestamp;
use wire::sigv4::SecretKey;

use crate::app::{self, App};

/// The region of services that have none, and of those that are asked for without one.
pub(crate) const GLOBAL_REGION: &str = "us-east-1";

/// The keys of the SDK's chain; temporary ones are fetched again before they end.
fn chain() -> Keys {
    Keys::Chain(Arc::new(Sdk))
}

#[derive(Debug)]
struct Sdk;

#[async_trait]
impl Chain for Sdk {
    async fn fetch(&self) -> Result<(Credentials, Option<Timestamp>), String> {
        let failed = |error: aws::account::Error| error.to_string();
        let account = aws::Account::load().await.map_err(failed)?;
        let found = account.key().await.map_err(failed)?;
        let key = Credentials {
            key_id: found.key_id,
            secret: Arc::new(SecretKey::new(&found.secret)),
            token: found.token,
        };
        Ok((key, found.ends_at))
    }
}

/// The endpoint for the queue `queue`, a name or a URL.
pub(crate) fn for_queue(app: &App, given: Option<&str>, queue: &str) -> anyhow::Result<Endpoint> {
    let from_queue = queue.contains("://").then(|| queue.to_owned());
    match given
        .map(str::to_owned)
        .or_else(endpoint_variable)
        .or(from_queue)
    {
        Some(url) => elsewhere(app, &url),
        None => of_data_dir(app),
    }
}

/// The endpoint for operators' calls: `--endpoint`, `SHUKUBA_ENDPOINT`, else the data directory's server.
pub(crate) fn for_operator(app: &App, given: Option<&str>) -> anyhow::Result<Endpoint> {
    match given
        .map(str::to_owned)
        .or_else(|| variable("SHUKUBA_ENDPOINT"))
    {
        Some(url) => elsewhere(app, &url),
        None => of_data_dir(app),
    }
}

/// The endpoint for calls of the service that AWS's variables call `variable_name` (`CLOUDWATCH`): what was given,
/// `SHUKUBA_ENDPOINT`, `AWS_ENDPOINT_URL_CLOUDWATCH`, `AWS_ENDPOINT_URL`; `None` where none of these is.
pub(crate) fn of_service(
    app: &App,
    given: Option<&str>,
    variable_name: &str,
) -> anyhow::Result<Option<Endpoint>> {
    let found = given
        .map(str::to_owned)
        .or_else(|| variable("SHUKUBA_ENDPOINT"))
        .or_else(|| variable(&format!("AWS_ENDPOINT_URL_{variable_name}")))
        .or_else(|| variable("AWS_ENDPOINT_URL"));
    found.map(|url| elsewhere(app, &url)).transpose()
}

/// The endpoint for `service` of AWS itself, with the keys and the region of the environment.
pub(crate) fn of_aws(service: &str) -> anyhow::Result<Endpoint> {
    let region = region_variable().unwrap_or_else(|| GLOBAL_REGION.to_owned());
    let (url, region) = match service {
        // It has no region, and is signed for as in the first one.
        "iam" => (
            "https://iam.amazonaws.com".to_owned(),
            GLOBAL_REGION.to_owned(),
        ),
        _ => (format!("https://{service}.{region}.amazonaws.com"), region),
    };
    Ok(Endpoint {
        url: base_url(&url)?,
        keys: credentials_of_environment().map_or_else(chain, Keys::Fixed),
        region,
        own_certificate: None,
    })
}

fn elsewhere(app: &App, url: &str) -> anyhow::Result<Endpoint> {
    let url = base_url(url)?;
    let is_of_aws = region_of(&url).is_some();
    let administrator = || match is_of_aws {
        true => Ok(None),
        false => crate::account::administrator(app),
    };
    let fixed = match credentials_of_environment() {
        Some(credentials) => Some(credentials),
        None => administrator()?,
    };
    let keys = fixed.map_or_else(chain, Keys::Fixed);
    let region = region_of(&url)
        .or_else(region_variable)
        .unwrap_or_else(|| app.server().region);
    let server = app.server();
    Ok(Endpoint {
        url,
        keys,
        region,
        own_certificate: server.tls_certificate,
    })
}

fn of_data_dir(app: &App) -> anyhow::Result<Endpoint> {
    let server = app.server();
    let Some(credentials) = crate::account::administrator(app)? else {
        return Err(app::usage(format!(
            "no server's data in `{}`: give --data DIR, or --endpoint URL with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            app.data_dir().display()
        )));
    };
    let url = crate::data::local_url(app, &server);
    Ok(Endpoint {
        url: base_url(&url)?,
        keys: Keys::Fixed(credentials),
        region: server.region,
        own_certificate: server.tls_certificate,
    })
}

/// `scheme://host[:port]` of a URL.
pub(crate) fn base_url(text: &str) -> anyhow::Result<url::Url> {
    agent::call::base_url(text).map_err(app::usage)
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn endpoint_variable() -> Option<String> {
    variable("AWS_ENDPOINT_URL_SQS").or_else(|| variable("AWS_ENDPOINT_URL"))
}

fn region_variable() -> Option<String> {
    variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"))
}

/// The region in AWS's own host names, such as `sqs.eu-west-1.amazonaws.com`.
fn region_of(url: &url::Url) -> Option<String> {
    let host = url.host_str()?;
    let inner = host
        .strip_suffix(".amazonaws.com")
        .or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    inner.split('.').next_back().map(str::to_owned)
}

fn credentials_of_environment() -> Option<Credentials> {
    let (key_id, secret) = (
        variable("AWS_ACCESS_KEY_ID"),
        variable("AWS_SECRET_ACCESS_KEY"),
    );
    match (key_id, secret) {
        (Some(key_id), Some(secret)) => Some(Credentials {
            key_id,
            secret: Arc::new(SecretKey::new(&secret)),
            token: variable("AWS_SESSION_TOKEN"),
        }),
        _ => credentials_of_profile(),
    }
}

fn credentials_of_profile() -> Option<Credentials> {
    let path = variable("AWS_SHARED_CREDENTIALS_FILE")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".aws/credentials")))?;
    let text = std::fs::read_to_string(path).ok()?;
    let profile = variable("AWS_PROFILE").unwrap_or_else(|| "default".to_owned());
    let mut values = profile_values(&text, &profile);
    Some(Credentials {
        key_id: values.remove("aws_access_key_id")?,
        secret: Arc::new(SecretKey::new(&values.remove("aws_secret_access_key")?)),
        token: values.remove("aws_session_token"),
    })
}

/// The values of `[profile]` in the form of the AWS CLI's credentials file.
fn profile_values(text: &str, profile: &str) -> HashMap<String, String> {
    let mut is_in = false;
    let mut values = HashMap::new();
    for line in text.lines().map(str::trim) {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            is_in = name.trim() == profile;
        } else if let Some((name, value)) = line
            .split_once('=')
            .filter(|_| is_in && !line.starts_with('#'))
        {
            values.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_read_from_the_hosts_of_aws() {
        for (url, region) in [
            (
                "https://sqs.eu-west-1.amazonaws.com/123456789012/a",
                Some("eu-west-1"),
            ),
            (
                "https://sqs.cn-north-1.amazonaws.com.cn/1/a",
                Some("cn-north-1"),
            ),
            ("http://127.0.0.1:5310/1/a", None),
        ] {
            assert_eq!(
                region_of(&url::Url::parse(url).unwrap()).as_deref(),
                region,
                "{url}"
            );
        }
    }

    #[test]
    fn a_profile_is_read_from_the_credentials_file() {
        let text = "[default]\naws_access_key_id = A\n\n[other]\naws_access_key_id=B\n# aws_access_key_id = C\naws_secret_access_key = s=1\n";
        let values = profile_values(text, "other");
        assert_eq!(values["aws_access_key_id"], "B");
        assert_eq!(values["aws_secret_access_key"], "s=1");
    }
}
