//! What a check says to the router of notices.

use super::{Event, HOST, Kind};
use crate::check::Status;
use crate::notice::{self, Severity};

impl Event {
    /// The event as the router takes it; none for what is only for the record. Its source is `check:HOST/CHECK`, and
    /// `check:HOST/CHECK/flapping` for flapping, which begins and ends beside the problems. Labels: the check's own, and `check`,
    /// `host` (its id), `Name`, `status`, `severity`.
    #[must_use]
    pub fn notice(&self) -> Option<notice::Event> {
        let source = format!("check:{}/{}", self.host, self.check);
        let (kind, source) = match self.kind {
            Kind::Problem => (notice::Kind::Problem, source),
            Kind::Recovery | Kind::Removed => (notice::Kind::Recovery, source),
            Kind::FlappingStart => (notice::Kind::Problem, format!("{source}/flapping")),
            Kind::FlappingStop => (notice::Kind::Recovery, format!("{source}/flapping")),
            Kind::Acknowledged => return None,
        };
        let mut labels = self.labels.clone();
        for (name, value) in [
            ("check", self.check.as_str()),
            ("host", &self.host),
            ("Name", &self.host_name),
            ("status", self.status.as_str()),
            ("severity", self.severity().as_str()),
        ] {
            labels.insert(name.to_owned(), value.to_owned());
        }
        Some(notice::Event {
            id: self.id.clone(),
            source,
            kind,
            at: self.at,
            severity: self.severity(),
            title: self.title(),
            detail: self.text.clone(),
            labels,
            to: self.notify.clone(),
            sns: None,
        })
    }

    fn severity(&self) -> Severity {
        match (self.kind, self.status) {
            (Kind::FlappingStart | Kind::FlappingStop, _) => Severity::Warning,
            (_, Status::Critical) => Severity::Critical,
            // What cannot be said of a check is a check that does not work.
            (_, Status::Warning | Status::Unknown) => Severity::Warning,
            (_, Status::Ok) => Severity::Info,
        }
    }

    fn title(&self) -> String {
        let host = match self.host_name.is_empty() {
            true => &self.host,
            false => &self.host_name,
        };
        let what = match self.check.as_str() {
            HOST => host.clone(),
            check => format!("{host}/{check}"),
        };
        match self.kind {
            Kind::FlappingStart => format!("{what} changes too often"),
            Kind::FlappingStop => format!("{what} does not change too often any more"),
            Kind::Removed => format!("{what} is not checked any more"),
            _ => format!("{what} is {}", self.status),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use base::Timestamp;

    use super::*;

    #[test]
    fn events_become_what_the_router_takes() {
        let event = |kind, status| Event {
            id: "i-1/load@0#1".to_owned(),
            host: "i-1".to_owned(),
            host_name: "web-1".to_owned(),
            check: "load".to_owned(),
            kind,
            status,
            was: Status::Ok,
            text: "load is 12".to_owned(),
            at: Timestamp::from_secs(5),
            notify: vec!["ops".to_owned()],
            labels: BTreeMap::from([("team".to_owned(), "web".to_owned())]),
        };
        let told = event(Kind::Problem, Status::Critical).notice().unwrap();
        assert_eq!(
            (told.source.as_str(), told.title.as_str()),
            ("check:i-1/load", "web-1/load is CRITICAL")
        );
        assert_eq!(
            (told.kind, told.severity, told.to),
            (
                notice::Kind::Problem,
                Severity::Critical,
                vec!["ops".to_owned()]
            )
        );
        assert_eq!(
            (told.labels["team"].as_str(), told.labels["Name"].as_str()),
            ("web", "web-1")
        );
        let over = event(Kind::Removed, Status::Critical).notice().unwrap();
        assert_eq!(
            (over.kind, over.source.as_str()),
            (notice::Kind::Recovery, "check:i-1/load")
        );
        let flaps = event(Kind::FlappingStart, Status::Critical)
            .notice()
            .unwrap();
        assert_eq!(
            (flaps.source.as_str(), flaps.severity),
            ("check:i-1/load/flapping", Severity::Warning)
        );
        assert_eq!(event(Kind::Acknowledged, Status::Critical).notice(), None);
    }
}
