//! What several operations say and are told.

use std::collections::BTreeMap;

use api::Fault;
use wire::Shape;

use super::fault;
use super::unsupported::{
    AcceleratorConfig, CapacityProviderConfig, DurableConfig, EnvironmentError, FileSystemConfig,
    FunctionRuntimeConfig, ImageConfigResponse, Layer, RuntimeVersionConfig, TenancyConfig,
    VpcConfigResponse,
};
use crate::engine::publish::Shown;
use crate::engine::record::sha256;
use crate::function::{FunctionName, LATEST, Qualifier, Settings};
use crate::functions::Place;

/// A version of a function.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct FunctionConfiguration {
    pub(super) function_name: Option<String>,
    pub(super) function_arn: Option<String>,
    pub(super) runtime: Option<String>,
    pub(super) role: Option<String>,
    pub(super) handler: Option<String>,
    pub(super) code_size: Option<i64>,
    pub(super) description: Option<String>,
    pub(super) timeout: Option<i32>,
    pub(super) memory_size: Option<i32>,
    pub(super) last_modified: Option<String>,
    pub(super) code_sha256: Option<String>,
    pub(super) version: Option<String>,
    pub(super) vpc_config: Option<VpcConfigResponse>,
    pub(super) dead_letter_config: Option<DeadLetterConfig>,
    pub(super) environment: Option<EnvironmentResponse>,
    #[shape(name = "KMSKeyArn")]
    pub(super) kms_key_arn: Option<String>,
    pub(super) tracing_config: Option<TracingConfigResponse>,
    pub(super) master_arn: Option<String>,
    pub(super) revision_id: Option<String>,
    pub(super) layers: Vec<Layer>,
    pub(super) state: Option<String>,
    pub(super) state_reason: Option<String>,
    pub(super) state_reason_code: Option<String>,
    pub(super) last_update_status: Option<String>,
    pub(super) last_update_status_reason: Option<String>,
    pub(super) last_update_status_reason_code: Option<String>,
    pub(super) file_system_configs: Vec<FileSystemConfig>,
    pub(super) signing_profile_version_arn: Option<String>,
    pub(super) signing_job_arn: Option<String>,
    pub(super) package_type: Option<String>,
    pub(super) image_config_response: Option<ImageConfigResponse>,
    pub(super) architectures: Vec<String>,
    pub(super) ephemeral_storage: Option<EphemeralStorage>,
    pub(super) snap_start: Option<SnapStartResponse>,
    pub(super) runtime_version_config: Option<RuntimeVersionConfig>,
    pub(super) logging_config: Option<LoggingConfig>,
    pub(super) tenancy_config: Option<TenancyConfig>,
    pub(super) capacity_provider_config: Option<CapacityProviderConfig>,
    pub(super) config_sha256: Option<String>,
    pub(super) durable_config: Option<DurableConfig>,
    pub(super) runtime_config: Option<FunctionRuntimeConfig>,
    pub(super) accelerator_config: Option<AcceleratorConfig>,
}

/// The queue of failed events.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeadLetterConfig {
    pub(super) target_arn: Option<String>,
}

/// Variables. They may be secrets.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct Environment {
    #[shape(sensitive)]
    pub(super) variables: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct EnvironmentResponse {
    #[shape(sensitive)]
    pub(super) variables: BTreeMap<String, String>,
    pub(super) error: Option<EnvironmentError>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct TracingConfig {
    pub(super) mode: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct TracingConfigResponse {
    pub(super) mode: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct EphemeralStorage {
    #[shape(required)]
    pub(super) size: i32,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct SnapStart {
    pub(super) apply_on: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct SnapStartResponse {
    pub(super) apply_on: Option<String>,
    pub(super) optimization_status: Option<String>,
}

/// Where lines are kept. They are kept as they are printed.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct LoggingConfig {
    pub(super) log_format: Option<String>,
    #[shape(refused)]
    pub(super) application_log_level: Option<String>,
    #[shape(refused)]
    pub(super) system_log_level: Option<String>,
    pub(super) log_group: Option<String>,
}

/// A network of its own. Only an empty one is taken: functions use that of this machine.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct VpcConfig {
    pub(super) subnet_ids: Vec<String>,
    pub(super) security_group_ids: Vec<String>,
    pub(super) ipv6_allowed_for_dual_stack: Option<bool>,
}

/// How many invocations are a function's own.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct Concurrency {
    pub(super) reserved_concurrent_executions: Option<i32>,
}

impl FunctionConfiguration {
    /// A version as AWS describes it. `qualifier`: with which its ARN is written; that of a published one has its number anyway.
    pub(super) fn of(
        place: &Place,
        name: &FunctionName,
        shown: &Shown,
        qualifier: Option<&Qualifier>,
    ) -> Self {
        let Shown { number, version } = shown;
        let numbered = number.map(Qualifier::Number);
        let settings = &*version.settings;
        let environment = &settings.environment;
        Self {
            function_name: Some(name.to_string()),
            function_arn: Some(
                place
                    .arn_of(name, qualifier.or(numbered.as_ref()))
                    .to_string(),
            ),
            runtime: Some(settings.runtime.clone()),
            role: Some(settings.role.clone()),
            handler: Some(settings.handler.clone()),
            code_size: i64::try_from(version.code_bytes).ok(),
            description: Some(version.description().to_owned()),
            timeout: i32::try_from(settings.timeout_secs).ok(),
            memory_size: i32::try_from(settings.memory_mib).ok(),
            last_modified: Some(version.modified.rfc3339().replace('Z', "+0000")),
            code_sha256: Some(sha256(&version.code)),
            version: Some(number.map_or_else(|| LATEST.to_owned(), |number| number.to_string())),
            dead_letter_config: settings.dead_letters.clone().map(|arn| DeadLetterConfig {
                target_arn: Some(arn),
            }),
            environment: (!environment.is_empty()).then(|| EnvironmentResponse {
                variables: environment.clone(),
                error: None,
            }),
            tracing_config: Some(TracingConfigResponse {
                mode: Some(settings.tracing.clone()),
            }),
            revision_id: Some(version.revision_id.clone()),
            state: Some("Active".to_owned()),
            last_update_status: Some("Successful".to_owned()),
            package_type: Some("Zip".to_owned()),
            architectures: vec![settings.architecture.clone()],
            ephemeral_storage: Some(EphemeralStorage {
                size: i32::try_from(settings.storage_mib).unwrap_or(i32::MAX),
            }),
            snap_start: Some(SnapStartResponse {
                apply_on: Some("None".to_owned()),
                optimization_status: Some("Off".to_owned()),
            }),
            logging_config: Some(logging(name, settings)),
            ..Self::default()
        }
    }
}

fn logging(name: &FunctionName, settings: &Settings) -> LoggingConfig {
    let group = settings.log_group.clone();
    LoggingConfig {
        log_format: Some("Text".to_owned()),
        log_group: Some(group.unwrap_or_else(|| format!("/aws/lambda/{name}"))),
        ..LoggingConfig::default()
    }
}

/// What functions have not, where a request asks for it.
#[derive(Debug)]
pub(super) struct Extras<'a> {
    pub(super) vpc: Option<&'a VpcConfig>,
    pub(super) kms_key_arn: Option<&'a str>,
    pub(super) layers: &'a [String],
    pub(super) file_systems: &'a [FileSystemConfig],
    pub(super) snap_start: Option<&'a SnapStart>,
    pub(super) logging: Option<&'a LoggingConfig>,
}

impl Extras<'_> {
    /// Refuses what was asked for; that nothing is wanted may be said.
    pub(super) fn check(&self) -> Result<(), Fault> {
        let vpc = self.vpc.is_some_and(|vpc| {
            !vpc.subnet_ids.is_empty()
                || !vpc.security_group_ids.is_empty()
                || vpc.ipv6_allowed_for_dual_stack == Some(true)
        });
        let snap_start = self.snap_start.and_then(|it| it.apply_on.as_deref());
        let format = self.logging.and_then(|it| it.log_format.as_deref());
        let wanted = [
            (vpc, "VpcConfig: functions use the network of this machine"),
            (
                self.kms_key_arn.is_some_and(|arn| !arn.is_empty()),
                "KMSKeyArn: there are no keys to encrypt with",
            ),
            (
                !self.layers.is_empty(),
                "Layers: put what they have into the package",
            ),
            (
                !self.file_systems.is_empty(),
                "FileSystemConfigs: there are no file systems to mount",
            ),
            (
                snap_start.is_some_and(|it| it != "None"),
                "SnapStart: ApplyOn can be None only",
            ),
            (
                format.is_some_and(|it| it != "Text"),
                "LoggingConfig: LogFormat can be Text only, lines are kept as they are printed",
            ),
        ];
        let first = wanted.iter().find(|(is_wanted, _)| *is_wanted);
        first.map_or(Ok(()), |(_, what)| {
            Err(fault::invalid(format!("Functions here have no {what}.")))
        })
    }
}

/// A number of a request, as settings have it.
pub(super) fn count(member: &str, number: i32) -> Result<u32, Fault> {
    u32::try_from(number).map_err(|_| {
        fault::out_of_bounds(format!(
            "1 validation error detected: Value '{number}' at '{member}' failed to satisfy constraint: Member must have value greater than or equal to 0"
        ))
    })
}
