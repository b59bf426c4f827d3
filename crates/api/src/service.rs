//! A service as the gateway sees it: facts to route by, and operations by name.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use base::ByteCount;
use wire::rest::{Request, Routes};
use wire::{DecodeError, Protocol};

use crate::operation::{AnyOperation, Call};

/// What the gateway must know of a service in order to route to it and to answer in its form.
#[derive(Clone, Copy, Debug)]
pub struct ServiceFacts {
    /// The name in the credential scope and in actions, such as `sqs`.
    pub name: &'static str,
    /// What stands before the dot of `X-Amz-Target`, such as `AmazonSQS`; `None` where the service has no JSON.
    pub json_target: Option<&'static str>,
    /// The JSON protocol that it answers in: [`Protocol::Json10`], [`Protocol::Json11`], or [`Protocol::RestJson`], which has
    /// no target: then requests that are signed for the service are its own by method and path.
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

    /// The operation that a request is of, where the service speaks REST.
    ///
    /// `path`, `query`: as sent.
    fn operation_at(&self, _method: &str, _path: &str, _query: &str) -> Option<&'static str> {
        None
    }

    /// The most bytes of a request's body for the operation `name` where they are not the gateway's for all.
    fn body_bytes(&self, _name: &str) -> Option<ByteCount> {
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

    /// Reads the input of the operation `name` from a request over REST; `None` when there is no such operation.
    fn decode_rest(
        &self,
        _name: &str,
        _request: &Request<'_>,
    ) -> Option<Result<Box<dyn Call>, DecodeError>> {
        None
    }
}

/// A service made of its state and a table of operations.
pub struct Catalogue<S: 'static> {
    facts: &'static ServiceFacts,
    state: Arc<S>,
    by_name: HashMap<&'static str, &'static dyn AnyOperation<S>>,
    takes_unsigned: fn(&S) -> bool,
    routes: Routes,
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
        let route = |operation: &&'static dyn AnyOperation<S>| {
            operation.http().map(|http| (http, operation.name()))
        };
        Self {
            facts,
            state,
            by_name,
            takes_unsigned: |_| false,
            routes: Routes::new(operations.iter().filter_map(route)),
        }
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

    fn operation_at(&self, method: &str, path: &str, query: &str) -> Option<&'static str> {
        self.routes.find(method, path, query)
    }

    fn body_bytes(&self, name: &str) -> Option<ByteCount> {
        self.by_name.get(name)?.http()?.body_bytes
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

    fn decode_rest(
        &self,
        name: &str,
        request: &Request<'_>,
    ) -> Option<Result<Box<dyn Call>, DecodeError>> {
        let operation = *self.by_name.get(name)?;
        Some(operation.decode_rest(self.facts, &self.state, request))
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
