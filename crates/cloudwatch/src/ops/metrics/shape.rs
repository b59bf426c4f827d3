//! Shapes that several operations share.

use wire::Shape;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct Dimension {
    #[shape(required)]
    pub(super) name: String,
    #[shape(required)]
    pub(super) value: String,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DimensionFilter {
    #[shape(required)]
    pub(super) name: String,
    pub(super) value: Option<String>,
}
