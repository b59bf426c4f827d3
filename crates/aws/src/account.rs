//! Who calls, and where: credentials and region by the chain that AWS's tools share, and clients made from them.
//!
//! Credentials, first found: variables, profile (`AWS_PROFILE`, `~/.aws`), web identity, container, instance. Region: that of
//! the queue's host, else the chain's. Endpoint: `AWS_ENDPOINT_URL_SQS`, `AWS_ENDPOINT_URL`, the profile's `endpoint_url`,
//! else the host of the queue's URL where it is not Amazon's.

use std::sync::Arc;

use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_sqs::config::{BehaviorVersion, Region, StalledStreamProtectionConfig};
use url::Url;

use crate::counting::Counts;
use crate::http::{Client, sdk};

/// Credentials, region and the HTTP client that all clients share.
#[derive(Clone, Debug)]
pub struct Account {
    pub(crate) config: SdkConfig,
    pub(crate) http: Client,
}

/// A key to sign with.
#[derive(Clone)]
pub struct Key {
    /// Its id.
    pub key_id: String,
    /// Its secret; not shown by `Debug`.
    pub secret: String,
    /// The session token of a temporary key; not shown by `Debug`.
    pub token: Option<String>,
    /// When it ends, for a temporary key.
    pub ends_at: Option<base::Timestamp>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key")
            .field("key_id", &self.key_id)
            .field("ends_at", &self.ends_at)
            .finish_non_exhaustive()
    }
}

/// Why an account cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// See [`crate::http::Error::Trust`].
    #[error(transparent)]
    Http(#[from] crate::http::Error),
    /// Not a URL of a queue.
    #[error(
        "`{url}` is not the URL of a queue, such as `https://sqs.eu-west-1.amazonaws.com/123456789012/name`"
    )]
    QueueUrl {
        /// What was given.
        url: String,
    },
    /// No credentials in the whole chain.
    #[error(
        "no credentials: {detail}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile, or run where a role is given"
    )]
    Credentials {
        /// What the last link of the chain said.
        detail: String,
    },
}

impl Account {
    /// Reads the settings of this machine and user; credentials are fetched when they are first needed.
    ///
    /// # Errors
    /// [`Error::Http`] when TLS cannot be set up.
    pub async fn load() -> Result<Self, Error> {
        let http = Client::new()?;
        let loader = aws_config::defaults(BehaviorVersion::v2026_01_12());
        let config = loader.http_client(sdk::client(http.clone())).load().await;
        Ok(Self { config, http })
    }

    /// An account with one fixed key, as `shukuba` has it from the data directory.
    ///
    /// # Errors
    /// [`Error::Http`] when TLS cannot be set up.
    pub fn with_key(key_id: &str, secret: &str, region: &str) -> Result<Self, Error> {
        let http = Client::new()?;
        let key = aws_credential_types::Credentials::new(key_id, secret, None, None, "shukuba");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(region.to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(key))
            .http_client(sdk::client(http.clone()))
            .build();
        Ok(Self { config, http })
    }

    /// The same account at another endpoint.
    #[must_use]
    pub fn at(mut self, endpoint_url: &str) -> Self {
        self.config = self
            .config
            .into_builder()
            .endpoint_url(endpoint_url)
            .build();
        self
    }

    /// The same account, and every call that is made for it is counted.
    #[must_use]
    pub fn counted(self, counts: Arc<Counts>) -> Self {
        let http = self.http.counting(counts);
        let config = self.config.into_builder();
        let config = config.http_client(sdk::client(http.clone())).build();
        Self { config, http }
    }

    /// Fetches credentials once, so that a missing one shows at the start and not in the first call.
    ///
    /// # Errors
    /// [`Error::Credentials`] when no link of the chain has any.
    pub async fn check(&self) -> Result<(), Error> {
        let none = || Error::Credentials {
            detail: "the chain is empty".to_owned(),
        };
        let provider = self.config.credentials_provider().ok_or_else(none)?;
        let found = provider.provide_credentials().await;
        found.map(|_| ()).map_err(|error| {
            let source = std::error::Error::source(&error);
            Error::Credentials {
                detail: source.map_or_else(|| error.to_string(), ToString::to_string),
            }
        })
    }

    /// The key that the chain gives now, for clients that sign themselves. Asks the chain at each call: keep it until it
    /// ends.
    ///
    /// # Errors
    /// [`Error::Credentials`] when no link of the chain has any.
    pub async fn key(&self) -> Result<Key, Error> {
        let none = |detail: String| Error::Credentials { detail };
        let provider = self.config.credentials_provider();
        let provider = provider.ok_or_else(|| none("the chain is empty".to_owned()))?;
        let found = provider.provide_credentials().await;
        let found = found.map_err(|error| none(error.to_string()))?;
        let ends_at = found
            .expiry()
            .and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        Ok(Key {
            key_id: found.access_key_id().to_owned(),
            secret: found.secret_access_key().to_owned(),
            token: found.session_token().map(str::to_owned),
            ends_at: ends_at.map(|since| base::Timestamp::EPOCH.plus(since)),
        })
    }

    /// A client for the queue at `queue_url`.
    ///
    /// # Errors
    /// [`Error::QueueUrl`] when that is no URL of a queue.
    pub fn sqs(&self, queue_url: &str) -> Result<aws_sdk_sqs::Client, Error> {
        let place = self.place(queue_url)?;
        // It takes a long poll of 20 s for a stalled upload, and what the server gave in that moment stays leased to nobody.
        // Our client has bounds of its own.
        let config = aws_sdk_sqs::config::Builder::from(&place)
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        Ok(aws_sdk_sqs::Client::from_conf(config.build()))
    }

    /// A client for the metrics of the queue at `queue_url`: CloudWatch in the queue's region, or the server that has the queue.
    ///
    /// # Errors
    /// [`Error::QueueUrl`] when that is no URL of a queue.
    pub fn cloudwatch(&self, queue_url: &str) -> Result<aws_sdk_cloudwatch::Client, Error> {
        Ok(aws_sdk_cloudwatch::Client::new(&self.place(queue_url)?))
    }

    /// The settings of clients for what belongs to the queue at `queue_url`: its region, and its host where that is not
    /// Amazon's and no endpoint is set.
    fn place(&self, queue_url: &str) -> Result<SdkConfig, Error> {
        let wrong = || Error::QueueUrl {
            url: queue_url.to_owned(),
        };
        let url = Url::parse(queue_url).map_err(|_| wrong())?;
        let host = url
            .host_str()
            .filter(|_| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(wrong)?;
        let mut config = self.config.clone().into_builder();
        match region_of(host) {
            Some(region) => config = config.region(Region::new(region.to_owned())),
            None => {
                if self.config.endpoint_url().is_none() {
                    config = config.endpoint_url(url.origin().ascii_serialization());
                }
                if self.config.region().is_none() {
                    // A server that is not Amazon's has one region; the signature must name some.
                    config = config.region(Region::new("us-east-1"));
                }
            }
        }
        Ok(config.build())
    }
}

/// The region in a host of Amazon's, such as `sqs.eu-west-1.amazonaws.com`.
fn region_of(host: &str) -> Option<&str> {
    let rest = host.strip_prefix("sqs.")?;
    let (region, domain) = rest.split_once('.')?;
    matches!(domain, "amazonaws.com" | "amazonaws.com.cn" | "api.aws").then_some(region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_read_from_hosts_of_amazon_only() {
        for (host, region) in [
            ("sqs.eu-west-1.amazonaws.com", Some("eu-west-1")),
            ("sqs.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("sqs.example.com", None),
            ("127.0.0.1", None),
        ] {
            assert_eq!(region_of(host), region, "{host}");
        }
    }

    /// Observed on 2026-11-23 with a notifier on a server beside it: each empty poll failed with "minimum throughput was
    /// specified at 1 B/s". The SDK measures that on the wall clock, which no test can turn, so this asks for the setting.
    #[test]
    fn a_long_poll_is_not_taken_for_a_stalled_stream() {
        let account = Account::with_key("id", "secret", "eu-west-1").unwrap();
        let client = account.sqs("http://127.0.0.1:5310/1/q").unwrap();
        let protection = client.config().stalled_stream_protection();
        assert!(protection.is_some_and(|protection| !protection.is_enabled()));
    }

    #[test]
    fn what_is_no_queue_url_is_refused() {
        let account = Account::with_key("id", "secret", "eu-west-1").unwrap();
        for url in ["s2s", "ftp://host/1/s2s", "http://"] {
            assert!(account.sqs(url).is_err(), "{url}");
        }
        assert!(
            account
                .sqs("http://127.0.0.1:5310/123456789012/s2s")
                .is_ok()
        );
    }
}
