//! A shape that holds every kind of member that the protocols carry.

use std::collections::BTreeMap;

use wire::{Blob, Shape};

/// One member of each kind.
#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub struct Everything {
    /// A text that must be there.
    #[shape(required)]
    pub text: String,
    /// A whole number.
    pub number: Option<i32>,
    /// A large one.
    pub large: Option<i64>,
    /// One with decimals.
    pub real: Option<f64>,
    /// Yes or no.
    pub truth: Option<bool>,
    /// Bytes.
    pub blob: Option<Blob>,
    /// A moment.
    pub at: Option<base::Timestamp>,
    /// A list of structures.
    pub items: Vec<Item>,
    /// A map.
    pub map: BTreeMap<String, String>,
}

/// An item of the list.
#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub struct Item {
    /// Its name.
    pub name: String,
    /// Its values.
    pub values: Vec<String>,
}

/// A message over REST with a member in each place.
#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub struct Placed {
    /// One segment of the path.
    #[shape(uri)]
    pub label: Option<String>,
    /// Several.
    #[shape(uri)]
    pub rest: Option<String>,
    /// A whole number.
    #[shape(querystring)]
    pub number: Option<i32>,
    /// A moment.
    #[shape(querystring)]
    pub at: Option<base::Timestamp>,
    /// Many texts.
    #[shape(querystring)]
    pub list: Vec<String>,
    /// Many in one header.
    #[shape(header = "X-List")]
    pub items: Vec<String>,
    /// Bytes.
    #[shape(header = "X-Blob")]
    pub blob: Option<Blob>,
    /// All headers with a prefix.
    #[shape(headers = "X-Meta-")]
    pub meta: BTreeMap<String, String>,
    /// In the body.
    pub item: Option<Item>,
}
