//! Where the calls of a command go.

use std::sync::Arc;

use iam::engine::account::SetBilling;
use serde_json::json;

use super::calls::Calls;
use super::inside::Inside;
use super::remote::Remote;
use crate::account;
use crate::answers::access::{Billing, Switch};
use crate::app::App;

/// Where a command works.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Where {
    /// The server's URL, or `aws` for AWS with the keys and region of the environment [default: $SHUKUBA_ENDPOINT, else the data
    /// directory: through its server while one runs, so that the trail has it, else itself]
    #[arg(
        long,
        value_name = "URL|aws",
        env = "SHUKUBA_ENDPOINT",
        hide_env_values = true
    )]
    endpoint: Option<String>,
}

/// The identities that a command works on.
pub(crate) enum Place {
    /// Those of the data directory.
    Here(Here),
    /// Those of a server elsewhere, or of AWS.
    There(Remote),
}

/// A data directory.
pub(crate) struct Here {
    inside: Inside,
    /// Its server, through which all goes, so that the trail has it; `None` while none runs.
    server: Option<Remote>,
    url: String,
}

#[cfg(test)]
impl Here {
    /// Identities without a server.
    pub(super) fn new(inside: Inside) -> Self {
        Self {
            inside,
            server: None,
            url: "http://127.0.0.1:5310".to_owned(),
        }
    }
}

impl Place {
    pub(crate) fn open(app: &App, of: &Where) -> anyhow::Result<Self> {
        if let Some(given) = of.endpoint.as_deref().filter(|given| !given.is_empty()) {
            return Ok(Self::There(Remote::open(app, given)?));
        }
        let server = app.server();
        let iam = account::open_kept(&app.data_dir(), &server)?;
        let inside = Inside::new(Arc::new(iam))?;
        let is_served = crate::data::is_served(&app.data_dir());
        Ok(Self::Here(Here {
            inside,
            server: is_served.then(|| Remote::of_data_dir(app)).transpose()?,
            url: crate::data::local_url(app, &server),
        }))
    }

    /// Where calls of IAM go.
    pub(crate) fn calls(&self) -> &dyn Calls {
        match (self, self.server()) {
            (_, Some(remote)) => remote,
            (Self::Here(here), None) => &here.inside,
            (Self::There(remote), None) => remote,
        }
    }

    /// The data directory's identities, where nobody serves them.
    pub(crate) fn inside(&self) -> Option<&Inside> {
        match self {
            Self::Here(here) if here.server.is_none() => Some(&here.inside),
            Self::Here(_) | Self::There(_) => None,
        }
    }

    /// Who answers calls of S3 and CloudTrail; `None` while no server runs.
    pub(crate) fn server(&self) -> Option<&Remote> {
        match self {
            Self::Here(here) => here.server.as_ref(),
            Self::There(remote) => Some(remote),
        }
    }

    /// Who answers calls of ours; `None` while no server runs, and of AWS.
    fn operated(&self) -> Option<&Remote> {
        self.server().filter(|server| !server.is_aws())
    }

    /// The account's number.
    pub(crate) fn account(&self) -> anyhow::Result<String> {
        match self {
            Self::Here(here) => Ok(here.inside.iam().account_id().to_string()),
            Self::There(remote) => remote.account(),
        }
    }

    /// Where its people sign in.
    pub(crate) fn sign_in_url(&self, account: &str) -> String {
        match self {
            Self::There(remote) if remote.is_aws() => {
                format!("https://{account}.signin.aws.amazon.com/console")
            }
            Self::There(remote) => format!("{}/_shukuba/", remote.url()),
            Self::Here(here) => format!("{}/_shukuba/", here.url.trim_end_matches('/')),
        }
    }

    /// Whether users may see the bill; `None` where only the console knows, and switches it.
    pub(crate) fn billing(&self) -> anyhow::Result<Option<Switch>> {
        if let Some(inside) = self.inside() {
            return Ok(Some(inside.iam().newest().account().billing.into()));
        }
        let Some(server) = self.operated() else {
            return Ok(None);
        };
        let Billing { billing } = server.admin("access-billing", &json!({}))?;
        Ok(Some(billing))
    }

    /// Opens or closes the bill to users. The console's switch stays as it is.
    pub(crate) fn set_billing(&self, billing: Switch) -> anyhow::Result<()> {
        if let Some(inside) = self.inside() {
            return Ok(inside.iam().run(SetBilling(billing.into()))?);
        }
        let Some(server) = self.operated() else {
            return Ok(());
        };
        let _: Billing = server.admin("access-billing-set", &Billing { billing })?;
        Ok(())
    }
}
