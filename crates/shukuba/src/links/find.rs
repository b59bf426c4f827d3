//! Hosts, networks and groups by what people call them: an id, or a name.

use crate::access::answer::Node;
use crate::access::calls::{Calls, Failure};
use crate::client::ec2;

/// What an instance's id begins with.
const INSTANCE: &str = "i-";
/// What a network's id begins with.
const NETWORK: &str = "vpc-";
/// What a group's id begins with.
const GROUP: &str = "sg-";

/// Something with an id, and the name that people gave it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Named {
    /// Such as `i-0123456789abcdef0`.
    pub(crate) id: String,
    /// Such as `web-1`; may be empty.
    pub(crate) name: String,
    /// Of a network: its range.
    pub(crate) range: String,
}

impl Named {
    /// `web-1 (i-0123456789abcdef0)`, or the id alone.
    pub(crate) fn shown(&self) -> String {
        match self.name.is_empty() {
            true => self.id.clone(),
            false => format!("{} ({})", self.name, self.id),
        }
    }
}

/// Whether a text is an id of this kind: then it is taken as it is.
fn is_id(text: &str, prefix: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let digits = text.strip_prefix(prefix);
    digits.is_some_and(|digits| matches!(digits.len(), 8 | 17) && digits.bytes().all(is_digit))
}

/// The host that `text` means.
pub(crate) fn host(calls: &dyn Calls, text: &str) -> anyhow::Result<Named> {
    if is_id(text, INSTANCE) {
        return Ok(Named {
            id: text.to_owned(),
            ..Named::default()
        });
    }
    let found = ec2::named(calls, text)?;
    let found = found.into_iter().map(|it| Named {
        id: it.id,
        name: it.name,
        ..Named::default()
    });
    one(found.collect(), "host", text, "shukuba host list")
}

/// The network that `text` means.
pub(crate) fn network(calls: &dyn Calls, text: &str) -> anyhow::Result<Named> {
    let by = match is_id(text, NETWORK) {
        true => "vpc-id",
        false => "tag:Name",
    };
    let found = described(calls, "DescribeVpcs", &[(by, text)], "vpcSet", |node| {
        Named {
            id: node.text("vpcId").to_owned(),
            name: tag(node, "Name"),
            range: node.text("cidrBlock").to_owned(),
        }
    })?;
    one(found, "network", text, "aws ec2 describe-vpcs")
}

/// The groups of `network` that `texts` mean, by id or by the name of the group.
pub(crate) fn groups(
    calls: &dyn Calls,
    network: &Named,
    texts: &[String],
) -> anyhow::Result<Vec<Named>> {
    let group = |text: &String| {
        let by = match is_id(text, GROUP) {
            true => "group-id",
            false => "group-name",
        };
        let filters = [(by, text.as_str()), ("vpc-id", &network.id)];
        let found = described(
            calls,
            "DescribeSecurityGroups",
            &filters,
            "securityGroupInfo",
            |node| Named {
                id: node.text("groupId").to_owned(),
                name: node.text("groupName").to_owned(),
                ..Named::default()
            },
        )?;
        let what = format!("group of {}", network.shown());
        let list = format!(
            "aws ec2 describe-security-groups --filters Name=vpc-id,Values={}",
            network.id
        );
        one(found, &what, text, &list)
    };
    texts.iter().map(group).collect()
}

fn described<T>(
    calls: &dyn Calls,
    operation: &str,
    filters: &[(&str, &str)],
    set: &str,
    read: impl Fn(&Node) -> T,
) -> Result<Vec<T>, Failure> {
    let mut form = Vec::new();
    for (number, (name, value)) in (1..).zip(filters) {
        form.push((format!("Filter.{number}.Name"), (*name).to_owned()));
        form.push((format!("Filter.{number}.Value.1"), (*value).to_owned()));
    }
    let form: Vec<_> = form
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let answer = calls.call(operation, &form)?;
    Ok(answer.items(set).map(read).collect())
}

/// The value of a tag, or nothing.
pub(crate) fn tag(node: &Node, key: &str) -> String {
    let mut tags = node.items("tagSet");
    let tag = tags.find(|tag| tag.text("key") == key);
    tag.map_or_else(String::new, |tag| tag.text("value").to_owned())
}

/// The one that was meant.
fn one(mut found: Vec<Named>, what: &str, text: &str, list: &str) -> anyhow::Result<Named> {
    match (found.pop(), found.as_slice()) {
        (Some(one), []) => Ok(one),
        (None, _) => anyhow::bail!("there is no {what} `{text}`: {list}"),
        (Some(last), others) => {
            let ids: Vec<_> = others.iter().chain([&last]).map(Named::shown).collect();
            anyhow::bail!(
                "{} are called `{text}`; give the id of one: {}",
                ids.len(),
                ids.join(", ")
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::access::calls::{Form, read};

    /// Answers each call with the same text.
    struct Fixed(&'static str, Mutex<Vec<String>>);

    impl Calls for Fixed {
        fn call(&self, operation: &str, form: &Form<'_>) -> Result<Node, Failure> {
            let form = form.iter().map(|(name, value)| format!("{name}={value}"));
            self.1.lock().unwrap().extend(form);
            read(operation, self.0.as_bytes())
        }
    }

    const VPC: &str = "<DescribeVpcsResponse><vpcSet><item><vpcId>vpc-1</vpcId><tagSet><item><key>Name</key><value>tokyo</value></item></tagSet></item></vpcSet></DescribeVpcsResponse>";
    const TWO: &str = "<DescribeVpcsResponse><vpcSet><item><vpcId>vpc-1</vpcId></item><item><vpcId>vpc-2</vpcId></item></vpcSet></DescribeVpcsResponse>";

    #[test]
    fn a_network_is_found_by_its_id_and_by_its_name() {
        let calls = Fixed(VPC, Mutex::default());
        assert_eq!(network(&calls, "tokyo").unwrap().shown(), "tokyo (vpc-1)");
        network(&calls, "vpc-0123456789abcdef0").unwrap();
        let asked = calls.1.into_inner().unwrap();
        assert_eq!(asked[0], "Filter.1.Name=tag:Name");
        assert_eq!(asked[2], "Filter.1.Name=vpc-id");
    }

    #[test]
    fn a_name_of_none_or_of_two_is_refused_with_what_to_do() {
        let none = "<DescribeVpcsResponse><vpcSet/></DescribeVpcsResponse>";
        let error = network(&Fixed(none, Mutex::default()), "tokyo").unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no network `tokyo`: aws ec2 describe-vpcs"
        );
        let error = network(&Fixed(TWO, Mutex::default()), "tokyo").unwrap_err();
        let text = "2 are called `tokyo`; give the id of one: vpc-1, vpc-2";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn a_group_is_looked_for_in_its_network_alone() {
        let group = "<R><securityGroupInfo><item><groupId>sg-1</groupId><groupName>app</groupName></item></securityGroupInfo></R>";
        let calls = Fixed(group, Mutex::default());
        let tokyo = Named {
            id: "vpc-1".to_owned(),
            ..Named::default()
        };
        let found = groups(&calls, &tokyo, &["app".to_owned()]).unwrap();
        assert_eq!(found[0].shown(), "app (sg-1)");
        let asked = calls.1.into_inner().unwrap();
        assert!(
            asked.contains(&"Filter.2.Value.1=vpc-1".to_owned()),
            "{asked:?}"
        );
    }

    #[test]
    fn ids_have_eight_or_seventeen_digits() {
        assert!(is_id("i-0f1e2d3c4b5a69788", INSTANCE) && is_id("i-1a2b3c4d", INSTANCE));
        assert!(!is_id("i-am-a-host", INSTANCE) && !is_id("web-1", INSTANCE));
    }
}
