//! Which prices hold: those that a command names, else the settings', else those that are built in.

use std::path::Path;

use anyhow::Context;
use delivery::cost::prices::FILE_BYTES_MAX;
use delivery::cost::{Currency, Fleet, List, Prices};
use serde::{Deserialize, Serialize};

use crate::config::cost::Cost;

/// The region whose prices hold where the server's has none.
const ELSEWHERE: &str = "us-east-1";

/// What a command names over the settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Named {
    /// The text of a price list.
    pub(crate) prices: Option<String>,
    /// A region of it.
    pub(crate) region: Option<String>,
    /// The currency of amounts.
    pub(crate) currency: Option<Currency>,
    /// Servers to compare with: all types of the list where it is empty text.
    pub(crate) server: Option<String>,
    /// How many of them.
    pub(crate) servers: Option<u32>,
}

impl Named {
    /// The prices.
    pub(crate) fn prices(&self, settings: &Cost) -> anyhow::Result<Prices> {
        if let Some(text) = &self.prices {
            return Ok(Prices::parse(text)?);
        }
        match &settings.prices {
            None => Ok(Prices::built_in()?),
            Some(file) => {
                let text = read(file)?;
                Prices::parse(&text).with_context(|| format!("`{}`", file.display()))
            }
        }
    }

    /// The list of a region. `home`: that of the server.
    pub(crate) fn list<'a>(
        &self,
        prices: &'a Prices,
        settings: &Cost,
        home: &str,
    ) -> anyhow::Result<List<'a>> {
        let is_known = |region: &str| prices.regions().any(|known| known == region);
        let said = self.region.as_deref().or(settings.region.as_deref());
        let region = match said {
            Some(region) => region,
            None if is_known(home) => home,
            None => ELSEWHERE,
        };
        let shown = self.currency.or(settings.currency);
        Ok(prices.list(region, shown)?)
    }

    /// The servers to compare with.
    pub(crate) fn fleets(&self, list: &List<'_>, settings: &Cost) -> anyhow::Result<Vec<Fleet>> {
        let server = self.server.as_deref().unwrap_or(&settings.server);
        let known: Vec<&str> = list.servers().collect();
        anyhow::ensure!(
            known.contains(&server),
            "there is no price of the server `{server}` in {}; the list has {}",
            list.name,
            known.join(", ")
        );
        Ok(vec![Fleet {
            server: server.to_owned(),
            count: self.servers.unwrap_or(settings.servers),
        }])
    }
}

/// Reads a price list, which has a bound.
pub(crate) fn read(file: &Path) -> anyhow::Result<String> {
    use std::io::Read;
    let name = || format!("the prices in `{}` cannot be read", file.display());
    let open = std::fs::File::open(file).with_context(name)?;
    let mut text = String::new();
    // One byte more than may be, so that it is refused by its size.
    let most = FILE_BYTES_MAX as u64 + 1;
    open.take(most)
        .read_to_string(&mut text)
        .with_context(name)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_stands_over_the_settings_and_these_over_the_server_s_place() {
        let prices = Prices::built_in().unwrap();
        let region = |named: Option<&str>, set: Option<&str>, home: &str| {
            let named = Named {
                region: named.map(str::to_owned),
                ..Named::default()
            };
            let settings = Cost {
                region: set.map(str::to_owned),
                ..Cost::default()
            };
            named
                .list(&prices, &settings, home)
                .map(|list| list.name.to_owned())
        };
        let (tokyo, virginia) = ("ap-northeast-1", "us-east-1");
        for (named, set, home, expected) in [
            (Some(tokyo), Some(virginia), virginia, tokyo),
            (None, Some(tokyo), virginia, tokyo),
            (None, None, tokyo, tokyo),
            (None, None, "eu-west-1", virginia),
        ] {
            assert_eq!(region(named, set, home).unwrap(), expected);
        }
        let error = region(Some("mars-1"), None, tokyo).unwrap_err().to_string();
        assert!(error.contains("there are no prices of `mars-1`"), "{error}");
    }

    #[test]
    fn servers_must_have_a_price() {
        let prices = Prices::built_in().unwrap();
        let list = prices.list("us-east-1", None).unwrap();
        let named = Named {
            server: Some("abacus".to_owned()),
            ..Named::default()
        };
        let error = named
            .fleets(&list, &Cost::default())
            .unwrap_err()
            .to_string();
        assert!(error.contains("the list has m5.large"), "{error}");
        let usual = Named::default().fleets(&list, &Cost::default()).unwrap();
        assert_eq!((usual[0].server.as_str(), usual[0].count), ("t3.medium", 2));
    }

    #[test]
    fn a_list_comes_from_the_settings_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("prices.toml");
        let text = delivery::cost::prices::BUILT_IN.replacen(
            "currency = \"USD\"",
            "currency = \"JPY\"",
            1,
        );
        std::fs::write(&file, text).unwrap();
        let settings = Cost {
            prices: Some(file.clone()),
            ..Cost::default()
        };
        let prices = Named::default().prices(&settings).unwrap();
        assert_eq!(prices.currency, Currency::Jpy);
        std::fs::write(&file, "currency = 1").unwrap();
        let error = format!("{:#}", Named::default().prices(&settings).unwrap_err());
        assert!(
            error.contains("prices.toml") && error.contains("not in form"),
            "{error}"
        );
    }
}
