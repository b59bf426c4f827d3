//! What is kept of the values of a period.

/// What is kept of the values of a period: enough for every statistic that can be answered of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// How many values; may be a fraction, as clients say so.
    pub count: f64,
    /// Their sum.
    pub sum: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Summary {
    /// One value.
    #[must_use]
    pub const fn of(value: f64) -> Self {
        Self {
            count: 1.0,
            sum: value,
            min: value,
            max: value,
        }
    }
}
