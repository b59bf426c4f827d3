//! ListPublicKeys: the public halves of the keys that signed digests within a time.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use base::Timestamp;
use wire::{Blob, Shape};

use super::Desk;
use crate::engine::state::SigningKey;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct ListPublicKeysRequest {
    start_time: Option<Timestamp>,
    end_time: Option<Timestamp>,
    next_token: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct ListPublicKeysResponse {
    public_key_list: Option<Vec<PublicKey>>,
    next_token: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct PublicKey {
    value: Option<Blob>,
    validity_start_time: Option<Timestamp>,
    validity_end_time: Option<Timestamp>,
    fingerprint: Option<String>,
}

impl Act<Desk> for ListPublicKeysRequest {
    type Output = ListPublicKeysResponse;
    const ACTION: &'static str = "cloudtrail:ListPublicKeys";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        desk.everything(Self::ACTION)
    }

    async fn act(self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<ListPublicKeysResponse, Fault> {
        // One a year: all stand on the first page, and no token was ever given.
        if self.next_token.is_some_and(|token| !token.is_empty()) {
            return Err(Fault::sender(
                "InvalidTokenException",
                "NextToken is not one that ListPublicKeys gave.",
            ));
        }
        let now = desk.trails.now();
        let (start, end) = (self.start_time.unwrap_or(now), self.end_time.unwrap_or(now));
        if start > end {
            return Err(Fault::sender(
                "InvalidTimeRangeException",
                "StartTime is after EndTime.",
            ));
        }
        let is_within = |key: &&SigningKey| {
            Timestamp::from(key.from) <= end && start <= Timestamp::from(key.until)
        };
        let state = desk.trails.state();
        let keys = state.keys.iter().filter(is_within).filter_map(shown);
        Ok(ListPublicKeysResponse {
            public_key_list: Some(keys.collect()),
            next_token: None,
        })
    }
}

fn shown(key: &SigningKey) -> Option<PublicKey> {
    Some(PublicKey {
        value: Some(Blob(hex::decode(&key.public).ok()?.into())),
        validity_start_time: Some(key.from.into()),
        validity_end_time: Some(key.until.into()),
        fingerprint: Some(key.fingerprint.clone()),
    })
}
