//! Aliases of versions.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::rest::Http;
use wire::{List, Shape};

use super::page::page;
use super::{Lambda, fault};
use crate::engine::alias::{CreateAlias, DeleteAlias, UpdateAlias, alias};
use crate::engine::{Alias, check};
use crate::function::{FunctionName, LATEST, Qualifier};

/// How invocations are shared between two versions. Only none is taken: an alias is one version.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AliasRoutingConfiguration {
    additional_version_weights: BTreeMap<String, f64>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AliasConfiguration {
    alias_arn: Option<String>,
    name: Option<String>,
    function_version: Option<String>,
    description: Option<String>,
    routing_config: Option<AliasRoutingConfiguration>,
    revision_id: Option<String>,
}

fn is_unshared(routing: Option<&AliasRoutingConfiguration>) -> Result<(), Fault> {
    match routing.is_some_and(|it| !it.additional_version_weights.is_empty()) {
        true => Err(fault::invalid(
            "Functions here have no RoutingConfig: an alias points to one version.",
        )),
        false => Ok(()),
    }
}

impl Lambda {
    fn shown_alias(&self, name: &FunctionName, alias: &str, is: &Alias) -> AliasConfiguration {
        let arn = self.functions.place().arn(name);
        let number = is.number.map(|number| number.to_string());
        AliasConfiguration {
            alias_arn: Some(format!("{arn}:{alias}")),
            name: Some(alias.to_owned()),
            function_version: Some(number.unwrap_or_else(|| LATEST.to_owned())),
            description: Some(is.description.clone()),
            routing_config: None,
            revision_id: Some(is.revision_id.clone()),
        }
    }

    /// The function itself.
    pub(super) fn name(&self, text: &str) -> Result<FunctionName, Fault> {
        let name = self.functions.place().function(text);
        name.map_err(|error| self.told(error))
    }

    fn version(&self, text: &str) -> Result<Qualifier, Fault> {
        let unfit = |_| check::unfit("functionVersion", text, "(\\$LATEST|[0-9]+)");
        let version = text.parse().map_err(unfit);
        version.map_err(|error| self.told(error))
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreateAliasRequest {
    #[shape(uri, required)]
    function_name: String,
    #[shape(required)]
    name: String,
    #[shape(required)]
    function_version: String,
    description: Option<String>,
    routing_config: Option<AliasRoutingConfiguration>,
}

impl Act<Lambda> for CreateAliasRequest {
    type Output = AliasConfiguration;
    const ACTION: &'static str = "lambda:CreateAlias";
    const HTTP: Option<Http> =
        Some(Http::post("/2015-03-31/functions/{FunctionName}/aliases").with_status(201));

    fn touches(&self, lambda: &Lambda, _: &Caller) -> Vec<Access> {
        vec![lambda.on(Self::ACTION, &self.function_name, None)]
    }

    async fn act(self, lambda: &Arc<Lambda>, _: &Ctx) -> Result<AliasConfiguration, Fault> {
        let name = lambda.name(&self.function_name)?;
        is_unshared(self.routing_config.as_ref())?;
        let create = CreateAlias {
            name: name.clone(),
            alias: self.name.clone(),
            version: lambda.version(&self.function_version)?,
            description: self.description.unwrap_or_default(),
        };
        let created = lambda.functions.change(create).await;
        let is = created.map_err(|error| lambda.told(error))?;
        Ok(lambda.shown_alias(&name, &self.name, &is))
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetAliasRequest {
    #[shape(uri, required)]
    function_name: String,
    #[shape(uri, required)]
    name: String,
}

impl Act<Lambda> for GetAliasRequest {
    type Output = AliasConfiguration;
    const ACTION: &'static str = "lambda:GetAlias";
    const HTTP: Option<Http> = Some(Http::get(
        "/2015-03-31/functions/{FunctionName}/aliases/{Name}",
    ));

    fn touches(&self, lambda: &Lambda, _: &Caller) -> Vec<Access> {
        vec![lambda.on(Self::ACTION, &self.function_name, None)]
    }

    async fn act(self, lambda: &Arc<Lambda>, _: &Ctx) -> Result<AliasConfiguration, Fault> {
        let (named, function, _) = lambda.find(&self.function_name, None)?;
        let is = alias(&function, &self.name).map_err(|error| lambda.told(error))?;
        Ok(lambda.shown_alias(&named.name, &self.name, is))
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct UpdateAliasRequest {
    #[shape(uri, required)]
    function_name: String,
    #[shape(uri, required)]
    name: String,
    function_version: Option<String>,
    description: Option<String>,
    routing_config: Option<AliasRoutingConfiguration>,
    revision_id: Option<String>,
}

impl Act<Lambda> for UpdateAliasRequest {
    type Output = AliasConfiguration;
    const ACTION: &'static str = "lambda:UpdateAlias";
    const HTTP: Option<Http> = Some(Http::put(
        "/2015-03-31/functions/{FunctionName}/aliases/{Name}",
    ));

    fn touches(&self, lambda: &Lambda, _: &Caller) -> Vec<Access> {
        vec![lambda.on(Self::ACTION, &self.function_name, None)]
    }

    async fn act(self, lambda: &Arc<Lambda>, _: &Ctx) -> Result<AliasConfiguration, Fault> {
        let name = lambda.name(&self.function_name)?;
        is_unshared(self.routing_config.as_ref())?;
        let version = self.function_version.as_deref();
        let update = UpdateAlias {
            name: name.clone(),
            alias: self.name.clone(),
            version: version.map(|text| lambda.version(text)).transpose()?,
            description: self.description,
            revision_id: self.revision_id,
        };
        let updated = lambda.functions.change(update).await;
        let is = updated.map_err(|error| lambda.told(error))?;
        Ok(lambda.shown_alias(&name, &self.name, &is))
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeleteAliasRequest {
    #[shape(uri, required)]
    function_name: String,
    #[shape(uri, required)]
    name: String,
}

impl Act<Lambda> for DeleteAliasRequest {
    type Output = Nothing;
    const ACTION: &'static str = "lambda:DeleteAlias";
    const HTTP: Option<Http> =
        Some(Http::delete("/2015-03-31/functions/{FunctionName}/aliases/{Name}").with_status(204));

    fn touches(&self, lambda: &Lambda, _: &Caller) -> Vec<Access> {
        vec![lambda.on(Self::ACTION, &self.function_name, None)]
    }

    async fn act(self, lambda: &Arc<Lambda>, _: &Ctx) -> Result<Nothing, Fault> {
        let delete = DeleteAlias {
            name: lambda.name(&self.function_name)?,
            alias: self.name,
        };
        let deleted = lambda.functions.change(delete).await;
        deleted.map_err(|error| lambda.told(error))?;
        Ok(Nothing {})
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListAliasesRequest {
    #[shape(uri, required)]
    function_name: String,
    #[shape(querystring)]
    function_version: Option<String>,
    #[shape(querystring)]
    marker: Option<String>,
    #[shape(querystring)]
    max_items: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListAliasesResponse {
    next_marker: Option<String>,
    aliases: List<AliasConfiguration>,
}

impl Act<Lambda> for ListAliasesRequest {
    type Output = ListAliasesResponse;
    const ACTION: &'static str = "lambda:ListAliases";
    const HTTP: Option<Http> = Some(Http::get("/2015-03-31/functions/{FunctionName}/aliases"));

    fn touches(&self, lambda: &Lambda, _: &Caller) -> Vec<Access> {
        vec![lambda.on(Self::ACTION, &self.function_name, None)]
    }

    async fn act(self, lambda: &Arc<Lambda>, _: &Ctx) -> Result<ListAliasesResponse, Fault> {
        let (named, function, _) = lambda.find(&self.function_name, None)?;
        let version = self.function_version.as_deref();
        let of = match version.map(|text| lambda.version(text)).transpose()? {
            None => None,
            Some(Qualifier::Number(number)) => Some(Some(number)),
            Some(_) => Some(None),
        };
        let all = function.aliases.iter();
        let all = all.filter(|(_, is)| of.is_none_or(|of| is.number == of));
        let with_key = all.map(|(alias, is)| (alias.clone(), (alias, is)));
        let (found, next_marker) = page(with_key, self.marker.as_deref(), self.max_items)?;
        let shown = found.into_iter();
        let shown = shown.map(|(alias, is)| lambda.shown_alias(&named.name, alias, is));
        Ok(ListAliasesResponse {
            next_marker,
            aliases: List(shown.collect()),
        })
    }
}
