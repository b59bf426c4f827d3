//! Receivers that misbehave while the victims are killed. Each is a host of its own, so that none spoils another's account.

use std::fmt::Write as _;

/// One notification in so many goes to one of them. Chosen: each has something in hand at most kills, and their failures are
/// soon worked off at the end.
const EVERY: u64 = 20;

/// How long they are tried. Chosen: two or three attempts.
pub(super) const RETRY_FOR: &str = "5s";

/// Host, and what the sink does at this path.
const KINDS: [(&str, &str); 8] = [
    ("hang", "/hang"),
    ("drip", "/drip?ms=500"),
    ("reset", "/reset"),
    ("close", "/close"),
    ("garbage", "/garbage"),
    ("huge", "/huge?bytes=10000000000"),
    ("broken", "/status/500"),
    ("elsewhere", "/redirect?to=/ok"),
];

/// Where notification `n` goes.
pub(super) fn url(n: u64, sink: &str) -> String {
    let kind = usize::try_from(n / EVERY).unwrap_or_default() % KINDS.len();
    match KINDS.get(kind) {
        Some((host, path)) if n.is_multiple_of(EVERY) => {
            let mark = if path.contains('?') { '&' } else { '?' };
            format!("http://{host}.torture.test{path}{mark}hostile={n}")
        }
        _ => format!("http://{sink}/ok?n={n}"),
    }
}

/// Whether notification `n` goes to one of them.
pub(super) fn is_hostile(n: u64) -> bool {
    n.is_multiple_of(EVERY)
}

/// The settings by which their hosts are the sink.
pub(super) fn rules(sink: &str) -> String {
    KINDS.iter().fold(String::new(), |mut text, (host, _)| {
        // Writing into a String does not fail.
        let _ = writeln!(
            text,
            "[destinations.\"{host}.torture.test\"]\nconnect_to = \"{sink}\"\n"
        );
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_kinds_get_their_share() {
        let urls: Vec<String> = (0..EVERY * 8).map(|n| url(n, "127.0.0.1:9")).collect();
        for (host, path) in KINDS {
            let there = format!("http://{host}.torture.test{path}");
            assert_eq!(
                urls.iter().filter(|url| url.starts_with(&there)).count(),
                1,
                "{there}"
            );
        }
        let good = urls
            .iter()
            .filter(|url| url.starts_with("http://127.0.0.1:9/ok?n="));
        assert_eq!(good.count() as u64, EVERY * 8 - 8);
        assert_eq!((0..EVERY * 8).filter(|n| is_hostile(*n)).count(), 8);
    }
}
