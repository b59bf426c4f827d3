//! Words of what sending costs.

use delivery::cost::{Part, Use};

use crate::serve::console::lang::Word;

super::words! {
    LAST_DAYS: "Cost of the last 7 days", "直近7日間の費用";
    DETAILS: "The bill in detail", "請求の明細";
    TOTAL: "All", "合計";
    A_MILLION: "A million notifications", "100万件あたり";
    INSIDE: "A million without data out", "100万件あたり (データ転送を除く)";
    NOTIFICATIONS: "Notifications", "通知件数";
    TIME: "From {} to {}", "{} から {} まで";
    BY_ROUTE: "By route", "ルート別";
    BY_DESTINATION: "Destinations of {}", "{}の宛先別";
    BY_FUNCTION: "Functions", "関数";
    FUNCTION: "Function", "関数";
    DESTINATION: "Destination", "宛先";
    SENDS: "Sends", "送信回数";
    STARTS: "Starts", "起動回数";
    A_MESSAGE: "In a message", "1メッセージあたり";
    ARITHMETIC: "The arithmetic of {}", "{}の計算";
    STANDING: "Paid by time", "時間で課金されるもの";
    FOR_WHAT: "For what", "用途";
    PRODUCT: "Quantity × price = amount", "数量 × 単価 = 金額";
    SERVERS: "Servers that always run", "常時起動するサーバーとの比較";
    SERVER: "Servers", "サーバー";
    IN_THIS_TIME: "In this time", "この期間の費用";
    CHEAPER: "Where they are cheaper", "サーバーの方が安くなる条件";
    FROM_ON: "from {} million a month on ({} a second), if they manage them", "月{}百万件以上 (毎秒{}件)、処理しきれる場合";
    ALWAYS: "always: what functions cost at rest is more", "常に (関数は待機中の費用だけで上回ります)";
    NEVER: "never", "なし";
    NOTHING: "Nothing was sent in that time.", "この期間に送信はありませんでした。";
    CAVEATS: "List prices of {} ({} to {}), without free tiers, discounts and taxes. What was done is counted as the requests, starts and objects that it would be on AWS.", "{}の定価 ({}〜{}) です。無料枠・割引・税は含みません。実際の処理を、AWSで行った場合のリクエスト数・起動回数・オブジェクト数に換算しています。";
    EXCHANGE: "{} yen for a dollar, of {}.", "1ドル{}円 ({}時点)。";
    PART_QUEUE: "Queue", "キュー";
    PART_RETRIES: "Retries", "再試行";
    PART_FUNCTIONS: "Functions", "関数";
    PART_RESULTS: "Results", "結果";
    PART_NAT: "NAT gateways", "NATゲートウェイ";
    PART_MONITORING: "Monitoring", "監視";
    PART_DATA_OUT: "Data out", "データ転送";
    USE_SENDS: "Sends to the queue", "キューへの送信";
    USE_RECEIVES: "Receives", "受信";
    USE_EMPTY_RECEIVES: "Empty receives", "空の受信";
    USE_DELETES: "Deletes", "削除";
    USE_RETRIES: "Retries and hand-backs", "再試行と返却";
    USE_NOTIFIER_TIME: "Time of notifiers", "通知プロセスの実行時間";
    USE_NOTIFIER_STARTS: "Starts of notifiers", "通知プロセスの起動";
    USE_SCALER_TIME: "Time of the scaler", "スケーラーの実行時間";
    USE_SCALER_STARTS: "Starts of the scaler", "スケーラーの起動";
    USE_FUNCTION_TIME: "Time of functions", "関数の実行時間";
    USE_FUNCTION_STARTS: "Starts of functions", "関数の起動";
    USE_RESULT_OBJECTS: "Result objects", "結果オブジェクト";
    USE_STORED_RESULTS: "Stored results", "結果の保存";
    USE_STATE_WRITES: "State of the scaler written", "スケーラーの状態の書き込み";
    USE_STATE_READS: "State of the scaler read", "スケーラーの状態の読み込み";
    USE_REPORT_WRITES: "Reports of notifiers written", "通知プロセスの報告の書き込み";
    USE_REPORT_LISTS: "Reports of notifiers listed", "通知プロセスの報告の一覧取得";
    USE_REPORT_READS: "Reports of notifiers read", "通知プロセスの報告の読み込み";
    USE_DATA_OUT: "Data out", "データ転送";
    USE_NAT_HOURS: "NAT gateways", "NATゲートウェイ";
    USE_NAT_BYTES: "Data through NAT", "NAT経由のデータ";
    USE_LOGS: "Logs", "ログ";
    USE_ALARMS: "Alarms", "アラーム";
    USE_DASHBOARDS: "Dashboards", "ダッシュボード";
    USE_METRIC_REQUESTS: "Figures asked for", "メトリクスの取得";
}

/// A part of a bill.
pub(in crate::serve::console) const fn part(part: Part) -> Word {
    match part {
        Part::Queue => PART_QUEUE,
        Part::Retries => PART_RETRIES,
        Part::Functions => PART_FUNCTIONS,
        Part::Results => PART_RESULTS,
        Part::Nat => PART_NAT,
        Part::Monitoring => PART_MONITORING,
        Part::DataOut => PART_DATA_OUT,
    }
}

/// A line of a bill.
pub(in crate::serve::console) const fn of_use(what: Use) -> Word {
    match what {
        Use::Sends => USE_SENDS,
        Use::Receives => USE_RECEIVES,
        Use::EmptyReceives => USE_EMPTY_RECEIVES,
        Use::Deletes => USE_DELETES,
        Use::Retries => USE_RETRIES,
        Use::NotifierTime => USE_NOTIFIER_TIME,
        Use::NotifierStarts => USE_NOTIFIER_STARTS,
        Use::ScalerTime => USE_SCALER_TIME,
        Use::ScalerStarts => USE_SCALER_STARTS,
        Use::FunctionTime => USE_FUNCTION_TIME,
        Use::FunctionStarts => USE_FUNCTION_STARTS,
        Use::ResultObjects => USE_RESULT_OBJECTS,
        Use::StoredResults => USE_STORED_RESULTS,
        Use::StateWrites => USE_STATE_WRITES,
        Use::StateReads => USE_STATE_READS,
        Use::ReportWrites => USE_REPORT_WRITES,
        Use::ReportLists => USE_REPORT_LISTS,
        Use::ReportReads => USE_REPORT_READS,
        Use::DataOut => USE_DATA_OUT,
        Use::NatHours => USE_NAT_HOURS,
        Use::NatBytes => USE_NAT_BYTES,
        Use::Logs => USE_LOGS,
        Use::Alarms => USE_ALARMS,
        Use::Dashboards => USE_DASHBOARDS,
        Use::MetricRequests => USE_METRIC_REQUESTS,
    }
}
