//! `[link]`: hosts outside in private networks.

use delivery::config::Invalid;
use ec2::engine::state::OUTSIDE;
use net::Ipv4Net;
use serde::{Deserialize, Serialize};

/// `[link]`: hosts outside in private networks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Link {
    /// Where hosts outside have the addresses by which networks know them, each one for life. A private range (RFC 1918) of 256 addresses or more; networks that take links may not lie in it, but for 10.0.0.0/16 and 10.1.0.0/16. Default `10.0.0.0/8`, as in EC2-Classic.
    pub(crate) outside_range: Ipv4Net,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            outside_range: OUTSIDE,
        }
    }
}

impl Link {
    /// What is wrong, without any I/O.
    pub(crate) fn problems(&self) -> Vec<Invalid> {
        let range = self.outside_range;
        let is_private = range.network().is_private() && range.broadcast().is_private();
        let is_exact = range.trunc() == range;
        let wrong = match (is_private && range.prefix_len() <= 24, is_exact) {
            (true, true) => return Vec::new(),
            (true, false) => format!("is not a range; `{}` is", range.trunc()),
            (false, _) => {
                "is no private range of 256 addresses or more, such as `10.0.0.0/8`".to_owned()
            }
        };
        vec![Invalid::new("link.outside_range", wrong)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_private_whole_and_not_tiny() {
        let of = |range: &str| Link {
            outside_range: range.parse().unwrap(),
        };
        assert_eq!(Link::default().problems(), []);
        assert_eq!(of("172.20.0.0/16").problems(), []);
        for range in [
            "0.0.0.0/0",
            "10.0.0.0/25",
            "203.0.113.0/24",
            "10.0.0.1/8",
            "10.0.0.0/7",
        ] {
            assert_eq!(of(range).problems().len(), 1, "{range}");
        }
    }
}
