//! How many invocations are a function's own.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::Shape;
use wire::rest::Http;

use super::Lambda;
use super::shape::{Concurrency, count};
use crate::engine::concurrency::Reserve;

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct PutFunctionConcurrencyRequest {
    #[shape(uri, required)]
    function_name: String,
    #[shape(required)]
    reserved_concurrent_executions: i32,
}

impl Lambda {
    async fn reserve(&self, reserve: Reserve) -> Result<(), Fault> {
        let reserved = self.functions.change(reserve).await;
        reserved.map_err(|error| self.told(error))?;
        self.tell_reserved();
        Ok(())
    }
}

impl Act<Lambda> for PutFunctionConcurrencyRequest {
    type Output = Concurrency;
    const ACTION: &'static str = "lambda:PutFunctionConcurrency";
    const HTTP: Option<Http> = Some(Http::put(
        "/2017-10-31/functions/{FunctionName}/concurrency",
    ));

    fn touches(&self, lambda: &Lambda, _: &Caller) -> Vec<Access> {
        vec![lambda.on(Self::ACTION, &self.function_name, None)]
    }

    async fn act(self, lambda: &Arc<Lambda>, _: &Ctx) -> Result<Concurrency, Fault> {
        let given = self.reserved_concurrent_executions;
        let reserve = Reserve {
            name: lambda.name(&self.function_name)?,
            reserved: Some(count("reservedConcurrentExecutions", given)?),
        };
        lambda.reserve(reserve).await?;
        Ok(Concurrency {
            reserved_concurrent_executions: Some(given),
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetFunctionConcurrencyRequest {
    #[shape(uri, required)]
    function_name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetFunctionConcurrencyResponse {
    reserved_concurrent_executions: Option<i32>,
}

impl Act<Lambda> for GetFunctionConcurrencyRequest {
    type Output = GetFunctionConcurrencyResponse;
    const ACTION: &'static str = "lambda:GetFunctionConcurrency";
    const HTTP: Option<Http> = Some(Http::get(
        "/2019-09-30/functions/{FunctionName}/concurrency",
    ));

    fn touches(&self, lambda: &Lambda, _: &Caller) -> Vec<Access> {
        vec![lambda.on(Self::ACTION, &self.function_name, None)]
    }

    async fn act(
        self,
        lambda: &Arc<Lambda>,
        _: &Ctx,
    ) -> Result<GetFunctionConcurrencyResponse, Fault> {
        let (_, function, _) = lambda.find(&self.function_name, None)?;
        let reserved = function.reserved.map(i32::try_from);
        Ok(GetFunctionConcurrencyResponse {
            reserved_concurrent_executions: reserved.and_then(Result::ok),
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeleteFunctionConcurrencyRequest {
    #[shape(uri, required)]
    function_name: String,
}

impl Act<Lambda> for DeleteFunctionConcurrencyRequest {
    type Output = Nothing;
    const ACTION: &'static str = "lambda:DeleteFunctionConcurrency";
    const HTTP: Option<Http> =
        Some(Http::delete("/2017-10-31/functions/{FunctionName}/concurrency").with_status(204));

    fn touches(&self, lambda: &Lambda, _: &Caller) -> Vec<Access> {
        vec![lambda.on(Self::ACTION, &self.function_name, None)]
    }

    async fn act(self, lambda: &Arc<Lambda>, _: &Ctx) -> Result<Nothing, Fault> {
        let reserve = Reserve {
            name: lambda.name(&self.function_name)?,
            reserved: None,
        };
        lambda.reserve(reserve).await?;
        Ok(Nothing {})
    }
}
