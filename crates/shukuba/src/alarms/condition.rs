//! What the arguments of a condition mean: M of N, periods, and the namespaces of metrics that everybody knows.

use std::str::FromStr;

use base::setting::Span;

/// The longest time that is looked at with periods below an hour, and with longer ones. Source: PutMetricAlarm.
const WINDOW_SECS_MAX: u64 = 86_400;
const LONG_WINDOW_SECS_MAX: u64 = 7 * 86_400;
const HOUR_SECS: u32 = 3600;

/// How many of the latest periods must be too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lasts {
    /// M: this many.
    pub(crate) points: u32,
    /// N: of this many.
    pub(crate) periods: u32,
}

impl FromStr for Lasts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is not a number of periods such as `3/5` (three of the latest five) or `3`"
            )
        };
        let (points, periods) = text.split_once('/').unwrap_or((text, text));
        let number = |text: &str| text.parse::<u32>().map_err(|_| wrong());
        let lasts = Self {
            points: number(points)?,
            periods: number(periods)?,
        };
        match lasts.points >= 1 && lasts.points <= lasts.periods {
            true => Ok(lasts),
            false => Err(wrong()),
        }
    }
}

/// Reads a period: `10s`, `20s`, `30s`, or whole minutes, up to a day. Seconds.
pub(crate) fn period(text: &str) -> Result<u32, String> {
    let span: Span = text.parse().map_err(|_| wrong_period(text))?;
    let span = span.get();
    let secs = u32::try_from(span.as_secs()).map_err(|_| wrong_period(text))?;
    let is_whole = span.subsec_millis() == 0;
    let is_period = matches!(secs, 10 | 20 | 30) || (secs > 0 && secs.is_multiple_of(60));
    match is_whole && is_period && u64::from(secs) <= WINDOW_SECS_MAX {
        true => Ok(secs),
        false => Err(wrong_period(text)),
    }
}

fn wrong_period(text: &str) -> String {
    format!(
        "`{text}` is not a period: `10s`, `20s`, `30s`, or whole minutes such as `60s`, `5m` or `1h`, up to `24h`"
    )
}

/// Refuses what looks back too far.
pub(crate) fn check_window(period_secs: u32, lasts: Lasts) -> Result<(), String> {
    let (max, text) = match period_secs < HOUR_SECS {
        true => (WINDOW_SECS_MAX, "a day"),
        false => (LONG_WINDOW_SECS_MAX, "seven days"),
    };
    let window = u64::from(period_secs) * u64::from(lasts.periods);
    if window <= max {
        return Ok(());
    }
    Err(format!(
        "{} periods of {} are more than {text}, which is the most that an alarm with such periods looks back",
        lasts.periods,
        Span::secs(u64::from(period_secs))
    ))
}

/// What a value is compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Above,
    Below,
    AtLeast,
    AtMost,
}

impl Comparison {
    /// As the API writes it.
    pub(crate) const fn operator(self) -> &'static str {
        match self {
            Self::Above => "GreaterThanThreshold",
            Self::Below => "LessThanThreshold",
            Self::AtLeast => "GreaterThanOrEqualToThreshold",
            Self::AtMost => "LessThanOrEqualToThreshold",
        }
    }
}

/// For people, what the API writes of a comparison.
pub(crate) fn sign(operator: &str) -> &str {
    match operator {
        "GreaterThanThreshold" => ">",
        "LessThanThreshold" => "<",
        "GreaterThanOrEqualToThreshold" => ">=",
        "LessThanOrEqualToThreshold" => "<=",
        "GreaterThanUpperThreshold" => "above the band",
        "LessThanLowerThreshold" => "below the band",
        "LessThanLowerOrGreaterThanUpperThreshold" => "outside the band",
        other => other,
    }
}

/// Metrics by namespace that need no `--namespace`. Source: the lists of metrics in the user guides of EC2, CloudWatch's agent,
/// SQS and Lambda; none stands in two of them.
const KNOWN: [(&str, &[&str]); 4] = [
    (
        "AWS/EC2",
        &[
            "CPUUtilization",
            "CPUCreditUsage",
            "CPUCreditBalance",
            "DiskReadBytes",
            "DiskReadOps",
            "DiskWriteBytes",
            "DiskWriteOps",
            "NetworkIn",
            "NetworkOut",
            "NetworkPacketsIn",
            "NetworkPacketsOut",
            "StatusCheckFailed",
            "StatusCheckFailed_Instance",
            "StatusCheckFailed_System",
        ],
    ),
    (
        "CWAgent",
        &[
            "cpu_usage_idle",
            "cpu_usage_iowait",
            "cpu_usage_user",
            "disk_inodes_free",
            "disk_used_percent",
            "diskio_io_time",
            "mem_available_percent",
            "mem_used",
            "mem_used_percent",
            "netstat_tcp_established",
            "processes_total",
            "swap_used_percent",
        ],
    ),
    (
        "AWS/SQS",
        &[
            "ApproximateAgeOfOldestMessage",
            "ApproximateNumberOfMessagesDelayed",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesVisible",
            "NumberOfEmptyReceives",
            "NumberOfMessagesDeleted",
            "NumberOfMessagesReceived",
            "NumberOfMessagesSent",
            "SentMessageSize",
        ],
    ),
    (
        "AWS/Lambda",
        &[
            "ConcurrentExecutions",
            "Duration",
            "Errors",
            "Invocations",
            "Throttles",
        ],
    ),
];

/// The namespace of a metric, where it is known.
pub(crate) fn namespace(metric: &str) -> Result<&'static str, String> {
    let found = KNOWN.iter().find(|(_, metrics)| metrics.contains(&metric));
    found.map(|(namespace, _)| *namespace).ok_or_else(|| {
        let all = KNOWN.iter().flat_map(|(_, metrics)| metrics.iter());
        // A metric may be anybody's own.
        let meant = base::nearest_within(metric, all.copied(), 2)
            .map_or_else(String::new, |known| format!(", or did you mean `{known}`?"));
        format!("`{metric}` stands in no namespace that is known here: give --namespace{meant}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_of_so_many_is_read() {
        for (text, expected) in [
            ("3/5", Some((3, 5))),
            ("1/1", Some((1, 1))),
            ("3", Some((3, 3))),
            ("5/3", None),
            ("0/3", None),
            ("0", None),
            ("-1/3", None),
            ("3/5/7", None),
            ("3/", None),
            ("", None),
            ("three", None),
            ("99999999999", None),
        ] {
            let lasts = text.parse::<Lasts>().ok();
            assert_eq!(lasts.map(|it| (it.points, it.periods)), expected, "{text}");
        }
        assert!(
            "5/3"
                .parse::<Lasts>()
                .unwrap_err()
                .contains("such as `3/5`")
        );
    }

    #[test]
    fn periods_are_tens_of_seconds_or_minutes() {
        for (text, expected) in [
            ("10s", Some(10)),
            ("30s", Some(30)),
            ("60s", Some(60)),
            ("5m", Some(300)),
            ("24h", Some(86_400)),
            ("1d", Some(86_400)),
            ("40s", None),
            ("90s", None),
            ("0s", None),
            ("1500ms", None),
            ("25h", None),
            ("60", None),
            ("", None),
        ] {
            assert_eq!(period(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn alarms_look_back_a_day_or_with_long_periods_seven() {
        for (period_secs, periods, is_right) in [
            (60, 1440, true),
            (60, 1441, false),
            (3540, 25, false),
            (3600, 168, true),
            (3600, 169, false),
        ] {
            let lasts = Lasts { points: 1, periods };
            assert_eq!(
                check_window(period_secs, lasts).is_ok(),
                is_right,
                "{period_secs}"
            );
        }
    }

    #[test]
    fn known_metrics_need_no_namespace() {
        assert_eq!(namespace("CPUUtilization"), Ok("AWS/EC2"));
        assert_eq!(namespace("mem_used_percent"), Ok("CWAgent"));
        let error = namespace("CpuUtilization").unwrap_err();
        assert!(
            error.contains("give --namespace, or did you mean `CPUUtilization`?"),
            "{error}"
        );
        assert!(
            namespace("Orders")
                .unwrap_err()
                .ends_with("give --namespace")
        );
    }

    #[test]
    fn no_metric_stands_in_two_namespaces() {
        let mut all: Vec<_> = KNOWN
            .iter()
            .flat_map(|(_, metrics)| metrics.iter())
            .collect();
        all.sort_unstable();
        assert!(all.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
