//! How code and settings of functions change.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use wire::rest::Http;
use wire::{Blob, Shape};

use super::code::Source;
use super::create::REQUEST_BYTES_MAX;
use super::shape::{
    DeadLetterConfig, Environment, EphemeralStorage, Extras, FunctionConfiguration, LoggingConfig,
    SnapStart, TracingConfig, VpcConfig, count,
};
use super::unsupported::{
    AcceleratorConfig, CapacityProviderConfig, DurableConfig, FileSystemConfig,
    FunctionRuntimeConfig, ImageConfig,
};
use super::{Lambda, fault};
use crate::engine::update::{Changed, Configure, UpdateCode};

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct UpdateFunctionCodeRequest {
    #[shape(uri, required)]
    function_name: String,
    #[shape(sensitive)]
    zip_file: Option<Blob>,
    s3_bucket: Option<String>,
    s3_key: Option<String>,
    s3_object_version: Option<String>,
    #[shape(refused)]
    s3_object_storage_mode: Option<String>,
    #[shape(refused)]
    image_uri: Option<String>,
    architectures: Vec<String>,
    publish: Option<bool>,
    #[shape(refused)]
    publish_to: Option<String>,
    dry_run: Option<bool>,
    revision_id: Option<String>,
    #[shape(name = "SourceKMSKeyArn", refused)]
    source_kms_key_arn: Option<String>,
}

impl UpdateFunctionCodeRequest {
    fn source(&self) -> Source<'_> {
        Source {
            operation: "UpdateFunctionCode",
            zip: self.zip_file.as_ref().map(|zip| &zip.0),
            bucket: self.s3_bucket.as_deref(),
            key: self.s3_key.as_deref(),
            version: self.s3_object_version.as_deref(),
        }
    }
}

impl Act<Lambda> for UpdateFunctionCodeRequest {
    type Output = FunctionConfiguration;
    const ACTION: &'static str = "lambda:UpdateFunctionCode";
    const HTTP: Option<Http> = Some(
        Http::put("/2015-03-31/functions/{FunctionName}/code").with_body_bytes(REQUEST_BYTES_MAX),
    );

    fn touches(&self, lambda: &Lambda, _: &Caller) -> Vec<Access> {
        let mut all = vec![lambda.on(Self::ACTION, &self.function_name, None)];
        all.extend(self.source().access(lambda));
        all
    }

    async fn act(self, lambda: &Arc<Lambda>, _: &Ctx) -> Result<FunctionConfiguration, Fault> {
        let place = lambda.functions.place();
        let name = place.function(&self.function_name);
        let name = name.map_err(|error| lambda.told(error))?;
        let known = lambda
            .functions
            .with(|state| state.function(&name).map(drop));
        known.map_err(|error| lambda.told(error))?;
        if self.architectures.len() > 1 {
            return Err(fault::invalid("Architectures must have exactly one value."));
        }
        let package = self.source().keep(lambda).await?;
        let update = UpdateCode {
            name: name.clone(),
            code: package.id(),
            code_bytes: package.bytes(),
            wanted: self.architectures.into_iter().next(),
            architecture: place.architecture,
            revision_id: self.revision_id,
            is_published: self.publish.unwrap_or_default(),
            is_dry: self.dry_run.unwrap_or_default(),
        };
        let updated = lambda.functions.change_code(update, Some(package)).await;
        let shown = updated.map_err(|error| lambda.told(error))?;
        Ok(FunctionConfiguration::of(place, &name, &shown, None))
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct UpdateFunctionConfigurationRequest {
    #[shape(uri, required)]
    function_name: String,
    role: Option<String>,
    handler: Option<String>,
    description: Option<String>,
    timeout: Option<i32>,
    memory_size: Option<i32>,
    vpc_config: Option<VpcConfig>,
    environment: Option<Environment>,
    runtime: Option<String>,
    dead_letter_config: Option<DeadLetterConfig>,
    #[shape(name = "KMSKeyArn")]
    kms_key_arn: Option<String>,
    tracing_config: Option<TracingConfig>,
    revision_id: Option<String>,
    layers: Vec<String>,
    file_system_configs: Vec<FileSystemConfig>,
    #[shape(refused)]
    image_config: Option<ImageConfig>,
    ephemeral_storage: Option<EphemeralStorage>,
    snap_start: Option<SnapStart>,
    logging_config: Option<LoggingConfig>,
    #[shape(refused)]
    capacity_provider_config: Option<CapacityProviderConfig>,
    #[shape(refused)]
    durable_config: Option<DurableConfig>,
    #[shape(refused)]
    runtime_config: Option<FunctionRuntimeConfig>,
    #[shape(refused)]
    accelerator_config: Option<AcceleratorConfig>,
}

impl UpdateFunctionConfigurationRequest {
    fn check(&self) -> Result<(), Fault> {
        let extras = Extras {
            vpc: self.vpc_config.as_ref(),
            kms_key_arn: self.kms_key_arn.as_deref(),
            layers: &self.layers,
            file_systems: &self.file_system_configs,
            snap_start: self.snap_start.as_ref(),
            logging: self.logging_config.as_ref(),
        };
        extras.check()
    }

    fn changed(self) -> Result<Changed, Fault> {
        let number = |member: &str, given: Option<i32>| {
            given.map(|number| count(member, number)).transpose()
        };
        let storage = self.ephemeral_storage.map(|it| it.size);
        Ok(Changed {
            runtime: self.runtime,
            handler: self.handler,
            role: self.role,
            description: self.description,
            memory_mib: number("memorySize", self.memory_size)?,
            timeout_secs: number("timeout", self.timeout)?,
            storage_mib: number("ephemeralStorage.size", storage)?,
            environment: self.environment.map(|it| it.variables),
            dead_letters: self
                .dead_letter_config
                .map(|it| it.target_arn.unwrap_or_default()),
            tracing: self.tracing_config.and_then(|it| it.mode),
            log_group: self.logging_config.and_then(|it| it.log_group),
        })
    }
}

impl Act<Lambda> for UpdateFunctionConfigurationRequest {
    type Output = FunctionConfiguration;
    const ACTION: &'static str = "lambda:UpdateFunctionConfiguration";
    const HTTP: Option<Http> = Some(Http::put(
        "/2015-03-31/functions/{FunctionName}/configuration",
    ));

    fn touches(&self, lambda: &Lambda, _: &Caller) -> Vec<Access> {
        let mut all = vec![lambda.on(Self::ACTION, &self.function_name, None)];
        all.extend(self.role.as_deref().and_then(Lambda::pass_role));
        all
    }

    async fn act(self, lambda: &Arc<Lambda>, _: &Ctx) -> Result<FunctionConfiguration, Fault> {
        let place = lambda.functions.place();
        let name = place.function(&self.function_name);
        let name = name.map_err(|error| lambda.told(error))?;
        self.check()?;
        let revision_id = self.revision_id.clone();
        let changed = self.changed()?;
        let before = lambda.functions.with(|state| {
            let function = state.function(&name)?;
            Ok::<_, crate::engine::Error>(Arc::clone(&function.latest.settings))
        });
        let before = before.map_err(|error| lambda.told(error))?;
        let after = changed.clone().apply(&before);
        let checked = crate::engine::check::settings(&after, place.architecture);
        checked.map_err(|error| lambda.told(error))?;
        if (&after.role, &after.dead_letters) != (&before.role, &before.dead_letters) {
            lambda.check_role(&after, &name).await?;
        }
        let configure = Configure {
            name: name.clone(),
            changed,
            architecture: place.architecture,
            revision_id,
        };
        let configured = lambda.functions.change(configure).await;
        let shown = configured.map_err(|error| lambda.told(error))?;
        Ok(FunctionConfiguration::of(place, &name, &shown, None))
    }
}
