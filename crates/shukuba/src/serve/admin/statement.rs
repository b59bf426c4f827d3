//! `statement`: what was accepted in some days and what became of it, signed.

use bytes::Bytes;
use delivery::ledger::failures::DAYS_MAX;
use delivery::ledger::period::Days;
use serde::{Deserialize, Serialize};

use super::{Answer, Desk, failed, read, refuse, write};
use crate::account;
use crate::statement::build::{self, Choice, DAY, Maker, begins};
use crate::statement::sign::{Key, pem};

/// What is asked; without days, only the key.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Input {
    /// When the first day begins, days since the epoch.
    pub(crate) from_day: u32,
    /// When the last day has ended.
    pub(crate) to_day: u32,
    pub(crate) route: Option<String>,
    pub(crate) destination: Option<String>,
}

pub(super) async fn statement(desk: &Desk, input: Bytes) -> Answer {
    let input: Input = read(&input)?;
    let now = desk.work.clock.now();
    let today = u32::try_from(now.as_minutes()).unwrap_or(u32::MAX) / DAY;
    check_days(&input, today)?;
    let routes: Vec<(String, String)> = {
        let routes = desk.notifiers.routes.read();
        let names = routes.values();
        names
            .map(|route| (route.name.to_string(), route.queue.name().to_owned()))
            .collect()
    };
    if let Some(name) = &input.route {
        // Says which there are.
        desk.route(name)?;
    }
    let days = Days {
        from: input.from_day * DAY,
        to: input.to_day * DAY,
    };
    let period = desk.ledger.period(days);
    let is_one = input.to_day - input.from_day == 1;
    let before = is_one.then(|| {
        desk.ledger.period(Days {
            from: days.from - DAY,
            to: days.from,
        })
    });
    let no_account = |error: anyhow::Error| failed("the account cannot be read", &*error);
    let keys = account::open_kept(&desk.dir, &desk.live.now().config.server);
    let maker = Maker {
        account: keys.map_err(no_account)?.account_id().to_string(),
        at: now,
    };
    let choice = Choice {
        route: input.route,
        destination: input.destination,
    };
    let made = build::statement(days, &period, before.as_ref(), &routes, &choice, &maker);
    write(&key(desk)?.sign(made))
}

/// The key that signs, for those who check.
pub(super) async fn public_key(desk: &Desk, input: Bytes) -> Answer {
    let Input { .. } = read(&input)?;
    let public = key(desk)?.public();
    let pem = pem(&public).map_err(|error| failed("the key cannot be shown", &*error))?;
    write(&serde_json::json!({ "algorithm": "ed25519", "public_key": public, "pem": pem }))
}

fn key(desk: &Desk) -> Result<Key, api::Fault> {
    Key::open_or_make(&desk.dir)
        .map_err(|error| failed("the key for statements cannot be used", &*error))
}

/// Refuses days that the ledger does not keep apart, and those that have not begun.
fn check_days(input: &Input, today: u32) -> Result<(), api::Fault> {
    // The day before the first is asked as well.
    let first = today.saturating_sub(DAYS_MAX - 2);
    let day = |day: u32| begins(day.saturating_mul(DAY)).rfc3339();
    if input.from_day >= input.to_day {
        return Err(refuse(format!(
            "the first day, {}, is not before the end, {}",
            day(input.from_day),
            day(input.to_day)
        )));
    }
    if input.to_day > today + 1 {
        return Err(refuse(format!(
            "days until {} are asked, and it is {}: the last one has not begun",
            day(input.to_day),
            day(today)
        )));
    }
    if input.from_day < first {
        return Err(refuse(format!(
            "days from {} are asked, and the ledger keeps days apart from {} on",
            day(input.from_day),
            day(first)
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_must_be_in_order_begun_and_kept() {
        let today = 20_000;
        let check = |from_day, to_day| {
            let input = Input {
                from_day,
                to_day,
                ..Input::default()
            };
            check_days(&input, today).map_err(|fault| fault.to_string())
        };
        assert_eq!(check(today, today + 1), Ok(()));
        assert_eq!(check(today - 399, today + 1), Ok(()));
        for (from, to, words) in [
            (today, today, "is not before"),
            (today, today + 2, "has not begun"),
            (today - 400, today, "keeps days apart from"),
            (u32::MAX - 1, u32::MAX, "has not begun"),
        ] {
            let error = check(from, to).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
