//! What gateways of private networks refused: the last part of the room of links.
//!
//! As long as there are networks, of which a server has at most 100; each has the reasons, and at most [`RECENT_MAX`] flows.

use base::Timestamp;
use net::refusal::RECENT_MAX;
use net::{Refusal, Way};

use super::link;
use super::links::named;
use crate::links::state::{self, Gateway, Network, Recent};
use crate::output;
use crate::serve::console::html::{Table, data, escaped, segment};
use crate::serve::console::lang::Word;
use crate::serve::console::room::Room;
use crate::serve::console::words::links;

/// Of each gateway that has refused something: how much for which reason, and what it was last.
pub(super) fn by(room: &Room<'_>, networks: &[Network]) -> String {
    let refusing = networks.iter().filter_map(|network| {
        let gateway = network.gateway.as_ref()?;
        (gateway.refused > 0).then(|| part(room, network, gateway))
    });
    let parts: String = refusing.collect();
    if parts.is_empty() {
        return parts;
    }
    let advice = room.with(
        links::ADVICE_REFUSED,
        &[&data("docs/link-rules.md"), &data("shukuba link doctor")],
    );
    format!(
        "<h2>{}</h2><p>{advice}</p>{parts}",
        room.say(links::REFUSED_BY)
    )
}

fn part(room: &Room<'_>, network: &Network, gateway: &Gateway) -> String {
    format!(
        "<h3>{}</h3>{}{}",
        named(&network.name, &network.id),
        reasons(room, &gateway.refusals),
        flows(room, network, &gateway.recent)
    )
}

/// The most packets first.
fn reasons(room: &Room<'_>, refusals: &[state::Refusal]) -> String {
    let mut refusals: Vec<_> = refusals.iter().collect();
    refusals.sort_by_key(|it| std::cmp::Reverse(it.packets));
    let row = |it: &&state::Refusal| {
        vec![
            reason(room, it.why),
            room.say(way(it.way)).to_owned(),
            output::count(it.packets),
        ]
    };
    let heads = [links::REASON, links::DIRECTION, links::PACKETS];
    let rows = refusals.iter().map(row).collect();
    table(room, links::REASONS, &heads, rows)
}

/// The newest first, as they are told.
fn flows(room: &Room<'_>, network: &Network, recent: &[Recent]) -> String {
    let row = |it: &Recent| {
        let told = it.told.as_deref().and_then(Timestamp::parse_rfc3339);
        let by_rules = match it.why {
            Some(why) => reason(room, why),
            None => room.say(links::LET_NOW).to_owned(),
        };
        vec![
            flow(network, it),
            told.map_or_else(String::new, |told| room.moment(told)),
            it.way
                .map_or_else(String::new, |it| room.say(way(it)).to_owned()),
            by_rules,
            output::count(it.flow.packets),
        ]
    };
    let heads = [
        links::FLOW,
        links::TOLD,
        links::DIRECTION,
        links::BY_RULES,
        links::PACKETS,
    ];
    let rows = recent.iter().take(RECENT_MAX).map(row).collect();
    table(room, links::FLOWS, &heads, rows)
}

/// A table under its caption; nothing where it has no rows.
fn table(room: &Room<'_>, caption: Word, heads: &[Word], rows: Vec<Vec<String>>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let heads: Vec<&str> = heads.iter().map(|head| room.say(*head)).collect();
    let caption = room.say(caption);
    let table = Table {
        caption,
        heads: &heads,
        rows,
    };
    format!("<p>{}</p>{}", escaped(caption), table.html())
}

/// From where to where and what for, with the linked host that is an end of it.
fn flow(network: &Network, recent: &Recent) -> String {
    let (from, to) = (recent.flow.source, recent.flow.destination);
    let mut ends = network.links.iter();
    let linked = ends.find(|it| it.address == from || it.address == to);
    let linked = linked.map(|it| {
        let to = format!("hosts/{}", segment(&it.instance));
        format!("{} ", link(&to, it.name_or_id()))
    });
    let text = format!("{from} \u{2192} {to} {}", recent.service());
    format!("{}{}", linked.unwrap_or_default(), data(&text))
}

/// In words, and as the documentation and `link doctor` call it.
fn reason(room: &Room<'_>, why: Refusal) -> String {
    let word = match why {
        Refusal::Malformed => links::MALFORMED,
        Refusal::Misplaced => links::MISPLACED,
        Refusal::Unknown => links::UNKNOWN,
        Refusal::NoPath => links::NO_PATH,
        Refusal::NoEgress => links::NO_EGRESS,
        Refusal::NoIngress => links::NO_INGRESS,
        Refusal::Invalid => links::INVALID,
        Refusal::Fragment => links::FRAGMENT,
        Refusal::Spoofed => links::SPOOFED,
    };
    let (said, name) = (room.say(word), escaped(why.name()));
    format!("{said} <code class=\"data\">{name}</code>")
}

const fn way(way: Way) -> Word {
    match way {
        Way::Inbound => links::INBOUND,
        Way::Outbound => links::OUTBOUND,
        Way::Path => links::PATH,
    }
}
