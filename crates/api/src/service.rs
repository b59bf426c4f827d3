//! A service as the gateway sees it: facts to route by, and operations by name.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use wire::{DecodeError, Protocol};

use crate::operation::{AnyOperation, Call};

/// What the gateway must know of a service in order to route to it and to answer in its form.
#[derive(Clone, Copy, Debug)]
pub struct ServiceFacts {
    /// The name in the credential scope and in actions, such as `sqs`.
    pub name: &'static str,
    /// What stands before the dot of `X-Amz-Target`, such as `AmazonSQS`; `None` where the service has no JSON.
    pub json_target: Option<&'static str>,
    /// The JSON protocol that it answers in: [`Protocol::Json10`] or [`Protocol::Json11`].
    pub json_protocol: Protocol,
    /// The service's name in the paths of Smithy RPC v2, `/service/NAME/operation/…`, such as
    /// `GraniteServiceVersion20100801`; `None` where it does not speak CBOR.
    pub rpc_service: Option<&'static str>,
    /// The `Version` of the query protocol, such as `2012-11-05`; `None` where the service has no query form.
    pub query_version: Option<&'static str>,
    /// The query form that it speaks: [`Protocol::Query`], or [`Protocol::Ec2Query`] as EC2 does.
    pub query_protocol: Protocol,
    /// The namespace of answers in XML, such as `http://queue.amazonaws.com/doc/2012-11-05/`.
    pub xml_namespace: &'static str,
    /// The namespace of error shapes, such as `com.amazonaws.sqs`.
    pub error_namespace: &'static str,
    /// Whether errors in JSON carry `x-amzn-query-error` (`awsQueryCompatible`).
    pub is_query_compatible: bool,
    /// In the query form, the member that the request's URL stands for when the form lacks it, such as `QueueUrl`.
    pub query_url_member: Option<&'static str>,
    /// Whether it has no region, so that clients sign for it as in `us-east-1`.
    pub is_global: bool,
}

/// A service. The gateway holds one of each and knows none by name.
pub trait Service: Send + Sync + fmt::Debug {
    /// What to route by.
    fn facts(&self) -> &'static ServiceFacts;

    /// The names of its operations, sorted.
    fn operations(&self) -> Vec<&'static str>;

    /// Whether some resource of it may be open to callers who have not signed. Where none is, they are turned away before
    /// their bodies are read.
    fn takes_unsigned(&self) -> bool {
        false
    }

    /// The operation that a `POST` to `path` is of, where the service's protocol is REST and its paths are fixed.
    fn operation_at(&self, _path: &str) -> Option<&'static str> {
        None
    }

    /// Whether it has the operation `name`.
    fn has(&self, name: &str) -> bool;

    /// Reads the input of the operation `name`; `None` when there is no such operation.
    fn decode(
        &self,
        name: &str,
        protocol: Protocol,
        body: &[u8],
    ) -> Option<Result<Box<dyn Call>, DecodeError>>;
}

/// A service made of its state and a table of operations.
pub struct Catalogue<S: 'static> {
    facts: &'static ServiceFacts,
    state: Arc<S>,
    by_name: HashMap<&'static str, &'static dyn AnyOperation<S>>,
    takes_unsigned: fn(&S) -> bool,
    paths: &'static [(&'static str, &'static str)],
}

impl<S: Send + Sync + 'static> Catalogue<S> {
    /// A service that offers `operations` on `state`.
    ///
    /// ```ignore
    /// static OPERATIONS: &[&dyn AnyOperation<Queues>] = &[&create_queue::CreateQueue, …];
    /// Arc::new(Catalogue::new(&FACTS, queues, OPERATIONS)) as Arc<dyn Service>
    /// ```
    #[must_use]
    pub fn new(
        facts: &'static ServiceFacts,
        state: Arc<S>,
        operations: &[&'static dyn AnyOperation<S>],
    ) -> Self {
        let by_name = operations
            .iter()
            .map(|operation| (operation.name(), *operation))
            .collect();
        Self {
            facts,
            state,
            by_name,
            takes_unsigned: |_| false,
            paths: &[],
        }
    }

    /// The same, with operations that a `POST` to their path asks for: path and name of each.
    #[must_use]
    pub fn with_paths(mut self, paths: &'static [(&'static str, &'static str)]) -> Self {
        self.paths = paths;
        self
    }

    /// The same, open to callers who have not signed while `takes_unsigned` says so.
    #[must_use]
    pub fn open_while(mut self, takes_unsigned: fn(&S) -> bool) -> Self {
        self.takes_unsigned = takes_unsigned;
        self
    }
}

impl<S: Send + Sync + 'static> Service for Catalogue<S> {
    fn facts(&self) -> &'static ServiceFacts {
        self.facts
    }

    fn operations(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.by_name.keys().copied().collect();
        names.sort_unstable();
        names
    }

    fn takes_unsigned(&self) -> bool {
        (self.takes_unsigned)(&self.state)
    }

    fn operation_at(&self, path: &str) -> Option<&'static str> {
        let found = self.paths.iter().find(|(known, _)| *known == path);
        found.map(|(_, name)| *name)
    }

    fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    fn decode(
        &self,
        name: &str,
        protocol: Protocol,
        body: &[u8],
    ) -> Option<Result<Box<dyn Call>, DecodeError>> {
        let operation = *self.by_name.get(name)?;
        Some(operation.decode(self.facts, &self.state, protocol, body))
    }
}

impl<S> fmt::Debug for Catalogue<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalogue")
            .field("service", &self.facts.name)
            .field("operations", &self.by_name.len())
            .finish_non_exhaustive()
    }
}
