//! The built-in check of a name: it has addresses, as the host's own resolver says.

use base::Clock;

use crate::check::config::{Check, Dns};
use crate::check::{Outcome, Status};
use crate::datum::{Measured, PLUGINS, Unit};

/// Looks a name up.
pub(super) async fn check(check: &Check, dns: &Dns, clock: &dyn Clock) -> Outcome {
    let began = clock.monotonic();
    let found = tokio::net::lookup_host((dns.name.as_str(), 0)).await;
    let took_ms = clock.monotonic().saturating_sub(began).as_secs_f64() * 1000.0;
    let mut addresses: Vec<std::net::IpAddr> = match found {
        Ok(found) => found.map(|address| address.ip()).collect(),
        Err(error) => return Outcome::of(Status::Critical, format!("{}: {error}", dns.name)),
    };
    addresses.sort_unstable();
    addresses.dedup();
    let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let shown = shown.join(", ");
    let mut outcome = match dns.address.filter(|wanted| !addresses.contains(wanted)) {
        Some(wanted) => Outcome::of(
            Status::Critical,
            format!("{} has {shown}, and not {wanted}", dns.name),
        ),
        None => Outcome::of(
            check.judge_main("time", took_ms),
            format!("{} has {shown}, found in {took_ms:.0} ms", dns.name),
        ),
    };
    let took = Measured::new(PLUGINS, "time", Unit::Milliseconds, took_ms);
    outcome.metrics.push(took);
    outcome
}

#[cfg(test)]
mod tests {
    use base::SystemClock;

    use super::*;

    async fn look(name: &str, address: Option<&str>) -> Outcome {
        let dns = Dns {
            name: name.to_owned(),
            address: address.map(|text| text.parse().unwrap()),
        };
        super::check(&Check::default(), &dns, &SystemClock::new()).await
    }

    #[tokio::test]
    async fn a_name_has_its_addresses_or_the_check_is_critical() {
        // Names of RFC 6761: the first is this host's, the second never exists.
        let outcome = look("localhost", Some("127.0.0.1")).await;
        assert_eq!(outcome.status, Status::Ok, "{}", outcome.text);
        let outcome = look("localhost", Some("192.0.2.1")).await;
        assert_eq!(outcome.status, Status::Critical);
        assert!(
            outcome.text.contains("and not 192.0.2.1"),
            "{}",
            outcome.text
        );
        let outcome = look("nobody.invalid", None).await;
        assert_eq!(outcome.status, Status::Critical, "{}", outcome.text);
    }
}
