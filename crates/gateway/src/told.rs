//! Step: record, for calls that came to nothing. What they claim is told as a claim.

use std::sync::Arc;
use std::time::Duration;

use api::{Audit, CLAIM_CHARS_MAX, CallRecord, Caller, Ctx, Fault, ServiceFacts, Stage};
use http::header;
use http::request::Parts;

use crate::admin;
use crate::basic::Basic;
use crate::door::{Door, Visit};
use crate::form;
use crate::route::{self, Route};

/// What a body has told of a call that was not decoded.
#[derive(Debug, Default)]
pub(crate) struct Told {
    action: Option<String>,
}

/// The most characters of a key's id that is only claimed. AWS's have 20, those of the API may have 128.
const KEY_ID_CHARS_MAX: usize = 128;

impl Told {
    /// Keeps what a form names.
    pub(crate) fn read(&mut self, route: Route<'_>, body: &[u8]) {
        if route == Route::Query {
            self.action = form::value(body, "Action").map(|action| word(&action, CLAIM_CHARS_MAX));
        }
    }

    fn operation(&self, head: &Parts, route: Route<'_>) -> String {
        match route {
            Route::Rpc { operation, .. } => word(operation, CLAIM_CHARS_MAX),
            Route::Admin { name } => word(name, CLAIM_CHARS_MAX),
            Route::Rest { operation, .. } => operation.unwrap_or_default().to_owned(),
            _ => {
                let query = head.uri.query().unwrap_or_default().as_bytes();
                let named = form::value(query, "Action");
                let named = named.map(|action| word(&action, CLAIM_CHARS_MAX));
                named.or_else(|| self.action.clone()).unwrap_or_default()
            }
        }
    }
}

impl Door {
    /// Records a call by whom nothing was proven.
    pub(crate) async fn tell_refused(
        &self,
        visit: &Visit<'_>,
        (route, facts): (Route<'_>, Option<&ServiceFacts>),
        told: &Told,
        fault: &Fault,
    ) {
        let key_id = credential(visit.head).and_then(|credential| part(credential, 0));
        let user = Basic::read(visit.head).map(|basic| word(basic.user(), KEY_ID_CHARS_MAX));
        let key_id = key_id.map(|key_id| word(key_id, KEY_ID_CHARS_MAX));
        let key_id = key_id.or(user).unwrap_or_default();
        let nobody = Caller::anonymous(&self.parts.account, &key_id);
        let ctx = self.ctx(visit, Arc::new(nobody));
        self.tell(visit, (route, facts), told, &ctx, (Stage::Refused, fault))
            .await;
    }

    /// Records a call of a known caller that was not understood.
    pub(crate) async fn tell_undecoded(
        &self,
        visit: &Visit<'_>,
        (route, facts): (Route<'_>, Option<&ServiceFacts>),
        told: &Told,
        ctx: &Ctx,
        fault: &Fault,
    ) {
        self.tell(visit, (route, facts), told, ctx, (Stage::Undecoded, fault))
            .await;
    }

    async fn tell(
        &self,
        visit: &Visit<'_>,
        (route, facts): (Route<'_>, Option<&ServiceFacts>),
        told: &Told,
        ctx: &Ctx,
        (stage, fault): (Stage, &Fault),
    ) {
        let service = match (facts, route) {
            (Some(facts), _) => facts.name.to_owned(),
            (None, Route::Admin { .. }) => admin::SERVICE.to_owned(),
            (None, _) => word(signed_for(visit.head).unwrap_or_default(), CLAIM_CHARS_MAX),
        };
        let kept = self.parts.recorder.record(&CallRecord {
            service: &service,
            operation: &told.operation(visit.head, route),
            audit: Audit::Management,
            stage,
            ctx,
            host: route::text(visit.head, header::HOST.as_str()),
            access: &[],
            input: None,
            output: None,
            outcome: Err(fault),
            took: Duration::ZERO,
        });
        kept.await;
    }
}

/// The service in the scope of the signature that a request claims to have, such as `s3`; proven later.
pub(crate) fn signed_for(head: &Parts) -> Option<&str> {
    part(credential(head)?, 3)
}

/// The credential that a request claims: `KEYID/20150830/us-east-1/s3/aws4_request`, perhaps percent-encoded.
fn credential(head: &Parts) -> Option<&str> {
    let in_header = route::text(head, header::AUTHORIZATION.as_str());
    match in_header.split_once("Credential=") {
        Some((_, rest)) => rest.split([',', ' ']).next(),
        None => {
            let query = head.uri.query().unwrap_or_default();
            query
                .split('&')
                .find_map(|pair| pair.strip_prefix("X-Amz-Credential="))
        }
    }
}

fn part(credential: &str, at: usize) -> Option<&str> {
    let parts = credential.split('/').flat_map(|part| part.split("%2F"));
    parts.flat_map(|part| part.split("%2f")).nth(at)
}

/// What a stranger wrote, as far as it looks like a name.
fn word(text: &str, chars_max: usize) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    text.chars().take_while(is_plain).take(chars_max).collect()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn head(uri: &str, authorization: &str) -> Parts {
        let request = Request::builder().uri(uri);
        let request = request.header(header::AUTHORIZATION, authorization);
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_claim_is_read_from_header_and_query() {
        let scope = "AKIAEXAMPLE/20261129/us-east-1/iam/aws4_request";
        let in_header = head(
            "/",
            &format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host"),
        );
        assert_eq!(signed_for(&in_header), Some("iam"));
        let query = format!("/?X-Amz-Credential={}", scope.replace('/', "%2F"));
        assert_eq!(signed_for(&head(&query, "")), Some("iam"));
        assert_eq!(
            part(credential(&in_header).unwrap(), 0),
            Some("AKIAEXAMPLE")
        );
        assert_eq!(signed_for(&head("/", "Basic x")), None);
        assert_eq!(signed_for(&head("/", "Credential=")), None);
    }

    #[test]
    fn what_a_stranger_writes_is_cut_where_it_is_no_name() {
        assert_eq!(word("CreateUser", 128), "CreateUser");
        assert_eq!(word("Create\nUser", 128), "Create");
        assert_eq!(word(&"a".repeat(300), 128).len(), 128);
    }
}
