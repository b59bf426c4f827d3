//! What is done with asynchronous invocations.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use base::Timestamp;
use wire::rest::Http;
use wire::{List, Shape};

use super::page::page;
use super::shape::count;
use super::{Lambda, fault};
use crate::engine::EventConfig;
use crate::engine::event::{DeleteEventConfig, Others, PutEventConfig, event_key, no_config};
use crate::function::FunctionName;
use crate::functions::Named;
use crate::port::Trouble;

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DestinationConfig {
    on_success: Option<OnSuccess>,
    on_failure: Option<OnFailure>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct OnSuccess {
    destination: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct OnFailure {
    destination: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct FunctionEventInvokeConfig {
    last_modified: Option<Timestamp>,
    function_arn: Option<String>,
    maximum_retry_attempts: Option<i32>,
    maximum_event_age_in_seconds: Option<i32>,
    destination_config: Option<DestinationConfig>,
}

impl Lambda {
    /// `qualifier`: `$LATEST`, a version or an alias.
    fn shown_config(
        &self,
        name: &FunctionName,
        qualifier: &str,
        config: &EventConfig,
    ) -> FunctionEventInvokeConfig {
        let arn = self.functions.place().arn(name);
        let number = |number: Option<u32>| number.and_then(|number| i32::try_from(number).ok());
        let (on_success, on_failure) = (config.on_success.clone(), config.on_failure.clone());
        FunctionEventInvokeConfig {
            last_modified: Some(config.modified),
            function_arn: Some(format!("{arn}:{qualifier}")),
            maximum_retry_attempts: number(config.retries),
            maximum_event_age_in_seconds: number(config.age_secs),
            destination_config: Some(DestinationConfig {
                on_success: Some(OnSuccess {
                    destination: on_success,
                }),
                on_failure: Some(OnFailure {
                    destination: on_failure,
                }),
            }),
        }
    }

    async fn put_config(
        &self,
        function: &str,
        qualifier: Option<&str>,
        config: EventConfig,
        others: Others,
    ) -> Result<FunctionEventInvokeConfig, Fault> {
        let (named, function, number) = self.find(function, qualifier)?;
        let version = number.and_then(|number| function.versions.get(&number));
        let settings = version.map_or(&function.latest.settings, |version| &version.settings);
        for arn in [&config.on_success, &config.on_failure]
            .into_iter()
            .flatten()
        {
            self.check_target(&settings.role, arn).await?;
        }
        let Named { name, qualifier } = named;
        let key = event_key(qualifier.as_ref());
        let put = PutEventConfig {
            name: name.clone(),
            qualifier,
            config,
            others,
        };
        let put = self.functions.change(put).await;
        let config = put.map_err(|error| self.told(error))?;
        Ok(self.shown_config(&name, &key, &config))
    }

    /// Whether a role may tell a destination. What is no destination is told elsewhere.
    async fn check_target(&self, role: &str, arn: &str) -> Result<(), Fault> {
        let service = arn.parse::<base::Arn>().map(|arn| arn.service);
        let (action, call) = match service.as_deref() {
            Ok("sqs") => ("sqs:SendMessage", "SendMessage"),
            Ok("lambda") => ("lambda:InvokeFunction", "InvokeFunction"),
            _ => return Ok(()),
        };
        match self.functions.ports().roles.may(role, action, arn).await {
            Ok(true) => Ok(()),
            Ok(false) | Err(Trouble::Lasting(_)) => Err(fault::invalid(format!(
                "The function's execution role does not have permissions to call {call} on {arn}"
            ))),
            Err(Trouble::Passing(_)) => Err(Fault::unavailable("The role cannot be asked now.")),
        }
    }
}

/// What a request says.
fn config(
    retries: Option<i32>,
    age_secs: Option<i32>,
    destinations: Option<DestinationConfig>,
) -> Result<EventConfig, Fault> {
    let number =
        |member: &str, given: Option<i32>| given.map(|number| count(member, number)).transpose();
    let destinations = destinations.unwrap_or_default();
    Ok(EventConfig {
        retries: number("maximumRetryAttempts", retries)?,
        age_secs: number("maximumEventAgeInSeconds", age_secs)?,
        // One that is there without a target takes an earlier one back.
        on_success: destinations
            .on_success
            .map(|it| it.destination.unwrap_or_default()),
        on_failure: destinations
            .on_failure
            .map(|it| it.destination.unwrap_or_default()),
        modified: Timestamp::EPOCH,
    })
}

/// Two operations that differ in what becomes of that of which nothing is said.
macro_rules! put {
    ($request:ident, $action:literal, $http:expr, $others:expr) => {
        #[derive(Clone, Debug, Default, PartialEq, Shape)]
        pub(super) struct $request {
            #[shape(uri, required)]
            function_name: String,
            #[shape(querystring)]
            qualifier: Option<String>,
            maximum_retry_attempts: Option<i32>,
            maximum_event_age_in_seconds: Option<i32>,
            destination_config: Option<DestinationConfig>,
        }

        impl Act<Lambda> for $request {
            type Output = FunctionEventInvokeConfig;
            const ACTION: &'static str = $action;
            const HTTP: Option<Http> = Some($http);

            fn touches(&self, lambda: &Lambda, _: &Caller) -> Vec<Access> {
                vec![lambda.on(Self::ACTION, &self.function_name, self.qualifier.as_deref())]
            }

            async fn act(
                self,
                lambda: &Arc<Lambda>,
                _: &Ctx,
            ) -> Result<FunctionEventInvokeConfig, Fault> {
                let config = config(
                    self.maximum_retry_attempts,
                    self.maximum_event_age_in_seconds,
                    self.destination_config,
                )?;
                let qualifier = self.qualifier.as_deref();
                lambda
                    .put_config(&self.function_name, qualifier, config, $others)
                    .await
            }
        }
    };
}

put!(
    PutFunctionEventInvokeConfigRequest,
    "lambda:PutFunctionEventInvokeConfig",
    Http::put("/2019-09-25/functions/{FunctionName}/event-invoke-config"),
    Others::Replaced
);
put!(
    UpdateFunctionEventInvokeConfigRequest,
    "lambda:UpdateFunctionEventInvokeConfig",
    Http::post("/2019-09-25/functions/{FunctionName}/event-invoke-config"),
    Others::Kept
);

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetFunctionEventInvokeConfigRequest {
    #[shape(uri, required)]
    function_name: String,
    #[shape(querystring)]
    qualifier: Option<String>,
}

impl Act<Lambda> for GetFunctionEventInvokeConfigRequest {
    type Output = FunctionEventInvokeConfig;
    const ACTION: &'static str = "lambda:GetFunctionEventInvokeConfig";
    const HTTP: Option<Http> = Some(Http::get(
        "/2019-09-25/functions/{FunctionName}/event-invoke-config",
    ));

    fn touches(&self, lambda: &Lambda, _: &Caller) -> Vec<Access> {
        vec![lambda.on(Self::ACTION, &self.function_name, self.qualifier.as_deref())]
    }

    async fn act(self, lambda: &Arc<Lambda>, _: &Ctx) -> Result<FunctionEventInvokeConfig, Fault> {
        let (named, function, _) = lambda.find(&self.function_name, self.qualifier.as_deref())?;
        let key = event_key(named.qualifier.as_ref());
        let config = function.events.get(&key);
        let config = config.ok_or_else(|| lambda.told(no_config(&named.name, &key)))?;
        Ok(lambda.shown_config(&named.name, &key, config))
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeleteFunctionEventInvokeConfigRequest {
    #[shape(uri, required)]
    function_name: String,
    #[shape(querystring)]
    qualifier: Option<String>,
}

impl Act<Lambda> for DeleteFunctionEventInvokeConfigRequest {
    type Output = Nothing;
    const ACTION: &'static str = "lambda:DeleteFunctionEventInvokeConfig";
    const HTTP: Option<Http> = Some(
        Http::delete("/2019-09-25/functions/{FunctionName}/event-invoke-config").with_status(204),
    );

    fn touches(&self, lambda: &Lambda, _: &Caller) -> Vec<Access> {
        vec![lambda.on(Self::ACTION, &self.function_name, self.qualifier.as_deref())]
    }

    async fn act(self, lambda: &Arc<Lambda>, _: &Ctx) -> Result<Nothing, Fault> {
        let Named { name, qualifier } =
            lambda.named(&self.function_name, self.qualifier.as_deref())?;
        let deleted = lambda
            .functions
            .change(DeleteEventConfig { name, qualifier });
        deleted.await.map_err(|error| lambda.told(error))?;
        Ok(Nothing {})
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListFunctionEventInvokeConfigsRequest {
    #[shape(uri, required)]
    function_name: String,
    #[shape(querystring)]
    marker: Option<String>,
    #[shape(querystring)]
    max_items: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListFunctionEventInvokeConfigsResponse {
    function_event_invoke_configs: List<FunctionEventInvokeConfig>,
    next_marker: Option<String>,
}

impl Act<Lambda> for ListFunctionEventInvokeConfigsRequest {
    type Output = ListFunctionEventInvokeConfigsResponse;
    const ACTION: &'static str = "lambda:ListFunctionEventInvokeConfigs";
    const HTTP: Option<Http> = Some(Http::get(
        "/2019-09-25/functions/{FunctionName}/event-invoke-config/list",
    ));

    fn touches(&self, lambda: &Lambda, _: &Caller) -> Vec<Access> {
        vec![lambda.on(Self::ACTION, &self.function_name, None)]
    }

    async fn act(
        self,
        lambda: &Arc<Lambda>,
        _: &Ctx,
    ) -> Result<ListFunctionEventInvokeConfigsResponse, Fault> {
        let (named, function, _) = lambda.find(&self.function_name, None)?;
        let all = function.events.iter();
        let with_key = all.map(|(key, config)| (key.clone(), (key, config)));
        let (found, next_marker) = page(with_key, self.marker.as_deref(), self.max_items)?;
        let shown = found.into_iter();
        let shown = shown.map(|(key, config)| lambda.shown_config(&named.name, key, config));
        Ok(ListFunctionEventInvokeConfigsResponse {
            function_event_invoke_configs: List(shown.collect()),
            next_marker,
        })
    }
}
