//! Instances, all or by the tag Name, from EC2's interface: forms in, XML out.
//!
//! Source: EC2 API Reference, DescribeInstances; EC2 User Guide, "Filtering" for the wildcards of a filter's values.

use std::collections::BTreeMap;
use std::fmt;

use cloudwatch::dashboard::widget::Host;
use serde::Serialize;

use crate::access::answer::Node;
use crate::access::calls::{Calls, Failure};
use crate::client::service::Forms;

/// The version of the API.
pub(crate) const VERSION: &str = "2016-11-15";
/// Instances of a page. Source: the bound of DescribeInstances.
const PAGE: &str = "1000";
/// The most pages. Chosen: a hundred thousand instances.
const PAGES_MAX: usize = 100;
/// States of instances that are, or may come back.
const STATES: [&str; 4] = ["pending", "running", "stopping", "stopped"];

/// An instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Instance {
    /// Its tag Name.
    pub(crate) name: String,
    /// Such as `i-0123456789abcdef0`.
    #[serde(rename = "InstanceId")]
    pub(crate) id: String,
}

/// Whoever knows the hosts.
pub(crate) trait Inventory: Send + Sync + fmt::Debug {
    /// All that were not terminated.
    fn hosts(&self) -> Result<Vec<Host>, Failure>;
}

impl Inventory for Forms {
    fn hosts(&self) -> Result<Vec<Host>, Failure> {
        let mut hosts = described(self, None, host)?;
        hosts.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(hosts)
    }
}

/// The instances whose Name is as `pattern` says (`*`, `?`, and a backslash before either) and that were not terminated, in
/// the order of their names.
pub(crate) fn named(calls: &dyn Calls, pattern: &str) -> Result<Vec<Instance>, Failure> {
    let mut all = described(calls, Some(pattern), read)?;
    all.sort();
    Ok(all)
}

/// What `read` reads of each instance that was not terminated, and whose Name is like `pattern` where there is one.
fn described<T>(
    calls: &dyn Calls,
    pattern: Option<&str>,
    read: impl Fn(&Node) -> Option<T>,
) -> Result<Vec<T>, Failure> {
    let mut all = Vec::new();
    let mut token = String::new();
    for _ in 0..PAGES_MAX {
        let page = calls.call("DescribeInstances", &form(pattern, &token))?;
        page.text("nextToken").clone_into(&mut token);
        let reservations = page.items("reservationSet");
        all.extend(
            reservations
                .flat_map(|it| it.items("instancesSet"))
                .filter_map(&read),
        );
        if token.is_empty() {
            return Ok(all);
        }
    }
    Err(Failure::Failed(anyhow::anyhow!(
        "DescribeInstances: more than {PAGES_MAX} pages; ask for less"
    )))
}

fn form<'a>(pattern: Option<&'a str>, token: &'a str) -> Vec<(&'a str, &'a str)> {
    let values = [
        "Filter.1.Value.1",
        "Filter.1.Value.2",
        "Filter.1.Value.3",
        "Filter.1.Value.4",
    ];
    let mut form = vec![("Filter.1.Name", "instance-state-name")];
    form.extend(values.into_iter().zip(STATES));
    if let Some(pattern) = pattern {
        form.push(("Filter.2.Name", "tag:Name"));
        form.push(("Filter.2.Value.1", pattern));
    }
    form.push(("MaxResults", PAGE));
    if !token.is_empty() {
        form.push(("NextToken", token));
    }
    form
}

fn read(node: &Node) -> Option<Instance> {
    let name = node.items("tagSet").find(|tag| tag.text("key") == "Name")?;
    Some(Instance {
        name: name.text("value").to_owned(),
        id: node.text("instanceId").to_owned(),
    })
}

/// A host as widgets choose it: by its properties, and by its tags, which stand over them.
fn host(node: &Node) -> Option<Host> {
    let property = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut tags: BTreeMap<String, String> = [
        property("InstanceType", node.text("instanceType")),
        property("ImageId", node.text("imageId")),
        property(
            "AvailabilityZone",
            node.find("placement")
                .map_or("", |placement| placement.text("availabilityZone")),
        ),
    ]
    .into();
    tags.retain(|_, value| !value.is_empty());
    let own = node.items("tagSet");
    tags.extend(own.map(|tag| property(tag.text("key"), tag.text("value"))));
    Some(Host {
        id: node.text("instanceId").to_owned(),
        tags,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Mutex;

    use super::*;

    /// No hosts.
    #[derive(Debug)]
    pub(crate) struct NoHosts;

    impl Inventory for NoHosts {
        fn hosts(&self) -> Result<Vec<Host>, Failure> {
            Ok(Vec::new())
        }
    }

    /// Answers the pages in order.
    struct Pages(Mutex<Vec<String>>, Mutex<Vec<Vec<String>>>);

    impl Calls for Pages {
        fn call(
            &self,
            _operation: &str,
            form: &crate::access::calls::Form<'_>,
        ) -> Result<Node, Failure> {
            let form = form.iter().map(|(name, value)| format!("{name}={value}"));
            self.1.lock().unwrap().push(form.collect());
            crate::access::calls::read(
                "DescribeInstances",
                self.0.lock().unwrap().remove(0).as_bytes(),
            )
        }
    }

    /// As the example of DescribeInstances in the EC2 API Reference, cut down; a network interface has tags of its own.
    fn page(id: &str, name: &str, next: &str) -> String {
        format!(
            r#"<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
    <requestId>8f7724cf-496f-496e-8fe3-example</requestId>
    <reservationSet><item><reservationId>r-1234567890abcdef0</reservationId><groupSet/>
      <instancesSet><item><instanceId>{id}</instanceId>
        <instanceType>t3.micro</instanceType><placement><availabilityZone>ap-northeast-1c</availabilityZone></placement>
        <instanceState><code>16</code><name>running</name></instanceState>
        <networkInterfaceSet><item><tagSet><item><key>Name</key><value>eth0</value></item></tagSet></item></networkInterfaceSet>
        <tagSet><item><key>role</key><value>web</value></item><item><key>Name</key><value>{name}</value></item></tagSet>
      </item></instancesSet></item></reservationSet>{next}
</DescribeInstancesResponse>"#
        )
    }

    #[test]
    fn instances_of_all_pages_come_in_the_order_of_their_names() {
        let pages = [
            page("i-2", "web-b", "<nextToken>abc</nextToken>"),
            page("i-1", "web-a", ""),
        ];
        let pages = Pages(Mutex::new(pages.into()), Mutex::default());
        let found = named(&pages, "web-*").unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|it| (it.name.as_str(), it.id.as_str()))
            .collect();
        assert_eq!(found, [("web-a", "i-1"), ("web-b", "i-2")]);
        let asked = pages.1.into_inner().unwrap();
        assert_eq!(
            asked[1],
            [
                "Filter.1.Name=instance-state-name",
                "Filter.1.Value.1=pending",
                "Filter.1.Value.2=running",
                "Filter.1.Value.3=stopping",
                "Filter.1.Value.4=stopped",
                "Filter.2.Name=tag:Name",
                "Filter.2.Value.1=web-*",
                "MaxResults=1000",
                "NextToken=abc",
            ]
        );
    }

    #[test]
    fn hosts_have_their_properties_and_tags() {
        let pages = Pages(Mutex::new(vec![page("i-1", "web-a", "")]), Mutex::default());
        let found = described(&pages, None, host).unwrap();
        let tags: Vec<_> = found[0]
            .tags
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        assert_eq!(
            tags,
            [
                "AvailabilityZone=ap-northeast-1c",
                "InstanceType=t3.micro",
                "Name=web-a",
                "role=web"
            ]
        );
        let asked = pages.1.into_inner().unwrap();
        assert!(!asked[0].iter().any(|it| it.contains("tag:")), "{asked:?}");
    }

    #[test]
    fn an_answer_without_instances_is_none() {
        let empty = "<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>";
        let pages = Pages(Mutex::new(vec![empty.to_owned()]), Mutex::default());
        assert_eq!(named(&pages, "x").unwrap(), []);
    }
}
