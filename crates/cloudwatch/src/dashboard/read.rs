//! Members of JSON objects that may be there.

use serde_json::Value;

pub(crate) fn text(of: &Value, name: &str) -> Option<String> {
    of.get(name)?.as_str().map(str::to_owned)
}

pub(crate) fn flag(of: &Value, name: &str) -> Option<bool> {
    of.get(name)?.as_bool()
}

pub(crate) fn number(of: &Value, name: &str) -> Option<f64> {
    of.get(name)?.as_f64().filter(|number| number.is_finite())
}

pub(crate) fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of.get(name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// Whole numbers up to `max`; 1.0 is one too.
pub(crate) fn whole(of: &Value, name: &str, max: u32) -> Option<u32> {
    let number = number(of, name)?;
    let is_whole = number.fract() == 0.0 && (0.0..=f64::from(max)).contains(&number);
    is_whole.then_some(number as u32)
}

/// Seconds of a period: 1, 5, 10, 20, 30 or a multiple of 60, up to a day; widgets take more days.
pub(crate) fn period(value: &Value) -> Option<u32> {
    const SECS_MAX: u64 = 30 * 86_400;
    let secs = value.as_u64()?;
    let is_right = matches!(secs, 1 | 5 | 10 | 20 | 30) || (secs > 0 && secs.is_multiple_of(60));
    (is_right && secs <= SECS_MAX).then_some(secs as u32)
}
