//! Setting, changing and checking passwords.

use std::sync::Arc;

use base::Timestamp;

use super::{Error, Iam};
use crate::engine::login::{self, Login, Reset};
use crate::engine::{self, User, account, password as rules};
use crate::password;

/// A password that is right, and what may be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// Everything that its owner may do.
    Right,
    /// Nothing but changing it: it was set by somebody else.
    MustChange,
    /// Nothing but changing it: it is older than the password policy allows.
    Expired,
    /// Nothing: it is older than the password policy allows, and only an administrator may set a new one.
    ExpiredForGood,
}

impl Iam {
    /// Gives a user a login profile.
    ///
    /// # Errors
    /// When the user has one, or the password policy does not take the password.
    pub async fn create_login(
        self: &Arc<Self>,
        user: &str,
        password: &str,
        reset: Reset,
    ) -> Result<Login, Error> {
        let state = self.newest();
        if state.user(user)?.login.is_some() {
            return Err(engine::Error::LoginExists {
                user: user.to_owned(),
            }
            .into());
        }
        rules::check(state.password_policy(), user, password)?;
        let hash = self.hash(user, password).await?;
        let user = user.to_owned();
        self.change(login::Create { user, hash, reset }).await
    }

    /// Sets a user's password, as an administrator does, or whether it must be changed.
    ///
    /// # Errors
    /// When the user has none, or the password policy does not take it.
    pub async fn update_login(
        self: &Arc<Self>,
        user: &str,
        password: Option<&str>,
        reset: Option<Reset>,
    ) -> Result<(), Error> {
        let state = self.newest();
        let login = login_of(state.user(user)?)?;
        let hash = match password {
            Some(password) => {
                rules::check(state.password_policy(), user, password)?;
                let remembered = rules::remembered(state.password_policy());
                self.refuse_used(user, password, login, remembered).await?;
                Some(self.hash(user, password).await?)
            }
            None => None,
        };
        let user = user.to_owned();
        self.change(login::Update { user, hash, reset }).await
    }

    /// Changes a user's own password. Wrong old ones are counted and slowed down.
    ///
    /// # Errors
    /// When the old password is wrong, the new one is not taken, or it has expired for good.
    pub async fn change_password(
        self: &Arc<Self>,
        user: &str,
        old: &str,
        new: &str,
    ) -> Result<(), Error> {
        let state = self.newest();
        let found = state.user(user)?;
        let login = login_of(found)?;
        match self.check_login(&guessed(user), login, old).await? {
            Checked::ExpiredForGood => return Err(engine::Error::PasswordExpired.into()),
            Checked::Right | Checked::MustChange | Checked::Expired => {}
        }
        rules::check(state.password_policy(), user, new)?;
        let remembered = rules::remembered(state.password_policy());
        self.refuse_used(user, new, login, remembered).await?;
        let hash = Some(self.hash(user, new).await?);
        let reset = Some(Reset::NotNeeded);
        let user = user.to_owned();
        self.change(login::Update { user, hash, reset }).await
    }

    /// Checks a user's password, as at sign-in; a user that does not exist takes as long as a wrong password.
    ///
    /// # Errors
    /// [`Error::WrongPassword`], whatever was wrong; [`Error::TooManyGuesses`]; [`Error::Busy`].
    pub async fn check_password(
        self: &Arc<Self>,
        user: &str,
        password: &str,
    ) -> Result<(Arc<User>, Checked), Error> {
        let state = self.newest();
        let found = state.user(user).ok().cloned();
        let login = found.as_ref().and_then(|user| user.login.as_ref());
        let checked = self.check_known(&guessed(user), login, password).await?;
        let found = found.ok_or(Error::WrongPassword)?;
        self.rehash(&found, password).await;
        self.note_sign_in(found.id.as_str());
        Ok((found, checked))
    }

    /// Checks the password of root.
    ///
    /// # Errors
    /// As [`Iam::check_password`].
    pub async fn check_root_password(self: &Arc<Self>, password: &str) -> Result<(), Error> {
        let state = self.newest();
        let login = state.account().root_password.as_ref();
        // The policy of the account's users does not cover root.
        self.check_known("root", login, password).await?;
        self.note_sign_in(super::uses::ROOT);
        Ok(())
    }

    /// Sets or takes away the password of root. Blocks.
    ///
    /// # Errors
    /// When it is too short or too long.
    pub fn set_root_password(&self, password: Option<&str>) -> Result<(), Error> {
        let hash = match password {
            Some(password) => {
                check_root_length(password)?;
                Some(password::hash(password).ok_or(Error::Hash {
                    whose: "root".to_owned(),
                })?)
            }
            None => None,
        };
        self.run(account::SetRootPassword { hash })
    }

    async fn check_known(
        &self,
        whose: &str,
        login: Option<&Login>,
        password: &str,
    ) -> Result<Checked, Error> {
        match login {
            Some(login) => self.check_login(whose, login, password).await,
            None => {
                let nobody = Login::new(password::OF_NOBODY.to_owned(), Timestamp::default());
                self.check_login(whose, &nobody, password).await?;
                Err(Error::WrongPassword)
            }
        }
    }

    async fn check_login(
        &self,
        whose: &str,
        login: &Login,
        password: &str,
    ) -> Result<Checked, Error> {
        let asked = self.guesses.ask(whose, self.clock.now());
        asked.map_err(|wait| Error::TooManyGuesses {
            secs: wait.as_secs().max(1),
        })?;
        let (given, hash) = (password.to_owned(), login.hash.clone());
        let is_right = self
            .hasher
            .run(move || password::is_right(&given, &hash))
            .await;
        if !is_right.map_err(|_| Error::Busy)? {
            self.guesses.was_wrong(whose, self.clock.now());
            return Err(Error::WrongPassword);
        }
        self.guesses.was_right(whose);
        Ok(self.standing(login))
    }

    fn standing(&self, login: &Login) -> Checked {
        let state = self.log.state();
        let policy = state.password_policy();
        let is_expired = rules::expires(policy, login).is_some_and(|at| at <= self.clock.now());
        match (is_expired, login.reset) {
            (true, _) if policy.is_some_and(|policy| policy.is_expiry_hard) => {
                Checked::ExpiredForGood
            }
            (true, _) => Checked::Expired,
            (false, Reset::Required) => Checked::MustChange,
            (false, Reset::NotNeeded) => Checked::Right,
        }
    }

    async fn hash(&self, whose: &str, password: &str) -> Result<String, Error> {
        let password = password.to_owned();
        let hash = self.hasher.run(move || password::hash(&password)).await;
        hash.map_err(|_| Error::Busy)?.ok_or_else(|| Error::Hash {
            whose: whose.to_owned(),
        })
    }

    /// Refuses one of the last passwords.
    async fn refuse_used(
        &self,
        whose: &str,
        password: &str,
        login: &Login,
        remembered: usize,
    ) -> Result<(), Error> {
        let hashes: Vec<String> = login.last(remembered).map(str::to_owned).collect();
        if hashes.is_empty() {
            return Ok(());
        }
        let password = password.to_owned();
        let is_used = move || {
            hashes
                .iter()
                .any(|hash| password::is_right(&password, hash))
        };
        match self.hasher.run(is_used).await {
            Ok(false) => Ok(()),
            Ok(true) => {
                tracing::debug!(user = whose, "a password of before was refused");
                let what = format!("something else than the last {remembered} passwords");
                Err(engine::Error::Password(vec![what]).into())
            }
            Err(_) => Err(Error::Busy),
        }
    }

    /// Hashes a right password anew when its hash was made with parameters of before.
    async fn rehash(self: &Arc<Self>, user: &User, password: &str) {
        let Some(before) = user.login.as_ref().map(|login| login.hash.clone()) else {
            return;
        };
        if password::is_of_today(&before) {
            return;
        }
        if let Ok(hash) = self.hash(&user.name, password).await {
            let user = user.name.clone();
            let kept = self.change(login::Rehash { user, before, hash }).await;
            if let Err(error) = kept {
                tracing::warn!(%error, "a password's hash stays as weak as it was");
            }
        }
    }
}

/// Under what wrong guesses of a user's password are counted. No user is called so.
fn guessed(user: &str) -> String {
    format!("user/{user}")
}

fn login_of(user: &User) -> Result<&Login, Error> {
    let no_login = || engine::Error::NoLogin {
        user: user.name.clone(),
    };
    Ok(user.login.as_ref().ok_or_else(no_login)?)
}

/// The shortest password of root. Chosen: it is guessed at from everywhere, and no policy covers it.
pub const ROOT_PASSWORD_CHARS_MIN: usize = 12;

fn check_root_length(password: &str) -> Result<(), engine::Error> {
    let chars = password.chars().count();
    if (ROOT_PASSWORD_CHARS_MIN..=rules::PASSWORD_CHARS_MAX).contains(&chars) {
        return Ok(());
    }
    let most = rules::PASSWORD_CHARS_MAX;
    Err(engine::Error::Password(vec![format!(
        "{ROOT_PASSWORD_CHARS_MIN} to {most} characters"
    )]))
}
