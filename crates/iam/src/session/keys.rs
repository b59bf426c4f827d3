//! Finds the key that signed a request: a user's, or that of a session.
//!
//! INVARIANT: what is kept here was read at one generation of the identities, and is forgotten at the next: a key that was
//! switched off, a policy that was changed, a session that was ended counts from the very next call.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use api::{Caller, Grants, Key, KeyLookup, Principal, Session};
use base::{AccountId, Arn, Region, Timestamp};
use parking_lot::RwLock;
use tracing::error;
use wire::sigv4::{Refusal, SecretKey};

use super::token::{Holder, KEY_PREFIX, Token};
use crate::authorizer::grants::Compiler;
use crate::engine::key::{AccessKey, Status};
use crate::engine::{Role, State, User};
use crate::ground::Ground;

/// The most sessions whose tokens are kept open; beyond it all are opened again. Chosen: some 2 KB each.
pub const SESSIONS_MAX: usize = 10_000;
/// How long after a noted use another one of the same key is not noted. Source: IAM API Reference, GetAccessKeyLastUsed,
/// whose dates AWS keeps in steps of 15 minutes.
pub const USE_STEP_MS: u64 = 15 * 60 * 1000;

/// The keys of an account's users and sessions.
#[derive(Debug)]
pub struct Keys {
    ground: Arc<dyn Ground>,
    region: String,
    kept: RwLock<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    generation: u64,
    keys: HashMap<String, Arc<Key>, foldhash::fast::RandomState>,
    sessions: HashMap<String, KeptSession, foldhash::fast::RandomState>,
    compiler: Compiler,
}

#[derive(Debug)]
struct KeptSession {
    token: String,
    expires: Timestamp,
    key: Arc<Key>,
}

impl Kept {
    /// Forgets what was read before `generation`; compiled documents stay as long as their texts.
    fn follow(&mut self, generation: u64) {
        if self.generation != generation {
            self.generation = generation;
            self.keys.clear();
            self.sessions.clear();
        }
    }
}

impl Keys {
    /// The keys that `ground` knows, of a server in `region`.
    #[must_use]
    pub fn new(ground: Arc<dyn Ground>, region: &Region) -> Self {
        Self {
            ground,
            region: region.to_string(),
            kept: RwLock::default(),
        }
    }

    /// The caller that a user is, with the session `session` where there is one: for pages and commands, which sign nothing.
    #[must_use]
    pub fn caller_of_user(&self, name: &str, session: Option<Session>) -> Option<Caller> {
        let state = self.ground.state();
        let user = state.user(name).ok()?;
        let grants = self.kept.write().compiler.user(&state, user);
        let mut caller = user_caller(state.account_id(), user, grants);
        caller.session = session;
        Some(caller)
    }

    /// The identities as they are now.
    pub(super) fn state(&self) -> Arc<State> {
        self.ground.state()
    }

    /// What a role may do.
    pub(super) fn grants_of_role(&self, state: &State, role: &Role) -> Grants {
        self.kept.write().compiler.role(state, role)
    }

    /// How many sessions are kept open.
    #[cfg(test)]
    pub(super) fn sessions(&self) -> usize {
        self.kept.read().sessions.len()
    }

    fn long_lived(&self, key_id: &str) -> Option<Arc<Key>> {
        let generation = self.ground.generation();
        let kept = self.kept.read();
        if kept.generation == generation
            && let Some(key) = kept.keys.get(key_id)
        {
            return Some(Arc::clone(key));
        }
        drop(kept);
        self.read_key(key_id, generation)
    }

    fn read_key(&self, key_id: &str, generation: u64) -> Option<Arc<Key>> {
        let state = self.ground.state();
        let (user, stored) = state.key(key_id)?;
        if stored.status != Status::Active {
            return None;
        }
        let belongs_to = AccessKey::belongs_to(key_id, &user.id);
        let opened = self.ground.open(&stored.sealed_secret, &belongs_to);
        let secret = opened
            .inspect_err(|_| error!(key_id, "the secret of a key does not open: it is not taken"))
            .ok()?;
        let mut kept = self.kept.write();
        kept.follow(generation);
        let mut caller = user_caller(state.account_id(), user, kept.compiler.user(&state, user));
        key_id.clone_into(&mut caller.access_key_id);
        let key = Arc::new(Key::new(SecretKey::new(&secret), Arc::new(caller)));
        kept.keys.insert(key_id.to_owned(), Arc::clone(&key));
        Some(key)
    }

    fn of_session(&self, key_id: &str, token: &str) -> Result<Arc<Key>, Refusal> {
        let generation = self.ground.generation();
        let now = self.ground.now();
        let kept = self.kept.read();
        if kept.generation == generation
            && let Some(found) = kept.sessions.get(key_id)
            && found.token == token
        {
            return match found.expires > now {
                true => Ok(Arc::clone(&found.key)),
                false => Err(Refusal::ExpiredToken),
            };
        }
        drop(kept);
        self.read_session(key_id, token, generation)
    }

    fn read_session(
        &self,
        key_id: &str,
        token: &str,
        generation: u64,
    ) -> Result<Arc<Key>, Refusal> {
        let opened = Token::open(&*self.ground, key_id, token).ok_or(Refusal::UnknownKey)?;
        if opened.expires <= self.ground.now() {
            return Err(Refusal::ExpiredToken);
        }
        let state = self.ground.state();
        let mut kept = self.kept.write();
        kept.follow(generation);
        let expires = opened.expires;
        let secret = SecretKey::new(&opened.secret);
        let caller = session_caller(&state, &mut kept.compiler, opened, key_id)?;
        let key = Arc::new(Key::new(secret, Arc::new(caller)));
        if kept.sessions.len() >= SESSIONS_MAX {
            kept.sessions.clear();
        }
        kept.sessions.insert(
            key_id.to_owned(),
            KeptSession {
                token: token.to_owned(),
                expires,
                key: Arc::clone(&key),
            },
        );
        Ok(key)
    }
}

impl KeyLookup for Keys {
    fn find(&self, key_id: &str, token: Option<&str>) -> Result<Arc<Key>, Refusal> {
        match token {
            Some(token) if key_id.starts_with(KEY_PREFIX) => self.of_session(key_id, token),
            // A long-lived key has no token, and a temporary one is nothing without.
            Some(_) => Err(Refusal::UnknownKey),
            None => {
                let found = self.long_lived(key_id).or_else(|| {
                    // Perhaps another process has just made it.
                    self.ground.look();
                    self.long_lived(key_id)
                });
                found.ok_or(Refusal::UnknownKey)
            }
        }
    }

    fn used(&self, key: &Key, service: &str, at: Timestamp) {
        let (noted, now) = (key.noted_ms.load(Ordering::Relaxed), at.as_millis());
        if now.saturating_sub(noted) < USE_STEP_MS && noted != 0 {
            return;
        }
        let is_ours = key
            .noted_ms
            .compare_exchange(noted, now, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok();
        if is_ours {
            let caller = &key.caller;
            let whose = match &caller.principal {
                Principal::AssumedRole { role_id, .. } => role_id,
                _ => &caller.access_key_id,
            };
            self.ground.note_use(whose, service, &self.region);
        }
    }
}

fn user_caller(account: &AccountId, user: &User, grants: Grants) -> Caller {
    let mut caller = Caller::user(account, &user.path, &user.name, user.id.as_str(), "");
    caller.tags = owned(user.tags.iter());
    caller.grants = Arc::new(grants);
    caller
}

fn owned<'a>(tags: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<(String, String)> {
    tags.map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// The caller of a session.
///
/// # Errors
/// [`Refusal::UnknownKey`] where its principal is gone, [`Refusal::ExpiredToken`] where its sessions were ended.
fn session_caller(
    state: &State,
    compiler: &mut Compiler,
    token: Token,
    key_id: &str,
) -> Result<Caller, Refusal> {
    let account = state.account_id();
    let user_of = |id| state.users().get(id).ok_or(Refusal::UnknownKey);
    let is_limited = token.policy.is_some() || !token.managed.is_empty();
    let mut caller = match &token.holder {
        Holder::Root => {
            check_ended(state.account().root_sessions_from, &token)?;
            root_caller(account, Compiler::root(state))
        }
        Holder::User { id } => {
            let user = user_of(id)?;
            check_ended(user.sessions_from, &token)?;
            user_caller(account, user, compiler.user(state, user))
        }
        Holder::Role { id, session } => {
            let role = state.roles().get(id).ok_or(Refusal::UnknownKey)?;
            check_ended(role.sessions_from, &token)?;
            role_caller(state, role, session, compiler.role(state, role))
        }
        Holder::Federated { id, name } => {
            let user = user_of(id)?;
            check_ended(user.sessions_from, &token)?;
            // Without a session policy such a session may do what resources allow it by name, and nothing else.
            let grants = match is_limited {
                true => compiler.user(state, user),
                false => Grants::default(),
            };
            federated_caller(state, user, name, grants)
        }
    };
    let mut policies = Vec::new();
    if let Some(text) = &token.policy {
        policies.push(compiler.attached(&format!("session_{key_id}"), text));
    }
    for arn in &token.managed {
        policies.push(compiler.managed(state, arn));
    }
    key_id.clone_into(&mut caller.access_key_id);
    // A tag of the session stands over the role's of the same key.
    let is_replaced = |known: &str| {
        token
            .tags
            .iter()
            .any(|(key, _)| key.eq_ignore_ascii_case(known))
    };
    caller.tags.retain(|(known, _)| !is_replaced(known));
    caller.tags.extend(token.tags);
    caller.session = Some(Session {
        kind: token.kind,
        issued: token.issued,
        expires: token.expires,
        mfa: token.mfa,
        policies,
        carried: token.carried,
    });
    Ok(caller)
}

fn check_ended(from: Option<Timestamp>, token: &Token) -> Result<(), Refusal> {
    match from.is_some_and(|from| token.issued < from) {
        true => Err(Refusal::ExpiredToken),
        false => Ok(()),
    }
}

fn arn(service: &str, account: &AccountId, resource: String) -> Arn {
    Arn {
        service: service.to_owned(),
        region: String::new(),
        account: account.to_string(),
        resource,
    }
}

fn root_caller(account: &AccountId, grants: Grants) -> Caller {
    Caller {
        principal: Principal::Root,
        arn: arn("iam", account, "root".to_owned()),
        account: account.clone(),
        access_key_id: String::new(),
        session: None,
        tags: Vec::new(),
        grants: Arc::new(grants),
    }
}

pub(crate) fn role_caller(state: &State, role: &Role, session: &str, grants: Grants) -> Caller {
    let account = state.account_id();
    Caller {
        principal: Principal::AssumedRole {
            role: role.name.clone(),
            role_id: role.id.as_str().to_owned(),
            role_arn: arn("iam", account, format!("role{}{}", role.path, role.name)),
            session: session.to_owned(),
        },
        arn: arn(
            "sts",
            account,
            format!("assumed-role/{}/{session}", role.name),
        ),
        account: account.clone(),
        access_key_id: String::new(),
        session: None,
        tags: owned(role.tags.iter()),
        grants: Arc::new(grants),
    }
}

fn federated_caller(state: &State, user: &User, name: &str, grants: Grants) -> Caller {
    let account = state.account_id();
    Caller {
        principal: Principal::Federated {
            name: name.to_owned(),
            user: user.name.clone(),
            user_id: user.id.as_str().to_owned(),
            user_arn: arn("iam", account, format!("user{}{}", user.path, user.name)),
        },
        arn: arn("sts", account, format!("federated-user/{name}")),
        account: account.clone(),
        access_key_id: String::new(),
        session: None,
        tags: Vec::new(),
        grants: Arc::new(grants),
    }
}
