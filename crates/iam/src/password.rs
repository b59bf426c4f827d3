//! Passwords as argon2id hashes, on few threads.
//!
//! Parameters: 19 MiB, 2 passes, 1 lane (OWASP Password Storage Cheat Sheet). One check takes tens of milliseconds, so
//! that whoever signs in could starve everything else: at most [`AT_ONCE`] run, and [`WAITING`] wait.

use std::sync::Arc;

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

/// How many passwords are hashed at once. Chosen: half of the smallest machine that serves.
pub const AT_ONCE: usize = 1;
/// How many may wait for that. Chosen: the last one waits a second.
pub const WAITING: usize = 32;
/// The longest password that is hashed, in bytes: 128 characters of four bytes.
const BYTES_MAX: usize = 512;
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Bytes of a salt.
const SALT_BYTES: usize = 16;

/// Hashes and checks passwords.
#[derive(Debug)]
pub(crate) struct Hasher {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

/// More wait than may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Busy;

impl Hasher {
    pub(crate) fn new() -> Self {
        Self {
            running: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Arc::new(Semaphore::new(WAITING)),
        }
    }

    /// Runs `work` on a thread for passwords, as soon as one is free.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let _place = self.waiting.try_acquire().map_err(|_| Busy)?;
        let turn = Arc::clone(&self.running).acquire_owned().await;
        let turn = turn.map_err(|_| Busy)?;
        let done = tokio::task::spawn_blocking(move || {
            // Held by the work, so that a caller who goes away does not let another one begin beside it.
            let _turn = turn;
            work()
        });
        done.await.map_err(|_| Busy)
    }
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// The hash to keep, such as `$argon2id$v=19$m=19456,t=2,p=1$…`; `None` for a password that is too long for any policy.
/// Slow by design.
#[must_use]
pub fn hash(password: &str) -> Option<String> {
    if password.len() > BYTES_MAX {
        return None;
    }
    let salt = base::id::random_bytes::<SALT_BYTES>();
    let hash = argon2().hash_password_with_salt(password.as_bytes(), &salt);
    hash.ok().map(|hash| hash.to_string())
}

/// Whether `password` is the one that `hash` was made of; in constant time for equal parameters. Slow by design.
#[must_use]
pub fn is_right(password: &str, hash: &str) -> bool {
    password.len() <= BYTES_MAX
        && PasswordHash::new(hash)
            .is_ok_and(|hash| argon2().verify_password(password.as_bytes(), &hash).is_ok())
}

/// Whether `hash` was made with the parameters of today.
#[must_use]
pub fn is_of_today(hash: &str) -> bool {
    hash.starts_with(&format!(
        "$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$"
    ))
}

/// A hash of no password, to be checked where there is no user: as slow as a wrong password.
pub const OF_NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2h1a3ViYS1ub2JvZHk$mb0Fz7V5Kf4cL7tEwTT7m5lQKMf1ZkuWQ4wG2y4v5rs";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_password_opens() {
        let hash = hash("correct horse battery").unwrap();
        assert!(is_of_today(&hash), "{hash}");
        assert!(is_right("correct horse battery", &hash));
        assert!(!is_right("correct horse batterz", &hash));
        assert!(!is_right("correct horse battery", "nonsense"));
        assert!(!is_of_today("$argon2id$v=19$m=8,t=2,p=1$"));
        assert!(super::hash(&"x".repeat(BYTES_MAX + 1)).is_none());
    }

    #[test]
    fn the_hash_of_nobody_is_checked_in_full() {
        assert!(PasswordHash::new(OF_NOBODY).is_ok() && is_of_today(OF_NOBODY));
        assert!(!is_right("", OF_NOBODY));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn so_many_wait_and_no_more() {
        let hasher = Arc::new(Hasher::new());
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let ended = Arc::new(std::sync::Mutex::new(ended));
        let mut waiting = Vec::new();
        for _ in 0..WAITING {
            let (hasher, ended) = (Arc::clone(&hasher), Arc::clone(&ended));
            waiting.push(tokio::spawn(async move {
                hasher
                    .run(move || {
                        let _ = ended.lock().unwrap().recv();
                    })
                    .await
            }));
        }
        while hasher.waiting.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(hasher.run(|| ()).await, Err(Busy));
        drop(end);
        for one in waiting {
            assert_eq!(one.await.unwrap(), Ok(()));
        }
        assert_eq!(hasher.run(|| 1).await, Ok(1));
    }
}
