//! Words of the private links.

super::words! {
    NONE: "There is no private network yet. How to make one and link a host to it: docs/link.md", "プライベートネットワークはまだありません。作り方とホストのリンクは docs/link.md を参照してください。";
    NETWORKS: "Networks", "ネットワーク";
    NETWORK: "Network", "ネットワーク";
    RANGE: "Range", "アドレス範囲";
    TAKES_LINKS: "Takes links", "リンク可";
    TAKES_NONE: "Takes no links", "リンク不可";
    GATEWAY: "Gateway", "ゲートウェイ";
    GATEWAY_UP: "Heard of", "応答あり";
    GATEWAY_SILENT: "Silent", "応答なし";
    GATEWAY_BEHIND: "Behind", "反映待ち";
    NO_GATEWAY: "None", "なし";
    REACHED_AT: "Reached at", "接続先";
    REFUSED: "Packets refused", "拒否パケット数";
    NO_LINKS: "No host is linked.", "リンクされたホストはありません。";
    HOSTS: "Linked hosts", "リンクされたホスト";
    ADDRESS: "Address", "アドレス";
    GROUPS: "Groups", "セキュリティグループ";
    FROM: "Seen from", "接続元";
    HANDSHAKE: "Last handshake", "最終ハンドシェイク";
    RECEIVED: "Received", "受信";
    SENT: "Sent", "送信";
    UP: "Up", "接続中";
    NO_AGENT: "No agent", "エージェントなし";
    WITHOUT_GATEWAY: "No gateway", "ゲートウェイなし";
    WAITING: "Waits for the gateway", "ゲートウェイ待ち";
    UNREACHABLE: "Unreachable", "到達不可";
    ADVICE_NO_AGENT: "Its agent is not there, or carries no links.", "エージェントが動作していないか、リンクを扱っていません。";
    ADVICE_NO_GATEWAY: "Start one: {}", "{} で起動してください。";
    ADVICE_WAITING: "It has not carried out its newest plan: {}", "最新の設定が未反映です。{} で確認してください。";
    ADVICE_UNREACHABLE: "No handshake: is the gateway's UDP port reachable from it?", "ハンドシェイクがありません。ゲートウェイのUDPポートに到達できるか確認してください。";
}
