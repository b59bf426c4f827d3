//! Words of hosts and their checks.

super::words! {
    NO_HOSTS: "No host has joined yet. On a host, run: shukuba agent --join URL", "まだホストがありません。ホストで shukuba agent --join URL を実行してください。";
    RUNNING: "Running", "稼働中";
    UNREACHABLE: "Unreachable", "応答なし";
    UNREACHABLE_SINCE: "Unreachable since {}", "{} から応答なし";
    STOPPED: "Stopped", "停止";
    STOPPING: "Stopping", "停止処理中";
    PENDING: "Waits for its agent", "エージェント待ち";
    TERMINATED: "Terminated", "終了";
    SHUTTING_DOWN: "Leaving", "終了処理中";
    ID: "ID", "ID";
    ROLE: "Role", "役割";
    HEARD: "Last heard", "最終受信";
    CPU: "CPU", "CPU";
    CPU_HOUR: "CPU in the last hour, from {} % to {} %", "直近1時間のCPU: {} %〜{} %";
    NO_DATA: "no data", "データなし";
    FACTS: "What it is", "基本情報";
    HOSTNAME: "Hostname", "ホスト名";
    ADDRESSES: "Addresses", "アドレス";
    KERNEL: "Kernel", "カーネル";
    ARCHITECTURE: "Architecture", "アーキテクチャ";
    CORES: "Processors", "CPU数";
    MEMORY: "Memory", "メモリー";
    AGENT: "Agent", "エージェント";
    LAUNCHED: "Started", "開始";
    TAGS: "Tags", "タグ";
    GRAPHS: "Graphs", "グラフ";
    GRAPH_CPU: "CPU in use (%)", "CPU使用率 (%)";
    GRAPH_NETWORK: "Network (bytes a minute)", "ネットワーク (1分あたりのバイト数)";
    GRAPH_MEMORY: "Memory in use (%)", "メモリー使用率 (%)";
    GRAPH_DISK: "Disk in use (%)", "ディスク使用率 (%)";
    NO_CHECKS: "There are no checks here.", "チェックはありません。";
    NO_PROBLEMS: "No check has a problem.", "問題のあるチェックはありません。";
    ONLY_PROBLEMS: "Problems only", "問題のみ";
    NOT_YET: "not made yet", "未実行";
    ATTEMPT: "attempt {} of {}", "{}/{}回目";
    FLAPPING: "changes often", "変化が頻繁";
    HELD_BY: "held back by {}", "{}により保留";
    HISTORY: "History", "履歴";
    CHECKED: "Last made", "最終実行";
    TOOK: "Took", "所要時間";
    MILLIS: "{} ms", "{}ミリ秒";
    THE_HOST: "the host itself", "ホスト自体";
    NOTIFIES: "Tells", "通知先";
    CUT: "There are more checks than are shown here: look at one host.", "表示しきれないチェックがあります。ホストごとに表示してください。";
}
