//! People at the sign-in page: by password and, where they have a device, a code.
//!
//! INVARIANT: a password that must be changed opens nothing but its own change: no session is given out before that. What
//! is wrong is said only to whoever knows the password.
//!
//! A session is a sealed token in a cookie (see [`crate::session`]): it ends by its time, with the user, or with all others of the
//! same principal. Guesses are slowed down by user ([`Iam::check_password`]) and by address.

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use api::{Access, Authorizer as _, Caller, Carried, Ctx, Decision, KeyLookup, SessionKind};

use crate::authorizer::Authorizer;
use crate::engine::device::Owner;
use crate::engine::{self, Id, Kind};
use crate::identities::Checked;
use crate::session::{self, Holder, Keys, Mfa, Token};
use crate::{Error, Iam};

/// How long a user stays signed in. Source: IAM User Guide, "Sign in to the AWS Management Console": 12 hours.
pub const SESSION: Duration = Duration::from_secs(12 * 60 * 60);
/// How long root stays signed in. Chosen.
pub const ROOT_SESSION: Duration = Duration::from_secs(60 * 60);

/// Who wants to sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// The account's root.
    Root,
    /// A user, by name.
    User(String),
}

/// What somebody shows.
pub struct Shown {
    /// Who it is said to be.
    pub who: Who,
    /// The password.
    pub password: String,
    /// The code of a device.
    pub code: Option<String>,
}

/// Why somebody is not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The user, the password or the code is wrong.
    Wrong,
    /// Too many were wrong.
    Wait {
        /// For so long.
        secs: u64,
    },
    /// The password is right, and a code is needed too.
    CodeNeeded,
    /// The password is right and must be changed first.
    MustChange,
    /// The password is right and too old: it must be changed first.
    Expired,
    /// The password is too old, and only an administrator may set another one.
    ExpiredForGood,
    /// Policies do not allow what was asked.
    NotAllowed {
        /// The action, such as `iam:ChangePassword`.
        action: &'static str,
        /// The end of AWS's sentence.
        reason: String,
    },
    /// The account's password policy does not take the new password: what it asks for.
    NewPassword(Vec<String>),
    /// It cannot be done at the moment.
    Unavailable,
}

/// Somebody who is let in.
#[derive(Debug)]
pub struct SignedIn {
    /// For the cookie.
    pub ticket: String,
    /// Who it is.
    pub caller: Arc<Caller>,
    /// For how long.
    pub lasts: Duration,
}

/// The sign-in page's questions.
#[derive(Debug)]
pub struct SignIn {
    iam: Arc<Iam>,
    keys: Arc<Keys>,
    authorizer: Arc<Authorizer>,
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shown")
            .field("who", &self.who)
            .finish_non_exhaustive()
    }
}

impl SignIn {
    /// Over the identities, and those who find and decide.
    #[must_use]
    pub fn new(iam: Arc<Iam>, keys: Arc<Keys>, authorizer: Arc<Authorizer>) -> Self {
        Self {
            iam,
            keys,
            authorizer,
        }
    }

    /// Lets somebody in.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn sign_in(&self, ctx: &Ctx, shown: &Shown) -> Result<SignedIn, Refused> {
        let (holder, checked, mfa) = self.check(ctx, shown).await?;
        match checked {
            Checked::Right => {}
            Checked::MustChange => return Err(Refused::MustChange),
            Checked::Expired => return Err(Refused::Expired),
            Checked::ExpiredForGood => return Err(Refused::ExpiredForGood),
        }
        let lasts = match holder {
            Holder::Root => ROOT_SESSION,
            _ => SESSION,
        };
        let given = self.issue(holder, lasts, mfa);
        let ticket = format!("{}.{}", given.key_id, given.token);
        let caller = self.caller(&ticket).ok_or(Refused::Unavailable)?;
        // Whoever looks after somebody signed in sees it, even after a crash.
        if let Err(error) = self.iam.blocking(Iam::keep_uses).await {
            tracing::warn!(%error, "when somebody signed in is not kept yet");
        }
        Ok(SignedIn {
            ticket,
            caller,
            lasts,
        })
    }

    /// Who holds a ticket of [`SignedIn`]; `None` where it is over or none.
    #[must_use]
    pub fn caller(&self, ticket: &str) -> Option<Arc<Caller>> {
        let (key_id, token) = ticket.split_once('.')?;
        let key = self.keys.find(key_id, Some(token)).ok()?;
        let session = key.caller.session.as_ref()?;
        // The token of a program's session opens no page.
        (session.kind == SessionKind::SignIn).then(|| Arc::clone(&key.caller))
    }

    /// Changes the password of a user who shows the old one; gives who it is.
    ///
    /// # Errors
    /// [`Refused`]; the password stays.
    pub async fn change_password(
        &self,
        ctx: &Ctx,
        shown: &Shown,
        new: &str,
    ) -> Result<Arc<Caller>, Refused> {
        let Who::User(name) = &shown.who else {
            // Root's password is set by a command on the server.
            return Err(Refused::Wrong);
        };
        let (holder, checked, mfa) = self.check(ctx, shown).await?;
        if checked == Checked::ExpiredForGood {
            return Err(Refused::ExpiredForGood);
        }
        let given = self.issue(holder, SESSION, mfa);
        let ticket = format!("{}.{}", given.key_id, given.token);
        let caller = self.caller(&ticket).ok_or(Refused::Unavailable)?;
        self.ask(ctx, &caller, "iam:ChangePassword", name)?;
        let changed = self.iam.change_password(name, &shown.password, new).await;
        changed.map_err(refused)?;
        Ok(caller)
    }

    /// Whether policies let `caller` do `action` on the user `name`.
    fn ask(
        &self,
        ctx: &Ctx,
        caller: &Arc<Caller>,
        action: &'static str,
        name: &str,
    ) -> Result<(), Refused> {
        let state = self.iam.state();
        let user = state.user(name).map_err(|_| Refused::Wrong)?;
        let arn = state.arn(Kind::User, &user.path, &user.name);
        let resource = arn.parse().map_err(|_| Refused::Unavailable)?;
        let ctx = Ctx {
            caller: Arc::clone(caller),
            ..ctx.clone()
        };
        match self
            .authorizer
            .decide(&ctx, &[Access::new(action, resource)])
        {
            Decision::Allow => Ok(()),
            Decision::Deny { reason, .. } => Err(Refused::NotAllowed { action, reason }),
        }
    }

    /// Checks password and code.
    async fn check(&self, ctx: &Ctx, shown: &Shown) -> Result<(Holder, Checked, Mfa), Refused> {
        let from = ctx.client.map(|client| client.ip().to_canonical());
        self.ask_address(from)?;
        let checked = self.check_password(shown).await;
        let (holder, owner, checked) = match checked {
            Err(Refused::Wrong) => {
                self.was_wrong(from);
                return Err(Refused::Wrong);
            }
            checked => checked?,
        };
        let mfa = match self.check_code(&owner, shown.code.as_deref()).await {
            Err(Refused::Wrong) => {
                self.was_wrong(from);
                return Err(Refused::Wrong);
            }
            checked => checked?,
        };
        if let Some(from) = from {
            self.iam.guesses().was_right(&by_address(from));
        }
        Ok((holder, checked, mfa))
    }

    async fn check_password(&self, shown: &Shown) -> Result<(Holder, Owner, Checked), Refused> {
        match &shown.who {
            Who::Root => {
                let checked = self.iam.check_root_password(&shown.password).await;
                checked.map_err(refused)?;
                Ok((Holder::Root, Owner::Root, Checked::Right))
            }
            Who::User(name) => {
                let checked = self.iam.check_password(name, &shown.password).await;
                let (user, checked) = checked.map_err(refused)?;
                let id: Id = user.id.clone();
                Ok((Holder::User { id: id.clone() }, Owner::User(id), checked))
            }
        }
    }

    /// Takes the code of one of the owner's devices, where there is one.
    async fn check_code(&self, owner: &Owner, code: Option<&str>) -> Result<Mfa, Refused> {
        let state = self.iam.newest();
        let serials: Vec<String> = state
            .devices_of(owner)
            .map(|device| device.serial.clone())
            .collect();
        if serials.is_empty() {
            return Ok(None);
        }
        let code = code.ok_or(Refused::CodeNeeded)?;
        let mut last = Refused::Wrong;
        for serial in serials {
            let (owner, code) = (owner.clone(), code.to_owned());
            let used = self
                .iam
                .blocking(move |iam| iam.use_code(&owner, &serial, &code))
                .await;
            match used {
                Ok(()) => return Ok(Some(self.iam.clock().now())),
                Err(error) => last = refused(error),
            }
        }
        Err(last)
    }

    fn issue(&self, holder: Holder, lasts: Duration, mfa: Mfa) -> session::Credentials {
        let issued = self.iam.clock().now();
        let token = Token {
            holder,
            kind: SessionKind::SignIn,
            secret: crate::session::new_secret(),
            issued,
            expires: issued.plus(lasts),
            mfa,
            policy: None,
            managed: Vec::new(),
            tags: Vec::new(),
            carried: Carried::default(),
        };
        token.issue(&*self.iam)
    }

    fn ask_address(&self, from: Option<IpAddr>) -> Result<(), Refused> {
        let Some(from) = from else {
            return Ok(());
        };
        let asked = self
            .iam
            .guesses()
            .ask(&by_address(from), self.iam.clock().now());
        asked.map_err(|wait| Refused::Wait {
            secs: wait.as_secs().max(1),
        })
    }

    fn was_wrong(&self, from: Option<IpAddr>) {
        if let Some(from) = from {
            let now = self.iam.clock().now();
            self.iam.guesses().was_wrong(&by_address(from), now);
        }
    }
}

/// Under what wrong guesses from an address are counted: all of a network that one machine may have.
fn by_address(from: IpAddr) -> String {
    match from {
        IpAddr::V4(address) => format!("address/{address}"),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("address/{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

fn refused(error: Error) -> Refused {
    match error {
        Error::WrongPassword => Refused::Wrong,
        Error::TooManyGuesses { secs } => Refused::Wait { secs },
        Error::Refused(engine::Error::Password(rules)) => Refused::NewPassword(rules),
        Error::Refused(engine::Error::PasswordExpired) => Refused::ExpiredForGood,
        Error::Refused(_) => Refused::Wrong,
        error => {
            tracing::error!(%error, "somebody could not sign in");
            Refused::Unavailable
        }
    }
}
