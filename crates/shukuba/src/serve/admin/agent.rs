//! What agents say: they join, tell what they found, send metrics and say goodbye.
//!
//! Each call is signed: a join by the key of an enrolment, everything else by the key that the agent got for its
//! instance, which the inventory compares with the one that it gave.

use api::{Ctx, Fault};
use bytes::Bytes;
use ec2::engine::join::Doubt;
use ec2::engine::{Facts, InstanceId, Task};
use ec2::instances::{AgentAnswer, AgentOrder};
use watch::agent::protocol::{
    Batch, Command, Definitions, Goodbye, JoinRequest, Joined, METRICS_MAX, RESULTS_MAX,
    SyncAnswer, SyncRequest, VERSION, What,
};
use watch::check::board::{self, Host};

use super::Desk;
use crate::answers::{Answer, failed, read, refuse, write};
use crate::serve::watching::{Watching, measured};

/// A host joins.
pub(super) async fn join(desk: &Desk, ctx: &Ctx, input: Bytes) -> Answer {
    let input: JoinRequest = read(&input)?;
    check_version(input.version)?;
    let request = ec2::instances::JoinRequest {
        secret: input.id,
        run: input.run,
        facts: facts(&input.facts),
        doubt: match input.is_new {
            true => Doubt::BeNew,
            false => Doubt::Refuse,
        },
    };
    let key = &ctx.caller.access_key_id;
    let joined = desk.watching()?.instances.join(key, request).await;
    let joined = joined.map_err(fault)?;
    write(&Joined {
        instance_id: joined.instance.to_string(),
        access_key_id: joined.access_key_id,
        secret_access_key: joined.secret_access_key,
    })
}

/// A host tells what it found, and hears what it is to do.
pub(super) async fn sync(desk: &Desk, ctx: &Ctx, input: Bytes) -> Answer {
    let input: SyncRequest = read(&input)?;
    check_version(input.version)?;
    if input.results.len() > RESULTS_MAX {
        return Err(refuse(format!(
            "a report has at most {RESULTS_MAX} results"
        )));
    }
    let id = instance(&input.instance)?;
    let done = input.done.iter().filter_map(|done| done.id.parse().ok());
    let request = ec2::instances::SyncRequest {
        run: input.run.clone(),
        facts: input.facts.as_ref().map(facts),
        done: done.collect(),
    };
    let key = &ctx.caller.access_key_id;
    let answer = desk.watching()?.instances.sync(&id, key, request).await;
    let answer = answer.map_err(fault)?;
    let host = host_of(desk.watching()?, &id, &input);
    let wants_checks = take_checks(desk, &id, host, &input).await?;
    let name = id.to_string();
    if let Some(graphs) = input.graphs {
        let drawn = desk.watching()?.board.draw(&name, graphs).await;
        drawn.map_err(board_fault)?;
    }
    let reported = desk.watching()?.board.report(&name, input.results).await;
    let reported = reported.map_err(board_fault)?;
    desk.watching()?.put_measured(&reported.metrics).await;
    write(&SyncAnswer {
        every_secs: u32::try_from(answer.every_secs).ok(),
        definitions: definitions(desk, &answer, &input.definitions),
        wants_checks,
        commands: answer.orders.iter().map(command).collect(),
    })
}

/// A host sends metrics.
pub(super) async fn put(desk: &Desk, ctx: &Ctx, input: Bytes) -> Answer {
    let input: Batch = read(&input)?;
    if input.data.len() > METRICS_MAX {
        return Err(refuse(format!("a batch has at most {METRICS_MAX} metrics")));
    }
    let key = &ctx.caller.access_key_id;
    if desk.watching()?.batches.is_known(key, &input.id) {
        return write(&serde_json::json!({}));
    }
    let put = desk.watching()?.put_good(measured::data(&input.data));
    put.map_err(|error| failed("the metrics were not kept", &error))?;
    desk.watching()?.batches.note(key, &input.id);
    write(&serde_json::json!({}))
}

/// A host's agent ends.
pub(super) async fn goodbye(desk: &Desk, ctx: &Ctx, input: Bytes) -> Answer {
    let input: Goodbye = read(&input)?;
    let id = instance(&input.instance)?;
    let key = &ctx.caller.access_key_id;
    let done = desk
        .watching()?
        .instances
        .goodbye(&id, key, &input.run)
        .await;
    done.map_err(fault)?;
    write(&serde_json::json!({}))
}

/// What the host checks, where it says so; whether it is to say so with the next report.
async fn take_checks(
    desk: &Desk,
    id: &InstanceId,
    host: Host,
    input: &SyncRequest,
) -> Result<bool, Fault> {
    let board = &desk.watching()?.board;
    let id = id.to_string();
    let known = board.host(&id).map_err(board_fault)?;
    // Parents are told with the first report of a process alone.
    let parents = match (&input.facts, &known) {
        (Some(facts), _) => facts.parents.clone(),
        (None, Some(known)) => known.parents.clone(),
        (None, None) => Vec::new(),
    };
    let host = Host { parents, ..host };
    let Some(checks) = &input.checks else {
        let is_same = known.is_some_and(|known| known.hash == host.hash && known.name == host.name);
        return Ok(!is_same);
    };
    let at = desk.watching()?.clock.now();
    let assigned = board.assign(&id, host, checks.clone(), at).await;
    assigned.map_err(board_fault)?;
    Ok(false)
}

fn host_of(watching: &Watching, id: &InstanceId, input: &SyncRequest) -> Host {
    let known = watching.instances.get(id);
    let name = known.map(|instance| instance.name().to_owned());
    Host {
        name: name
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| id.to_string()),
        parents: Vec::new(),
        hash: input.checks_hash.clone(),
    }
}

/// The checks of a host's roles, where it has others.
fn definitions(desk: &Desk, answer: &AgentAnswer, known: &str) -> Option<Definitions> {
    let live = desk.live.now();
    let all = desk
        .watching()
        .ok()?
        .definitions
        .now(live.config.watch.checks.as_ref());
    let roles: Vec<String> = answer
        .tags
        .iter()
        .filter(|(key, _)| key.eq_ignore_ascii_case("role"))
        .flat_map(|(_, value)| value.split(',').map(|role| role.trim().to_owned()))
        .collect();
    let settings = all.for_roles(&roles);
    let hash = settings.hash();
    (hash != known).then_some(Definitions { hash, settings })
}

fn command(order: &AgentOrder) -> Command {
    let what = match order.task {
        Task::Stop => What::Stop,
        Task::Reboot => What::Reboot,
        Task::Leave => What::Terminate,
    };
    Command {
        id: order.id.to_string(),
        what,
    }
}

/// What the inventory keeps of what a host says.
fn facts(said: &watch::agent::protocol::Facts) -> Facts {
    let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Facts {
        fingerprint: said.machine_id.clone(),
        hostname: said.hostname.clone(),
        name: filled(&said.name),
        role: filled(&said.roles.join(",")),
        tags: said.tags.clone().into_iter().collect(),
        addresses: said.addresses.clone(),
        kernel: said.system.clone(),
        architecture: said.architecture.clone(),
        cores: said.processors,
        memory_bytes: said.memory,
        agent: said.version.clone(),
        boot_id: said.boot_id.clone(),
    }
}

pub(super) fn instance(text: &str) -> Result<InstanceId, Fault> {
    let id = text.parse();
    id.map_err(|_| refuse("an instance's id is `i-` and 17 digits"))
}

pub(super) fn check_version(version: u32) -> Result<(), Fault> {
    match version {
        VERSION => Ok(()),
        other => Err(refuse(format!(
            "this server and the agent speak different versions of their protocol: {VERSION} and {other}"
        ))),
    }
}

pub(super) fn fault(error: ec2::instances::Error) -> Fault {
    use ec2::engine::Error as Refused;
    match &error {
        ec2::instances::Error::Refused(Refused::NotYours { .. } | Refused::NotFound { .. }) => {
            Fault::sender("UnknownHost", error.to_string())
        }
        other if other.is_ours() => failed("the inventory does not answer", &error),
        _ => refuse(error.to_string()),
    }
}

fn board_fault(error: board::Error) -> Fault {
    match error {
        board::Error::TooMany { .. } | board::Error::BadName(_) => refuse(error.to_string()),
        other => failed("the checks are not kept", &other),
    }
}
