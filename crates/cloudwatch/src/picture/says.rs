//! The words in pictures that are ours, in the language of whoever looks.

use super::data::AlarmState;
use crate::dashboard::widget::Summary;

/// The language of words that no widget says itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// AWS's words.
    #[default]
    English,
    /// Those of its Japanese console, where they are known.
    Japanese,
}

impl Language {
    const fn either(self, english: &'static str, japanese: &'static str) -> &'static str {
        match self {
            Self::English => english,
            Self::Japanese => japanese,
        }
    }

    pub(super) const fn no_data(self) -> &'static str {
        self.either("No data available.", "データがありません。")
    }

    pub(super) const fn no_alarms(self) -> &'static str {
        self.either("No alarms.", "アラームがありません。")
    }

    pub(super) const fn no_hosts(self) -> &'static str {
        self.either(
            "No host has these tags.",
            "これらのタグを持つホストはありません。",
        )
    }

    pub(super) const fn various_units(self) -> &'static str {
        self.either("Various units", "さまざまな単位")
    }

    /// So many are left out.
    pub(super) fn more(self, count: usize) -> String {
        match self {
            Self::English => format!("+{count} more"),
            Self::Japanese => format!("ほか {count} 件"),
        }
    }

    pub(super) const fn state(self, state: AlarmState) -> &'static str {
        match state {
            AlarmState::Alarm => self.either("In alarm", "アラーム状態"),
            AlarmState::InsufficientData => self.either("Insufficient data", "データ不足"),
            AlarmState::Ok => "OK",
        }
    }

    pub(super) const fn summary(self, of: Summary) -> &'static str {
        match of {
            Summary::Min => self.either("Min", "最小"),
            Summary::Max => self.either("Max", "最大"),
            Summary::Sum => self.either("Sum", "合計"),
            Summary::Avg => self.either("Average", "平均"),
        }
    }

    /// Why a widget of such a kind, which is kept, is not drawn.
    pub(super) fn not_drawn(self, kind: &str, region: Option<&str>) -> String {
        let why = match kind {
            "log" => self.either(
                "A query of logs. It is kept, but not drawn: queries of Logs Insights are not evaluated here.",
                "ログのクエリです。保存されていますが、ここでは Logs Insights のクエリを評価しないため描けません。",
            ),
            "custom" => self.either(
                "The answer of a function. It is kept, but not drawn: pictures call no functions.",
                "関数の応答を表示するウィジェットです。保存されていますが、関数は呼び出さないため描けません。",
            ),
            "chart" => self.either(
                "A query in PromQL. It is kept, but not drawn: PromQL is not evaluated here.",
                "PromQL のクエリです。保存されていますが、ここでは PromQL を評価しないため描けません。",
            ),
            _ => self.either(
                "A widget of a kind that is kept, but not drawn here.",
                "保存されていますが、この種類のウィジェットは描けません。",
            ),
        };
        match (region, self) {
            (None, _) => why.to_owned(),
            (Some(region), Self::English) => format!("{why} Region: {region}."),
            (Some(region), Self::Japanese) => format!("{why}リージョン: {region}"),
        }
    }
}
