//! The colours of lines, in CloudWatch's order: the first ten and their pale kin.
//!
//! Source: CloudWatch User Guide, "Graph metrics"; `Color` of the CDK's CloudWatch module names the same ones.

const COLOURS: [&str; 20] = [
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f",
    "#bcbd22", "#17becf", "#aec7e8", "#ffbb78", "#98df8a", "#ff9896", "#c5b0d5", "#c49c94",
    "#f7b6d2", "#c7c7c7", "#dbdb8d", "#9edae5",
];

/// The colour of levels and of moments that say none.
pub(super) const ANNOTATION: &str = "#d62728";
/// See [`ANNOTATION`].
pub(super) const MOMENT: &str = "#7f7f7f";
/// The colour of bands that say none.
pub(super) const BAND: &str = "#95a5a6";

/// The colour of the line of that number.
pub(super) fn colour(index: usize) -> &'static str {
    let found = COLOURS.get(index % COLOURS.len());
    found.copied().unwrap_or(ANNOTATION)
}
