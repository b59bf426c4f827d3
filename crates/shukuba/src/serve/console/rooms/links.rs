//! Private networks with their gateways, and the hosts outside that are linked to them.

use base::Timestamp;
use serde_json::json;

use super::{link, refused};
use crate::links::state::{Gateway, Link, Links, Network, State};
use crate::output;
use crate::serve::console::html::{Look, Table, badge, data, english, escaped, segment};
use crate::serve::console::layout::Place;
use crate::serve::console::room::{Page, Room, Trouble};
use crate::serve::console::words::{frame, links};

/// All networks, and all links of them, those that do not work first.
pub(super) async fn list(room: &Room<'_>) -> Result<Page, Trouble> {
    let listed = room.ask::<Links>("link-list", &json!({})).await?;
    let (is_live, line) = room.live("links", "");
    let mut body = line;
    if listed.networks.is_empty() {
        body.push_str(&format!("<p>{}</p>", room.say(links::NONE)));
    } else {
        body.push_str(&networks(room, &listed.networks));
        body.push_str(&hosts(room, &listed.networks));
        body.push_str(&refused::by(room, &listed.networks));
    }
    Ok(Page {
        is_live,
        ..Page::first(room, Place::Links, body)
    })
}

fn networks(room: &Room<'_>, all: &[Network]) -> String {
    let heads = [
        frame::NAME,
        links::RANGE,
        frame::STATE,
        links::GATEWAY,
        links::REACHED_AT,
        links::REFUSED,
    ];
    let heads: Vec<&str> = heads.iter().map(|head| room.say(*head)).collect();
    Table {
        caption: room.say(links::NETWORKS),
        heads: &heads,
        rows: all.iter().map(|one| network(room, one)).collect(),
    }
    .html()
}

fn network(room: &Room<'_>, network: &Network) -> Vec<String> {
    let (look, takes) = match network.is_enabled {
        true => (Look::Good, links::TAKES_LINKS),
        false => (Look::Dim, links::TAKES_NONE),
    };
    let (reached, refused) = match &network.gateway {
        Some(gateway) => (data(&gateway.endpoint), output::count(gateway.refused)),
        None => (String::new(), String::new()),
    };
    vec![
        named(&network.name, &network.id),
        data(&network.ranges.join(", ")),
        badge(look, room.say(takes)),
        gateway(room, network.gateway.as_ref()),
        reached,
        refused,
    ]
}

/// Its name over its id.
pub(super) fn named(name: &str, id: &str) -> String {
    let id = format!("<code class=\"data\">{}</code>", escaped(id));
    match name {
        "" => id,
        name => format!("{} {id}", data(name)),
    }
}

fn gateway(room: &Room<'_>, gateway: Option<&Gateway>) -> String {
    let Some(gateway) = gateway else {
        return badge(Look::Dim, room.say(links::NO_GATEWAY));
    };
    let (look, word) = match (gateway.is_up, gateway.is_current) {
        (false, _) => (Look::Bad, links::GATEWAY_SILENT),
        (true, false) => (Look::Warn, links::GATEWAY_BEHIND),
        (true, true) => (Look::Good, links::GATEWAY_UP),
    };
    let heard = gateway.heard.as_deref().and_then(Timestamp::parse_rfc3339);
    let heard = heard.map_or_else(String::new, |heard| room.moment(heard));
    let problem = gateway.problem.as_deref().map(|said| problem(room, said));
    format!(
        "{} {heard}{}",
        badge(look, room.say(word)),
        problem.unwrap_or_default()
    )
}

/// What a gateway or a host says is wrong.
fn problem(room: &Room<'_>, said: &str) -> String {
    format!("<br>{}", english(said, room.language))
}

fn hosts(room: &Room<'_>, networks: &[Network]) -> String {
    let mut all: Vec<(&Network, &Link)> = Vec::new();
    for network in networks {
        all.extend(network.links.iter().map(|link| (network, link)));
    }
    if all.is_empty() {
        return format!("<p>{}</p>", room.say(links::NO_LINKS));
    }
    all.sort_by(|(_, a), (_, b)| {
        let key = |link: &Link| (link.state == State::Up, link.name_or_id().to_owned());
        key(a).cmp(&key(b))
    });
    let heads = [
        frame::HOST,
        frame::STATE,
        links::NETWORK,
        links::ADDRESS,
        links::GROUPS,
        links::FROM,
        links::HANDSHAKE,
        links::RECEIVED,
        links::SENT,
    ];
    let table = room.paged(
        "links",
        "",
        (links::HOSTS, &heads),
        &all,
        |(network, link)| host(room, network, link),
    );
    format!("<h2>{}</h2>{table}", room.say(links::HOSTS))
}

fn host(room: &Room<'_>, network: &Network, one: &Link) -> Vec<String> {
    let handshake = one.handshake_ms_ago.map(|ms| {
        let ago = room.span(ms / 1_000);
        room.with(frame::AGO, &[&ago])
    });
    vec![
        link(
            &format!("hosts/{}", segment(&one.instance)),
            one.name_or_id(),
        ),
        state(room, one),
        data(network.name_or_id()),
        data(&one.address.to_string()),
        data(&one.groups.join(", ")),
        one.endpoint
            .map_or_else(String::new, |endpoint| data(&endpoint.to_string())),
        handshake.unwrap_or_default(),
        output::bytes(one.received),
        output::bytes(one.sent),
    ]
}

/// How a link is, and what to do about it.
fn state(room: &Room<'_>, link: &Link) -> String {
    let (look, word) = match link.state {
        State::Up => (Look::Good, links::UP),
        State::NoAgent => (Look::Bad, links::NO_AGENT),
        State::NoGateway => (Look::Bad, links::WITHOUT_GATEWAY),
        State::Waiting => (Look::Warn, links::WAITING),
        State::Unreachable => (Look::Bad, links::UNREACHABLE),
    };
    let said = link.problem.as_deref().map(|said| problem(room, said));
    format!(
        "{}{}{}",
        badge(look, room.say(word)),
        advice(room, link.state),
        said.unwrap_or_default()
    )
}

fn advice(room: &Room<'_>, state: State) -> String {
    let command = |word, command| room.with(word, &[&data(command)]);
    let advice = match state {
        State::Up => return String::new(),
        State::NoAgent => room.say(links::ADVICE_NO_AGENT).to_owned(),
        State::NoGateway => command(links::ADVICE_NO_GATEWAY, "shukuba link gateway"),
        State::Waiting => command(links::ADVICE_WAITING, "shukuba link doctor"),
        State::Unreachable => room.say(links::ADVICE_UNREACHABLE).to_owned(),
    };
    format!("<br>{advice}")
}
