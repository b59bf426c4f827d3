//! Functions: how they are shown, listed and removed.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use wire::rest::Http;
use wire::{List, Shape};

use super::page::page;
use super::shape::{Concurrency, FunctionConfiguration};
use super::unsupported::{FunctionCodeLocationError, ResolvedS3Object, TagsError};
use super::{Lambda, fault};
use crate::engine::Function;
use crate::engine::create::Delete;
use crate::engine::publish::Shown;
use crate::function::Qualifier;
use crate::functions::{Named, found};

impl Lambda {
    /// The function that a request means, the version, and how it named them.
    pub(super) fn find(
        &self,
        text: &str,
        qualifier: Option<&str>,
    ) -> Result<(Named, Arc<Function>, Option<u64>), Fault> {
        let named = self.named(text, qualifier)?;
        let found = found(&self.functions, &named);
        let (function, number) = found.map_err(|error| self.told(error))?;
        Ok((named, function, number))
    }

    /// How a request names a function.
    pub(super) fn named(&self, text: &str, qualifier: Option<&str>) -> Result<Named, Fault> {
        let named = self.functions.place().named(text, qualifier);
        named.map_err(|error| self.told(error))
    }

    /// A version of a function as it is shown, with the ARN as it was named.
    fn configuration(&self, function: &Function, named: &Named) -> FunctionConfiguration {
        let shown = match function.version(named.qualifier.as_ref()) {
            Some((number, version)) => Shown {
                number,
                version: version.clone(),
            },
            None => Shown::latest(function),
        };
        let place = self.functions.place();
        FunctionConfiguration::of(place, &named.name, &shown, named.qualifier.as_ref())
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetFunctionRequest {
    #[shape(uri, required)]
    function_name: String,
    #[shape(querystring)]
    qualifier: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetFunctionResponse {
    configuration: Option<FunctionConfiguration>,
    code: Option<FunctionCodeLocation>,
    tags: BTreeMap<String, String>,
    tags_error: Option<TagsError>,
    concurrency: Option<Concurrency>,
}

/// Where the package is. There is no place from which it could be fetched.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct FunctionCodeLocation {
    repository_type: Option<String>,
    location: Option<String>,
    image_uri: Option<String>,
    resolved_image_uri: Option<String>,
    resolved_s3_object: Option<ResolvedS3Object>,
    #[shape(name = "SourceKMSKeyArn")]
    source_kms_key_arn: Option<String>,
    error: Option<FunctionCodeLocationError>,
}

impl Act<Lambda> for GetFunctionRequest {
    type Output = GetFunctionResponse;
    const ACTION: &'static str = "lambda:GetFunction";
    const HTTP: Option<Http> = Some(Http::get("/2015-03-31/functions/{FunctionName}"));

    fn touches(&self, lambda: &Lambda, _: &Caller) -> Vec<Access> {
        vec![lambda.on(Self::ACTION, &self.function_name, self.qualifier.as_deref())]
    }

    async fn act(self, lambda: &Arc<Lambda>, _: &Ctx) -> Result<GetFunctionResponse, Fault> {
        let (named, function, _) = lambda.find(&self.function_name, self.qualifier.as_deref())?;
        Ok(GetFunctionResponse {
            configuration: Some(lambda.configuration(&function, &named)),
            code: Some(FunctionCodeLocation {
                repository_type: Some("S3".to_owned()),
                ..FunctionCodeLocation::default()
            }),
            tags: function.tags.clone(),
            tags_error: None,
            concurrency: function.reserved.map(|reserved| Concurrency {
                reserved_concurrent_executions: i32::try_from(reserved).ok(),
            }),
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetFunctionConfigurationRequest {
    #[shape(uri, required)]
    function_name: String,
    #[shape(querystring)]
    qualifier: Option<String>,
}

impl Act<Lambda> for GetFunctionConfigurationRequest {
    type Output = FunctionConfiguration;
    const ACTION: &'static str = "lambda:GetFunctionConfiguration";
    const HTTP: Option<Http> = Some(Http::get(
        "/2015-03-31/functions/{FunctionName}/configuration",
    ));

    fn touches(&self, lambda: &Lambda, _: &Caller) -> Vec<Access> {
        vec![lambda.on(Self::ACTION, &self.function_name, self.qualifier.as_deref())]
    }

    async fn act(self, lambda: &Arc<Lambda>, _: &Ctx) -> Result<FunctionConfiguration, Fault> {
        let (named, function, _) = lambda.find(&self.function_name, self.qualifier.as_deref())?;
        Ok(lambda.configuration(&function, &named))
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeleteFunctionRequest {
    #[shape(uri, required)]
    function_name: String,
    #[shape(querystring)]
    qualifier: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeleteFunctionResponse {
    #[shape(statuscode)]
    status_code: Option<i32>,
}

impl Act<Lambda> for DeleteFunctionRequest {
    type Output = DeleteFunctionResponse;
    const ACTION: &'static str = "lambda:DeleteFunction";
    const HTTP: Option<Http> = Some(Http::delete("/2015-03-31/functions/{FunctionName}"));

    fn touches(&self, lambda: &Lambda, _: &Caller) -> Vec<Access> {
        vec![lambda.on(Self::ACTION, &self.function_name, self.qualifier.as_deref())]
    }

    async fn act(self, lambda: &Arc<Lambda>, _: &Ctx) -> Result<DeleteFunctionResponse, Fault> {
        let Named { name, qualifier } =
            lambda.named(&self.function_name, self.qualifier.as_deref())?;
        let is_whole = qualifier.is_none();
        let delete = Delete {
            name: name.clone(),
            qualifier,
        };
        let deleted = lambda.functions.change_code(delete, None).await;
        deleted.map_err(|error| lambda.told(error))?;
        if is_whole {
            lambda.fleet.forget(&name);
            lambda.tell_reserved();
        }
        Ok(DeleteFunctionResponse {
            status_code: Some(204),
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListFunctionsRequest {
    #[shape(querystring, refused)]
    master_region: Option<String>,
    #[shape(querystring)]
    function_version: Option<String>,
    #[shape(querystring)]
    marker: Option<String>,
    #[shape(querystring)]
    max_items: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListFunctionsResponse {
    next_marker: Option<String>,
    functions: List<FunctionConfiguration>,
}

impl Act<Lambda> for ListFunctionsRequest {
    type Output = ListFunctionsResponse;
    const ACTION: &'static str = "lambda:ListFunctions";
    const HTTP: Option<Http> = Some(Http::get("/2015-03-31/functions"));

    fn touches(&self, lambda: &Lambda, _: &Caller) -> Vec<Access> {
        vec![lambda.on_all(Self::ACTION)]
    }

    async fn act(self, lambda: &Arc<Lambda>, _: &Ctx) -> Result<ListFunctionsResponse, Fault> {
        let has_all = match self.function_version.as_deref() {
            None => false,
            Some("ALL") => true,
            Some(other) => {
                return Err(fault::out_of_bounds(format!(
                    "1 validation error detected: Value '{other}' at 'functionVersion' failed to satisfy constraint: Member must satisfy enum value set: [ALL]"
                )));
            }
        };
        let functions: Vec<Arc<Function>> = lambda
            .functions
            .with(|state| state.iter().cloned().collect());
        // `$LATEST` first, then by number, which are of one length in the key.
        let all = functions.iter().flat_map(|function| {
            let numbers = function.versions.keys().filter(|_| has_all);
            let numbers = std::iter::once(0).chain(numbers.copied());
            numbers.map(move |number| {
                (
                    format!("{}:{number:020}", function.name),
                    (function, number),
                )
            })
        });
        let mut all: Vec<_> = all.collect();
        // Names may have characters that stand before `:`.
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        let (found, next_marker) = page(all, self.marker.as_deref(), self.max_items)?;
        let shown = |(function, number): (&Arc<Function>, u64)| {
            let qualifier = match number {
                0 if has_all => Some(Qualifier::Latest),
                0 => None,
                number => Some(Qualifier::Number(number)),
            };
            let name = function.name.clone();
            lambda.configuration(function, &Named { name, qualifier })
        };
        Ok(ListFunctionsResponse {
            next_marker,
            functions: List(found.into_iter().map(shown).collect()),
        })
    }
}
