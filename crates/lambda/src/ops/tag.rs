//! Tags of functions and of event source mappings.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::Shape;
use wire::rest::Http;

use super::{Lambda, fault};
use crate::engine::tag::{Tag, Untag};
use crate::function::FunctionName;

impl Lambda {
    /// `action` on what an ARN names: a function or a mapping.
    fn touched(&self, action: &'static str, arn: &str) -> Access {
        match self.mappings.named(arn) {
            Some(uuid) => self.mappings.touched(action, &uuid),
            None => self.on(action, arn, None),
        }
    }

    /// The function with an ARN: tags are a function's, not a version's.
    fn tagged(&self, arn: &str) -> Result<FunctionName, Fault> {
        match arn.starts_with("arn:") {
            true => self.name(arn),
            false => Err(fault::out_of_bounds(format!(
                "1 validation error detected: Value '{arn}' at 'resource' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*):lambda:[a-z]{{2}}(-gov)?-[a-z]+-\\d{{1}}:\\d{{12}}:function:[a-zA-Z0-9-_]+"
            ))),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListTagsRequest {
    #[shape(uri, required)]
    resource: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListTagsResponse {
    tags: Tags,
}

/// Tags, which are written even when there are none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tags(BTreeMap<String, String>);

impl wire::Field for Tags {
    type Value = BTreeMap<String, String>;

    fn from_found(found: Option<Self::Value>) -> Option<Self> {
        Some(Self(found.unwrap_or_default()))
    }

    fn to_write(&self) -> Option<&Self::Value> {
        Some(&self.0)
    }
}

impl Act<Lambda> for ListTagsRequest {
    type Output = ListTagsResponse;
    const ACTION: &'static str = "lambda:ListTags";
    const HTTP: Option<Http> = Some(Http::get("/2017-03-31/tags/{Resource}"));

    fn touches(&self, lambda: &Lambda, _: &Caller) -> Vec<Access> {
        vec![lambda.touched(Self::ACTION, &self.resource)]
    }

    async fn act(self, lambda: &Arc<Lambda>, _: &Ctx) -> Result<ListTagsResponse, Fault> {
        if let Some(uuid) = lambda.mappings.named(&self.resource) {
            let tags = Tags(lambda.mappings.tags(&uuid)?);
            return Ok(ListTagsResponse { tags });
        }
        let name = lambda.tagged(&self.resource)?;
        let (_, function, _) = lambda.find(name.as_str(), None)?;
        Ok(ListTagsResponse {
            tags: Tags(function.tags.clone()),
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct TagResourceRequest {
    #[shape(uri, required)]
    resource: String,
    #[shape(required)]
    tags: BTreeMap<String, String>,
}

impl Act<Lambda> for TagResourceRequest {
    type Output = Nothing;
    const ACTION: &'static str = "lambda:TagResource";
    const HTTP: Option<Http> = Some(Http::post("/2017-03-31/tags/{Resource}").with_status(204));

    fn touches(&self, lambda: &Lambda, _: &Caller) -> Vec<Access> {
        let access = lambda.touched(Self::ACTION, &self.resource);
        let access = access.with_many("aws:TagKeys", self.tags.keys().cloned());
        let tags = self.tags.iter();
        vec![tags.fold(access, |access, (key, value)| {
            access.with(&format!("aws:RequestTag/{key}"), value)
        })]
    }

    async fn act(self, lambda: &Arc<Lambda>, _: &Ctx) -> Result<Nothing, Fault> {
        if let Some(uuid) = lambda.mappings.named(&self.resource) {
            lambda.mappings.tag(uuid, self.tags).await?;
            return Ok(Nothing {});
        }
        let tag = Tag {
            name: lambda.tagged(&self.resource)?,
            tags: self.tags,
        };
        let tagged = lambda.functions.change(tag).await;
        tagged.map_err(|error| lambda.told(error))?;
        Ok(Nothing {})
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct UntagResourceRequest {
    #[shape(uri, required)]
    resource: String,
    #[shape(querystring = "tagKeys", required)]
    tag_keys: Vec<String>,
}

impl Act<Lambda> for UntagResourceRequest {
    type Output = Nothing;
    const ACTION: &'static str = "lambda:UntagResource";
    const HTTP: Option<Http> = Some(Http::delete("/2017-03-31/tags/{Resource}").with_status(204));

    fn touches(&self, lambda: &Lambda, _: &Caller) -> Vec<Access> {
        let access = lambda.touched(Self::ACTION, &self.resource);
        vec![access.with_many("aws:TagKeys", self.tag_keys.iter().cloned())]
    }

    async fn act(self, lambda: &Arc<Lambda>, _: &Ctx) -> Result<Nothing, Fault> {
        if let Some(uuid) = lambda.mappings.named(&self.resource) {
            lambda.mappings.untag(uuid, self.tag_keys).await?;
            return Ok(Nothing {});
        }
        let untag = Untag {
            name: lambda.tagged(&self.resource)?,
            keys: self.tag_keys,
        };
        let untagged = lambda.functions.change(untag).await;
        untagged.map_err(|error| lambda.told(error))?;
        Ok(Nothing {})
    }
}
