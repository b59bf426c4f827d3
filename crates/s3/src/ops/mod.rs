//! S3's interface: requests as HTTP has them, answers as S3 writes them.
//!
//! [s3s](https://docs.rs/s3s) routes by method, path and query, reads headers and XML, follows the chunks of a streamed
//! body with their signatures and trailers, and writes answers. The gateway has verified the head before; it decides what
//! [`access`] says of each operation. A request has its own [`Calls`], which knows who asks.
//!
//! - [`Service`]: the service, for the gateway
//! - `access`: what each operation needs
//! - `head`: what is refused by the head alone
//! - `bucket`, `settings`, `lifecycle`, `object`, `copy`, `list`, `upload`: the operations
//! - `fault`: errors

mod access;
mod bucket;
mod convert;
mod copy;
mod fault;
mod head;
mod lifecycle;
mod list;
mod object;
mod service;
mod settings;
mod upload;

use std::sync::Arc;

use api::{Access, Ctx, Gate, Principal};
use base::{AccountId, Region};
use parking_lot::Mutex;
use policy::Context;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3, S3Error, S3Request, S3Response, S3Result, dto, s3_error};

use crate::error::Error;
use crate::objects::Objects;
use access::{Line, On};

pub use service::Service;

/// One request's way through the service.
#[derive(Clone)]
pub(super) struct Calls {
    pub(crate) objects: Arc<Objects>,
    pub(crate) ctx: Ctx,
    pub(crate) gate: Arc<dyn Gate>,
    pub(crate) region: Region,
    pub(crate) account: AccountId,
    /// Which operation it turned out to be.
    found: Arc<Mutex<Option<&'static Line>>>,
    /// What its head says that policies may ask for.
    context: Arc<Mutex<Context>>,
    /// What was decided about it.
    asked: Arc<Mutex<Vec<Access>>>,
}

/// Decisions of one request that go into its record. Chosen: of the keys that one delete names.
const RECORDED_MAX: usize = 1000;

impl Calls {
    /// Whether the caller may do `action` on the bucket or object.
    fn decide(
        &self,
        action: &'static str,
        bucket: Option<&str>,
        key: Option<&str>,
    ) -> Result<(), Error> {
        let access = self.access(action, bucket, key)?;
        let decided = self.gate.decide(&self.ctx, std::slice::from_ref(&access));
        let mut asked = self.asked.lock();
        if asked.len() < RECORDED_MAX {
            asked.push(access);
        }
        Ok(decided?)
    }

    fn access(
        &self,
        action: &'static str,
        bucket: Option<&str>,
        key: Option<&str>,
    ) -> Result<Access, Error> {
        let mut access = Access::new(action, access::resource(bucket, key));
        access.context = self.context.lock().clone();
        let Some(name) = bucket else {
            return Ok(access);
        };
        let is_ours = self.ctx.caller.principal != Principal::Anonymous
            && self.ctx.caller.account == self.account;
        let (policy, tags) = self.objects.standing(name, key, is_ours)?;
        for tag in tags {
            let name = format!("s3:ExistingObjectTag/{}", tag.key);
            access.context.set(&name, tag.value);
        }
        Ok(access.with_policy(policy))
    }

    /// What one is told who asks for a key that is not there: that, if he may list the bucket; else that he may not.
    fn missing(&self, bucket: &str, error: Error) -> Error {
        match (&error, self.decide("s3:ListBucket", Some(bucket), None)) {
            (Error::KeyNotFound { .. }, Err(denied)) => denied,
            _ => error,
        }
    }

    /// The account as S3 names owners: 64 digits that follow from it.
    fn owner(&self) -> dto::Owner {
        let digits = wire::sigv4::sha256(format!("shukuba {}", self.account.as_str()).as_bytes());
        dto::Owner {
            display_name: None,
            id: Some(hex::encode(digits)),
        }
    }
}

/// Knows the one secret that the gateway has found.
pub(crate) struct Known {
    pub(crate) key_id: String,
    pub(crate) secret: Option<SecretKey>,
}

#[async_trait::async_trait]
impl S3Auth for Known {
    async fn get_secret_key(&self, key_id: &str) -> S3Result<SecretKey> {
        match &self.secret {
            Some(secret) if self.key_id == key_id => Ok(secret.clone()),
            _ => Err(s3_error!(
                InvalidAccessKeyId,
                "the access key id is not the one that signed"
            )),
        }
    }
}

#[async_trait::async_trait]
impl S3Access for Calls {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let name = cx.s3_op().name();
        let line = access::find(name).ok_or_else(|| {
            S3Error::from(Error::Unsupported(format!(
                "{name} is not one of this server's operations"
            )))
        })?;
        *self.found.lock() = Some(line);
        *self.context.lock() = access::context(cx.headers(), cx.uri());
        let path = cx.s3_path();
        let (bucket, key) = (path.get_bucket_name(), path.get_object_key());
        match line.on {
            On::All => self.decide(line.action, None, None)?,
            On::Bucket => self.decide(line.action, bucket, None)?,
            On::Object => self.decide(line.action, bucket, key)?,
            On::Each => {}
        }
        Ok(head::check(cx.headers(), cx.uri(), &self.account)?)
    }
}

/// Each method of the trait is the function of that name.
macro_rules! operations {
    ($($module:ident :: $name:ident ( $input:ident ) -> $output:ident,)*) => {
        #[async_trait::async_trait]
        impl S3 for Calls {
            $(async fn $name(
                &self,
                request: S3Request<dto::$input>,
            ) -> S3Result<S3Response<dto::$output>> {
                let output = $module::$name(self, request).await.map_err(S3Error::from)?;
                Ok(S3Response::new(output))
            })*
        }
    };
}

operations! {
    bucket::create_bucket(CreateBucketInput) -> CreateBucketOutput,
    bucket::delete_bucket(DeleteBucketInput) -> DeleteBucketOutput,
    bucket::head_bucket(HeadBucketInput) -> HeadBucketOutput,
    bucket::list_buckets(ListBucketsInput) -> ListBucketsOutput,
    bucket::get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput,

    settings::get_bucket_policy(GetBucketPolicyInput) -> GetBucketPolicyOutput,
    settings::put_bucket_policy(PutBucketPolicyInput) -> PutBucketPolicyOutput,
    settings::delete_bucket_policy(DeleteBucketPolicyInput) -> DeleteBucketPolicyOutput,
    settings::get_bucket_policy_status(GetBucketPolicyStatusInput) -> GetBucketPolicyStatusOutput,
    settings::get_bucket_tagging(GetBucketTaggingInput) -> GetBucketTaggingOutput,
    settings::put_bucket_tagging(PutBucketTaggingInput) -> PutBucketTaggingOutput,
    settings::delete_bucket_tagging(DeleteBucketTaggingInput) -> DeleteBucketTaggingOutput,
    settings::get_public_access_block(GetPublicAccessBlockInput) -> GetPublicAccessBlockOutput,
    settings::put_public_access_block(PutPublicAccessBlockInput) -> PutPublicAccessBlockOutput,
    settings::delete_public_access_block(DeletePublicAccessBlockInput) -> DeletePublicAccessBlockOutput,
    settings::get_bucket_ownership_controls(GetBucketOwnershipControlsInput) -> GetBucketOwnershipControlsOutput,
    settings::put_bucket_ownership_controls(PutBucketOwnershipControlsInput) -> PutBucketOwnershipControlsOutput,
    settings::delete_bucket_ownership_controls(DeleteBucketOwnershipControlsInput) -> DeleteBucketOwnershipControlsOutput,
    settings::get_bucket_versioning(GetBucketVersioningInput) -> GetBucketVersioningOutput,
    settings::put_bucket_versioning(PutBucketVersioningInput) -> PutBucketVersioningOutput,
    settings::get_bucket_acl(GetBucketAclInput) -> GetBucketAclOutput,
    settings::put_bucket_acl(PutBucketAclInput) -> PutBucketAclOutput,
    settings::get_bucket_encryption(GetBucketEncryptionInput) -> GetBucketEncryptionOutput,
    settings::delete_bucket_encryption(DeleteBucketEncryptionInput) -> DeleteBucketEncryptionOutput,
    settings::get_bucket_cors(GetBucketCorsInput) -> GetBucketCorsOutput,
    settings::delete_bucket_cors(DeleteBucketCorsInput) -> DeleteBucketCorsOutput,
    settings::get_bucket_website(GetBucketWebsiteInput) -> GetBucketWebsiteOutput,
    settings::delete_bucket_website(DeleteBucketWebsiteInput) -> DeleteBucketWebsiteOutput,
    settings::get_bucket_replication(GetBucketReplicationInput) -> GetBucketReplicationOutput,
    settings::delete_bucket_replication(DeleteBucketReplicationInput) -> DeleteBucketReplicationOutput,
    settings::get_object_lock_configuration(GetObjectLockConfigurationInput) -> GetObjectLockConfigurationOutput,
    settings::get_bucket_logging(GetBucketLoggingInput) -> GetBucketLoggingOutput,
    settings::put_bucket_logging(PutBucketLoggingInput) -> PutBucketLoggingOutput,
    settings::get_bucket_notification_configuration(GetBucketNotificationConfigurationInput) -> GetBucketNotificationConfigurationOutput,
    settings::put_bucket_notification_configuration(PutBucketNotificationConfigurationInput) -> PutBucketNotificationConfigurationOutput,
    settings::get_bucket_request_payment(GetBucketRequestPaymentInput) -> GetBucketRequestPaymentOutput,
    settings::put_bucket_request_payment(PutBucketRequestPaymentInput) -> PutBucketRequestPaymentOutput,
    settings::get_bucket_accelerate_configuration(GetBucketAccelerateConfigurationInput) -> GetBucketAccelerateConfigurationOutput,
    settings::put_bucket_accelerate_configuration(PutBucketAccelerateConfigurationInput) -> PutBucketAccelerateConfigurationOutput,

    lifecycle::get_bucket_lifecycle_configuration(GetBucketLifecycleConfigurationInput) -> GetBucketLifecycleConfigurationOutput,
    lifecycle::put_bucket_lifecycle_configuration(PutBucketLifecycleConfigurationInput) -> PutBucketLifecycleConfigurationOutput,
    lifecycle::delete_bucket_lifecycle(DeleteBucketLifecycleInput) -> DeleteBucketLifecycleOutput,

    object::put_object(PutObjectInput) -> PutObjectOutput,
    object::get_object(GetObjectInput) -> GetObjectOutput,
    object::head_object(HeadObjectInput) -> HeadObjectOutput,
    object::delete_object(DeleteObjectInput) -> DeleteObjectOutput,
    object::delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput,
    object::get_object_attributes(GetObjectAttributesInput) -> GetObjectAttributesOutput,
    object::get_object_tagging(GetObjectTaggingInput) -> GetObjectTaggingOutput,
    object::put_object_tagging(PutObjectTaggingInput) -> PutObjectTaggingOutput,
    object::delete_object_tagging(DeleteObjectTaggingInput) -> DeleteObjectTaggingOutput,
    object::get_object_acl(GetObjectAclInput) -> GetObjectAclOutput,
    object::put_object_acl(PutObjectAclInput) -> PutObjectAclOutput,

    copy::copy_object(CopyObjectInput) -> CopyObjectOutput,
    copy::upload_part_copy(UploadPartCopyInput) -> UploadPartCopyOutput,

    list::list_objects(ListObjectsInput) -> ListObjectsOutput,
    list::list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output,
    list::list_object_versions(ListObjectVersionsInput) -> ListObjectVersionsOutput,

    upload::create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput,
    upload::upload_part(UploadPartInput) -> UploadPartOutput,
    upload::complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput,
    upload::abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput,
    upload::list_multipart_uploads(ListMultipartUploadsInput) -> ListMultipartUploadsOutput,
    upload::list_parts(ListPartsInput) -> ListPartsOutput,
}
