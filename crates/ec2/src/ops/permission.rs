//! Rules of security groups as EC2 writes them: a permission is a kind of traffic with all its peers.

use api::Fault;
use net::rule::{ICMP, TCP, UDP};
use net::{Ports, Traffic};
use wire::{List, Shape};

use super::fault;
use crate::Place;
use crate::engine::Networks;
use crate::engine::network::group::{Group, NewRule};
use crate::engine::network::rule::{Peer, Rule, Spec};

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct IpPermission {
    #[shape(query = "ipProtocol")]
    pub(super) ip_protocol: Option<String>,
    #[shape(query = "fromPort")]
    pub(super) from_port: Option<i32>,
    #[shape(query = "toPort")]
    pub(super) to_port: Option<i32>,
    #[shape(query = "groups", item = "item")]
    pub(super) user_id_group_pairs: List<UserIdGroupPair>,
    #[shape(query = "ipRanges", item = "item")]
    pub(super) ip_ranges: List<IpRange>,
    #[shape(query = "ipv6Ranges", item = "item")]
    pub(super) ipv6_ranges: List<Ipv6Range>,
    #[shape(query = "prefixListIds", item = "item")]
    pub(super) prefix_list_ids: List<PrefixListId>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct IpRange {
    #[shape(query = "description")]
    pub(super) description: Option<String>,
    #[shape(query = "cidrIp")]
    pub(super) cidr_ip: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct Ipv6Range {
    #[shape(query = "description")]
    pub(super) description: Option<String>,
    #[shape(query = "cidrIpv6")]
    pub(super) cidr_ipv6: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct PrefixListId {
    #[shape(query = "description")]
    pub(super) description: Option<String>,
    #[shape(query = "prefixListId")]
    pub(super) prefix_list_id: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct UserIdGroupPair {
    #[shape(query = "description")]
    pub(super) description: Option<String>,
    #[shape(query = "userId")]
    pub(super) user_id: Option<String>,
    #[shape(query = "groupName")]
    pub(super) group_name: Option<String>,
    #[shape(query = "groupId")]
    pub(super) group_id: Option<String>,
    #[shape(query = "vpcId", ignored)]
    pub(super) vpc_id: Option<String>,
    #[shape(query = "vpcPeeringConnectionId", ignored)]
    pub(super) vpc_peering_connection_id: Option<String>,
    #[shape(query = "peeringStatus", ignored)]
    pub(super) peering_status: Option<String>,
}

/// Traffic as EC2 writes it: protocol, and first and last port, or type and code.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Written {
    pub(super) protocol: String,
    pub(super) from: Option<i32>,
    pub(super) to: Option<i32>,
}

impl Written {
    pub(super) fn of(traffic: Traffic) -> Self {
        let ports = |name: &str, ports: Ports| {
            (
                name.to_owned(),
                Some(i32::from(ports.from)),
                Some(i32::from(ports.to)),
            )
        };
        let any = |value: Option<u8>| Some(value.map_or(-1, i32::from));
        let (protocol, from, to) = match traffic {
            Traffic::All => ("-1".to_owned(), None, None),
            Traffic::Tcp(own) => ports("tcp", own),
            Traffic::Udp(own) => ports("udp", own),
            Traffic::Icmp { kind, code } => ("icmp".to_owned(), any(kind), any(code)),
            Traffic::Other(ICMPV6) => ("icmpv6".to_owned(), Some(-1), Some(-1)),
            Traffic::Other(number) => (number.to_string(), None, None),
        };
        Self { protocol, from, to }
    }

    /// What it means.
    ///
    /// # Errors
    /// `InvalidParameterValue` for what is no protocol, no ports, or no type and code.
    pub(super) fn read(&self) -> Result<Traffic, Fault> {
        let number = match self.protocol.to_ascii_lowercase().as_str() {
            "-1" | "all" => return Ok(Traffic::All),
            "tcp" => TCP,
            "udp" => UDP,
            "icmp" => ICMP,
            "icmpv6" => ICMPV6,
            other => other.parse().map_err(|_| {
                fault::invalid_value(format!(
                    "Invalid value '{other}' for IP protocol. Unknown protocol."
                ))
            })?,
        };
        match number {
            TCP => self.ports().map(Traffic::Tcp),
            UDP => self.ports().map(Traffic::Udp),
            ICMP => self.icmp(),
            // Networks have addresses of IPv4 alone: there is nothing to tell apart.
            ICMPV6 if self.from.unwrap_or(-1) != -1 || self.to.unwrap_or(-1) != -1 => {
                Err(fault::unsupported(
                    "Of icmpv6 rules name all types and codes: FromPort and ToPort are -1.",
                ))
            }
            other => Ok(Traffic::Other(other)),
        }
    }

    fn ports(&self) -> Result<Ports, Fault> {
        let (Some(from), Some(to)) = (self.from, self.to) else {
            return Err(fault::invalid_value(
                "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.",
            ));
        };
        match (u16::try_from(from), u16::try_from(to)) {
            (Ok(from), Ok(to)) if from <= to => Ok(Ports { from, to }),
            _ => Err(fault::invalid_value(format!(
                "Invalid value '{from}-{to}' for portRange. Ports are from 0 to 65535, the first not above the last."
            ))),
        }
    }

    fn icmp(&self) -> Result<Traffic, Fault> {
        let read = |value: Option<i32>| {
            match value.unwrap_or(-1) {
            -1 => Ok(None),
            value => u8::try_from(value).map(Some).map_err(|_| {
                fault::invalid_value(format!(
                    "Invalid value '{value}' for icmp type or code. It is from 0 to 255, or -1 for all."
                ))
            }),
        }
        };
        let (kind, code) = (read(self.from)?, read(self.to)?);
        Ok(Traffic::Icmp { kind, code })
    }
}

/// The number of ICMPv6 among the protocols of IP.
const ICMPV6: u8 = 58;

impl IpPermission {
    /// The rules that it is.
    ///
    /// # Errors
    /// Where it is out of form, or names nobody.
    pub(super) fn read(&self, place: &Place) -> Result<Vec<NewRule>, Fault> {
        if !self.prefix_list_ids.0.is_empty() {
            return Err(fault::unsupported(
                "There are no prefix lists: a permission names ranges and groups.",
            ));
        }
        let traffic = Written {
            protocol: self
                .ip_protocol
                .clone()
                .ok_or_else(|| fault::missing("ipProtocol"))?,
            from: self.from_port,
            to: self.to_port,
        }
        .read()?;
        let rule = |peer, description: &Option<String>| NewRule {
            spec: Spec { traffic, peer },
            description: description.clone(),
        };
        let mut rules = Vec::new();
        for it in &self.ip_ranges.0 {
            rules.push(rule(v4(it.cidr_ip.as_deref())?, &it.description));
        }
        for it in &self.ipv6_ranges.0 {
            rules.push(rule(v6(it.cidr_ipv6.as_deref())?, &it.description));
        }
        for it in &self.user_id_group_pairs.0 {
            rules.push(rule(it.read(place)?, &it.description));
        }
        match rules.is_empty() {
            true => Err(fault::missing("groups, cidrIp or cidrIpv6 of a permission")),
            false => Ok(rules),
        }
    }

    /// What filters about permissions find.
    pub(super) fn values(&self, about: &str) -> Vec<String> {
        let number = |value: Option<i32>| value.iter().map(ToString::to_string).collect();
        match about {
            "cidr" => self
                .ip_ranges
                .0
                .iter()
                .filter_map(|it| it.cidr_ip.clone())
                .collect(),
            "ipv6-cidr" => {
                let all = self.ipv6_ranges.0.iter();
                all.filter_map(|it| it.cidr_ipv6.clone()).collect()
            }
            "group-id" => {
                let all = self.user_id_group_pairs.0.iter();
                all.filter_map(|it| it.group_id.clone()).collect()
            }
            "protocol" => self.ip_protocol.iter().cloned().collect(),
            "from-port" => number(self.from_port),
            "to-port" => number(self.to_port),
            _ => Vec::new(),
        }
    }
}

/// Addresses of IPv4.
///
/// # Errors
/// `InvalidParameterValue`.
pub(super) fn v4(text: Option<&str>) -> Result<Peer, Fault> {
    let text = text.unwrap_or_default();
    let range = text.parse::<net::Ipv4Net>();
    range
        .map(|range| Peer::V4(range.trunc()))
        .map_err(|_| no_range(text))
}

/// Addresses of IPv6.
///
/// # Errors
/// `InvalidParameterValue`.
pub(super) fn v6(text: Option<&str>) -> Result<Peer, Fault> {
    let text = text.unwrap_or_default();
    let range = text.parse::<ipnet::Ipv6Net>();
    range
        .map(|range| Peer::V6(range.trunc()))
        .map_err(|_| no_range(text))
}

fn no_range(text: &str) -> Fault {
    fault::invalid_value(format!("CIDR block {text} is malformed"))
}

impl UserIdGroupPair {
    fn read(&self, place: &Place) -> Result<Peer, Fault> {
        let id = self.group_id.as_deref().ok_or_else(|| {
            // Source: AuthorizeSecurityGroupIngress: names are for a default VPC.
            fault::missing("groupId: without a default VPC groups are named by their ids")
        })?;
        let owner = self.user_id.as_ref();
        if owner.is_some_and(|owner| *owner != place.account.to_string()) {
            return Err(fault::no_such("security-group", id));
        }
        Ok(Peer::Group(fault::id(id)?))
    }
}

/// Rules as permissions, in the order in which their kinds of traffic come first.
pub(super) fn permissions(
    group: &Group,
    rules: &[Rule],
    networks: &Networks,
    place: &Place,
) -> Vec<IpPermission> {
    let mut all: Vec<(Traffic, IpPermission)> = Vec::new();
    for rule in rules {
        let traffic = rule.spec.traffic;
        if !all.iter().any(|(own, _)| *own == traffic) {
            let written = Written::of(traffic);
            all.push((
                traffic,
                IpPermission {
                    ip_protocol: Some(written.protocol),
                    from_port: written.from,
                    to_port: written.to,
                    ..IpPermission::default()
                },
            ));
        }
        let own = all.iter_mut().find(|(own, _)| *own == traffic);
        if let Some((_, permission)) = own {
            permission.add(group, rule, networks, place);
        }
    }
    all.into_iter().map(|(_, permission)| permission).collect()
}

impl IpPermission {
    fn add(&mut self, group: &Group, rule: &Rule, networks: &Networks, place: &Place) {
        let description = rule.description.clone();
        match &rule.spec.peer {
            Peer::V4(range) => self.ip_ranges.0.push(IpRange {
                description,
                cidr_ip: Some(range.to_string()),
            }),
            Peer::V6(range) => self.ipv6_ranges.0.push(Ipv6Range {
                description,
                cidr_ipv6: Some(range.to_string()),
            }),
            Peer::Group(id) => {
                let foreign = networks
                    .groups
                    .get(id)
                    .ok()
                    .filter(|it| it.vpc != group.vpc);
                let peering = foreign.and_then(|it| networks.peering_of(&it.vpc, &group.vpc));
                self.user_id_group_pairs.0.push(UserIdGroupPair {
                    description,
                    user_id: Some(place.account.to_string()),
                    group_id: Some(id.to_string()),
                    vpc_id: foreign.map(|it| it.vpc.to_string()),
                    vpc_peering_connection_id: peering.map(|it| it.id.to_string()),
                    peering_status: peering.map(|it| it.stage.name().to_owned()),
                    ..UserIdGroupPair::default()
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(protocol: &str, from: Option<i32>, to: Option<i32>) -> Written {
        Written {
            protocol: protocol.to_owned(),
            from,
            to,
        }
    }

    #[test]
    fn traffic_is_read_as_ec2_writes_it() {
        let ports = |from, to| Ports { from, to };
        for (protocol, from, to, expected) in [
            ("tcp", Some(22), Some(22), Traffic::Tcp(ports(22, 22))),
            ("6", Some(0), Some(65_535), Traffic::Tcp(Ports::ALL)),
            ("UDP", Some(53), Some(54), Traffic::Udp(ports(53, 54))),
            ("-1", Some(1), None, Traffic::All),
            (
                "icmp",
                Some(8),
                Some(-1),
                Traffic::Icmp {
                    kind: Some(8),
                    code: None,
                },
            ),
            (
                "1",
                None,
                None,
                Traffic::Icmp {
                    kind: None,
                    code: None,
                },
            ),
            ("47", None, None, Traffic::Other(47)),
            ("icmpv6", Some(-1), Some(-1), Traffic::Other(58)),
        ] {
            assert_eq!(
                written(protocol, from, to).read().unwrap(),
                expected,
                "{protocol}"
            );
        }
        for (protocol, from, to) in [
            ("tcp", None, Some(1)),
            ("tcp", Some(2), Some(1)),
            ("udp", Some(0), Some(65_536)),
            ("tcp", Some(-1), Some(-1)),
            ("icmp", Some(256), None),
            ("256", None, None),
            ("carrier-pigeon", None, None),
            ("icmpv6", Some(128), Some(0)),
        ] {
            assert!(written(protocol, from, to).read().is_err(), "{protocol}");
        }
    }
}
