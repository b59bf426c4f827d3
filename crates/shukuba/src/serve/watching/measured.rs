//! What agents and checks measured, as the store of metrics takes it.

use cloudwatch::metric::{Dimension, Identity, Unit};
use cloudwatch::series::{Datum, Resolution};
use watch::datum;

/// Values as the store takes them, without those that are no numbers.
pub(in crate::serve) fn data(measured: &[datum::Datum]) -> Vec<Datum> {
    measured.iter().filter_map(one).collect()
}

fn one(datum: &datum::Datum) -> Option<Datum> {
    let unit: Unit = datum.unit.as_str().parse().ok()?;
    let dimensions = datum.dimensions.iter();
    let dimensions = dimensions.map(|(name, value)| Dimension::new(name, value));
    let identity = Identity::new(&datum.namespace, &datum.name, dimensions.collect());
    let resolution = match datum.resolution_secs {
        1 => Resolution::Second,
        _ => Resolution::Minute,
    };
    datum.value.is_finite().then(|| Datum {
        resolution,
        ..Datum::new(identity, unit, datum.at, datum.value)
    })
}
