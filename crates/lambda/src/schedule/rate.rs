//! Every so often: `5 minutes`, `1 hour`, `7 days`.
//!
//! AWS says that a rate begins when its rule is made, and not whether at once or one period later. Here the first moment lies one
//! period after the anchor (chosen): a rule that is made again and again would fire each time otherwise.

use std::str::FromStr;

use base::Timestamp;

use super::Invalid;

const MINUTE_MS: u64 = 60_000;

/// A period of whole minutes, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    millis: u64,
}

impl Rate {
    /// The first of `anchor + 1, 2, … periods` after `after`.
    #[must_use]
    pub fn next(self, anchor: Timestamp, after: Timestamp) -> Option<Timestamp> {
        let (anchor, after) = (anchor.as_millis(), after.as_millis());
        let passed = after.saturating_sub(anchor) / self.millis;
        let ahead = passed.checked_add(1)?.checked_mul(self.millis)?;
        Some(Timestamp::from_millis(anchor.checked_add(ahead)?))
    }

    /// The last of them after `after` and at or before `now`.
    pub(super) fn latest(
        self,
        anchor: Timestamp,
        after: Timestamp,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let passed = now.as_millis().checked_sub(anchor.as_millis())? / self.millis;
        let ahead = passed.checked_mul(self.millis)?;
        let moment = Timestamp::from_millis(anchor.as_millis().checked_add(ahead)?);
        (passed > 0 && moment > after).then_some(moment)
    }
}

impl FromStr for Rate {
    type Err = Invalid;

    /// Reads what stands between the brackets.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = || Invalid::Rate {
            given: text.to_owned(),
        };
        let (value, unit) = text.split_once(' ').ok_or_else(invalid)?;
        let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        let value: u32 = match is_number {
            true => value.parse().map_err(|_| invalid())?,
            false => return Err(invalid()),
        };
        let minutes: u64 = match (value, unit) {
            (0, _) => return Err(invalid()),
            (1, "minute") | (2.., "minutes") => 1,
            (1, "hour") | (2.., "hours") => 60,
            (1, "day") | (2.., "days") => 24 * 60,
            _ => return Err(invalid()),
        };
        Ok(Self {
            millis: u64::from(value) * minutes * MINUTE_MS,
        })
    }
}
