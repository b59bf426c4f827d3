//! How functions are made.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use base::ByteCount;
use wire::rest::Http;
use wire::{Blob, Shape};

use super::code::Source;
use super::shape::{
    DeadLetterConfig, Environment, EphemeralStorage, Extras, FunctionConfiguration, LoggingConfig,
    SnapStart, TracingConfig, VpcConfig, count,
};
use super::unsupported::{
    AcceleratorConfig, CapacityProviderConfig, DurableConfig, FileSystemConfig,
    FunctionRuntimeConfig, ImageConfig, TenancyConfig,
};
use super::{Lambda, SERVICE, fault};
use crate::engine::check;
use crate::engine::create::Create;
use crate::function::{FunctionName, Settings};
use crate::port::Trouble;

/// The most bytes of a request with a package: 50 MiB in base64, and the rest. Source: AWS's text on requests that have more.
pub(super) const REQUEST_BYTES_MAX: ByteCount = ByteCount::new(70_167_211);

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreateFunctionRequest {
    #[shape(required)]
    function_name: String,
    runtime: Option<String>,
    #[shape(required)]
    role: String,
    handler: Option<String>,
    #[shape(required)]
    code: FunctionCode,
    description: Option<String>,
    timeout: Option<i32>,
    memory_size: Option<i32>,
    publish: Option<bool>,
    #[shape(refused)]
    publish_to: Option<String>,
    vpc_config: Option<VpcConfig>,
    package_type: Option<String>,
    dead_letter_config: Option<DeadLetterConfig>,
    environment: Option<Environment>,
    #[shape(name = "KMSKeyArn")]
    kms_key_arn: Option<String>,
    tracing_config: Option<TracingConfig>,
    tags: BTreeMap<String, String>,
    layers: Vec<String>,
    file_system_configs: Vec<FileSystemConfig>,
    #[shape(refused)]
    code_signing_config_arn: Option<String>,
    #[shape(refused)]
    image_config: Option<ImageConfig>,
    architectures: Vec<String>,
    ephemeral_storage: Option<EphemeralStorage>,
    snap_start: Option<SnapStart>,
    logging_config: Option<LoggingConfig>,
    #[shape(refused)]
    tenancy_config: Option<TenancyConfig>,
    #[shape(refused)]
    capacity_provider_config: Option<CapacityProviderConfig>,
    #[shape(refused)]
    durable_config: Option<DurableConfig>,
    #[shape(refused)]
    runtime_config: Option<FunctionRuntimeConfig>,
    #[shape(refused)]
    accelerator_config: Option<AcceleratorConfig>,
}

/// A package, or where it lies.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct FunctionCode {
    #[shape(sensitive)]
    zip_file: Option<Blob>,
    s3_bucket: Option<String>,
    s3_key: Option<String>,
    s3_object_version: Option<String>,
    #[shape(refused)]
    s3_object_storage_mode: Option<String>,
    #[shape(refused)]
    image_uri: Option<String>,
    #[shape(name = "SourceKMSKeyArn", refused)]
    source_kms_key_arn: Option<String>,
}

impl CreateFunctionRequest {
    fn source(&self) -> Source<'_> {
        Source {
            operation: "CreateFunction",
            zip: self.code.zip_file.as_ref().map(|zip| &zip.0),
            bucket: self.code.s3_bucket.as_deref(),
            key: self.code.s3_key.as_deref(),
            version: self.code.s3_object_version.as_deref(),
        }
    }

    fn check(&self) -> Result<(), Fault> {
        if self.package_type.as_deref().is_some_and(|it| it != "Zip") {
            return Err(fault::invalid(
                "Functions here have no container images: PackageType can be Zip only.",
            ));
        }
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

    /// Settings as they were asked for, AWS's where nothing was said.
    fn settings(&self, lambda: &Lambda) -> Result<Settings, Fault> {
        let missing = |name: &str| {
            fault::invalid(format!(
                "Runtime and Handler are mandatory parameters for functions created with deployment packages. Missing: {name}"
            ))
        };
        let here = lambda.functions.place().architecture;
        let architecture = match &*self.architectures {
            [] => here,
            [one] => one,
            _ => return Err(fault::invalid("Architectures must have exactly one value.")),
        };
        let or = |member: &str, given: Option<i32>, all: u32| {
            given.map_or(Ok(all), |number| count(member, number))
        };
        let dead_letters = self.dead_letter_config.as_ref();
        let logging = self.logging_config.as_ref();
        Ok(Settings {
            runtime: self.runtime.clone().ok_or_else(|| missing("Runtime"))?,
            handler: self.handler.clone().ok_or_else(|| missing("Handler"))?,
            role: self.role.clone(),
            description: self.description.clone().unwrap_or_default(),
            memory_mib: or("memorySize", self.memory_size, 128)?,
            timeout_secs: or("timeout", self.timeout, 3)?,
            storage_mib: or(
                "ephemeralStorage.size",
                self.ephemeral_storage.as_ref().map(|it| it.size),
                512,
            )?,
            architecture: architecture.to_owned(),
            environment: self.environment.clone().unwrap_or_default().variables,
            dead_letters: dead_letters
                .and_then(|it| it.target_arn.clone())
                .filter(|arn| !arn.is_empty()),
            tracing: self
                .tracing_config
                .as_ref()
                .and_then(|it| it.mode.clone())
                .unwrap_or_else(|| "PassThrough".to_owned()),
            log_group: logging.and_then(|it| it.log_group.clone()),
        })
    }
}

impl Act<Lambda> for CreateFunctionRequest {
    type Output = FunctionConfiguration;
    const ACTION: &'static str = "lambda:CreateFunction";
    const HTTP: Option<Http> = Some(
        Http::post("/2015-03-31/functions")
            .with_status(201)
            .with_body_bytes(REQUEST_BYTES_MAX),
    );

    fn touches(&self, lambda: &Lambda, _: &Caller) -> Vec<Access> {
        let with_tags = |access: Access| {
            let access = access.with_many("aws:TagKeys", self.tags.keys().cloned());
            let tags = self.tags.iter();
            tags.fold(access, |access, (key, value)| {
                access.with(&format!("aws:RequestTag/{key}"), value)
            })
        };
        let mut all = vec![with_tags(lambda.on(
            Self::ACTION,
            &self.function_name,
            None,
        ))];
        if !self.tags.is_empty() {
            let tag = lambda.on("lambda:TagResource", &self.function_name, None);
            all.push(with_tags(tag));
        }
        all.extend(Lambda::pass_role(&self.role));
        all.extend(self.source().access(lambda));
        all
    }

    async fn act(self, lambda: &Arc<Lambda>, _: &Ctx) -> Result<FunctionConfiguration, Fault> {
        let place = lambda.functions.place();
        let name = place.function(&self.function_name);
        let name = name.map_err(|error| lambda.told(error))?;
        self.check()?;
        let settings = self.settings(lambda)?;
        let checked = check::settings(&settings, place.architecture);
        checked.map_err(|error| lambda.told(error))?;
        lambda.check_role(&settings, &name).await?;
        let package = self.source().keep(lambda).await?;
        let create = Create {
            name: name.clone(),
            settings,
            architecture: place.architecture,
            code: package.id(),
            code_bytes: package.bytes(),
            is_published: self.publish.unwrap_or_default(),
            tags: self.tags,
        };
        let created = lambda.functions.change_code(create, Some(package)).await;
        let shown = created.map_err(|error| lambda.told(error))?;
        Ok(FunctionConfiguration::of(place, &name, &shown, None))
    }
}

impl Lambda {
    /// Whether functions can run as their role, and it may tell the queue of failed events.
    pub(super) async fn check_role(
        &self,
        settings: &Settings,
        name: &FunctionName,
    ) -> Result<(), Fault> {
        let roles = &self.functions.ports().roles;
        let role = &settings.role;
        if !is_role(role) {
            let pattern = "arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+";
            return Err(self.told(check::unfit("role", role, pattern)));
        }
        let assumed = roles.assume(role, SERVICE, name.as_str()).await;
        assumed.map_err(|trouble| match trouble {
            Trouble::Passing(_) => Fault::unavailable("The role cannot be assumed now."),
            Trouble::Lasting(_) => fault::invalid(fault::CANNOT_ASSUME),
        })?;
        let Some(queue) = &settings.dead_letters else {
            return Ok(());
        };
        match roles.may(role, "sqs:SendMessage", queue).await {
            Ok(true) => Ok(()),
            Ok(false) | Err(Trouble::Lasting(_)) => Err(fault::invalid(
                "The provided execution role does not have permissions to call SendMessage on SQS",
            )),
            Err(Trouble::Passing(_)) => Err(Fault::unavailable("The role cannot be asked now.")),
        }
    }
}

fn is_role(text: &str) -> bool {
    let arn = text.parse::<base::Arn>();
    arn.is_ok_and(|arn| {
        let resource = arn.resource.strip_prefix("role/");
        arn.service == "iam" && resource.is_some_and(|name| !name.is_empty())
    })
}
