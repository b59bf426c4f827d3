//! The event that a function gets. Source: CloudWatch User Guide, "Invoke a Lambda function from an alarm".

use base::Timestamp;
use serde_json::{Map, Value, json};

use super::super::book::{Alarm, Known};
use super::super::settings::Kind;
use super::super::time::offset;
use super::{Occasion, configuration};

/// The event's JSON.
#[must_use]
pub fn body(alarm: &Alarm, occasion: &Occasion<'_>) -> String {
    let (settings, status) = (&alarm.settings, &alarm.status);
    let mut configuration = match &settings.kind {
        Kind::Metric(metric) => {
            let metrics = configuration::metrics(&metric.watched);
            Map::from_iter([("metrics".to_owned(), metrics)])
        }
        Kind::Composite(composite) => configuration::of_composite(composite),
    };
    if let Some(description) = &settings.description {
        configuration.insert("description".to_owned(), json!(description));
    }
    let mut data = json!({
        "alarmName": settings.name,
        "state": state(&status.now),
        "previousState": status.before.as_ref().map(state),
        "configuration": configuration,
    });
    if let Some(data) = data.as_object_mut().filter(|_| occasion.is_after_mute) {
        data.insert("actionExecutedAfterMuteWindow".to_owned(), json!(true));
    }
    json!({
        "source": "aws.cloudwatch",
        "alarmArn": occasion.place.alarm(&settings.name).to_string(),
        "accountId": occasion.place.account.as_str(),
        "time": offset(Timestamp::from_millis(status.now.at_ms)),
        "region": occasion.place.region.as_str(),
        "alarmData": data,
    })
    .to_string()
}

fn state(known: &Known) -> Value {
    let mut state = json!({
        "value": known.state.as_str(),
        "reason": known.reason,
        "timestamp": offset(Timestamp::from_millis(known.at_ms)),
    });
    if let (Some(members), Some(data)) = (state.as_object_mut(), &known.data) {
        members.insert("reasonData".to_owned(), json!(data));
    }
    state
}
