//! The table of all keys, for the generated configuration reference. A test compares it with what serde takes.
// tidy: long because it is a table.

/// What a value is written as; the unit is part of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number and `ms`, `s`, `m`, `h` or `d`.
    Span,
    /// A number and `/s`, `/min` or `/h`.
    Rate,
    /// A number and `B`, `KiB`, `MiB`.
    Bytes,
    /// A whole number.
    Count,
    /// A number with decimals.
    Number,
    /// `true` or `false`.
    Flag,
    /// A text.
    Text,
    /// A file.
    Path,
    /// A URL.
    Url,
    /// `"never"` or a list of spans.
    Schedule,
    /// A list of statuses and ranges.
    Statuses,
    /// A list of CIDRs.
    Networks,
    /// A list of texts.
    List,
    /// One of some words.
    Choice,
    /// Names and texts.
    Table,
}

impl Kind {
    /// The name in the reference.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Span => "span",
            Self::Rate => "rate",
            Self::Bytes => "bytes",
            Self::Count => "count",
            Self::Number => "number",
            Self::Flag => "flag",
            Self::Text => "text",
            Self::Path => "path",
            Self::Url => "URL",
            Self::Schedule => "schedule",
            Self::Statuses => "statuses",
            Self::Networks => "networks",
            Self::List => "list",
            Self::Choice => "choice",
            Self::Table => "table",
        }
    }
}

/// One key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The section, such as `routes.NAME`.
    pub section: &'static str,
    /// The key in it.
    pub name: &'static str,
    /// What its value is written as.
    pub kind: Kind,
    /// The range, empty where any value is good.
    pub range: &'static str,
    /// What holds where it is left out.
    pub default: &'static str,
    /// What it does.
    pub doc: &'static str,
}

const fn key(
    section: &'static str,
    name: &'static str,
    kind: Kind,
    range: &'static str,
    default: &'static str,
    doc: &'static str,
) -> Key {
    Key {
        section,
        name,
        kind,
        range,
        default,
        doc,
    }
}

/// Every key of delivery, in the order of the file.
pub const KEYS: &[Key] = &[
    key(
        "routes.NAME",
        "queue",
        Kind::Text,
        "",
        "required",
        "The queue: a name of this server's, or the URL of any SQS queue",
    ),
    key(
        "routes.NAME",
        "retry_queue",
        Kind::Text,
        "",
        "the queue itself",
        "The queue that retries wait in, where `queue` is a URL",
    ),
    key(
        "routes.NAME",
        "results",
        Kind::Text,
        "",
        "the route's name",
        "Where results are stored, under `results.url`: a prefix of 1 to 80 characters",
    ),
    key(
        "routes.NAME",
        "retry_for",
        Kind::Span,
        "1s to 14d",
        "24h",
        "How long a notification is tried, from its acceptance",
    ),
    key(
        "routes.NAME",
        "retention",
        Kind::Span,
        "1h to 400d",
        "that of [results]",
        "How long results are kept",
    ),
    key(
        "routes.NAME",
        "notifier",
        Kind::Flag,
        "",
        "true",
        "Whether notifiers serve it; `false` leaves the queue to other consumers",
    ),
    key(
        "routes.NAME",
        "notifiers_max",
        Kind::Count,
        "1 to 1000",
        "that of [scaler]",
        "Most notifiers at once",
    ),
    key(
        "routes.NAME",
        "on_failure",
        Kind::Choice,
        "",
        "block",
        "What a notification that failed does to those behind it in its group, on a FIFO queue: `block` lets them wait until it is delivered or given up; `park` takes it aside to be tried on its own, and the group goes on",
    ),
    key(
        "routes.NAME",
        "weight",
        Kind::Count,
        "1 to 100",
        "1",
        "Its part of what is scarce beside the other routes' parts: of the limits of a destination that several routes send to, and of this machine's cores while they are busy",
    ),
    key(
        "routes.NAME.format",
        "kind",
        Kind::Choice,
        "",
        "url",
        "`url`, `json`, `ltsv` or `regex`",
    ),
    key(
        "routes.NAME.format",
        "pattern",
        Kind::Text,
        "at most 4KiB",
        "none",
        "With `regex`: the expression; its named groups `url`, `method`, `headers`, `body`, `id`, `expires_at`",
    ),
    key(
        "routes.NAME.format",
        "fields",
        Kind::Table,
        "",
        "each its own name",
        "Names of the fields in the line where they differ, such as `{ url = \"postback_url\" }`. For `json`, a `.` steps into objects",
    ),
    key(
        "routes.NAME.format",
        "body",
        Kind::Choice,
        "",
        "raw",
        "What the body is where the line does not say: `raw`, `json` or `form`",
    ),
    key(
        "routes.NAME.format",
        "method",
        Kind::Text,
        "",
        "GET without a body, else POST",
        "The method where the line gives none",
    ),
    key(
        "routes.NAME.format",
        "line_bytes_max",
        Kind::Bytes,
        "1KiB to 1MiB",
        "256KiB",
        "Longest line",
    ),
    key(
        "routes.NAME.request",
        "url",
        Kind::Text,
        "at most 64KiB",
        "the line's URL",
        "Template of the URL (docs/templates.md); with it the request is made of these templates alone, and of the line count its fields, `id` and `expires_at`",
    ),
    key(
        "routes.NAME.request",
        "method",
        Kind::Text,
        "",
        "that of the line; with `url` that of the format, else GET without a body and POST with one",
        "The method",
    ),
    key(
        "routes.NAME.request",
        "headers",
        Kind::Table,
        "",
        "none",
        "Templates of headers by their names",
    ),
    key(
        "routes.NAME.request",
        "body",
        Kind::Text,
        "at most 64KiB",
        "the line's body; none with `url`",
        "Template of the body",
    ),
    key(
        "routes.NAME.request",
        "body_kind",
        Kind::Choice,
        "",
        "raw",
        "What the body is, which says how values are escaped in it: `raw`, `json` or `form`",
    ),
    key(
        "routes.NAME.mask",
        "query",
        Kind::List,
        "At most 100",
        "none",
        "More names to mask, such as query parameters of the URL: `[\"order_id\", \"click\"]`. Some 70 names always are, those of identifiers, places and secrets such as `idfa`, `gaid`, `email`, `user_id`, `ip`, `lat`, `token`, `signature` (docs/operating.md has them all)",
    ),
    key(
        "routes.NAME.mask",
        "fields",
        Kind::List,
        "At most 100",
        "none",
        "More names to mask, such as fields of a JSON or form body; as `query`",
    ),
    key(
        "routes.NAME.mask",
        "except",
        Kind::List,
        "At most 100",
        "none",
        "Names that are left in clear although they usually are masked, such as `[\"adid\"]`",
    ),
    key(
        "destinations.\"HOST\"",
        "preset",
        Kind::Text,
        "",
        "none",
        "The rules that this receiver documents of itself, by name (`shukuba preset list`, docs/presets.md): what is not set here is taken from there before `*`. `{ name = \"…\", without = [\"headers.authentication\"] }` leaves keys out",
    ),
    key(
        "destinations.\"HOST\"",
        "timeout_connect",
        Kind::Span,
        "10ms to 60s",
        "3s",
        "Longest time to make the TCP connection",
    ),
    key(
        "destinations.\"HOST\"",
        "timeout_tls",
        Kind::Span,
        "10ms to 60s",
        "5s",
        "Longest time for the TLS handshake",
    ),
    key(
        "destinations.\"HOST\"",
        "timeout_first_byte",
        Kind::Span,
        "10ms to 10m",
        "10s",
        "Longest time from the request's start to the answer's head",
    ),
    key(
        "destinations.\"HOST\"",
        "timeout_total",
        Kind::Span,
        "10ms to 15m",
        "15s",
        "Longest time of a whole attempt",
    ),
    key(
        "destinations.\"HOST\"",
        "in_flight_max",
        Kind::Count,
        "1 to 10000",
        "a quarter of the notifier's slots",
        "Sends at once to one host, shared out among the notifiers of all routes: together never more",
    ),
    key(
        "destinations.\"HOST\"",
        "rate",
        Kind::Rate,
        "1/h to 1000000/s",
        "no limit",
        "Sends in a time, all routes together, kept within 2 %",
    ),
    key(
        "destinations.\"HOST\"",
        "rate_burst",
        Kind::Count,
        "1 to 100000",
        "a tenth of a second's rate",
        "Sends that a destination which stood idle may take at once",
    ),
    key(
        "destinations.\"HOST\"",
        "weight",
        Kind::Count,
        "1 to 100",
        "1",
        "Its part of what is scarce beside the other destinations' parts: of a notifier's slots, of what it receives ahead, and of the turns to send",
    ),
    key(
        "destinations.\"HOST\"",
        "success",
        Kind::Statuses,
        "",
        "[\"200-299\"]",
        "Statuses that mean success, outside 3xx; or a table with rules on the answer's headers and body as well",
    ),
    key(
        "destinations.\"HOST\"",
        "expires_after",
        Kind::Span,
        "1s to 14d",
        "for ever",
        "How long after its acceptance a notification is worth sending; later it ends as `expired`",
    ),
    key(
        "destinations.\"HOST\"",
        "expires_after_day",
        Kind::Span,
        "0s to 14d",
        "for ever",
        "How long after the end of the UTC day of its acceptance a notification is worth sending: \"2h\" is until 02:00 UTC of the next day; the earliest of this, `expires_after` and the line's `expires_at` holds",
    ),
    key(
        "destinations.\"HOST\"",
        "response_bytes_max",
        Kind::Bytes,
        "0B to 16MiB",
        "64KiB",
        "Most bytes of an answer's body that are read; the connection is closed beyond it",
    ),
    key(
        "destinations.\"HOST\"",
        "response_excerpt_bytes",
        Kind::Bytes,
        "0B to 16KiB",
        "1KiB",
        "Most bytes of an answer's body that are kept in the result",
    ),
    key(
        "destinations.\"HOST\"",
        "request_bytes_max",
        Kind::Bytes,
        "0B to 1MiB",
        "1MiB",
        "Most bytes of a request's body; a larger one is dead",
    ),
    key(
        "destinations.\"HOST\"",
        "headers",
        Kind::Table,
        "",
        "none",
        "Headers sent with every HTTP request, never in mails; they replace those of the line. Values are templates (docs/templates.md) and may hold `${secret:NAME}`, `${env:NAME}` and `${file:/path}`",
    ),
    key(
        "destinations.\"HOST\"",
        "connect_to",
        Kind::Text,
        "",
        "none",
        "`host:port` to connect to in place of the URL's; TLS and `Host` keep the URL's name. Not beside `proxy`; takes the place of one in `*`",
    ),
    key(
        "destinations.\"HOST\"",
        "ca_file",
        Kind::Path,
        "",
        "the system's",
        "PEM file of the only authorities that are trusted for it",
    ),
    key(
        "destinations.\"HOST\"",
        "http",
        Kind::Choice,
        "1.1, 2, auto",
        "1.1",
        "The version of HTTP; `2` without TLS is by prior knowledge, `auto` lets the receiver of an https URL choose",
    ),
    key(
        "destinations.\"HOST\"",
        "client_certificate",
        Kind::Path,
        "",
        "none",
        "PEM file of the certificate by which the receiver knows us (mTLS), with those between it and its authority. With `client_key` alone",
    ),
    key(
        "destinations.\"HOST\"",
        "client_key",
        Kind::Text,
        "",
        "none",
        "The certificate's key: a PEM file, or PEM by `${secret:NAME}`, `${env:NAME}` or `${file:/path}`",
    ),
    key(
        "destinations.\"HOST\"",
        "tls_version_min",
        Kind::Choice,
        "1.2, 1.3",
        "1.2",
        "The oldest TLS that is spoken",
    ),
    key(
        "destinations.\"HOST\"",
        "tls_server_name",
        Kind::Text,
        "",
        "the URL's",
        "The name that is asked for and that the receiver's certificate must bear, in place of the URL's",
    ),
    key(
        "destinations.\"HOST\"",
        "source_address",
        Kind::List,
        "",
        "any",
        "Address of this machine that connections come from: one, or one of each family; a family without one is not connected to. Empty for any",
    ),
    key(
        "destinations.\"HOST\"",
        "dns_ttl_min",
        Kind::Span,
        "0s to 1d",
        "5s",
        "The shortest time that an address of its name serves, whatever the record says",
    ),
    key(
        "destinations.\"HOST\"",
        "dns_ttl_max",
        Kind::Span,
        "0s to 1d",
        "5m",
        "The longest",
    ),
    key(
        "destinations.\"HOST\"",
        "allow_cidrs",
        Kind::Networks,
        "",
        "none",
        "Networks that are allowed although they are private or special; takes the place of the list of `*`",
    ),
    key(
        "destinations.\"HOST\"",
        "proxy",
        Kind::Url,
        "",
        "none",
        "Proxy `http://host:port` or `https://user:${secret:PROXY}@host:port` for all requests (CONNECT for https and HTTP/2). Not beside `connect_to`; takes the place of one in `*`; empty for none",
    ),
    key(
        "destinations.\"HOST\"",
        "idle_connections_max",
        Kind::Count,
        "0 to 10000",
        "64",
        "Idle connections kept open",
    ),
    key(
        "destinations.\"HOST\"",
        "idle_for",
        Kind::Span,
        "0s to 10m",
        "50s",
        "How long an idle connection is kept",
    ),
    key(
        "destinations.\"HOST\"",
        "mail_relay",
        Kind::Text,
        "",
        "none",
        "Server for `mailto:` such as `smtp://host:587` or `smtps://user:${secret:MAIL}@host`",
    ),
    key(
        "destinations.\"HOST\"",
        "mail_from",
        Kind::Text,
        "",
        "none",
        "Sender's address of mails, such as `Shukuba <noreply@example.com>`",
    ),
    key(
        "destinations.\"HOST\"",
        "command",
        Kind::Text,
        "",
        "none",
        "Program of this machine that `command://HOST/` runs, with the body as its standard input: an absolute path. Not in `*`",
    ),
    key(
        "destinations.\"HOST\"",
        "id_header",
        Kind::Text,
        "",
        "x-notification-id",
        "Header that bears the notification's id, equal in every attempt; one of the line's own is left out; empty for none",
    ),
    key(
        "destinations.\"HOST\"",
        "adaptive",
        Kind::Flag,
        "",
        "true",
        "Whether sends at once and in a time fall when it refuses (429, 503) or slows down, and climb again; with `false` only `rate`, `in_flight_max` and `Retry-After` hold",
    ),
    key(
        "destinations.\"HOST\".success",
        "status",
        Kind::Statuses,
        "",
        "[\"200-299\"]",
        "Statuses that may mean success, outside 3xx",
    ),
    key(
        "destinations.\"HOST\".success",
        "header",
        Kind::Table,
        "At most 16",
        "none",
        "Headers that the answer must have: a name, and an expression that it matches or `{ matches, exists, not }`",
    ),
    key(
        "destinations.\"HOST\".success",
        "body",
        Kind::List,
        "At most 32",
        "none",
        "Rules that the answer's body must keep: `{ pointer, is, matches, exists, null, not, any }`",
    ),
    key(
        "destinations.\"HOST\".request",
        "method",
        Kind::Text,
        "",
        "that of the line",
        "The method",
    ),
    key(
        "destinations.\"HOST\".request",
        "query",
        Kind::Table,
        "",
        "none",
        "Templates of query parameters by their names; they replace those of the URL or are added",
    ),
    key(
        "destinations.\"HOST\".request",
        "body",
        Kind::Text,
        "at most 64KiB",
        "the line's body",
        "Template of the body (docs/templates.md); needs `method`",
    ),
    key(
        "destinations.\"HOST\".request",
        "body_kind",
        Kind::Choice,
        "",
        "raw",
        "What the body is, which says how values are escaped in it: `raw`, `json` or `form`",
    ),
    key(
        "destinations.\"HOST\".retry",
        "default",
        Kind::Schedule,
        "",
        "5s, 30s, 2m, 10m, 30m, 1h and so on",
        "For every class that is not set here and may be retried. `\"never\"`, or 1 to 50 waits of 1ms to 24h, one after each failed attempt: the true wait is drawn from zero to that, and the last holds until `retry_for` is over",
    ),
    key(
        "destinations.\"HOST\".retry",
        "network",
        Kind::Schedule,
        "",
        "as default",
        "Name, connection, TLS or proxy failed",
    ),
    key(
        "destinations.\"HOST\".retry",
        "timeout",
        Kind::Schedule,
        "",
        "as default",
        "A timeout was reached",
    ),
    key(
        "destinations.\"HOST\".retry",
        "server",
        Kind::Schedule,
        "",
        "as default",
        "5xx, 408, 425, or no HTTP",
    ),
    key(
        "destinations.\"HOST\".retry",
        "limited",
        Kind::Schedule,
        "",
        "as default",
        "429, or 503 with `Retry-After`",
    ),
    key(
        "destinations.\"HOST\".retry",
        "client",
        Kind::Schedule,
        "",
        "never",
        "Any other 4xx",
    ),
    key(
        "destinations.\"HOST\".retry",
        "redirect",
        Kind::Schedule,
        "",
        "never",
        "3xx",
    ),
    key(
        "destinations.\"HOST\".retry",
        "unrecorded",
        Kind::Schedule,
        "",
        "never",
        "A status of success, but the rules of `success` say that it was not recorded",
    ),
    key(
        "destinations.\"HOST\".retry",
        "retry_after_min",
        Kind::Span,
        "0s to 24h",
        "1s",
        "The shortest `Retry-After` that is obeyed; a shorter one counts as this",
    ),
    key(
        "destinations.\"HOST\".retry",
        "retry_after_max",
        Kind::Span,
        "0s to 24h",
        "1h",
        "The longest `Retry-After` that is obeyed; a longer one counts as this",
    ),
    key(
        "destinations.\"HOST\".breaker",
        "failures",
        Kind::Count,
        "1 to 10000",
        "16",
        "Failures in a row (no connection, timeout, 5xx), without an answer between them, after which it opens",
    ),
    key(
        "destinations.\"HOST\".breaker",
        "wait",
        Kind::Span,
        "10ms to 1h",
        "1s",
        "The wait before the first probe; it doubles after each that fails",
    ),
    key(
        "destinations.\"HOST\".breaker",
        "wait_max",
        Kind::Span,
        "10ms to 1h",
        "1m",
        "The longest wait between two probes",
    ),
    key(
        "dns",
        "resolver",
        Kind::Choice,
        "",
        "auto",
        "Who is asked for the addresses of names: `dns` (`/etc/hosts`, then the servers of `/etc/resolv.conf`), `system` (`getaddrinfo`, which tells no time to live), or `auto`: `dns` where the machine finds names by these alone",
    ),
    key(
        "dns",
        "servers",
        Kind::List,
        "at most 3",
        "those of /etc/resolv.conf",
        "Servers as `address:port` in their place",
    ),
    key(
        "destinations.\"HOST\".sign",
        "kind",
        Kind::Choice,
        "standard-webhooks, stripe, hmac, none",
        "required",
        "How requests are signed",
    ),
    key(
        "destinations.\"HOST\".sign",
        "secrets",
        Kind::List,
        "1 to 4",
        "required",
        "What signs, the newest first; `${secret:NAME}` alone brings `NAME.previous` along",
    ),
    key(
        "destinations.\"HOST\".sign",
        "prefix",
        Kind::Text,
        "",
        "webhook",
        "What the names of the headers of `standard-webhooks` begin with",
    ),
    key(
        "destinations.\"HOST\".sign",
        "header",
        Kind::Text,
        "",
        "stripe-signature",
        "The header of `stripe`",
    ),
    key(
        "destinations.\"HOST\".sign",
        "algorithm",
        Kind::Choice,
        "sha1, sha256, sha512",
        "sha256",
        "The hash of `hmac`",
    ),
    key(
        "destinations.\"HOST\".sign",
        "encoding",
        Kind::Choice,
        "hex, base64",
        "hex",
        "How a code of `hmac` is written",
    ),
    key(
        "destinations.\"HOST\".sign",
        "content",
        Kind::Text,
        "",
        "{@body}",
        "What `hmac` signs, a template",
    ),
    key(
        "destinations.\"HOST\".sign",
        "signature",
        Kind::Text,
        "",
        "{digest}",
        "How one signature of `hmac` is written, a template",
    ),
    key(
        "destinations.\"HOST\".sign",
        "join",
        Kind::Text,
        "",
        "none",
        "What stands between the signatures of `hmac`; without it only the newest secret signs",
    ),
    key(
        "destinations.\"HOST\".sign",
        "headers",
        Kind::Table,
        "",
        "required by `hmac`",
        "The headers of `hmac`, names and templates",
    ),
    key(
        "destinations.\"HOST\".auth",
        "kind",
        Kind::Choice,
        "basic, bearer, oauth2, none",
        "required",
        "How requests are authenticated",
    ),
    key(
        "destinations.\"HOST\".auth",
        "user",
        Kind::Text,
        "",
        "required by `basic`",
        "The user",
    ),
    key(
        "destinations.\"HOST\".auth",
        "password",
        Kind::Text,
        "",
        "required by `basic`",
        "The password",
    ),
    key(
        "destinations.\"HOST\".auth",
        "token",
        Kind::Text,
        "",
        "required by `bearer`",
        "The token",
    ),
    key(
        "destinations.\"HOST\".auth",
        "token_url",
        Kind::Url,
        "",
        "required by `oauth2`",
        "Where tokens are asked for",
    ),
    key(
        "destinations.\"HOST\".auth",
        "client_id",
        Kind::Text,
        "",
        "required by `oauth2`",
        "The client",
    ),
    key(
        "destinations.\"HOST\".auth",
        "client_secret",
        Kind::Text,
        "",
        "required by `oauth2`",
        "Its secret",
    ),
    key(
        "destinations.\"HOST\".auth",
        "scope",
        Kind::Text,
        "",
        "none",
        "The scopes asked for, with spaces between",
    ),
    key(
        "destinations.\"HOST\".auth",
        "audience",
        Kind::Text,
        "",
        "none",
        "The audience asked for",
    ),
    key(
        "destinations.\"HOST\".auth",
        "client_auth",
        Kind::Choice,
        "basic, body",
        "basic",
        "How the client authenticates to the token server",
    ),
    key(
        "destinations.\"HOST\".shadow",
        "to",
        Kind::Url,
        "at most 512 bytes, without a query",
        "required",
        "Where copies go; path and query of the notification are added",
    ),
    key(
        "destinations.\"HOST\".shadow",
        "share",
        Kind::Number,
        "over 0.0 to 1.0",
        "1.0",
        "The part of the notifications that is copied",
    ),
    key(
        "destinations.\"HOST\".shadow",
        "timeout",
        Kind::Span,
        "10ms to 60s",
        "5s",
        "Longest time of a copy",
    ),
    key(
        "destinations.\"HOST\".shadow",
        "in_flight_max",
        Kind::Count,
        "1 to 1000",
        "64",
        "Copies under way at once in a process",
    ),
    key(
        "destinations.\"HOST\".shadow",
        "pass_headers",
        Kind::List,
        "at most 32",
        "none",
        "Headers of the line that are secrets by their names and go there all the same",
    ),
    key(
        "destinations.\"HOST\".canary",
        "to",
        Kind::Url,
        "at most 512 bytes, without a query",
        "required",
        "Where a share goes first; path and query of the notification are added",
    ),
    key(
        "destinations.\"HOST\".canary",
        "share",
        Kind::Number,
        "over 0.0 to 1.0",
        "0.05",
        "The part of the notifications that is tried there first",
    ),
    key(
        "destinations.\"HOST\".canary",
        "timeout",
        Kind::Span,
        "10ms to 60s",
        "2s",
        "Longest time that is waited for it",
    ),
    key(
        "destinations.\"HOST\".canary",
        "in_flight_max",
        Kind::Count,
        "1 to 1000",
        "4",
        "Notifications tried there at once in a process",
    ),
    key(
        "destinations.\"HOST\".canary",
        "pass_headers",
        Kind::List,
        "at most 32",
        "none",
        "Headers of the line that are secrets by their names and go there all the same",
    ),
    key(
        "notifier",
        "slots",
        Kind::Count,
        "1 to 10000",
        "1024",
        "Sends at once",
    ),
    key(
        "notifier",
        "destination_share",
        Kind::Number,
        "Over 0.0 to 1.0",
        "0.25",
        "The part of the slots that one destination may take",
    ),
    key(
        "notifier",
        "prefetch",
        Kind::Number,
        "1.0 to 2.0",
        "2.0",
        "Messages received ahead, as a multiple of the free slots",
    ),
    key(
        "notifier",
        "lease",
        Kind::Span,
        "10s to 12h",
        "2m",
        "How long a received message is leased; extended at half time. At least the longest attempt, the flush and 30s",
    ),
    key(
        "notifier",
        "receive_wait",
        Kind::Span,
        "0s to 20s",
        "20s",
        "How long a receive waits for a message",
    ),
    key(
        "notifier",
        "life",
        Kind::Span,
        "1s to 15m",
        "5m",
        "How long a notifier lives; then it hands back what it cannot finish",
    ),
    key(
        "notifier",
        "visibility_share_max",
        Kind::Number,
        "Over 0.0 to 1.0",
        "0.7",
        "The part of the in-flight bound of a queue elsewhere up to which short retries wait by visibility",
    ),
    key(
        "notifier",
        "visibility_wait_max",
        Kind::Span,
        "0s to 60s",
        "30s",
        "The longest retry wait by visibility on a queue elsewhere",
    ),
    key(
        "scaler",
        "policy",
        Kind::Choice,
        "",
        "proportional",
        "The law: `proportional` or `backlog`: in proportion to what was sent, or so that what waits stays younger than `target_age`",
    ),
    key(
        "scaler",
        "interval",
        Kind::Span,
        "1s to 1h",
        "1m",
        "How often it plans",
    ),
    key(
        "scaler",
        "notifier_per_minute",
        Kind::Count,
        "1 to 100000000",
        "600000",
        "Notifications that one notifier manages in a minute (1,024 slots at receivers that answer within 100ms); measure it with `status`",
    ),
    key(
        "scaler",
        "notifiers_min",
        Kind::Count,
        "0 to 1000",
        "0",
        "Notifiers of a route that always run",
    ),
    key(
        "scaler",
        "notifiers_max",
        Kind::Count,
        "1 to 1000",
        "16",
        "Most notifiers of a route",
    ),
    key(
        "scaler",
        "drain_within",
        Kind::Span,
        "1s to 24h",
        "5m",
        "In how much time a backlog should be worked off",
    ),
    key(
        "scaler",
        "target_age",
        Kind::Span,
        "1s to 24h",
        "30s",
        "With `backlog`: how long the oldest that waits should have waited at most",
    ),
    key(
        "scaler",
        "headroom",
        Kind::Number,
        "0.0 to 10.0",
        "0.25",
        "With `backlog`: what notifiers are held for beyond what was sent, as a part of it",
    ),
    key(
        "scaler",
        "cool_down",
        Kind::Span,
        "0s to 1h",
        "2m",
        "With `backlog`: how long what was wanted is held when less is",
    ),
    key(
        "scaler",
        "history",
        Kind::Count,
        "1 to 100000",
        "1000",
        "Plans that are kept",
    ),
    key(
        "results",
        "url",
        Kind::Text,
        "",
        "none",
        "`file:///path`, `s3://bucket/prefix`, or none for `results` in the data directory",
    ),
    key(
        "results",
        "retention",
        Kind::Span,
        "1h to 400d",
        "15d",
        "How long results are kept",
    ),
    key(
        "results",
        "seal_interval",
        Kind::Span,
        "100ms to 10m",
        "5s",
        "How often results are turned from the journal into objects",
    ),
    key(
        "results",
        "gather",
        Kind::Span,
        "1s to 10s",
        "1s",
        "How long a lone notifier gathers results before it stores them",
    ),
    key(
        "results",
        "compact_interval",
        Kind::Span,
        "1m to 24h",
        "1h",
        "How often local objects are made into large ones",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    /// The keys that serde takes in a section, from its own words about an unknown one.
    fn taken(section: &str) -> Vec<String> {
        let section = section.replace("NAME", "n").replace("HOST", "h");
        let needed = if section == "routes.n" {
            "queue = \"q\"\n"
        } else {
            ""
        };
        let parent = if section.starts_with("routes.n.") {
            "[routes.n]\nqueue = \"q\"\n"
        } else {
            ""
        };
        let text = format!("{parent}[{section}]\n{needed}no_such_key = 1\n");
        let error = toml::from_str::<Settings>(&text).unwrap_err().to_string();
        let list = error
            .split("expected one of ")
            .nth(1)
            .or(error.split("expected ").nth(1))
            .unwrap();
        list.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn the_table_lists_exactly_the_keys_that_serde_takes() {
        // Sections of their own.
        const TABLES: [&str; 9] = [
            "format", "mask", "retry", "request", "sign", "auth", "breaker", "shadow", "canary",
        ];
        let mut sections: Vec<&str> = KEYS.iter().map(|key| key.section).collect();
        sections.dedup();
        assert_eq!(sections.len(), 17);
        for section in sections {
            let mut taken = taken(section);
            taken.retain(|name| !TABLES.contains(&name.as_str()));
            let listed = KEYS
                .iter()
                .filter(|key| key.section == section)
                .map(|key| key.name);
            assert_eq!(listed.collect::<Vec<_>>(), taken, "{section}");
        }
    }

    #[test]
    fn every_key_says_what_it_does_and_what_holds_without_it() {
        for key in KEYS {
            assert!(!key.doc.is_empty() && !key.default.is_empty(), "{key:?}");
        }
    }

    #[test]
    fn the_defaults_and_the_reference_file_are_valid() {
        assert_eq!(Settings::default().problems(), []);
        let text = r#"
            [routes.s2s]
            queue = "s2s"
            format = { kind = "ltsv", fields = { url = "postback" } }
            retry_for = "12h"
            mask = { query = ["idfa"] }
            [destinations."*.appsflyer.com"]
            rate = "60000/min"
            request_bytes_max = "1KiB"
            headers = { authentication = "${secret:AF}" }
            retry = { server = ["1m", "15m"], client = "never", retry_after_max = "10m" }
            allow_cidrs = ["10.0.0.0/8"]
            [notifier]
            slots = 64
            [secrets]
            AF = "env:AF_KEY"
        "#;
        let settings: Settings = toml::from_str(text).unwrap();
        assert_eq!(settings.problems(), []);
    }

    #[test]
    fn wrong_values_name_the_key_and_what_is_right() {
        for (text, key, right) in [
            ("[notifier]\nslots = 0", "notifier.slots", "1 to 10000"),
            (
                "[routes.r]\nqueue = \"q\"\nweight = 0",
                "routes.r.weight",
                "1 to 100",
            ),
            (
                "[destinations.\"a.b\"]\nweight = 101",
                "destinations.\"a.b\".weight",
                "1 to 100",
            ),
            (
                "[destinations.\"a.b\"]\nsuccess = [\"200-302\"]",
                "destinations.\"a.b\".success",
                "200-299",
            ),
            (
                "[destinations.\"a.b\"]\nsuccess = { status = [\"200-302\"] }",
                "destinations.\"a.b\".success.status",
                "200-299",
            ),
            (
                "[destinations.\"a.b\"]\nsuccess = { body = [{ pointer = \"/a\", matches = \"[\" }] }",
                "destinations.\"a.b\".success.body[0].matches",
                "no regular expression",
            ),
            (
                "[destinations.\"A.b/c\"]",
                "destinations.\"A.b/c\"",
                "lower case",
            ),
            (
                "[destinations.\"a.b\"]\nheaders = { Connection = \"x\" }",
                "destinations.\"a.b\".headers.Connection",
                "cannot be set",
            ),
            (
                "[routes.r]\nqueue = \"q\"\nretry_for = \"0s\"",
                "routes.r.retry_for",
                "1s to 14d",
            ),
            (
                "[routes.r]\nqueue = \"q\"\nformat = { kind = \"regex\" }",
                "routes.r.format.pattern",
                "group named url",
            ),
            (
                "[destinations.\"a.b\"]\nexpires_after = \"0s\"",
                "destinations.\"a.b\".expires_after",
                "1s to 14d",
            ),
            (
                "[destinations.\"a.b\"]\nexpires_after_day = \"15d\"",
                "destinations.\"a.b\".expires_after_day",
                "to 14d",
            ),
            (
                "[routes.r]\nqueue = \"q\"\non_failure = \"block\"",
                "routes.r.on_failure",
                "ends with `.fifo`",
            ),
            (
                "[routes.r]\nqueue = \"https://sqs.eu-west-1.amazonaws.com/1/q.fifo\"\non_failure = \"park\"",
                "routes.r.on_failure",
                "needs a `retry_queue` that is no FIFO queue",
            ),
            (
                "[scaler]\nnotifiers_min = 20",
                "scaler.notifiers_min",
                "notifiers_max",
            ),
        ] {
            let settings: Settings = toml::from_str(text).unwrap();
            let problem = settings.validate().unwrap_err().to_string();
            assert!(
                problem.starts_with(key) && problem.contains(right),
                "{problem}"
            );
        }
        assert!(
            toml::from_str::<Settings>("[notifier]\nlease = 5").is_err(),
            "a number has no unit"
        );
    }
}
