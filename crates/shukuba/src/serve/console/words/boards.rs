//! Words of dashboards.

super::words! {
    BUILT_IN: "built in", "組み込み";
    CHANGED: "Changed", "更新";
    SIZE: "Size", "サイズ";
    BYTES: "{} bytes", "{}バイト";
    NEW: "Make a dashboard", "ダッシュボードを作成する";
    NAME_FORM: "Name: letters, digits, - and _", "名前: 英数字、「-」、「_」";
    BODY: "The dashboard in JSON", "ダッシュボードのJSON";
    CREATE: "Make it", "作成する";
    SAVE: "Save", "保存する";
    EDIT: "Edit its JSON", "JSONを編集する";
    EDIT_TITLE: "Edit {}", "{}の編集";
    DELETE: "Delete it", "削除する";
    DELETE_TITLE: "Delete {}?", "{}を削除しますか?";
    DELETE_TEXT: "The dashboard {} is gone then, for everybody. Its metrics stay.", "ダッシュボード{}が全員から見えなくなります。メトリクスは残ります。";
    KEEP: "Keep it", "削除しない";
    NOT_SAVED: "Not saved. Your text is still here; this is wrong with it:", "保存していません。入力した内容は下に残っています。問題点:";
    NOT_JSON: "It is no JSON: line {}, column {}.", "JSONとして読めません: {}行{}列。";
    NOT_OBJECT: "It is no JSON object.", "JSONのオブジェクトではありません。";
    AT_TOP: "the whole", "全体";
    CHANGED_MEANWHILE: "Not saved: somebody else changed it meanwhile. Your text is still here; save again to put it in the place of theirs.", "保存していません。編集中に他の人が変更しました。入力した内容は下に残っています。もう一度保存すると上書きします。";
    EXISTS: "Not made: there is a dashboard of this name. Your text is still here.", "作成していません。同じ名前のダッシュボードがあります。入力した内容は下に残っています。";
    WARNINGS: "It was taken, with warnings:", "警告:";
    EMPTY: "It has no widgets.", "ウィジェットがありません。";
    WIDGET_METRIC: "metrics", "メトリクス";
    WIDGET_TEXT: "text", "テキスト";
    WIDGET_ALARM: "alarms", "アラーム";
    WIDGET_EXPLORER: "hosts by tags", "タグで選んだホスト";
    WIDGET_OTHER: "not drawn here", "表示対象外";
    NO_PICTURES: "You may see that this dashboard is there, but not the metrics on it (cloudwatch:GetMetricData).", "ダッシュボードは表示できますが、メトリクス (cloudwatch:GetMetricData) は許可されていません。";
    PLATFORM_SENT: "Queues: messages sent", "キュー: 送信されたメッセージ";
    PLATFORM_WAITING: "Queues: messages waiting", "キュー: 待機中のメッセージ";
    PLATFORM_AGE: "Queues: age of the oldest message", "キュー: 最も古いメッセージの経過時間";
    PLATFORM_DELIVERED: "Notifications delivered and failed", "通知の配信と失敗";
    PLATFORM_LATENCY: "Latency of deliveries (p99)", "配信の遅延 (p99)";
    PLATFORM_CPU: "Hosts: CPU", "ホスト: CPU";
}
