//! The private link with real packets: hosts, gateways, a NAT and the network between them, in namespaces that are made for it.
//!
//! The binary runs itself again in namespaces of its own (`unshare`), as an ordinary user too where the system allows that; nothing of
//! the machine is touched. Where something is missing it says what and that it was skipped; with `NETNS_REQUIRED=1`
//! that is a failure. `cargo test -p shukuba-link --test netns -- NAME…` runs those checks whose names contain one of NAME.
//!
//! What a private link has to show, and what shows it: a check here, by the first words of its name; `unit`, a test of this crate with the
//! same engines, drivers or filters and no namespaces; `hosts`, one of `tests/netns`, with the built binary.
//!
//! | what | shown by |
//! |---|---|
//! | T1 outside reaches inside by the private address | `a linked host and hosts inside`; hosts `test_a_host_outside_talks_…` |
//! | T2 inside reaches outside without a route (proxy ARP) | `a host with an address of the network`; hosts `test_addresses_of_the_networks_own_…` |
//! | T3 a port that no rule names: nftables | `a linked host and hosts inside …, by nftables` |
//! | T3b … the filter in the process | `… and by the filter in the process`; unit `nftables_lets_through_what_the_filter_does` |
//! | S1 a source that is not the peer's | `a source inside the tunnel`; unit `a_source_that_is_not_the_peers_is_dropped` |
//! | S2 data sent again, from elsewhere, with a bit changed | unit `a_datagram_that_is_sent_again_…`, `a_datagram_with_any_byte_changed_…` |
//! | S3 handshakes sent again and forged | unit `old_and_forged_handshakes_change_nothing` |
//! | L1 L2 the agent ends by SIGTERM and SIGKILL | `a link goes with its agent` |
//! | L3 callers of a lost host get an error | `who calls a host that is silent`; hosts `test_an_unreachable_host_keeps_its_link_…` |
//! | L4 a restarted gateway without endpoints | unit `a_host_finds_a_gateway_that_was_restarted_…` |
//! | L4b … that knows them | `a killed gateway leaves its rules`; hosts `test_a_gateway_that_is_killed_…` |
//! | K1 K2 a key changes under traffic, twenty times | `a key changes under traffic`; hosts `test_a_key_changes_without_a_gap` |
//! | M1 M2 packets of 1420 bytes, larger ones | `packets of 1420 bytes pass` |
//! | M3 the path's MTU sinks | `a path whose MTU sinks` |
//! | H1 the host's address changes | `a host changes its address`; hosts `test_a_host_that_changes_its_address_…` |
//! | N1 a NAT, and its mapping's end | `a host behind a NAT` |
//! | P1 to P4 peering: rules, no transit, the option | `peered networks reach one another`; hosts `test_a_peered_network_…` |
//! | A2 a gateway where the host is not attached | `a gateway knows nothing of a host` |
//! | I1 other programs of WireGuard, both parts | `wireguard-go understands it`, `boringtun-cli understands it` |
//! | U1 no privileges: out, in, refused | `without capabilities a host carries the link`; unit `without_privileges_both_ways_…` |
//! | C1 CAP_NET_ADMIN alone | `with CAP_NET_ADMIN alone` |
//! | C2 no capability, no device | `without the capability there is no device` |
//! | C3 no capability, a device made before | `without the capability a device that was made before`; hosts `test_an_agent_that_may_nothing_…` |
//! | a gateway that dies, or refuses its rules, with rules in place | `a killed gateway leaves its rules`, `refused rules let nobody in` |
//! | the server away for ten minutes | hosts `test_a_link_goes_on_while_the_server_is_away_for_ten_minutes`, `test_the_links_stay_while_…` |
//! | a clock set back, of either end | hosts `test_a_host_whose_clock_is_set_back_…` (two), `test_a_gateway_whose_clock_…`; unit `a_host_whose_handshakes_count_as_old_…` |
//! | detached here while attached there | `a host that is linked elsewhere instead`; in `ec2`, `whatever_is_done_networks_stay_sound` |
//! | a thousand links on a gateway | `a thousand links` |
//! | rules change while a flow is open | unit `changed_rules_leave_open_flows_…`, of both filters, nftables' with packets |
//! | 1 % lost, 50 ms | `a path that loses one in a hundred` |
//! | IPv6 outside | `the outer way may be IPv6` |
//! | another gateway after 90 s of silence | hosts `test_a_gateway_is_replaced_by_another_…` |
//! | a stop, a goodbye, another run of the system | hosts `test_a_link_is_lost_when_the_host_stops_…`, `test_a_link_ends_with_another_run_…` |

#[cfg(test)]
mod cases;
#[cfg(test)]
mod lab;
#[cfg(test)]
mod need;
#[cfg(test)]
mod node;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod relay;
#[cfg(test)]
mod role;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("role") => role::play(arguments.get(1..).unwrap_or_default()),
        Some("inside") => cases::run(arguments.get(1..).unwrap_or_default()),
        // As the standard harness is asked by tools that list tests.
        Some("--list") => ExitCode::SUCCESS,
        _ => need::enter(&arguments),
    }
}
