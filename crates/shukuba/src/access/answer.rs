//! Answers in XML, as IAM, STS, S3 and EC2 give them.

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, Event};

/// The most elements inside one another. Chosen: the deepest answer of IAM has eight.
const DEPTH_MAX: usize = 32;

/// An element: what it is called, its text, and the elements in it. Attributes and namespaces are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Node {
    name: String,
    text: String,
    inner: Vec<Node>,
}

/// A text that is no XML.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer is no XML: {0}")]
pub(crate) struct NotXml(String);

impl Node {
    /// Reads a document, and gives what stands around its outermost element.
    pub(crate) fn parse(text: &str) -> Result<Self, NotXml> {
        let mut reader = Reader::from_str(text);
        let mut open = vec![Self::default()];
        loop {
            let event = reader
                .read_event()
                .map_err(|error| NotXml(error.to_string()))?;
            match event {
                Event::Start(tag) => open.push(Self::named(tag.local_name().as_ref())),
                Event::Empty(tag) => close(&mut open, Self::named(tag.local_name().as_ref())),
                Event::End(_) => {
                    let node = open.pop().unwrap_or_default();
                    close(&mut open, node);
                }
                Event::Text(text) => add(&mut open, &text),
                Event::CData(text) => add(&mut open, &text),
                Event::GeneralRef(name) => add(&mut open, &resolved(&name)?),
                Event::Eof => break,
                _ => {}
            }
            if open.len() > DEPTH_MAX {
                return Err(NotXml(format!("more than {DEPTH_MAX} elements deep")));
            }
        }
        match (open.pop(), open.len()) {
            (Some(whole), 0) if !whole.inner.is_empty() => Ok(whole),
            _ => Err(NotXml("it ends too early".to_owned())),
        }
    }

    fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// The first element called `name` at any depth.
    pub(crate) fn find(&self, name: &str) -> Option<&Self> {
        let found = self.inner.iter().find(|node| node.name == name);
        found.or_else(|| self.inner.iter().find_map(|node| node.find(name)))
    }

    /// The text of the first element called `name` at any depth; nothing where there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.find(name).map_or("", |node| node.text.trim())
    }

    /// Its own text.
    pub(crate) fn own_text(&self) -> &str {
        self.text.trim()
    }

    /// The members of the first list called `name` at any depth.
    pub(crate) fn members(&self, name: &str) -> impl Iterator<Item = &Self> {
        self.called(name, "member")
    }

    /// The same as EC2 writes lists: their members are called `item`.
    pub(crate) fn items(&self, name: &str) -> impl Iterator<Item = &Self> {
        self.called(name, "item")
    }

    fn called(&self, list: &str, member: &'static str) -> impl Iterator<Item = &Self> {
        let list = self.find(list).map_or(&[][..], |list| &list.inner);
        list.iter().filter(move |node| node.name == member)
    }
}

/// Puts a finished element into the one around it.
fn close(open: &mut [Node], node: Node) {
    if let Some(around) = open.last_mut() {
        around.inner.push(node);
    }
}

fn add(open: &mut [Node], text: &str) {
    if let Some(node) = open.last_mut() {
        node.text.push_str(text);
    }
}

/// The character that `&amp;` or `&#38;` stands for.
fn resolved(name: &BytesRef<'_>) -> Result<String, NotXml> {
    let unknown = || NotXml(format!("`&{};`", &**name));
    if let Some(letter) = name.resolve_char_ref().map_err(|_| unknown())? {
        return Ok(letter.to_string());
    }
    resolve_xml_entity(name)
        .map(str::to_owned)
        .ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The example of ListGroupsForUser in the IAM API Reference.
    const GROUPS: &str = r#"<ListGroupsForUserResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">
 <ListGroupsForUserResult>
  <Groups>
   <member>
    <Path>/</Path>
    <GroupName>Admins</GroupName>
    <GroupId>AGPACKCEVSQ6C2EXAMPLE</GroupId>
    <Arn>arn:aws:iam::123456789012:group/Admins</Arn>
   </member>
   <member><Path>/</Path><GroupName>a &amp; b&#x21;</GroupName></member>
  </Groups>
  <IsTruncated>false</IsTruncated>
 </ListGroupsForUserResult>
 <ResponseMetadata><RequestId>7a62c49f-347e-4fc4-9331-6e8eEXAMPLE</RequestId></ResponseMetadata>
</ListGroupsForUserResponse>"#;

    #[test]
    fn a_list_is_read_with_its_members() {
        let answer = Node::parse(GROUPS).unwrap();
        let names: Vec<_> = answer
            .members("Groups")
            .map(|group| group.text("GroupName"))
            .collect();
        assert_eq!(names, ["Admins", "a & b!"]);
        assert_eq!(answer.text("IsTruncated"), "false");
        assert_eq!(answer.text("Marker"), "");
        assert_eq!(answer.members("Users").count(), 0);
    }

    #[test]
    fn what_is_no_xml_is_refused() {
        let deep = "<a>".repeat(DEPTH_MAX + 1);
        for text in ["", "nothing", "<a>", "<a></b>", "<a>&nonsense;</a>", &deep] {
            assert!(Node::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(text in "[<>/a&;!\\[\\]\"= ?-]{0,60}") {
            let _ = Node::parse(&text);
        }
    }
}
