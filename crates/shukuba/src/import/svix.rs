//! Svix: `EndpointOut` of its API, with the answers of `/secret/` and `/headers/` merged into it, or rows of its table `endpoint`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::endpoint::{Context, Endpoint, Found, seconds, texts};
use super::read::{self, Record};

/// Its schedule: 8 sends in 27.6 hours. Every answer but 2xx is tried again.
const WAITS: [u64; 6] = [5, 300, 1_800, 7_200, 18_000, 36_000];
pub(super) const RETRY_FOR: &str = "28h";
const TIMEOUT_SECS: u64 = 30;
/// A key of before keys had a type has exactly so many bytes, and no type before them.
const UNTYPED_BYTES: usize = 24;

pub(super) const SIGNATURES: [&str; 2] = ["svix", "webhook"];

pub(super) fn read(record: &Record, context: Context<'_>) -> Result<Found, String> {
    if record.is("deleted")? {
        return Ok(Found::None);
    }
    let id = record.needed(&["id"])?;
    let mut endpoint = Endpoint {
        id: id.to_owned(),
        url: record.needed(&["url"])?.to_owned(),
        label: record
            .text(&["description", "uid"])?
            .unwrap_or_default()
            .to_owned(),
        headers: record.texts("headers")?,
        is_disabled: record.is("disabled")?,
        ..Endpoint::default()
    };
    let Some(key) = record.text(&["key"])? else {
        return Ok(Found::Left {
            id: id.to_owned(),
            why: "has no `key`: merge the answer of `/secret/` into it".to_owned(),
        });
    };
    match of_key(key) {
        Ok(secret) => endpoint.secrets.push(secret),
        Err(why) => {
            return Ok(Found::Left {
                id: id.to_owned(),
                why,
            });
        }
    }
    for old in read::objects(record.list("old_keys")?) {
        let secret = of_key(old.needed(&["signingKey"])?)?;
        endpoint.previous(&secret, old.text(&["expiration"])?, context.now);
    }
    endpoint.sign("kind", "standard-webhooks");
    endpoint.sign("prefix", context.signature.unwrap_or("svix"));
    endpoint.retry(&seconds(&WAITS), &[]);
    endpoint.timeout(TIMEOUT_SECS);
    if let Some(count) = record.count(&["rateLimit", "rate_limit", "throttleRate"])? {
        match count {
            0 => {}
            count => endpoint.rate(count, 1),
        }
    }
    let hidden = texts(record.list("sensitive")?);
    if !hidden.is_empty() {
        let text = format!(
            "its API hides the value of {}: add it to `headers`",
            hidden.join(", ")
        );
        endpoint.note(text);
    }
    for (keys, what) in [
        (["filterTypes", "event_types_ids"], "event types"),
        (["channels", "channels"], "channels"),
    ] {
        let list = if record.has(keys[0]) {
            keys[0]
        } else {
            keys[1]
        };
        endpoint.note_filter(what, &texts(record.list(list)?));
    }
    if record
        .get(&["transformation", "transformationParams"])
        .is_some()
    {
        endpoint.note("has a transformation: make the body before it is sent, or by `[….request]`");
    }
    Ok(Found::Endpoint(Box::new(endpoint)))
}

/// A secret as receivers have it, of the API's answer or of the column: `\x…`, or base64 in `old_keys`.
fn of_key(key: &str) -> Result<String, String> {
    if key.starts_with("whpk_") {
        return Err("its key is asymmetric, and the API gives only the public half: export the table `endpoint`".to_owned());
    }
    if key.starts_with("whsec_") || key.starts_with("whsk_") {
        return Ok(key.to_owned());
    }
    let bytes = match key.strip_prefix("\\x") {
        Some(digits) => hex::decode(digits).ok(),
        None => STANDARD.decode(key).ok(),
    };
    match bytes.as_deref() {
        Some(key) if key.len() == UNTYPED_BYTES => Ok(format!("whsec_{}", STANDARD.encode(key))),
        Some([1, key @ ..]) => Ok(format!("whsec_{}", STANDARD.encode(key))),
        Some([2, key @ ..]) => Ok(format!("whsk_{}", STANDARD.encode(key))),
        Some([0x81 | 0x82, ..]) => {
            Err("its key is encrypted with the server's main_secret: export by the API".to_owned())
        }
        _ => Err("its key is neither `whsec_…` nor a row's `\\x…`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The marker byte is 1 for HMAC and 2 for ed25519, with 0x80 where the key is encrypted; old rows have none.
    #[test]
    fn keys_of_rows_are_those_of_the_api() {
        let key = [7_u8; 24];
        let typed = |marker: u8, key: &[u8]| format!("\\x{:02x}{}", marker, hex::encode(key));
        let whsec = format!("whsec_{}", STANDARD.encode(key));
        assert_eq!(of_key(&whsec), Ok(whsec.clone()));
        assert_eq!(of_key(&typed(1, &key)), Ok(whsec.clone()));
        assert_eq!(
            of_key(&format!("\\x{}", hex::encode(key))),
            Ok(whsec.clone())
        );
        let in_old_keys = STANDARD.encode([&[1], key.as_slice()].concat());
        assert_eq!(of_key(&in_old_keys), Ok(whsec));
        let pair = [9_u8; 64];
        let whsk = format!("whsk_{}", STANDARD.encode(pair));
        assert_eq!(of_key(&typed(2, &pair)), Ok(whsk));
        for (wrong, says) in [
            (typed(0x81, &[7; 48]), "main_secret"),
            ("whpk_AAAA".to_owned(), "public half"),
            ("\\xzz".to_owned(), "neither"),
            (typed(3, &key), "neither"),
        ] {
            let error = of_key(&wrong).unwrap_err();
            assert!(error.contains(says) && !error.contains("AAAA"), "{error}");
        }
    }
}
