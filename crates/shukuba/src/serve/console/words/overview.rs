//! Words of the first page.

super::words! {
    LAST_HOUR: "The last hour", "直近1時間";
    NOW: "Now", "現在";
    SENT: "Sent", "送信";
    DELIVERED: "Delivered", "配信済み";
    FAILED: "Failed", "失敗";
    PER_SEC: "{} per second", "毎秒{}件";
    WAITING: "Waiting", "待ち";
    BACKLOG: "Open", "未完了";
    OLDEST: "Oldest", "最も古いもの";
    NOTIFIERS: "Notifiers", "通知プロセス";
    ROUTES: "Routes", "ルート";
    ROUTE: "Route", "ルート";
    NO_ROUTES: "There are no routes: nothing is delivered.", "ルートがありません。何も配信されません。";
    PAUSED: "paused", "一時停止中";
    SINCE_START: "All counts of a route are of notifications, since it exists; waiting ones are messages.", "ルートの件数は作成以来の通知数です。「待ち」はメッセージ数です。";
    PROBLEMS: "Problems now", "現在の問題";
    NO_PROBLEMS: "Nothing is wrong.", "問題はありません。";
    MORE_PROBLEMS: "{} more", "ほか{}件";
    SEVERITY: "Severity", "重大度";
    WHAT: "What", "内容";
    PLATFORM: "The platform", "プラットフォーム";
    DISK_ROOM: "The disk is nearly full ({}): see the operator's manual.", "ディスクの空きが少なくなっています ({})。運用手順を参照してください。";
    RESULTS_WAIT: "Results have not been stored for {} s; they wait in the journal.", "結果が{}秒間保存されていません。ジャーナルで待機しています。";
    NOTHING_TO_SEE: "Nothing here is open to you yet. An administrator can allow it with a policy.", "表示できるものがまだありません。管理者がポリシーで許可できます。";
}
