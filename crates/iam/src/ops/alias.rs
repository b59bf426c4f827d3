//! The account's alias: one at most.
//!
//! Source: IAM API Reference, the operations of these names.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::{List, Shape};

use super::page::page;
use super::reach;
use crate::Iam;
use crate::engine::account as command;

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreateAccountAliasRequest {
    #[shape(required)]
    account_alias: String,
}

impl Act<Iam> for CreateAccountAliasRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:CreateAccountAlias";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::account(&iam.state())]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let alias = self.account_alias;
        iam.change(command::SetAlias { alias }).await?;
        Ok(Nothing {})
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeleteAccountAliasRequest {
    #[shape(required)]
    account_alias: String,
}

impl Act<Iam> for DeleteAccountAliasRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:DeleteAccountAlias";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::account(&iam.state())]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let alias = self.account_alias;
        iam.change(command::DeleteAlias { alias }).await?;
        Ok(Nothing {})
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListAccountAliasesRequest {
    marker: Option<String>,
    max_items: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListAccountAliasesResponse {
    #[shape(required)]
    account_aliases: List<String>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

impl Act<Iam> for ListAccountAliasesRequest {
    type Output = ListAccountAliasesResponse;
    const ACTION: &'static str = "iam:ListAccountAliases";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::account(&iam.state())]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<ListAccountAliasesResponse, Fault> {
        let state = iam.state();
        let aliases = state.account().alias.iter().cloned();
        let page = page(aliases, String::clone, self.marker.as_ref(), self.max_items)?;
        Ok(ListAccountAliasesResponse {
            account_aliases: List(page.items),
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }
}
