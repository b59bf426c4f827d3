//! How many requests it takes to receive what is sent, where each of them costs.

use super::*;

/// What a notifier did in some seconds.
#[derive(Debug, Default)]
struct Done {
    received: usize,
    receives: usize,
    sent: usize,
    /// Times that it asked to be woken at once.
    at_once: usize,
}

/// Works off a long backlog for four receivers that answer after `latency` for `millis`, with a retry queue in which nothing is; a
/// receive takes 15 ms, one of the retry queue its long poll.
fn work_for(millis: u64, slots: u32, latency: u64, gather_ms: u64) -> Done {
    let traits = QueueTraits {
        sources: 2,
        settle_within: Duration::from_millis(gather_ms),
        ..SQS
    };
    let mut dispatcher = dispatcher_like(traits, slots, unqueued(FormatKind::Url));
    let mut done = Done::default();
    let mut flights: BTreeMap<(u64, usize), JobKey> = BTreeMap::new();
    let mut polls: Vec<(u64, Ask)> = Vec::new();
    let mut retry_poll: Option<(u64, Ask)> = None;
    for now in 0..millis {
        for action in act(&mut dispatcher, now) {
            match action {
                Action::Send(send) => {
                    flights.insert((now + latency, done.sent), send.job);
                    done.sent += 1;
                }
                Action::Receive(ask) if polls.is_empty() || retry_poll.is_some() => {
                    polls.push((now + 15, ask));
                }
                Action::Receive(ask) => {
                    let wait = u64::try_from(ask.wait.as_millis()).unwrap();
                    retry_poll = Some((now + wait.max(15), ask));
                }
                Action::Settle { keys, .. } => dispatcher.settled(&keys),
                _ => {}
            }
        }
        done.at_once += usize::from(dispatcher.wake_at() <= at(now).mono);
        if let Some((_, ask)) = retry_poll.take_if(|(end, _)| *end <= now) {
            dispatcher.received(at(now), Vec::new(), ask.max);
        }
        for (_, ask) in polls.extract_if(.., |(end, _)| *end <= now) {
            let first = done.received;
            done.received += ask.max;
            done.receives += 1;
            let message = |n: usize| {
                received(
                    u32::try_from(n).unwrap(),
                    "",
                    &format!("http://{}.example/", n % 4),
                )
            };
            let batch = (first..done.received).map(message).collect();
            dispatcher.received(at(now), batch, ask.max);
        }
        while let Some(flight) = flights.first_entry().filter(|flight| flight.key().0 <= now) {
            let mut answer = attempt(Some(200), None);
            answer.timings.total = Duration::from_millis(latency);
            dispatcher.finished(at(now), flight.remove(), answer);
        }
    }
    done
}

#[test]
fn receives_are_full_where_requests_cost_and_slots_are_used() {
    let done = work_for(10_000, 64, 100, 1_000);
    assert!(done.received >= done.receives * 19 / 2, "{done:?}");
    // Of four receivers each has as many under way as are left free.
    let most = 64 * 4 / 5 * 100;
    assert!(done.sent * 100 >= most * 98, "{done:?}");
    assert!(done.at_once < 100, "{done:?}");
}

#[test]
fn few_slots_and_quick_receivers_do_not_wait_for_a_full_receive() {
    let few = work_for(10_000, 8, 100, 1_000);
    assert!(few.sent * 100 >= 8 * 4 / 5 * 100 * 98, "{few:?}");
    // A receive takes longer than a send here: what is under way has to be some tens, and was before they were gathered.
    let quick = work_for(10_000, 64, 10, 1_000);
    assert!(quick.sent >= 31_000, "{quick:?}");
}

#[test]
fn slots_are_used_while_results_are_gathered_for_long() {
    let done = work_for(20_000, 64, 100, 10_000);
    assert!(done.sent * 100 >= 2 * 64 * 4 / 5 * 100 * 98, "{done:?}");
}

#[test]
fn large_lines_are_not_gathered_beyond_their_bound() {
    let traits = QueueTraits {
        settle_within: Duration::from_secs(10),
        ..SQS
    };
    let mut dispatcher = dispatcher_like(traits, 64, unqueued(FormatKind::Url));
    act(&mut dispatcher, 0);
    let settled = |dispatcher: &mut Dispatcher, numbers: std::ops::Range<u32>| {
        // No URL: dead, and gathered at once.
        let large = "x".repeat(1 << 20);
        let batch = numbers.map(|n| received(n, "", &large)).collect();
        dispatcher.received(at(1), batch, 10);
        let actions = act(dispatcher, 1);
        let settle = actions.into_iter().find_map(|action| match action {
            Action::Settle { keys, .. } => Some(keys.len()),
            _ => None,
        });
        settle.unwrap_or(0)
    };
    assert_eq!(settled(&mut dispatcher, 0..15), 0);
    assert_eq!(settled(&mut dispatcher, 15..16), 16);
    assert_eq!(settled(&mut dispatcher, 16..17), 0);
}
