//! What is set for a bucket, and honest answers for what cannot be set here.

use s3s::{S3Request, dto};

use super::{Calls, convert};
use crate::error::{Error, Setting};
use crate::limits::{BUCKET_TAGS_MAX, POLICY_BYTES_MAX};
use crate::objects::check_tags;
use crate::policy;
use crate::rows::PublicAccessBlock;

fn absent<T>(bucket: &str, setting: Setting) -> Result<T, Error> {
    Err(Error::Absent {
        bucket: bucket.to_owned(),
        setting,
    })
}

pub(super) async fn get_bucket_policy(
    calls: &Calls,
    request: S3Request<dto::GetBucketPolicyInput>,
) -> Result<dto::GetBucketPolicyOutput, Error> {
    let name = &request.input.bucket;
    match calls.objects.bucket(name).await?.policy {
        Some(policy) => Ok(dto::GetBucketPolicyOutput {
            policy: Some(policy),
        }),
        None => absent(name, Setting::Policy),
    }
}

pub(super) async fn put_bucket_policy(
    calls: &Calls,
    request: S3Request<dto::PutBucketPolicyInput>,
) -> Result<dto::PutBucketPolicyOutput, Error> {
    let input = request.input;
    let text = input.policy;
    if text.len() > POLICY_BYTES_MAX {
        return Err(Error::Policy(format!(
            "the policy has {} bytes; at most {POLICY_BYTES_MAX} are allowed",
            text.len()
        )));
    }
    policy::check(&text, &input.bucket)?;
    calls
        .objects
        .set(&input.bucket, move |bucket| {
            let block = bucket.public_access_block.unwrap_or_default();
            if block.block_public_policy && policy::is_public(&text) {
                return Err(Error::PublicPolicy);
            }
            bucket.policy = Some(text);
            Ok(())
        })
        .await?;
    Ok(dto::PutBucketPolicyOutput {})
}

pub(super) async fn delete_bucket_policy(
    calls: &Calls,
    request: S3Request<dto::DeleteBucketPolicyInput>,
) -> Result<dto::DeleteBucketPolicyOutput, Error> {
    let name = &request.input.bucket;
    calls
        .objects
        .set(name, |bucket| {
            bucket.policy = None;
            Ok(())
        })
        .await?;
    Ok(dto::DeleteBucketPolicyOutput {})
}

pub(super) async fn get_bucket_policy_status(
    calls: &Calls,
    request: S3Request<dto::GetBucketPolicyStatusInput>,
) -> Result<dto::GetBucketPolicyStatusOutput, Error> {
    let name = &request.input.bucket;
    match calls.objects.bucket(name).await?.policy {
        Some(text) => Ok(dto::GetBucketPolicyStatusOutput {
            policy_status: Some(dto::PolicyStatus {
                is_public: Some(policy::is_public(&text)),
            }),
        }),
        None => absent(name, Setting::Policy),
    }
}

pub(super) async fn get_bucket_tagging(
    calls: &Calls,
    request: S3Request<dto::GetBucketTaggingInput>,
) -> Result<dto::GetBucketTaggingOutput, Error> {
    let name = &request.input.bucket;
    let tags = calls.objects.bucket(name).await?.tags;
    match tags.is_empty() {
        true => absent(name, Setting::Tags),
        false => Ok(dto::GetBucketTaggingOutput {
            tag_set: convert::tags(tags),
        }),
    }
}

pub(super) async fn put_bucket_tagging(
    calls: &Calls,
    request: S3Request<dto::PutBucketTaggingInput>,
) -> Result<dto::PutBucketTaggingOutput, Error> {
    let input = request.input;
    let tags = convert::from_tags(input.tagging.tag_set);
    check_tags(&tags, BUCKET_TAGS_MAX)?;
    calls
        .objects
        .set(&input.bucket, |bucket| {
            bucket.tags = tags;
            Ok(())
        })
        .await?;
    Ok(dto::PutBucketTaggingOutput {})
}

pub(super) async fn delete_bucket_tagging(
    calls: &Calls,
    request: S3Request<dto::DeleteBucketTaggingInput>,
) -> Result<dto::DeleteBucketTaggingOutput, Error> {
    calls
        .objects
        .set(&request.input.bucket, |bucket| {
            bucket.tags.clear();
            Ok(())
        })
        .await?;
    Ok(dto::DeleteBucketTaggingOutput {})
}

pub(super) async fn get_public_access_block(
    calls: &Calls,
    request: S3Request<dto::GetPublicAccessBlockInput>,
) -> Result<dto::GetPublicAccessBlockOutput, Error> {
    let name = &request.input.bucket;
    let Some(block) = calls.objects.bucket(name).await?.public_access_block else {
        return absent(name, Setting::PublicAccessBlock);
    };
    Ok(dto::GetPublicAccessBlockOutput {
        public_access_block_configuration: Some(dto::PublicAccessBlockConfiguration {
            block_public_acls: Some(block.block_public_acls),
            block_public_policy: Some(block.block_public_policy),
            ignore_public_acls: Some(block.ignore_public_acls),
            restrict_public_buckets: Some(block.restrict_public_buckets),
        }),
    })
}

pub(super) async fn put_public_access_block(
    calls: &Calls,
    request: S3Request<dto::PutPublicAccessBlockInput>,
) -> Result<dto::PutPublicAccessBlockOutput, Error> {
    let input = request.input;
    let asked = input.public_access_block_configuration;
    let block = PublicAccessBlock {
        block_public_acls: asked.block_public_acls.unwrap_or_default(),
        ignore_public_acls: asked.ignore_public_acls.unwrap_or_default(),
        block_public_policy: asked.block_public_policy.unwrap_or_default(),
        restrict_public_buckets: asked.restrict_public_buckets.unwrap_or_default(),
    };
    calls
        .objects
        .set(&input.bucket, move |bucket| {
            bucket.public_access_block = Some(block);
            Ok(())
        })
        .await?;
    Ok(dto::PutPublicAccessBlockOutput {})
}

pub(super) async fn delete_public_access_block(
    calls: &Calls,
    request: S3Request<dto::DeletePublicAccessBlockInput>,
) -> Result<dto::DeletePublicAccessBlockOutput, Error> {
    calls
        .objects
        .set(&request.input.bucket, |bucket| {
            bucket.public_access_block = None;
            Ok(())
        })
        .await?;
    Ok(dto::DeletePublicAccessBlockOutput {})
}

pub(super) async fn get_bucket_ownership_controls(
    calls: &Calls,
    request: S3Request<dto::GetBucketOwnershipControlsInput>,
) -> Result<dto::GetBucketOwnershipControlsOutput, Error> {
    let name = &request.input.bucket;
    if !calls.objects.bucket(name).await?.has_ownership {
        return absent(name, Setting::Ownership);
    }
    let enforced = dto::ObjectOwnership::from_static(dto::ObjectOwnership::BUCKET_OWNER_ENFORCED);
    Ok(dto::GetBucketOwnershipControlsOutput {
        ownership_controls: Some(dto::OwnershipControls {
            rules: vec![dto::OwnershipControlsRule {
                object_ownership: enforced,
            }],
        }),
    })
}

pub(super) async fn put_bucket_ownership_controls(
    calls: &Calls,
    request: S3Request<dto::PutBucketOwnershipControlsInput>,
) -> Result<dto::PutBucketOwnershipControlsOutput, Error> {
    let input = request.input;
    let is_enforced = |rule: &dto::OwnershipControlsRule| {
        rule.object_ownership.as_str() == dto::ObjectOwnership::BUCKET_OWNER_ENFORCED
    };
    if !input.ownership_controls.rules.iter().all(is_enforced) {
        return Err(Error::Unsupported(
            "object ownership is BucketOwnerEnforced here, without ACLs".to_owned(),
        ));
    }
    set_ownership(calls, &input.bucket, true).await?;
    Ok(dto::PutBucketOwnershipControlsOutput {})
}

pub(super) async fn delete_bucket_ownership_controls(
    calls: &Calls,
    request: S3Request<dto::DeleteBucketOwnershipControlsInput>,
) -> Result<dto::DeleteBucketOwnershipControlsOutput, Error> {
    set_ownership(calls, &request.input.bucket, false).await?;
    Ok(dto::DeleteBucketOwnershipControlsOutput {})
}

async fn set_ownership(calls: &Calls, bucket: &str, has_ownership: bool) -> Result<(), Error> {
    let set = move |bucket: &mut crate::rows::Bucket| {
        bucket.has_ownership = has_ownership;
        Ok(())
    };
    calls.objects.set(bucket, set).await
}

pub(super) async fn get_bucket_versioning(
    calls: &Calls,
    request: S3Request<dto::GetBucketVersioningInput>,
) -> Result<dto::GetBucketVersioningOutput, Error> {
    let bucket = calls.objects.bucket(&request.input.bucket).await?;
    let suspended =
        dto::BucketVersioningStatus::from_static(dto::BucketVersioningStatus::SUSPENDED);
    Ok(dto::GetBucketVersioningOutput {
        mfa_delete: None,
        status: bucket.is_suspended.then_some(suspended),
    })
}

pub(super) async fn put_bucket_versioning(
    calls: &Calls,
    request: S3Request<dto::PutBucketVersioningInput>,
) -> Result<dto::PutBucketVersioningOutput, Error> {
    let input = request.input;
    let asked = input.versioning_configuration;
    let status = asked
        .status
        .as_ref()
        .map(dto::BucketVersioningStatus::as_str);
    if status != Some(dto::BucketVersioningStatus::SUSPENDED) {
        return Err(Error::Unsupported(
            "this server keeps one version of an object; versioning can be Suspended only"
                .to_owned(),
        ));
    }
    calls
        .objects
        .set(&input.bucket, |bucket| {
            bucket.is_suspended = true;
            Ok(())
        })
        .await?;
    Ok(dto::PutBucketVersioningOutput {})
}

/// The one grant that every bucket and object has.
pub(super) fn owners_grant(calls: &Calls) -> (dto::Owner, Vec<dto::Grant>) {
    let owner = calls.owner();
    let grantee = dto::Grantee {
        display_name: None,
        email_address: None,
        id: owner.id.clone(),
        type_: dto::Type::from_static(dto::Type::CANONICAL_USER),
        uri: None,
    };
    let grant = dto::Grant {
        grantee: Some(grantee),
        permission: Some(dto::Permission::from_static(dto::Permission::FULL_CONTROL)),
    };
    (owner, vec![grant])
}

/// Refuses an ACL that says anything but that.
pub(super) fn check_acl(calls: &Calls, acl: Option<dto::AccessControlPolicy>) -> Result<(), Error> {
    let (owner, _) = owners_grant(calls);
    let is_owners = |grant: &dto::Grant| {
        grant
            .grantee
            .as_ref()
            .is_some_and(|grantee| grantee.id == owner.id)
    };
    let grants = acl.and_then(|acl| acl.grants).unwrap_or_default();
    match grants.iter().all(is_owners) {
        true => Ok(()),
        false => Err(Error::NoAcl),
    }
}

pub(super) async fn get_bucket_acl(
    calls: &Calls,
    request: S3Request<dto::GetBucketAclInput>,
) -> Result<dto::GetBucketAclOutput, Error> {
    calls.objects.bucket(&request.input.bucket).await?;
    let (owner, grants) = owners_grant(calls);
    Ok(dto::GetBucketAclOutput {
        grants: Some(grants),
        owner: Some(owner),
    })
}

pub(super) async fn put_bucket_acl(
    calls: &Calls,
    request: S3Request<dto::PutBucketAclInput>,
) -> Result<dto::PutBucketAclOutput, Error> {
    calls.objects.bucket(&request.input.bucket).await?;
    check_acl(calls, request.input.access_control_policy)?;
    Ok(dto::PutBucketAclOutput {})
}

/// Operations on what no bucket here can have: reading says that it is not there, deleting leaves it so.
macro_rules! never_there {
    ($($get:ident($get_input:ident) -> $get_output:ident: $setting:ident;)*) => {
        $(pub(super) async fn $get(
            calls: &Calls,
            request: S3Request<dto::$get_input>,
        ) -> Result<dto::$get_output, Error> {
            let name = &request.input.bucket;
            calls.objects.bucket(name).await?;
            absent(name, Setting::$setting)
        })*
    };
}

never_there! {
    get_bucket_encryption(GetBucketEncryptionInput) -> GetBucketEncryptionOutput: Encryption;
    get_bucket_cors(GetBucketCorsInput) -> GetBucketCorsOutput: Cors;
    get_bucket_website(GetBucketWebsiteInput) -> GetBucketWebsiteOutput: Website;
    get_bucket_replication(GetBucketReplicationInput) -> GetBucketReplicationOutput: Replication;
    get_object_lock_configuration(GetObjectLockConfigurationInput) -> GetObjectLockConfigurationOutput: ObjectLock;
}

/// Operations that need the bucket and answer what is always so.
macro_rules! always_so {
    ($($name:ident($input:ident) -> $output:ident;)*) => {
        $(pub(super) async fn $name(
            calls: &Calls,
            request: S3Request<dto::$input>,
        ) -> Result<dto::$output, Error> {
            calls.objects.bucket(&request.input.bucket).await?;
            Ok(dto::$output::default())
        })*
    };
}

always_so! {
    delete_bucket_encryption(DeleteBucketEncryptionInput) -> DeleteBucketEncryptionOutput;
    delete_bucket_cors(DeleteBucketCorsInput) -> DeleteBucketCorsOutput;
    delete_bucket_website(DeleteBucketWebsiteInput) -> DeleteBucketWebsiteOutput;
    delete_bucket_replication(DeleteBucketReplicationInput) -> DeleteBucketReplicationOutput;
    get_bucket_logging(GetBucketLoggingInput) -> GetBucketLoggingOutput;
    get_bucket_notification_configuration(GetBucketNotificationConfigurationInput) -> GetBucketNotificationConfigurationOutput;
    get_bucket_accelerate_configuration(GetBucketAccelerateConfigurationInput) -> GetBucketAccelerateConfigurationOutput;
}

pub(super) async fn put_bucket_logging(
    calls: &Calls,
    request: S3Request<dto::PutBucketLoggingInput>,
) -> Result<dto::PutBucketLoggingOutput, Error> {
    let input = request.input;
    calls.objects.bucket(&input.bucket).await?;
    match input.bucket_logging_status.logging_enabled {
        None => Ok(dto::PutBucketLoggingOutput::default()),
        Some(_) => Err(Error::Unsupported(
            "server access logging is not there; the trail has every call".to_owned(),
        )),
    }
}

pub(super) async fn put_bucket_notification_configuration(
    calls: &Calls,
    request: S3Request<dto::PutBucketNotificationConfigurationInput>,
) -> Result<dto::PutBucketNotificationConfigurationOutput, Error> {
    let input = request.input;
    calls.objects.bucket(&input.bucket).await?;
    match input.notification_configuration == dto::NotificationConfiguration::default() {
        true => Ok(dto::PutBucketNotificationConfigurationOutput::default()),
        false => Err(Error::Unsupported(
            "this server sends no bucket notifications".to_owned(),
        )),
    }
}

pub(super) async fn get_bucket_request_payment(
    calls: &Calls,
    request: S3Request<dto::GetBucketRequestPaymentInput>,
) -> Result<dto::GetBucketRequestPaymentOutput, Error> {
    calls.objects.bucket(&request.input.bucket).await?;
    Ok(dto::GetBucketRequestPaymentOutput {
        payer: Some(dto::Payer::from_static(dto::Payer::BUCKET_OWNER)),
    })
}

pub(super) async fn put_bucket_request_payment(
    calls: &Calls,
    request: S3Request<dto::PutBucketRequestPaymentInput>,
) -> Result<dto::PutBucketRequestPaymentOutput, Error> {
    let input = request.input;
    calls.objects.bucket(&input.bucket).await?;
    match input.request_payment_configuration.payer.as_str() {
        dto::Payer::BUCKET_OWNER => Ok(dto::PutBucketRequestPaymentOutput::default()),
        _ => Err(Error::Unsupported(
            "nobody pays for requests here".to_owned(),
        )),
    }
}

pub(super) async fn put_bucket_accelerate_configuration(
    calls: &Calls,
    request: S3Request<dto::PutBucketAccelerateConfigurationInput>,
) -> Result<dto::PutBucketAccelerateConfigurationOutput, Error> {
    let input = request.input;
    calls.objects.bucket(&input.bucket).await?;
    let status = input.accelerate_configuration.status;
    match status.as_ref().map(dto::BucketAccelerateStatus::as_str) {
        None | Some(dto::BucketAccelerateStatus::SUSPENDED) => {
            Ok(dto::PutBucketAccelerateConfigurationOutput::default())
        }
        Some(_) => Err(Error::Unsupported(
            "transfer acceleration is not there".to_owned(),
        )),
    }
}
