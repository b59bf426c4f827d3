//! Ids of what networks are made of.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::engine::id::{digits, is_digits};

/// The id of a resource: a prefix that says what it is, and hexadecimal digits.
pub trait ResourceId: Clone + fmt::Display + FromStr + Ord {
    /// Such as `vpc-`.
    const PREFIX: &'static str;
    /// As `TagSpecification` and DescribeTags name it, such as `vpc`.
    const KIND: &'static str;

    /// The id with these digits.
    fn of(digits: &str) -> Self;

    /// The text.
    fn as_str(&self) -> &str;
}

/// A text is not an id of this kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an id such as `{prefix}0f1e2d3c4b5a69788`")]
pub struct Malformed {
    /// What was given.
    pub text: String,
    /// How it should begin.
    pub prefix: &'static str,
}

/// What ids of new resources are drawn from: random bytes, which come in with the command.
#[derive(Clone, Debug)]
pub struct Draw {
    seed: [u8; 32],
    drawn: u64,
}

impl Draw {
    /// From random bytes.
    #[must_use]
    pub const fn new(seed: [u8; 32]) -> Self {
        Self { seed, drawn: 0 }
    }

    /// The next id.
    pub fn id<T: ResourceId>(&mut self) -> T {
        self.drawn += 1;
        let hash = Sha256::new()
            .chain_update(self.seed)
            .chain_update(self.drawn.to_be_bytes())
            .finalize();
        let mut bytes = [0; 9];
        bytes.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        T::of(&digits(bytes))
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal, $kind:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl ResourceId for $name {
            const PREFIX: &'static str = $prefix;
            const KIND: &'static str = $kind;

            fn of(digits: &str) -> Self {
                Self(format!(concat!($prefix, "{}"), digits))
            }

            fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Malformed;

            fn from_str(text: &str) -> Result<Self, Malformed> {
                match text.strip_prefix($prefix).is_some_and(is_digits) {
                    true => Ok(Self(text.to_owned())),
                    false => Err(Malformed { text: text.to_owned(), prefix: $prefix }),
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = Malformed;

            fn try_from(text: String) -> Result<Self, Malformed> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

ids! {
    /// A private network.
    VpcId = "vpc-", "vpc";
    /// A network's range.
    RangeId = "vpc-cidr-assoc-", "vpc-cidr-block-association";
    /// A part of a network.
    SubnetId = "subnet-", "subnet";
    /// A security group.
    GroupId = "sg-", "security-group";
    /// A rule of a security group.
    RuleId = "sgr-", "security-group-rule";
    /// A route table.
    TableId = "rtb-", "route-table";
    /// Where a route table counts.
    AssociationId = "rtbassoc-", "route-table-association";
    /// The one network ACL of a network.
    AclId = "acl-", "network-acl";
    /// Where an ACL counts.
    AclAssociationId = "aclassoc-", "network-acl-association";
    /// A peering.
    PeeringId = "pcx-", "vpc-peering-connection";
    /// The interface of an instance inside.
    InterfaceId = "eni-", "network-interface";
    /// What holds an interface at its instance.
    AttachmentId = "eni-attach-", "network-interface-attachment";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_prefix_and_seventeen_or_eight_digits() {
        let mut draw = Draw::new([7; 32]);
        let (one, two): (VpcId, VpcId) = (draw.id(), draw.id());
        assert_ne!(one, two);
        assert_eq!(Draw::new([7; 32]).id::<VpcId>(), one);
        assert_eq!(one.as_str().len(), "vpc-".len() + 17);
        for text in [one.as_str(), "vpc-1a2b3c4d", "vpc-0f1e2d3c4b5a69788"] {
            assert_eq!(text.parse::<VpcId>().unwrap().as_str(), text);
        }
        for text in ["", "vpc-", "vpc-1", "sg-1a2b3c4d", "vpc-1A2B3C4D"] {
            assert!(text.parse::<VpcId>().is_err(), "{text}");
        }
    }
}
