//! Tags of whatever has them.

use std::sync::Arc;

use api::{Fault, Nothing};

use super::page::{Page, page};
use super::shape::{Tag, pairs};
use crate::Iam;
use crate::engine::name;
use crate::engine::tags::{Add, Remove, Target};

/// Adds tags.
pub(super) async fn add(iam: &Arc<Iam>, target: Target, tags: Vec<Tag>) -> Result<Nothing, Fault> {
    let tags = pairs(tags);
    iam.change(Add { target, tags }).await?;
    Ok(Nothing {})
}

/// Takes tags away.
pub(super) async fn remove(
    iam: &Arc<Iam>,
    target: Target,
    keys: Vec<String>,
) -> Result<Nothing, Fault> {
    iam.change(Remove { target, keys }).await?;
    Ok(Nothing {})
}

/// Part of the tags, in the order of their keys.
pub(super) fn page_of(
    mut tags: Vec<Tag>,
    marker: Option<&String>,
    max_items: Option<i32>,
) -> Result<Page<Tag>, Fault> {
    tags.sort_by_key(|tag| name::folded(&tag.key));
    page(
        tags.into_iter(),
        |tag| name::folded(&tag.key),
        marker,
        max_items,
    )
}
