//! Versions of functions.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use wire::rest::Http;
use wire::{List, Shape};

use super::page::page;
use super::shape::FunctionConfiguration;
use super::{Lambda, fault};
use crate::engine::Version;
use crate::engine::publish::{Publish, Shown};
use crate::engine::record::code_of;
use crate::function::Qualifier;

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct PublishVersionRequest {
    #[shape(uri, required)]
    function_name: String,
    code_sha256: Option<String>,
    description: Option<String>,
    revision_id: Option<String>,
    #[shape(refused)]
    publish_to: Option<String>,
}

impl Act<Lambda> for PublishVersionRequest {
    type Output = FunctionConfiguration;
    const ACTION: &'static str = "lambda:PublishVersion";
    const HTTP: Option<Http> =
        Some(Http::post("/2015-03-31/functions/{FunctionName}/versions").with_status(201));

    fn touches(&self, lambda: &Lambda, _: &Caller) -> Vec<Access> {
        vec![lambda.on(Self::ACTION, &self.function_name, None)]
    }

    async fn act(self, lambda: &Arc<Lambda>, _: &Ctx) -> Result<FunctionConfiguration, Fault> {
        let place = lambda.functions.place();
        let name = place.function(&self.function_name);
        let name = name.map_err(|error| lambda.told(error))?;
        let code = match self.code_sha256.as_deref().filter(|text| !text.is_empty()) {
            None => None,
            Some(text) => Some(code_of(text).ok_or_else(|| {
                fault::invalid(format!("CodeSHA256 ({text}) is no SHA-256 in base64."))
            })?),
        };
        let publish = Publish {
            name: name.clone(),
            code,
            description: self.description,
            revision_id: self.revision_id,
        };
        let published = lambda.functions.change(publish).await;
        let shown = published.map_err(|error| lambda.told(error))?;
        Ok(FunctionConfiguration::of(place, &name, &shown, None))
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListVersionsByFunctionRequest {
    #[shape(uri, required)]
    function_name: String,
    #[shape(querystring)]
    marker: Option<String>,
    #[shape(querystring)]
    max_items: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListVersionsByFunctionResponse {
    next_marker: Option<String>,
    versions: List<FunctionConfiguration>,
}

impl Act<Lambda> for ListVersionsByFunctionRequest {
    type Output = ListVersionsByFunctionResponse;
    const ACTION: &'static str = "lambda:ListVersionsByFunction";
    const HTTP: Option<Http> = Some(Http::get("/2015-03-31/functions/{FunctionName}/versions"));

    fn touches(&self, lambda: &Lambda, _: &Caller) -> Vec<Access> {
        vec![lambda.on(Self::ACTION, &self.function_name, None)]
    }

    async fn act(
        self,
        lambda: &Arc<Lambda>,
        _: &Ctx,
    ) -> Result<ListVersionsByFunctionResponse, Fault> {
        let (named, function, _) = lambda.find(&self.function_name, None)?;
        let published = function.versions.iter();
        let published = published.map(|(number, version)| (*number, &**version));
        let all = std::iter::once((0, &function.latest)).chain(published);
        let with_key = all.map(|(number, version)| (number, (number, version)));
        let (found, next_marker) = page(with_key, self.marker.as_deref(), self.max_items)?;
        let shown = |(number, version): (u64, &Version)| {
            let shown = Shown {
                number: (number > 0).then_some(number),
                version: version.clone(),
            };
            let latest = (number == 0).then_some(&Qualifier::Latest);
            FunctionConfiguration::of(lambda.functions.place(), &named.name, &shown, latest)
        };
        Ok(ListVersionsByFunctionResponse {
            next_marker,
            versions: List(found.into_iter().map(shown).collect()),
        })
    }
}
