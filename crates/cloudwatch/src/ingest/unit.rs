//! From other units to CloudWatch's, with the factor where CloudWatch has only a smaller or larger one.
//!
//! Sources: UCUM, as OpenTelemetry's semantic conventions, "Instrument units", use it; Prometheus documentation, "Metric and
//! label naming"; CloudWatch API Reference, `MetricDatum`, `Unit`.

use crate::metric::Unit;

/// The unit of a UCUM code, and what values are multiplied with. What CloudWatch has nothing for is [`Unit::None`].
pub(super) fn of_ucum(code: &str) -> (Unit, f64) {
    let plain = |unit| (unit, 1.0);
    match code {
        "s" => plain(Unit::Seconds),
        "ms" => plain(Unit::Milliseconds),
        "us" => plain(Unit::Microseconds),
        "ns" => (Unit::Microseconds, 1e-3),
        "min" => (Unit::Seconds, 60.0),
        "h" => (Unit::Seconds, 3600.0),
        "d" => (Unit::Seconds, 86_400.0),
        "By" => plain(Unit::Bytes),
        "kBy" => plain(Unit::Kilobytes),
        "MBy" => plain(Unit::Megabytes),
        "GBy" => plain(Unit::Gigabytes),
        "TBy" => plain(Unit::Terabytes),
        "KiBy" => (Unit::Bytes, 1024.0),
        "MiBy" => (Unit::Bytes, 1_048_576.0),
        "GiBy" => (Unit::Bytes, 1_073_741_824.0),
        "TiBy" => (Unit::Bytes, 1_099_511_627_776.0),
        "bit" => plain(Unit::Bits),
        "kbit" => plain(Unit::Kilobits),
        "Mbit" => plain(Unit::Megabits),
        "Gbit" => plain(Unit::Gigabits),
        "Tbit" => plain(Unit::Terabits),
        "By/s" => plain(Unit::BytesPerSecond),
        "kBy/s" => plain(Unit::KilobytesPerSecond),
        "MBy/s" => plain(Unit::MegabytesPerSecond),
        "GBy/s" => plain(Unit::GigabytesPerSecond),
        "TBy/s" => plain(Unit::TerabytesPerSecond),
        "bit/s" => plain(Unit::BitsPerSecond),
        "kbit/s" => plain(Unit::KilobitsPerSecond),
        "Mbit/s" => plain(Unit::MegabitsPerSecond),
        "Gbit/s" => plain(Unit::GigabitsPerSecond),
        "Tbit/s" => plain(Unit::TerabitsPerSecond),
        "%" => plain(Unit::Percent),
        "1/s" | "Hz" => plain(Unit::CountPerSecond),
        _ => plain(of_annotation(code)),
    }
}

/// `{request}` counts requests, `{request}/s` them by the second.
fn of_annotation(code: &str) -> Unit {
    match code.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        Some((_, "")) => Unit::Count,
        Some((_, "/s")) => Unit::CountPerSecond,
        _ => Unit::None,
    }
}

/// The unit that a Prometheus metric's name ends with, such as `http_request_duration_seconds_sum`.
pub(super) fn of_prometheus(name: &str) -> Unit {
    if name.ends_with("_bucket") || name.ends_with("_count") {
        return Unit::Count;
    }
    let base = name.strip_suffix("_sum").unwrap_or(name);
    let (base, is_total) = base
        .strip_suffix("_total")
        .map_or((base, false), |base| (base, true));
    let last = base.rsplit_once('_').map_or("", |(_, last)| last);
    match last {
        "seconds" => Unit::Seconds,
        "milliseconds" => Unit::Milliseconds,
        "microseconds" => Unit::Microseconds,
        "bytes" => Unit::Bytes,
        "bits" => Unit::Bits,
        "percent" => Unit::Percent,
        _ if is_total => Unit::Count,
        _ => Unit::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_ucum_become_cloudwatchs() {
        for (code, unit, factor) in [
            ("s", Unit::Seconds, 1.0),
            ("ns", Unit::Microseconds, 1e-3),
            ("By", Unit::Bytes, 1.0),
            ("MiBy", Unit::Bytes, 1_048_576.0),
            ("{request}", Unit::Count, 1.0),
            ("{packet}/s", Unit::CountPerSecond, 1.0),
            ("{a}b", Unit::None, 1.0),
            ("{a", Unit::None, 1.0),
            ("1", Unit::None, 1.0),
            ("Cel", Unit::None, 1.0),
            ("", Unit::None, 1.0),
        ] {
            assert_eq!(of_ucum(code), (unit, factor), "{code}");
        }
    }

    #[test]
    fn units_of_prometheus_stand_in_the_name() {
        for (name, unit) in [
            ("process_cpu_seconds_total", Unit::Seconds),
            ("node_memory_MemFree_bytes", Unit::Bytes),
            ("http_request_duration_seconds_sum", Unit::Seconds),
            ("http_request_duration_seconds_count", Unit::Count),
            ("http_request_duration_seconds_bucket", Unit::Count),
            ("http_requests_total", Unit::Count),
            ("up", Unit::None),
            ("seconds", Unit::None),
        ] {
            assert_eq!(of_prometheus(name), unit, "{name}");
        }
    }
}
