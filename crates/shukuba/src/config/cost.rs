//! `[cost]`: how what was used is priced.

use std::path::PathBuf;

use delivery::config::Invalid;
use delivery::cost::Currency;
use serde::{Deserialize, Serialize};

/// `[cost]`: how what was used is priced, and what it is compared with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Cost {
    /// File of dated prices by region, as `shukuba cost prices` prints the ones that are built in. Read each time. Default: those that are built in.
    pub(crate) prices: Option<PathBuf>,
    /// Region whose prices hold. Default: the server's region where the prices have it, else `us-east-1`.
    pub(crate) region: Option<String>,
    /// Currency of amounts: `USD` or `JPY`, by the rate of the prices. Default: what the prices say.
    pub(crate) currency: Option<Currency>,
    /// Memory that a notifier would have as a function, in MiB. 128 to 10240; default 128.
    pub(crate) memory_mib: u32,
    /// Type of the servers that always run, to compare with, as the prices name it. Default `t3.medium`.
    pub(crate) server: String,
    /// How many of them. 1 to 1000; default 2, so that one may fail.
    pub(crate) servers: u32,
    /// NAT gateways that notifications would go out through. 0 to 100; default 0.
    pub(crate) nat_gateways: u32,
}

impl Default for Cost {
    fn default() -> Self {
        Self {
            prices: None,
            region: None,
            currency: None,
            memory_mib: 128,
            server: "t3.medium".to_owned(),
            servers: 2,
            nat_gateways: 0,
        }
    }
}

impl Cost {
    /// What is wrong, without any I/O.
    pub(crate) fn problems(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        for (key, number, least, most) in [
            ("cost.memory_mib", self.memory_mib, 128, 10_240),
            ("cost.servers", self.servers, 1, 1_000),
            ("cost.nat_gateways", self.nat_gateways, 0, 100),
        ] {
            if !(least..=most).contains(&number) {
                let right = format!("is out of range: {least} to {most}");
                found.push(Invalid::new(key, right));
            }
        }
        if self.server.is_empty() {
            found.push(Invalid::new("cost.server", "is empty"));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_fit_and_what_is_out_of_range_is_named() {
        assert_eq!(Cost::default().problems(), []);
        let wrong = Cost {
            memory_mib: 127,
            servers: 0,
            nat_gateways: 101,
            server: String::new(),
            ..Cost::default()
        };
        let keys: Vec<_> = wrong.problems().into_iter().map(|it| it.key).collect();
        let expected = [
            "cost.memory_mib",
            "cost.servers",
            "cost.nat_gateways",
            "cost.server",
        ];
        assert_eq!(keys, expected);
    }
}
