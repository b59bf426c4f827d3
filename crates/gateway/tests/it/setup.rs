//! What the tests and `examples/bench_door.rs` set up alike: keys in a directory, and a door with one service that calls itself SQS.

use std::path::Path;
use std::sync::Arc;

use api::{CountingRecorder, Service, ServiceFacts};
use base::{Clock, MetricSink, Region};
use shukuba_gateway::keys::RoleAuthorizer;
use shukuba_gateway::{Admin, DoorParts, KeyStore, Limits, MasterKeySource, Registry};
use wire::Protocol;

pub(crate) static FACTS: ServiceFacts = ServiceFacts {
    name: "sqs",
    json_target: Some("AmazonSQS"),
    json_protocol: Protocol::Json10,
    query_version: Some("2012-11-05"),
    xml_namespace: "http://queue.amazonaws.com/doc/2012-11-05/",
    error_namespace: "com.amazonaws.sqs",
    is_query_compatible: true,
    query_url_member: Some("QueueUrl"),
    is_global: false,
};

/// The keys of a new directory.
pub(crate) fn keys(dir: &Path, clock: &Arc<dyn Clock>) -> KeyStore {
    let master = MasterKeySource::BesideTheData;
    KeyStore::open(dir, &master, None, Arc::clone(clock)).unwrap()
}

/// A door before `service`, with counts of its own.
pub(crate) fn parts(
    service: Arc<dyn Service>,
    keys: Arc<KeyStore>,
    admin: Arc<dyn Admin>,
    clock: Arc<dyn Clock>,
    region: Region,
    limits: Limits,
) -> DoorParts {
    let metrics = Arc::new(Registry::new());
    let counts = Arc::clone(&metrics) as Arc<dyn MetricSink>;
    let account = keys.account().clone();
    DoorParts {
        services: vec![service],
        rest: Vec::new(),
        keys,
        authorizer: Arc::new(RoleAuthorizer),
        recorder: Arc::new(CountingRecorder::new(counts)),
        admin,
        metrics,
        clock,
        account,
        region,
        public_url: None,
        limits,
    }
}
