//! Which metric: namespace, name and the exact set of its dimensions.

use std::fmt;

/// Dimensions that a metric may have. Source: CloudWatch API Reference, `MetricDatum`.
pub const DIMENSIONS_MAX: usize = 30;

/// A metric's identity. A unit is not part of it.
///
/// INVARIANT: `dimensions` are sorted by name, so that their order never makes two metrics of one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// Such as `AWS/EC2`. 1 to 255 characters, the first no colon.
    pub namespace: String,
    /// Such as `CPUUtilization`. 1 to 255 characters.
    pub name: String,
    dimensions: Vec<Dimension>,
}

/// One dimension of a metric.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dimension {
    /// Such as `InstanceId`.
    pub name: String,
    /// Such as `i-0123456789abcdef0`.
    pub value: String,
}

impl Identity {
    /// The metric `name` of `namespace` with these dimensions, in any order.
    #[must_use]
    pub fn new(namespace: &str, name: &str, mut dimensions: Vec<Dimension>) -> Self {
        dimensions.sort_unstable();
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            dimensions,
        }
    }

    /// The dimensions, sorted by name.
    #[must_use]
    pub fn dimensions(&self) -> &[Dimension] {
        &self.dimensions
    }

    /// The value of a dimension.
    #[must_use]
    pub fn dimension(&self, name: &str) -> Option<&str> {
        let found = self.dimensions.iter().find(|known| known.name == name)?;
        Some(&found.value)
    }
}

impl Dimension {
    /// The dimension `name` with this value.
    #[must_use]
    pub fn new(name: &str, value: &str) -> Self {
        Self {
            name: name.to_owned(),
            value: value.to_owned(),
        }
    }
}

/// As the design writes it: `AWS/EC2/CPUUtilization{InstanceId=i-1}`.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{{", self.namespace, self.name)?;
        for (index, dimension) in self.dimensions.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{}={}", dimension.name, dimension.value)?;
        }
        f.write_str("}")
    }
}
