//! What the tests and `examples/bench_door.rs` set up alike: identities in a directory, and a door with one service that calls itself SQS.

use std::path::Path;
use std::sync::Arc;

use api::{CountingRecorder, Service, ServiceFacts};
use base::{Clock, MetricSink, Region};
use iam::Iam;
use iam::authorizer::Authorizer;
use iam::ground::Ground;
use iam::session::Keys;
use shukuba_gateway::{Admin, DoorParts, Limits, NoPages, Proxies, Registry};
use store::seal::MasterKeySource;
use wire::Protocol;

pub(crate) static FACTS: ServiceFacts = ServiceFacts {
    name: "sqs",
    json_target: Some("AmazonSQS"),
    json_protocol: Protocol::Json10,
    rpc_service: Some("AmazonSQS"),
    query_version: Some("2012-11-05"),
    query_protocol: Protocol::Query,
    xml_namespace: "http://queue.amazonaws.com/doc/2012-11-05/",
    error_namespace: "com.amazonaws.sqs",
    is_query_compatible: true,
    query_url_member: Some("QueueUrl"),
    is_global: false,
};

/// The identities of a new directory.
pub(crate) fn keys(dir: &Path, clock: &Arc<dyn Clock>) -> Iam {
    let master = MasterKeySource::BesideTheData;
    Iam::open(dir, &master, None, Arc::clone(clock)).unwrap()
}

/// A door before `service`, with counts of its own.
pub(crate) fn parts(
    service: Arc<dyn Service>,
    iam: Arc<Iam>,
    admin: Arc<dyn Admin>,
    clock: Arc<dyn Clock>,
    region: Region,
    limits: Limits,
) -> DoorParts {
    let metrics = Arc::new(Registry::new());
    let counts = Arc::clone(&metrics) as Arc<dyn MetricSink>;
    let account = iam.account_id();
    let ground: Arc<dyn Ground> = iam;
    DoorParts {
        services: vec![service],
        rest: Vec::new(),
        intakes: Vec::new(),
        keys: Arc::new(Keys::new(Arc::clone(&ground), &region)),
        authorizer: Arc::new(Authorizer::new(ground)),
        recorder: Arc::new(CountingRecorder::new(counts)),
        admin,
        pages: Arc::new(NoPages),
        metrics,
        clock,
        account,
        region,
        public_url: None,
        proxies: Proxies::default(),
        limits,
    }
}
