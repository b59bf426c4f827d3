//! Structures of the API for what functions here have not: they are read and refused.

use wire::Shape;

/// A file system that a function sees.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct FileSystemConfig {
    #[shape(required)]
    arn: String,
    #[shape(required)]
    local_mount_path: String,
    s3_files_config: Option<S3FilesConfig>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct S3FilesConfig {
    direct_s3_read: Option<String>,
}

/// How a container image is started.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ImageConfig {
    entry_point: Vec<String>,
    command: Vec<String>,
    working_directory: Option<String>,
}

/// How tenants of a function are kept apart.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct TenancyConfig {
    #[shape(required)]
    tenant_isolation_mode: String,
}

/// Managed instances.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CapacityProviderConfig {
    #[shape(required)]
    lambda_managed_instances_capacity_provider_config: LambdaManagedInstancesCapacityProviderConfig,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct LambdaManagedInstancesCapacityProviderConfig {
    #[shape(required)]
    capacity_provider_arn: String,
    per_execution_environment_max_concurrency: Option<i32>,
    #[shape(name = "ExecutionEnvironmentMemoryGiBPerVCpu")]
    execution_environment_memory: Option<f64>,
}

/// Executions that outlast an invocation.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DurableConfig {
    #[shape(name = "KMSKeyArn")]
    kms_key_arn: Option<String>,
    retention_period_in_days: Option<i32>,
    execution_timeout: Option<i32>,
}

/// A runtime by ARN.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct FunctionRuntimeConfig {
    #[shape(required)]
    runtime_arn: String,
    #[shape(required)]
    runtime_alias: String,
}

/// Accelerators.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AcceleratorConfig {
    #[shape(required)]
    accelerator_memory_size: i32,
}

/// What stands in answers of functions that have it.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct Layer {
    arn: Option<String>,
    code_size: Option<i64>,
    signing_profile_version_arn: Option<String>,
    signing_job_arn: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ImageConfigResponse {
    image_config: Option<ImageConfig>,
    error: Option<ImageConfigError>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ImageConfigError {
    error_code: Option<String>,
    message: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct EnvironmentError {
    error_code: Option<String>,
    message: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct RuntimeVersionConfig {
    runtime_version_arn: Option<String>,
    error: Option<RuntimeVersionError>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct RuntimeVersionError {
    error_code: Option<String>,
    message: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ResolvedS3Object {
    s3_bucket: Option<String>,
    s3_key: Option<String>,
    s3_object_version: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct FunctionCodeLocationError {
    error_code: Option<String>,
    message: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct TagsError {
    #[shape(required)]
    error_code: String,
    #[shape(required)]
    message: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct VpcConfigResponse {
    subnet_ids: Vec<String>,
    security_group_ids: Vec<String>,
    vpc_id: Option<String>,
    ipv6_allowed_for_dual_stack: Option<bool>,
}
