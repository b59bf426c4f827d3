//! The operator's API: `POST /_shukuba/api/NAME`, JSON in and out, each call a line in [`CALLS`].
//!
//! A call is one function from its input to its answer; the gateway has verified and decided before. Names that begin
//! with `Get` or `List` are open to readers.

mod access;
mod agent;
mod check;
mod cost;
mod dead;
mod forget;
mod host;
mod keep;
mod ledger;
mod link;
mod notice;
mod pause;
mod replay;
mod route;
mod scaler;
mod statement;
mod status;
mod trail;
mod why;

use std::path::PathBuf;
use std::sync::Arc;

use api::{Audit, Ctx, Fault};
use bytes::Bytes;
use delivery::ledger::Ledger;
use delivery::result::Salt;
use delivery::results::Results;
use futures_util::future::{BoxFuture, LocalBoxFuture};
use gateway::Admin;
use iam::Iam;
use sqs::Queues;

use super::archiving::Archiving;
use super::buckets::Buckets;
use super::live::Live;
use super::log::Log;
use super::metering::Metering;
use super::notifiers::Notifiers;
use super::routes::LiveRoute;
use super::trail::Trail;
use super::watching::Watching;
use super::work::Work;
use crate::answers::{Answer, failed, read, refuse, write};

type Run = fn(Desk, Option<Ctx>, Bytes) -> LocalBoxFuture<'static, Answer>;

/// One call.
struct Call {
    name: &'static str,
    action: &'static str,
    /// Whether it makes sense on data that no server has open.
    is_offline: bool,
    run: Run,
}

impl Call {
    fn of(name: &str) -> Option<&'static Self> {
        CALLS.iter().find(|call| call.name == name)
    }
}

/// A function as a call.
macro_rules! call {
    ($function:path) => {
        |desk, _, input| Box::pin(async move { $function(&desk, input).await })
    };
}

/// A function that asks who calls as a call. Only a server has callers.
macro_rules! call_by {
    ($function:path) => {
        |desk, ctx, input| {
            Box::pin(async move {
                let ctx = ctx.ok_or_else(Fault::internal)?;
                $function(&desk, &ctx, input).await
            })
        }
    };
}

/// All calls.
static CALLS: &[Call] = &[
    Call {
        name: "status",
        action: "shukuba:GetStatus",
        is_offline: true,
        run: call!(status::status),
    },
    Call {
        name: "ledger",
        action: "shukuba:GetLedger",
        is_offline: true,
        run: call!(ledger::ledger),
    },
    Call {
        name: "cost",
        action: cost::ACTION,
        is_offline: false,
        run: call!(cost::cost),
    },
    Call {
        name: "statement",
        action: "shukuba:GetStatement",
        is_offline: true,
        run: call!(statement::statement),
    },
    Call {
        name: "statement-key",
        action: "shukuba:GetStatement",
        is_offline: true,
        run: call!(statement::public_key),
    },
    Call {
        name: "why",
        action: "shukuba:GetResults",
        is_offline: true,
        run: call!(why::why),
    },
    Call {
        name: "results",
        action: "shukuba:ListResults",
        is_offline: true,
        run: call!(why::results),
    },
    Call {
        name: "scaler",
        action: "shukuba:GetScaler",
        is_offline: false,
        run: call!(scaler::history),
    },
    Call {
        name: "route-test",
        action: "shukuba:GetRoute",
        is_offline: false,
        run: call!(route::test),
    },
    Call {
        name: "pause",
        action: "shukuba:Pause",
        is_offline: true,
        run: call!(pause::pause),
    },
    Call {
        name: "resume",
        action: "shukuba:Resume",
        is_offline: true,
        run: call!(pause::resume),
    },
    Call {
        name: "dead-list",
        action: "shukuba:ListDead",
        is_offline: true,
        run: call!(dead::list),
    },
    Call {
        name: "dead-count",
        action: "shukuba:GetDead",
        is_offline: true,
        run: call!(dead::count),
    },
    Call {
        name: "dead-retry",
        action: "shukuba:RetryDead",
        is_offline: true,
        run: call!(dead::retry),
    },
    Call {
        name: "dead-drop",
        action: "shukuba:DropDead",
        is_offline: true,
        run: call!(dead::drop),
    },
    Call {
        name: "replay-plan",
        action: "shukuba:PlanReplay",
        is_offline: false,
        run: call!(replay::plan),
    },
    Call {
        name: "replay-run",
        action: "shukuba:RunReplay",
        is_offline: false,
        run: call!(replay::run),
    },
    Call {
        name: "replay-stop",
        action: "shukuba:StopReplay",
        is_offline: false,
        run: call!(replay::stop),
    },
    Call {
        name: "replay-list",
        action: "shukuba:ListReplays",
        is_offline: true,
        run: call!(replay::list),
    },
    Call {
        name: "replay-discard",
        action: "shukuba:DiscardReplay",
        is_offline: false,
        run: call!(replay::discard),
    },
    Call {
        name: "forget",
        action: "shukuba:ForgetResults",
        is_offline: false,
        run: call!(forget::forget),
    },
    Call {
        name: "trail-verify",
        action: "shukuba:GetTrailReport",
        is_offline: true,
        run: call!(trail::verify),
    },
    Call {
        name: "trail-search",
        action: "shukuba:ListTrailEvents",
        is_offline: true,
        run: call!(trail::search),
    },
    Call {
        name: "access-who-can",
        action: "iam:SimulatePrincipalPolicy",
        is_offline: true,
        run: call!(access::who_can),
    },
    Call {
        name: "access-explain",
        action: "iam:SimulatePrincipalPolicy",
        is_offline: true,
        run: call!(access::explain),
    },
    Call {
        name: "access-idle",
        action: "iam:GetCredentialReport",
        is_offline: true,
        run: call!(access::idle),
    },
    Call {
        name: "access-billing",
        action: "iam:GetAccountSummary",
        is_offline: true,
        run: call!(access::billing),
    },
    Call {
        name: "access-billing-set",
        // Not of `shukuba:`, which PowerUserAccess allows.
        action: "iam:UpdateBillingAccess",
        is_offline: true,
        run: call!(access::set_billing),
    },
    Call {
        name: "agent-join",
        action: "shukuba:JoinAgent",
        is_offline: false,
        run: call_by!(agent::join),
    },
    Call {
        name: "agent-sync",
        action: "shukuba:SyncAgent",
        is_offline: false,
        run: call_by!(agent::sync),
    },
    Call {
        name: "agent-put",
        action: "shukuba:SyncAgent",
        is_offline: false,
        run: call_by!(agent::put),
    },
    Call {
        name: "agent-goodbye",
        action: "shukuba:SyncAgent",
        is_offline: false,
        run: call_by!(agent::goodbye),
    },
    Call {
        name: "check-list",
        action: "shukuba:ListChecks",
        is_offline: false,
        run: call!(check::list),
    },
    Call {
        name: "check-history",
        action: "shukuba:GetCheck",
        is_offline: false,
        run: call!(check::history),
    },
    Call {
        name: "check-graphs",
        action: "shukuba:ListChecks",
        is_offline: false,
        run: call!(check::graphs),
    },
    Call {
        name: "check-acknowledge",
        action: "shukuba:AcknowledgeCheck",
        is_offline: false,
        run: call_by!(check::acknowledge),
    },
    Call {
        name: "notice-list",
        action: "shukuba:ListNotices",
        is_offline: false,
        run: call!(notice::list),
    },
    Call {
        name: "notice-acknowledge",
        action: "shukuba:AcknowledgeNotice",
        is_offline: false,
        run: call_by!(notice::acknowledge),
    },
    Call {
        name: "notice-test",
        action: "shukuba:TestNotice",
        is_offline: false,
        run: call!(notice::test),
    },
    Call {
        name: "host-list",
        action: "ec2:DescribeInstances",
        is_offline: false,
        run: call!(host::list),
    },
    Call {
        name: "host-token",
        action: "ec2:RunInstances",
        is_offline: false,
        run: call!(host::token),
    },
    Call {
        name: "link-list",
        action: "ec2:DescribeClassicLinkInstances",
        is_offline: false,
        run: call!(link::list),
    },
    Call {
        name: "silence-add",
        action: "shukuba:SilenceNotices",
        is_offline: false,
        run: call_by!(notice::silence),
    },
    Call {
        name: "silence-end",
        action: "shukuba:SilenceNotices",
        is_offline: false,
        run: call!(notice::end_silence),
    },
    Call {
        name: "backup",
        action: "shukuba:Backup",
        is_offline: true,
        run: call!(keep::backup),
    },
];

/// A call that waits for news. It holds no thread meanwhile, and must not block one.
struct Waiting {
    name: &'static str,
    action: &'static str,
    run: fn(Desk, Ctx, Bytes) -> BoxFuture<'static, Answer>,
}

/// All of those.
static WAITING: &[Waiting] = &[
    Waiting {
        name: "agent-link",
        action: "shukuba:SyncAgent",
        run: |desk, ctx, input| Box::pin(async move { link::host(&desk, &ctx, input).await }),
    },
    Waiting {
        name: "link-gateway",
        action: "shukuba:ServeLink",
        run: |desk, _, input| Box::pin(async move { link::gateway(&desk, input).await }),
    },
];

impl Waiting {
    fn of(name: &str) -> Option<&'static Self> {
        WAITING.iter().find(|call| call.name == name)
    }
}

/// Calls by which programs report what they found, over and over.
const REPORTS: &[&str] = &["agent-sync", "agent-put", "agent-link", "link-gateway"];

/// What the calls work with. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    pub(super) archiving: Option<Arc<Archiving>>,
    pub(super) dir: PathBuf,
    pub(super) live: Arc<Live>,
    pub(super) iam: Arc<Iam>,
    pub(super) queues: Arc<Queues>,
    pub(super) buckets: Buckets,
    pub(super) ledger: Arc<Ledger>,
    pub(super) log: Arc<Log>,
    pub(super) notifiers: Arc<Notifiers>,
    pub(super) work: Work,
    pub(super) salt: Salt,
    pub(super) replays: Arc<Runs>,
    pub(super) trail: Trail,
    /// Without a server there is none.
    pub(super) watching: Option<Watching>,
    /// What was done, for its cost; without a server there is none.
    pub(super) metering: Option<Metering>,
    /// Where the packages of functions lie; none where there are no functions.
    pub(super) packages: Option<std::path::PathBuf>,
}

pub(super) use cost::{ACTION, ACTION_OF_BEFORE};
pub(crate) use cost::{Coming, Input as CostInput};
pub(super) use replay::Runs;
pub(crate) use statement::Input as StatementInput;

impl Desk {
    /// Does `name` without a server; `None` where that makes no sense.
    pub(super) async fn offline(&self, name: &str, input: Bytes) -> Option<Answer> {
        let call = Call::of(name).filter(|call| call.is_offline)?;
        Some(self.run(call, None, input).await)
    }

    /// Searches and copies take long: calls run beside the threads that answer and send.
    async fn run(&self, call: &Call, ctx: Option<Ctx>, input: Bytes) -> Answer {
        let (run, desk) = (call.run, self.clone());
        let runtime = tokio::runtime::Handle::current();
        let done =
            tokio::task::spawn_blocking(move || runtime.block_on(run(desk, ctx, input))).await;
        done.unwrap_or_else(|error| Err(failed("the call stopped", &error)))
    }
}

impl Admin for Desk {
    fn action(&self, name: &str) -> Option<&'static str> {
        let waiting = || Waiting::of(name).map(|call| call.action);
        Call::of(name).map(|call| call.action).or_else(waiting)
    }

    /// What agents report, some times a minute each, would bury what people do.
    fn audit(&self, name: &str) -> Audit {
        match REPORTS.contains(&name) {
            true => Audit::Data,
            false => Audit::Management,
        }
    }

    fn also(&self, name: &str) -> Option<&'static str> {
        (name == "cost").then_some(cost::ACTION_OF_BEFORE)
    }

    fn handle<'a>(&'a self, name: &'a str, ctx: Ctx, input: Bytes) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            if let Some(call) = Waiting::of(name) {
                return (call.run)(self.clone(), ctx, input).await;
            }
            let call = Call::of(name).ok_or_else(Fault::internal)?;
            self.run(call, Some(ctx), input).await
        })
    }
}

impl Desk {
    /// The watch.
    fn watching(&self) -> Result<&Watching, Fault> {
        self.watching.as_ref().ok_or_else(Fault::internal)
    }

    fn results(&self) -> &Results {
        &self.work.results
    }

    /// The route of that name.
    fn route(&self, name: &str) -> Result<Arc<LiveRoute>, Fault> {
        let routes = self.notifiers.routes.read();
        routes.get(name).cloned().ok_or_else(|| {
            let known: Vec<&str> = routes.keys().map(String::as_str).collect();
            refuse(format!(
                "there is no route `{name}` on this server; there are: {}",
                known.join(", ")
            ))
        })
    }

    /// The route of that name, or the only one.
    fn route_or_only(&self, name: Option<&str>) -> Result<Arc<LiveRoute>, Fault> {
        if let Some(name) = name {
            return self.route(name);
        }
        let routes = self.notifiers.routes.read();
        let mut all = routes.values();
        match (all.next(), all.next()) {
            (Some(only), None) => Ok(only.clone()),
            _ => {
                let known: Vec<&str> = routes.keys().map(String::as_str).collect();
                Err(refuse(format!("say which route: {}", known.join(", "))))
            }
        }
    }
}
