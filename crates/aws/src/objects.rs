//! Results in a bucket or a folder; the scaler's state and the settings of functions in a bucket.
//!
//! `s3://bucket/prefix` takes credentials and region from the [`Account`], and the endpoint from `AWS_ENDPOINT_URL_S3` or
//! `AWS_ENDPOINT_URL` (path style, as servers other than Amazon's want it). Everything else is a folder, `file:///path` or a
//! path. A PUT that is answered is durable: S3 by its own promise, a folder by fsync.

use std::path::PathBuf;
use std::sync::Arc;

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use bytes::Bytes;
use delivery::port::Error;
use delivery::results::ObjectResults;
use delivery::scaler::{Reports, Stored};
use http_body_util::BodyExt;
use object_store::aws::{AmazonS3Builder, AwsCredential};
use object_store::client::{
    ClientOptions, CredentialProvider, HttpClient, HttpConnector, HttpError, HttpErrorKind,
    HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use url::Url;

use crate::account::Account;
use crate::http::{self, Client};

/// The largest object that [`read_object`] reads: settings with 10,000 destinations are 4 MiB. Chosen.
const OBJECT_BYTES_MAX: u64 = 16 << 20;

/// Where objects are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a folder of this machine.
    Folder(PathBuf),
    /// In a bucket, below a prefix.
    Bucket(Url),
}

impl Place {
    /// Reads `s3://bucket/prefix`, `file:///folder`, or a path.
    ///
    /// # Errors
    /// [`Error::Refused`] when it is none of these.
    pub fn parse(place: &str) -> Result<Self, Error> {
        let refused = |detail: String| Error::refused(&format!("the place `{place}`"), detail);
        match Url::parse(place) {
            Ok(url) if url.scheme() == "s3" => Ok(Self::Bucket(url)),
            Ok(url) if url.scheme() == "file" => url
                .to_file_path()
                .map(Self::Folder)
                .map_err(|()| refused("not the path of a folder".to_owned())),
            Ok(url) => Err(refused(format!(
                "scheme `{}` is not known; give `s3://bucket/prefix`, `file:///folder` or a path",
                url.scheme()
            ))),
            Err(_) => Ok(Self::Folder(place.into())),
        }
    }
}

/// Opens the results at `place`, see [`Place::parse`]; a folder is made when it is not there.
///
/// # Errors
/// [`Error::Refused`] when that is no place, [`Error::Unavailable`] when the folder cannot be opened.
pub fn open_results(account: &Account, place: &str) -> Result<ObjectResults, Error> {
    match Place::parse(place)? {
        Place::Bucket(url) => bucket(account, &url, &format!("results at `{place}`")),
        Place::Folder(folder) => ObjectResults::local(&folder),
    }
}

/// Opens the results at `place` as the user and the machine may: a bucket takes credentials by the usual chain, a folder none.
///
/// # Errors
/// [`Error::Refused`] when that is no place or nothing has credentials, [`Error::Unavailable`] when the folder cannot be opened.
pub async fn results_at(place: &str) -> Result<ObjectResults, Error> {
    match Place::parse(place)? {
        Place::Folder(folder) => ObjectResults::local(&folder),
        Place::Bucket(url) => {
            let what = format!("results at `{place}`");
            let refused = |error| Error::refused(&what, error);
            let account = Account::load().await.map_err(refused)?;
            account.check().await.map_err(refused)?;
            bucket(&account, &url, &what)
        }
    }
}

/// Opens the scaler's state at `place`, an `s3://bucket/prefix`: a folder cannot keep two scalers apart.
///
/// # Errors
/// [`Error::Refused`] when that is no such place.
pub fn memory_at(account: &Account, place: &str) -> Result<Stored, Error> {
    let what = format!("the scaler's state at `{place}`");
    let (store, prefix) = of_bucket(account, place, &what)?;
    Stored::new(store, &prefix)
}

/// Opens what notifiers tell of themselves at `place`, an `s3://bucket/prefix`: that of the scaler's state.
///
/// # Errors
/// [`Error::Refused`] when that is no such place.
pub fn reports_at(account: &Account, place: &str) -> Result<Reports, Error> {
    let what = format!("the notifiers' reports at `{place}`");
    let (store, prefix) = of_bucket(account, place, &what)?;
    Reports::new(store, &prefix)
}

/// The bytes of the object at `place`, an `s3://bucket/key`.
///
/// # Errors
/// [`Error::Refused`] when that is no such place or nothing is there, [`Error::Unavailable`] when it cannot be read now.
pub async fn read_object(account: &Account, place: &str) -> Result<Bytes, Error> {
    let what = format!("the object `{place}`");
    let refused = |error: &dyn std::fmt::Display| Error::refused(&what, error);
    let (store, key) = of_bucket(account, place, &what)?;
    let path = Path::from_url_path(&key).map_err(|error| refused(&error))?;
    let failed = |error: object_store::Error| match error {
        object_store::Error::NotFound { .. } => refused(&"it is not there"),
        object_store::Error::PermissionDenied { .. }
        | object_store::Error::Unauthenticated { .. } => refused(&error),
        _ => Error::unavailable(&what, error),
    };
    let found = store.get(&path).await.map_err(failed)?;
    if found.meta.size > OBJECT_BYTES_MAX {
        return Err(refused(&format_args!(
            "{} bytes, at most {OBJECT_BYTES_MAX} are read",
            found.meta.size
        )));
    }
    found.bytes().await.map_err(failed)
}

/// A bucket, and the path in it.
fn of_bucket(
    account: &Account,
    place: &str,
    what: &str,
) -> Result<(Arc<dyn ObjectStore>, String), Error> {
    match Place::parse(place)? {
        Place::Bucket(url) => Ok((store(account, &url, what)?, url.path().to_owned())),
        Place::Folder(_) => Err(Error::refused(what, "give `s3://bucket/…`")),
    }
}

/// A whole bucket by its name.
pub(crate) fn open_bucket(
    account: &Account,
    name: &str,
    what: &str,
) -> Result<Arc<dyn ObjectStore>, Error> {
    let (store, _) = of_bucket(account, &format!("s3://{name}"), what)?;
    Ok(store)
}

/// Where S3 is, where it is not Amazon's.
pub(crate) fn endpoint(account: &Account) -> Option<String> {
    let endpoint = std::env::var("AWS_ENDPOINT_URL_S3").ok();
    let endpoint = endpoint.filter(|url| !url.is_empty());
    endpoint.or_else(|| account.config.endpoint_url().map(str::to_owned))
}

fn bucket(account: &Account, url: &Url, what: &str) -> Result<ObjectResults, Error> {
    Ok(ObjectResults::new(store(account, url, what)?, url.path()))
}

fn store(account: &Account, url: &Url, what: &str) -> Result<Arc<dyn ObjectStore>, Error> {
    let bucket = url
        .host_str()
        .ok_or_else(|| Error::refused(what, "no bucket; give `s3://bucket/prefix`"))?;
    let region = account
        .config
        .region()
        .map_or("us-east-1", |region| region.as_ref());
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(region)
        .with_http_connector(Connector(account.http.clone()));
    if let Some(provider) = account.config.credentials_provider() {
        builder = builder.with_credentials(Arc::new(Chain(provider)));
    }
    if let Some(endpoint) = endpoint(account) {
        builder = builder
            .with_allow_http(endpoint.starts_with("http://"))
            .with_endpoint(endpoint);
    }
    let store = builder
        .build()
        .map_err(|error| Error::refused(what, error))?;
    Ok(Arc::new(store))
}

/// The account's credentials for the object store.
#[derive(Debug)]
struct Chain(SharedCredentialsProvider);

#[async_trait::async_trait]
impl CredentialProvider for Chain {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let found = self.0.provide_credentials().await;
        let found = found.map_err(|error| object_store::Error::Generic {
            store: "S3",
            source: Box::new(error),
        })?;
        Ok(Arc::new(AwsCredential {
            key_id: found.access_key_id().to_owned(),
            secret_key: found.secret_access_key().to_owned(),
            token: found.session_token().map(str::to_owned),
        }))
    }
}

/// The shared client for the object store.
#[derive(Clone, Debug)]
struct Connector(Client);

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait::async_trait]
impl HttpService for Connector {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (head, body) = request.into_parts();
        let body = http_body_util::BodyExt::collect(body).await;
        let body = body
            .map_err(|error| HttpError::new(HttpErrorKind::Request, error))?
            .to_bytes();
        let answer = self
            .0
            .call(::http::Request::from_parts(head, body))
            .await
            .map_err(failed)?;
        Ok(answer.map(|body| {
            HttpResponseBody::new(
                body.map_err(|error| HttpError::new(HttpErrorKind::Interrupted, error)),
            )
        }))
    }
}

fn failed(error: http::Error) -> HttpError {
    let kind = match &error {
        http::Error::Connect(_) => HttpErrorKind::Connect,
        http::Error::Broken(_) => HttpErrorKind::Interrupted,
        http::Error::Late => HttpErrorKind::Timeout,
        http::Error::Trust(_) => HttpErrorKind::Unknown,
    };
    HttpError::new(kind, error)
}
