//! Step: verify. Who calls, and what was sent.
//!
//! INVARIANT: nothing of a body is kept for a caller without a known key, unless a service has something that is open to all.

use std::sync::Arc;

use api::{Caller, Fault, Key, Service, ServiceFacts};
use http::request::Parts;
use hyper::body::Incoming;
use wire::Protocol;
use wire::sigv4::{Claim, Refusal, RequestParts, Rules};

use crate::admin;
use crate::answer::{self, Tongue};
use crate::body::{self, Trouble};
use crate::door::{Door, Visit, asks_first};
use crate::form;
use crate::limits::Limits;
use crate::route::Route;
use crate::told::{Told, signed_for};

/// What a request says of who sent it, and proves only with its body.
enum Claimed<'v, 'a> {
    /// Somebody with a known key.
    Signed {
        claim: Box<Claim<'v>>,
        key: Arc<Key>,
        service: Option<&'a Arc<dyn Service>>,
    },
    /// Nobody.
    Unsigned,
}

/// A caller, proven or anonymous, with what was sent.
pub(crate) struct Proven<'a> {
    pub(crate) caller: Arc<Caller>,
    pub(crate) body: body::Read<'a>,
    /// The service for which the signature holds; `None` for the operator's API.
    pub(crate) service: Option<&'a Arc<dyn Service>>,
}

/// What a signature is made over.
pub(crate) fn parts(head: &Parts) -> RequestParts<'_> {
    RequestParts {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
    }
}

impl Door {
    /// Finds out who calls, and takes the body in.
    pub(crate) async fn verify<'v, 'a: 'v>(
        &'a self,
        visit: &Visit<'v>,
        tongue: &mut Tongue,
        told: &mut Told,
        route: Route<'_>,
        body: Incoming,
    ) -> Result<Proven<'a>, Fault> {
        let claimed = match self.claim(visit, tongue, route) {
            Ok(claimed) => claimed,
            Err(fault) => {
                // Who asks before sending a body is answered instead of being asked for it.
                if !asks_first(visit.head) {
                    // The answer matters more than this body; what is wrong with it is no news.
                    let _ = body::discard(body, &self.parts.limits).await;
                }
                return Err(fault);
            }
        };
        let limits = self.limits(route);
        let body = body::read(body, &limits, &self.bodies)
            .await
            .map_err(|trouble| troubled(trouble, &limits))?;
        match claimed {
            Claimed::Signed {
                claim,
                key,
                service,
            } => {
                if let Err(refusal) = claim.verify(&key.secret, &body.bytes) {
                    told.read(route, &body.bytes);
                    return Err(answer::refused(tongue.protocol, &refusal));
                }
                visit.peer.set_proven();
                self.parts.keys.used(&key, claim.service(), visit.at);
                Ok(Proven {
                    caller: Arc::clone(&key.caller),
                    body,
                    service,
                })
            }
            Claimed::Unsigned => self.unsigned(visit, tongue, told, route, body),
        }
    }

    /// The half of verifying that needs no body: form, scope, clock, key.
    fn claim<'v, 'a: 'v>(
        &'a self,
        visit: &Visit<'v>,
        tongue: &mut Tongue,
        route: Route<'_>,
    ) -> Result<Claimed<'v, 'a>, Fault> {
        match route {
            Route::Rpc { .. } | Route::Rest { .. } => {
                tongue.facts = self.service_of(route, "").map(|found| found.facts());
            }
            Route::Query => tongue.protocol = self.query_protocol(visit.head),
            _ => {}
        }
        let protocol = tongue.protocol;
        let refused = |refusal| answer::refused(protocol, &refusal);
        let rules = Rules {
            global: &self.global,
            ..Rules::service(self.parts.region.as_str())
        };
        let claim = match Claim::read(parts(visit.head), rules, visit.at) {
            Ok(claim) => claim,
            Err(Refusal::Missing) if self.is_open(route) => return Ok(Claimed::Unsigned),
            Err(refusal) => return Err(refused(refusal)),
        };
        let key = self
            .parts
            .keys
            .find(claim.key_id(), claim.token())
            .map_err(refused)?;
        let service = self.service_of(route, claim.service());
        tongue.facts = service.map(|service| service.facts());
        if let Some(service) = service {
            claim.check_service(service.facts().name).map_err(refused)?;
        } else if matches!(route, Route::Admin { .. }) {
            claim.check_service(admin::SERVICE).map_err(refused)?;
        }
        Ok(Claimed::Signed {
            claim: Box::new(claim),
            key,
            service,
        })
    }

    /// The service that a request is for: by its target, or by what its form was signed for.
    fn service_of(&self, route: Route<'_>, signed_for: &str) -> Option<&Arc<dyn Service>> {
        match route {
            Route::Rpc {
                target, protocol, ..
            } => self.service_with(|service| is_meant(service.facts(), protocol, target)),
            Route::Rest { service: named, .. } => {
                self.service_with(|service| service.facts().name == named)
            }
            Route::Query => self.service_with(|service| {
                let facts = service.facts();
                facts.name == signed_for && facts.query_version.is_some()
            }),
            _ => None,
        }
    }

    /// The query form of the service that a form claims to be signed for; whether it is, is proven later.
    fn query_protocol(&self, head: &Parts) -> Protocol {
        let named = signed_for(head).and_then(|name| self.service_of(Route::Query, name));
        named.map_or(Protocol::Query, |service| service.facts().query_protocol)
    }

    /// Whether an unsigned request may be for something that is open to all.
    fn is_open(&self, route: Route<'_>) -> bool {
        let found = match route {
            Route::Rpc { .. } => self
                .service_of(route, "")
                .filter(|service| service.takes_unsigned()),
            Route::Query => self.service_with(|service| {
                service.facts().query_version.is_some() && service.takes_unsigned()
            }),
            _ => None,
        };
        found.is_some()
    }

    /// An unsigned request, for the service that takes such and has the operation.
    fn unsigned<'a>(
        &'a self,
        visit: &Visit<'_>,
        tongue: &mut Tongue,
        told: &mut Told,
        route: Route<'_>,
        body: body::Read<'a>,
    ) -> Result<Proven<'a>, Fault> {
        told.read(route, &body.bytes);
        let service = match route {
            Route::Query => self.service_with(|service| {
                service.facts().query_version.is_some()
                    && service.takes_unsigned()
                    && action(visit.head, &body.bytes).is_some_and(|action| service.has(&action))
            }),
            _ => self.service_of(route, ""),
        };
        let service = service.ok_or_else(|| answer::refused(tongue.protocol, &Refusal::Missing))?;
        tongue.facts = Some(service.facts());
        if route == Route::Query {
            tongue.protocol = service.facts().query_protocol;
        }
        Ok(Proven {
            caller: Arc::clone(&self.nobody),
            body,
            service: Some(service),
        })
    }
}

/// The fault for a body that is not there.
pub(crate) fn troubled(trouble: Trouble, limits: &Limits) -> Fault {
    match trouble {
        Trouble::TooLarge => {
            let limit = limits.body_bytes;
            answer::front(
                "RequestEntityTooLargeException",
                413,
                format!("the body is larger than {limit}"),
            )
        }
        Trouble::TooSlow => answer::front(
            "RequestTimeoutException",
            408,
            "the body did not arrive in time",
        ),
        Trouble::Broken => {
            answer::front("MalformedHttpRequestException", 400, "the body broke off")
        }
        Trouble::TooLargeInflated => {
            let limit = limits.body_bytes;
            answer::front(
                "RequestEntityTooLargeException",
                413,
                format!("the body is larger than {limit} when it is inflated"),
            )
        }
        Trouble::NotGzip => answer::front(
            "MalformedHttpRequestException",
            400,
            "the body is not gzip in one piece, which its Content-Encoding says it is",
        ),
        Trouble::Busy => answer::front(
            "ServiceUnavailable",
            503,
            "too many large requests at a time; try again",
        ),
    }
}

/// The `Action` of a form, in the query string or the body.
fn action(head: &Parts, body: &[u8]) -> Option<String> {
    let query = head.uri.query().unwrap_or_default().as_bytes();
    let found = form::value(query, "Action").or_else(|| form::value(body, "Action"))?;
    Some(found.into_owned())
}

/// Whether `target` means a service: in CBOR its name in the path; in JSON what `X-Amz-Target` has before the operation, its
/// name or the last part of a name with a package, which is what AWS's SDK for Go sends (`CloudTrail_20131101`, seen with
/// Terraform's provider 5.100).
fn is_meant(facts: &ServiceFacts, protocol: Protocol, target: &str) -> bool {
    if protocol == Protocol::RpcV2Cbor {
        return facts.rpc_service == Some(target);
    }
    facts.json_target.is_some_and(|name| {
        let last = name.rsplit('.').next();
        name == target || last == Some(target)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_meant_with_and_without_its_package() {
        let facts = |json_target| ServiceFacts {
            name: "cloudtrail",
            json_target,
            json_protocol: Protocol::Json11,
            rpc_service: None,
            query_version: None,
            query_protocol: Protocol::Query,
            xml_namespace: "",
            error_namespace: "",
            is_query_compatible: false,
            query_url_member: None,
            is_global: false,
        };
        let packed = facts(Some("com.amazonaws.CloudTrail_20131101"));
        assert!(is_meant(
            &packed,
            Protocol::Json11,
            "com.amazonaws.CloudTrail_20131101"
        ));
        assert!(is_meant(&packed, Protocol::Json11, "CloudTrail_20131101"));
        assert!(!is_meant(
            &packed,
            Protocol::Json11,
            "amazonaws.CloudTrail_20131101"
        ));
        assert!(!is_meant(&packed, Protocol::Json11, ""));
        assert!(is_meant(
            &facts(Some("AmazonSQS")),
            Protocol::Json11,
            "AmazonSQS"
        ));
        assert!(!is_meant(&facts(None), Protocol::Json11, ""));
        let spoken = ServiceFacts {
            rpc_service: Some("Trail"),
            ..packed
        };
        assert!(is_meant(&spoken, Protocol::RpcV2Cbor, "Trail"));
        assert!(!is_meant(
            &spoken,
            Protocol::RpcV2Cbor,
            "CloudTrail_20131101"
        ));
        assert!(!is_meant(&spoken, Protocol::Json11, "Trail"));
        assert!(!is_meant(&packed, Protocol::RpcV2Cbor, "Trail"));
    }
}
