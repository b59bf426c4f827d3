//! Any output of a plugin: a status and finite values, what cannot be read counted, never a panic.
#![no_main]

use base::Timestamp;
use libfuzzer_sys::fuzz_target;
use watch::check::plugin::{mackerel, munin, nagios};
use watch::check::range::Range;

fuzz_target!(|input: (i32, &str, &str)| {
    let (code, output, more) = input;
    let outcome = nagios::outcome(code, output);
    assert!(outcome.metrics.iter().all(|metric| metric.value.is_finite()));
    let graphs = mackerel::graphs(more);
    let (values, _) = mackerel::values(output, &graphs);
    assert!(values.iter().all(|metric| metric.value.is_finite()));
    let config = munin::config("plugin", more);
    let mut last = munin::Last::default();
    for second in 1..3 {
        let fetched = config.fetch("plugin", output, Timestamp::from_secs(second), &mut last);
        assert!(fetched.metrics.iter().all(|metric| !metric.value.is_nan()));
    }
    if let Ok(range) = output.parse::<Range>() {
        assert_eq!(range.to_string().parse(), Ok(range));
    }
});
