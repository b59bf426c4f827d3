//! Who else may use a function.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::Shape;
use wire::rest::Http;

use super::{Lambda, fault};
use crate::engine::permission::{AddPermission, RemovePermission};
use crate::engine::policy::{Principal, Statement};
use crate::engine::{Error, Missing};
use crate::functions::Named;

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AddPermissionRequest {
    #[shape(uri, required)]
    function_name: String,
    #[shape(required)]
    statement_id: String,
    #[shape(required)]
    action: String,
    #[shape(required)]
    principal: String,
    source_arn: Option<String>,
    #[shape(refused)]
    function_url_auth_type: Option<String>,
    #[shape(refused)]
    invoked_via_function_url: Option<bool>,
    source_account: Option<String>,
    event_source_token: Option<String>,
    #[shape(querystring)]
    qualifier: Option<String>,
    revision_id: Option<String>,
    #[shape(name = "PrincipalOrgID")]
    principal_org_id: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AddPermissionResponse {
    statement: Option<String>,
}

impl AddPermissionRequest {
    /// The statement as AWS makes it of a request. `resource`: the ARN of the function, or of its version or alias.
    fn statement(&self, resource: String) -> Statement {
        let mut condition: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        let conditions = [
            ("StringEquals", "AWS:SourceAccount", &self.source_account),
            ("ArnLike", "AWS:SourceArn", &self.source_arn),
            (
                "StringEquals",
                "lambda:EventSourceToken",
                &self.event_source_token,
            ),
            ("StringEquals", "aws:PrincipalOrgID", &self.principal_org_id),
        ];
        for (operator, key, value) in conditions {
            if let Some(value) = value {
                let of = condition.entry(operator.to_owned()).or_default();
                of.insert(key.to_owned(), value.clone());
            }
        }
        Statement {
            sid: self.statement_id.clone(),
            effect: "Allow".to_owned(),
            principal: Principal::named(&self.principal),
            action: self.action.clone(),
            resource,
            condition,
        }
    }

    fn check(&self) -> Result<(), Fault> {
        let is_account =
            |text: &str| text.len() == 12 && text.bytes().all(|it| it.is_ascii_digit());
        if self.principal.is_empty() || self.principal.chars().any(char::is_whitespace) {
            return Err(fault::invalid(
                "The provided principal was invalid. Please check the principal and try again.",
            ));
        }
        if self
            .source_account
            .as_deref()
            .is_some_and(|it| !is_account(it))
        {
            return Err(fault::out_of_bounds(
                "1 validation error detected: Value at 'sourceAccount' failed to satisfy constraint: Member must satisfy regular expression pattern: \\d{12}".to_owned(),
            ));
        }
        match self.source_arn.as_deref().is_some_and(|it| !it.starts_with("arn:")) {
            true => Err(fault::out_of_bounds(
                "1 validation error detected: Value at 'sourceArn' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\\-])+:([a-z]{2}(-gov)?-[a-z]+-\\d{1})?:(\\d{12})?:(.*)".to_owned(),
            )),
            false => Ok(()),
        }
    }
}

impl Act<Lambda> for AddPermissionRequest {
    type Output = AddPermissionResponse;
    const ACTION: &'static str = "lambda:AddPermission";
    const HTTP: Option<Http> =
        Some(Http::post("/2015-03-31/functions/{FunctionName}/policy").with_status(201));

    fn touches(&self, lambda: &Lambda, _: &Caller) -> Vec<Access> {
        let access = lambda.on(Self::ACTION, &self.function_name, self.qualifier.as_deref());
        vec![access.with("lambda:Principal", &self.principal)]
    }

    async fn act(self, lambda: &Arc<Lambda>, _: &Ctx) -> Result<AddPermissionResponse, Fault> {
        let Named { name, qualifier } =
            lambda.named(&self.function_name, self.qualifier.as_deref())?;
        self.check()?;
        let arn = lambda.functions.place().arn_of(&name, qualifier.as_ref());
        let add = AddPermission {
            statement: self.statement(arn.to_string()),
            name,
            qualifier,
            revision_id: self.revision_id,
        };
        let added = lambda.functions.change(add).await;
        let statement = added.map_err(|error| lambda.told(error))?;
        Ok(AddPermissionResponse {
            statement: serde_json::to_string(&statement).ok(),
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct RemovePermissionRequest {
    #[shape(uri, required)]
    function_name: String,
    #[shape(uri, required)]
    statement_id: String,
    #[shape(querystring)]
    qualifier: Option<String>,
    #[shape(querystring)]
    revision_id: Option<String>,
}

impl Act<Lambda> for RemovePermissionRequest {
    type Output = Nothing;
    const ACTION: &'static str = "lambda:RemovePermission";
    const HTTP: Option<Http> = Some(
        Http::delete("/2015-03-31/functions/{FunctionName}/policy/{StatementId}").with_status(204),
    );

    fn touches(&self, lambda: &Lambda, _: &Caller) -> Vec<Access> {
        vec![lambda.on(Self::ACTION, &self.function_name, self.qualifier.as_deref())]
    }

    async fn act(self, lambda: &Arc<Lambda>, _: &Ctx) -> Result<Nothing, Fault> {
        let Named { name, qualifier } =
            lambda.named(&self.function_name, self.qualifier.as_deref())?;
        let remove = RemovePermission {
            name,
            qualifier,
            sid: self.statement_id,
            revision_id: self.revision_id,
        };
        let removed = lambda.functions.change(remove).await;
        removed.map_err(|error| lambda.told(error))?;
        Ok(Nothing {})
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetPolicyRequest {
    #[shape(uri, required)]
    function_name: String,
    #[shape(querystring)]
    qualifier: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetPolicyResponse {
    policy: Option<String>,
    revision_id: Option<String>,
}

impl Act<Lambda> for GetPolicyRequest {
    type Output = GetPolicyResponse;
    const ACTION: &'static str = "lambda:GetPolicy";
    const HTTP: Option<Http> = Some(Http::get("/2015-03-31/functions/{FunctionName}/policy"));

    fn touches(&self, lambda: &Lambda, _: &Caller) -> Vec<Access> {
        vec![lambda.on(Self::ACTION, &self.function_name, self.qualifier.as_deref())]
    }

    async fn act(self, lambda: &Arc<Lambda>, _: &Ctx) -> Result<GetPolicyResponse, Fault> {
        let (named, function, _) = lambda.find(&self.function_name, self.qualifier.as_deref())?;
        let policy = function.policy(named.qualifier.as_ref());
        let none = || lambda.told(Error::NotFound(Missing::Policy));
        let policy = policy.ok_or_else(none)?;
        Ok(GetPolicyResponse {
            policy: Some(policy.text()),
            revision_id: Some(policy.revision_id.clone()),
        })
    }
}
