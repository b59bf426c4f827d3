//! Which instances are meant: filters, as Describe operations have them.
//!
//! The values of one filter are alternatives, several filters must all hold; names and values are case-sensitive, values may
//! have wildcards. A filter that the API documents and nothing here has a value for matches nothing; a name that it does
//! not document is refused.
//!
//! Source: EC2 User Guide, "Filtering", and the API Reference, the `Filter.N` of each operation.

use super::{Instance, Networks, Pattern};

/// Filters of a request. Source: API Reference, Query requests ("up to 50 filters").
pub const FILTERS_MAX: usize = 50;
/// Values of a request's filters. Source: API Reference, Query requests ("up to 200 values for each filter").
pub const VALUES_MAX: usize = 200;

/// A filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    name: String,
    values: Vec<Pattern>,
}

/// What a filter is about.
pub trait Subject {
    /// Whether there is such a filter.
    fn knows(name: &str) -> bool;

    /// The values that the filter `name` finds: none where it has no such thing.
    fn values(&self, name: &str) -> Vec<String>;
}

/// An instance, and what surrounds it.
#[derive(Clone, Copy, Debug)]
pub struct Placed<'a> {
    /// The instance.
    pub instance: &'a Instance,
    /// The zone that instances are in.
    pub zone: &'a str,
    /// The account.
    pub owner: &'a str,
    /// The networks that it may be in.
    pub networks: &'a Networks,
}

/// The status of an instance.
#[derive(Clone, Copy, Debug)]
pub struct Status<'a>(pub Placed<'a>);

/// A tag of a resource.
#[derive(Clone, Copy, Debug)]
pub struct Tagged<'a> {
    /// The resource's id.
    pub id: &'a str,
    /// What it is, such as `instance`.
    pub kind: &'a str,
    /// The key.
    pub key: &'a str,
    /// The value.
    pub value: &'a str,
}

impl Filter {
    /// A filter by `name` for any of `values`.
    #[must_use]
    pub fn new(name: &str, values: &[String]) -> Self {
        Self {
            name: name.to_owned(),
            values: values.iter().map(|value| Pattern::new(value)).collect(),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it lets `subject` through.
    #[must_use]
    pub fn admits(&self, subject: &impl Subject) -> bool {
        let found = subject.values(&self.name);
        let is_one = |value: &String| self.values.iter().any(|pattern| pattern.matches(value));
        found.iter().any(is_one)
    }
}

/// The filters of DescribeInstances for what hosts have.
const OF_INSTANCES: &[&str] = &[
    "architecture",
    "availability-zone",
    "client-token",
    "image-id",
    "instance-id",
    "instance.group-id",
    "instance.group-name",
    "instance-state-code",
    "instance-state-name",
    "instance-type",
    "ipv6-address",
    "key-name",
    "launch-index",
    "launch-time",
    "monitoring-state",
    "network-interface.addresses.private-ip-address",
    "network-interface.group-id",
    "network-interface.group-name",
    "network-interface.network-interface-id",
    "network-interface.subnet-id",
    "network-interface.vpc-id",
    "network-interface.ipv6-addresses.ipv6-address",
    "owner-id",
    "platform-details",
    "private-dns-name",
    "private-ip-address",
    "reason",
    "reservation-id",
    "source-dest-check",
    "state-reason-code",
    "state-reason-message",
    "subnet-id",
    "tag-key",
    "tag-value",
    "tenancy",
    "vpc-id",
];

/// Those for what hosts do not have.
const OF_OTHERS: &[&str] = &[
    "affinity",
    "availability-zone-id",
    "boot-mode",
    "capacity-reservation-id",
    "current-instance-boot-mode",
    "dns-name",
    "ebs-optimized",
    "ena-support",
    "host-id",
    "hypervisor",
    "instance-lifecycle",
    "ip-address",
    "kernel-id",
    "outpost-arn",
    "placement-group-name",
    "placement-partition-number",
    "platform",
    "product-code",
    "product-code.type",
    "ramdisk-id",
    "requester-id",
    "root-device-name",
    "root-device-type",
    "spot-instance-request-id",
    "tpm-support",
    "usage-operation",
    "usage-operation-update-time",
    "virtualization-type",
];

/// How families of those begin.
const FAMILIES: &[&str] = &[
    "block-device-mapping.",
    "capacity-reservation-specification.",
    "enclave-options.",
    "hibernation-options.",
    "iam-instance-profile.",
    "instance.",
    "maintenance-options.",
    "metadata-options.",
    "network-interface.",
    "network-performance-options.",
    "operator.",
    "private-dns-name-options.",
];

impl Subject for Placed<'_> {
    fn knows(name: &str) -> bool {
        OF_INSTANCES.contains(&name)
            || OF_OTHERS.contains(&name)
            || FAMILIES.iter().any(|family| name.starts_with(family))
            || name.strip_prefix("tag:").is_some_and(|key| !key.is_empty())
    }

    fn values(&self, name: &str) -> Vec<String> {
        let it = self.instance;
        let one = |value: &str| vec![value.to_owned()];
        let maybe = |value: Option<String>| value.into_iter().collect();
        if let Some(key) = name.strip_prefix("tag:") {
            return it.tags.get(key).map(one).unwrap_or_default();
        }
        match name {
            "architecture" => maybe(it.facts().map(|facts| facts.architecture().to_owned())),
            "availability-zone" => one(self.zone),
            "client-token" => maybe(it.wish.client_token.clone()),
            "image-id" => maybe(it.wish.image_id.clone()),
            "instance-id" => one(it.id.as_str()),
            "instance-state-code" => one(&it.state.code().to_string()),
            "instance-state-name" => one(it.state.name()),
            "instance-type" => one(&it.type_name()),
            "key-name" => maybe(it.wish.key_name.clone()),
            "launch-index" => one(&it.launch_index.to_string()),
            "launch-time" => one(&it.launched.rfc3339()),
            "monitoring-state" => one(monitoring(it)),
            "owner-id" => one(self.owner),
            "platform-details" => one("Linux/UNIX"),
            "reason" => one(&it.transition()),
            "reservation-id" => one(&it.reservation),
            "state-reason-code" => maybe(it.reason().map(|(code, _)| code.to_owned())),
            "state-reason-message" => maybe(it.reason().map(|(_, text)| text.to_owned())),
            "tag-key" => it.tags.iter().map(|(key, _)| key.to_owned()).collect(),
            "tag-value" => it.tags.iter().map(|(_, value)| value.to_owned()).collect(),
            "tenancy" => one("default"),
            _ => {
                let mut found = self.of_networks(name);
                found.extend(addresses(it, name));
                found
            }
        }
    }
}

impl Placed<'_> {
    /// What filters of networks find: nothing for an instance outside, linked or not.
    fn of_networks(&self, name: &str) -> Vec<String> {
        let Some(inside) = &self.instance.place.inside else {
            return Vec::new();
        };
        let groups = inside.groups.iter();
        let own = name.strip_prefix("network-interface.").unwrap_or(name);
        let own = own.strip_prefix("instance.").unwrap_or(own);
        match own {
            "group-id" => groups.map(ToString::to_string).collect(),
            "group-name" => groups
                .filter_map(|id| Some(self.networks.groups.get(id).ok()?.name.clone()))
                .collect(),
            "network-interface-id" => vec![inside.interface.to_string()],
            "source-dest-check" => vec![true.to_string()],
            "subnet-id" => vec![inside.subnet.to_string()],
            "vpc-id" => vec![inside.vpc.to_string()],
            _ => Vec::new(),
        }
    }
}

/// What filters of addresses find.
fn addresses(instance: &Instance, name: &str) -> Vec<String> {
    if name == "private-ip-address" {
        let address = instance.private_address();
        return address.iter().map(ToString::to_string).collect();
    }
    let Some(facts) = instance.facts() else {
        return Vec::new();
    };
    let all = facts.addresses.iter();
    match name {
        "private-dns-name" => vec![facts.hostname.clone()],
        "network-interface.addresses.private-ip-address" => all
            .filter(|it| it.is_ipv4())
            .map(ToString::to_string)
            .collect(),
        "ipv6-address" | "network-interface.ipv6-addresses.ipv6-address" => all
            .filter(|it| it.is_ipv6())
            .map(ToString::to_string)
            .collect(),
        _ => Vec::new(),
    }
}

/// `enabled` or `disabled`.
#[must_use]
pub const fn monitoring(instance: &Instance) -> &'static str {
    match instance.is_detailed {
        true => "enabled",
        false => "disabled",
    }
}

impl Subject for Status<'_> {
    fn knows(name: &str) -> bool {
        matches!(
            name,
            "availability-zone"
                | "availability-zone-id"
                | "instance-state-code"
                | "instance-state-name"
                | "instance-status.reachability"
                | "instance-status.status"
                | "operator.managed"
                | "operator.principal"
                | "system-status.reachability"
                | "system-status.status"
                | "application-status.status"
                | "attached-ebs-status.status"
        ) || name.starts_with("event.")
    }

    fn values(&self, name: &str) -> Vec<String> {
        let checks = self.0.instance.checks();
        let maybe = |value: Option<&str>| value.map(str::to_owned).into_iter().collect();
        match name {
            "instance-status.status" => maybe(Some(checks.instance.name())),
            "instance-status.reachability" => maybe(checks.instance.reachability()),
            "system-status.status" => maybe(Some(checks.system.name())),
            "system-status.reachability" => maybe(checks.system.reachability()),
            _ => self.0.values(name),
        }
    }
}

impl Subject for Tagged<'_> {
    fn knows(name: &str) -> bool {
        matches!(name, "key" | "resource-id" | "resource-type" | "value")
            || name.strip_prefix("tag:").is_some_and(|key| !key.is_empty())
    }

    fn values(&self, name: &str) -> Vec<String> {
        let one = |value: &str| vec![value.to_owned()];
        match (name, name.strip_prefix("tag:")) {
            ("key", _) => one(self.key),
            ("value", _) => one(self.value),
            ("resource-id", _) => one(self.id),
            ("resource-type", _) => one(self.kind),
            (_, Some(key)) if key == self.key => one(self.value),
            _ => Vec::new(),
        }
    }
}
