//! Identities on a directory of their own, with a clock that only the test turns.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use base::{ManualClock, Timestamp};
use serde_json::json;
use store::seal::MASTER_KEY_FILE;

use super::*;
use crate::engine::device::Owner;
use crate::engine::grant::Holder;
use crate::engine::login::Reset;
use crate::engine::{Kind, key, password as rules, user};
use crate::{managed, totp};

struct Bench {
    dir: tempfile::TempDir,
    clock: Arc<ManualClock>,
}

impl Bench {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            clock: Arc::new(ManualClock::at(Timestamp::from_secs(1_795_000_000))),
        }
    }

    fn open(&self) -> Arc<Iam> {
        Arc::new(
            self.open_with(&MasterKeySource::BesideTheData, None)
                .unwrap(),
        )
    }

    fn open_with(
        &self,
        master: &MasterKeySource,
        account: Option<&AccountId>,
    ) -> Result<Iam, OpenError> {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        Iam::open(self.dir.path(), master, account, clock)
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.dir.path().join(name), content).unwrap();
    }
}

fn create(iam: &Iam, name: &str) -> Arc<engine::User> {
    iam.run(user::Create {
        id: new_id(Kind::User),
        name: name.to_owned(),
        path: "/".to_owned(),
        boundary: None,
        tags: Vec::new(),
    })
    .unwrap()
}

#[test]
fn the_first_opening_makes_an_account_with_an_administrator() {
    let bench = Bench::new();
    let first = bench.open();
    let key = first.administrator().unwrap();
    assert!(key.key.id.starts_with("AKIA") && key.key.id.len() == 20);
    assert_eq!(key.secret.expose().len(), 40);
    let again = bench.open();
    assert_eq!(again.account_id(), first.account_id());
    let same = again.administrator().unwrap();
    assert_eq!(same.secret.expose(), key.secret.expose());
    let user = again.state().user("administrator").unwrap().clone();
    assert!(user.grants.attached.contains(managed::ADMINISTRATOR));
    for name in [LOG_FILE, MASTER_KEY_FILE] {
        let path = bench.dir.path().join(name);
        let text = fs::read(&path).unwrap();
        let mode = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
        let secret = key.secret.expose().as_bytes();
        assert!(
            !text.windows(secret.len()).any(|part| part == secret),
            "{name}"
        );
    }
    assert!(!format!("{first:?}{key:?}").contains(key.secret.expose()));
}

#[test]
fn a_data_directory_keeps_its_account_and_its_master_key() {
    let bench = Bench::new();
    let kept = bench.open().account_id();
    let beside = MasterKeySource::BesideTheData;
    assert!(bench.open_with(&beside, Some(&kept)).is_ok());
    let other = "000000000001".parse().unwrap();
    let error = bench.open_with(&beside, Some(&other)).unwrap_err();
    assert!(error.to_string().contains("keeps its account"), "{error}");
    let another = MasterKeySource::Hex("ab".repeat(32));
    let error = bench.open_with(&another, None).unwrap_err();
    assert!(matches!(error, OpenError::DataKey), "{error}");
    fs::remove_file(bench.dir.path().join(MASTER_KEY_FILE)).unwrap();
    let error = bench.open_with(&beside, None).unwrap_err();
    assert!(error.to_string().contains("is missing"), "{error}");
    assert!(!bench.dir.path().join(MASTER_KEY_FILE).exists());
}

fn sealed_key(
    master: &MasterKey,
    id: &str,
    name: &str,
    role: &str,
    status: &str,
) -> serde_json::Value {
    let belongs_to = format!("shukuba key 1/{id}/{name}/{role}");
    let sealed = master.seal(&format!("secret of {id}"), &belongs_to);
    let created = "2026-11-23T05:03:10.250Z";
    json!({"id": id, "name": name, "role": role, "status": status, "created": created, "sealed_secret": sealed})
}

#[test]
fn keys_of_before_become_users_with_policies() {
    let bench = Bench::new();
    bench.write(MASTER_KEY_FILE, &"11".repeat(32));
    let source = MasterKeySource::BesideTheData;
    let master = MasterKey::load(bench.dir.path(), &source).unwrap();
    let key = |id, name, role, status| sealed_key(&master, id, name, role, status);
    let file = json!({
        "format": 1, "account_id": "123456789012",
        "root_password": crate::password::hash("correct horse battery"),
        "keys": [
            key("AKIA1", "administrator", "administrator", "active"),
            key("AKIA2", "app", "sender", "active"),
            key("AKIA3", "app", "sender", "inactive"),
            key("AKIA4", "App", "sender", "active"),
            key("AKIA5", "app", "reader", "active"),
            key("AKIA6", "n", "notifier", "active"),
        ],
    });
    bench.write(KEYS_FILE, &file.to_string());
    let iam = bench.open();
    assert!(!bench.dir.path().join(KEYS_FILE).exists());
    assert!(bench.dir.path().join(IMPORTED_FILE).exists());
    let state = iam.state();
    assert_eq!(iam.account_id().as_str(), "123456789012");
    for (id, name, policy, status) in [
        (
            "AKIA1",
            "administrator",
            managed::ADMINISTRATOR,
            key::Status::Active,
        ),
        ("AKIA2", "app", managed::SENDER, key::Status::Active),
        ("AKIA3", "app", managed::SENDER, key::Status::Inactive),
        ("AKIA4", "App-2", managed::SENDER, key::Status::Active),
        ("AKIA5", "app-3", managed::READER, key::Status::Active),
        ("AKIA6", "n", managed::NOTIFIER, key::Status::Active),
    ] {
        let (user, key) = state.key(id).unwrap();
        assert_eq!((user.name.as_str(), key.status), (name, status), "{id}");
        assert_eq!(
            user.grants.attached.iter().collect::<Vec<_>>(),
            [policy],
            "{id}"
        );
        let secret = iam.secret(key, &user.id).unwrap();
        assert_eq!(secret.expose(), format!("secret of {id}"));
    }
    assert!(state.account().root_password.is_some());
    assert!(bench.open().administrator().is_ok());
}

#[test]
fn keys_of_before_that_were_changed_by_hand_are_not_taken() {
    let bench = Bench::new();
    bench.write(MASTER_KEY_FILE, &"11".repeat(32));
    let source = MasterKeySource::BesideTheData;
    let master = MasterKey::load(bench.dir.path(), &source).unwrap();
    let mut key = sealed_key(&master, "AKIA1", "app", "sender", "active");
    key["role"] = json!("administrator");
    let file = json!({"format": 1, "account_id": "123456789012", "keys": [key]});
    bench.write(KEYS_FILE, &file.to_string());
    let error = bench.open_with(&source, None).unwrap_err();
    assert!(
        error.to_string().contains("secret of key `AKIA1`"),
        "{error}"
    );
    assert!(!bench.dir.path().join(LOG_FILE).exists());
    assert!(bench.dir.path().join(KEYS_FILE).exists());
}

#[test]
fn a_running_server_follows_what_a_command_changes() {
    let bench = Bench::new();
    let server = bench.open();
    let made = bench
        .open()
        .create_key_with("app", managed::SENDER)
        .unwrap();
    assert!(server.state().key(&made.key.id).is_none());
    bench.clock.advance(Duration::from_millis(FOLLOW_MS));
    let state = server.state();
    let (user, key) = state.key(&made.key.id).unwrap();
    let secret = server.secret(key, &user.id).unwrap();
    assert_eq!(secret.expose(), made.secret.expose());
    bench
        .open()
        .run(key::SetStatus {
            user: "app".to_owned(),
            key_id: made.key.id.clone(),
            status: key::Status::Inactive,
        })
        .unwrap();
    let state = server.newest();
    assert_eq!(
        state.key(&made.key.id).unwrap().1.status,
        key::Status::Inactive
    );
}

#[test]
fn a_secret_opens_for_its_key_and_user_alone() {
    let bench = Bench::new();
    let iam = bench.open();
    create(&iam, "a");
    let other = create(&iam, "b");
    let mut key = iam.create_key("a").unwrap().key;
    assert!(matches!(
        iam.secret(&key, &other.id),
        Err(Error::Secret { .. })
    ));
    let owner = iam.state().user("a").unwrap().id.clone();
    key.id = "AKIAOTHER".to_owned();
    assert!(matches!(
        iam.secret(&key, &owner),
        Err(Error::Secret { .. })
    ));
}

#[tokio::test]
async fn a_password_is_changed_by_its_owner_once_it_was_given() {
    let bench = Bench::new();
    let iam = bench.open();
    create(&iam, "alice");
    let weak = iam
        .create_login("alice", "alllowercase", Reset::Required)
        .await;
    assert!(matches!(
        weak,
        Err(Error::Refused(engine::Error::Password(_)))
    ));
    iam.create_login("alice", "First-pass1", Reset::Required)
        .await
        .unwrap();
    let (_, checked) = iam.check_password("alice", "First-pass1").await.unwrap();
    assert_eq!(checked, Checked::MustChange);
    let wrong = iam
        .change_password("alice", "nonsense", "Other-pass1")
        .await;
    assert!(matches!(wrong, Err(Error::WrongPassword)));
    iam.change_password("alice", "First-pass1", "Other-pass1")
        .await
        .unwrap();
    let (user, checked) = iam.check_password("alice", "Other-pass1").await.unwrap();
    assert_eq!((user.name.as_str(), checked), ("alice", Checked::Right));
    for (name, password) in [
        ("alice", "First-pass1"),
        ("bob", "Other-pass1"),
        ("ALICE", "Other-pass1"),
    ] {
        let checked = iam.check_password(name, password).await;
        assert!(matches!(checked, Err(Error::WrongPassword)), "{name}");
    }
}

#[tokio::test]
async fn the_password_policy_bites_at_changes_and_its_age_at_once() {
    let bench = Bench::new();
    let iam = bench.open();
    create(&iam, "alice");
    iam.create_login("alice", "First-pass1", Reset::NotNeeded)
        .await
        .unwrap();
    let policy = engine::PasswordPolicy {
        days_max: Some(1),
        remembers: Some(2),
        ..engine::PasswordPolicy::default()
    };
    iam.run(rules::Set(policy.clone())).unwrap();
    let used = iam
        .change_password("alice", "First-pass1", "First-pass1")
        .await;
    assert!(matches!(
        used,
        Err(Error::Refused(engine::Error::Password(_)))
    ));
    iam.change_password("alice", "First-pass1", "second")
        .await
        .unwrap();
    let used = iam.change_password("alice", "second", "First-pass1").await;
    assert!(matches!(
        used,
        Err(Error::Refused(engine::Error::Password(_)))
    ));
    iam.change_password("alice", "second", "third1")
        .await
        .unwrap();
    iam.change_password("alice", "third1", "First-pass1")
        .await
        .unwrap();
    bench.clock.advance(Duration::from_secs(24 * 60 * 60));
    let (_, checked) = iam.check_password("alice", "First-pass1").await.unwrap();
    assert_eq!(checked, Checked::Expired);
    let hard = engine::PasswordPolicy {
        is_expiry_hard: true,
        ..policy
    };
    iam.run(rules::Set(hard)).unwrap();
    let (_, checked) = iam.check_password("alice", "First-pass1").await.unwrap();
    assert_eq!(checked, Checked::ExpiredForGood);
    let changed = iam.change_password("alice", "First-pass1", "fourth").await;
    assert!(matches!(
        changed,
        Err(Error::Refused(engine::Error::PasswordExpired))
    ));
}

#[tokio::test]
async fn guesses_are_slowed_down() {
    let bench = Bench::new();
    let iam = bench.open();
    iam.set_root_password(Some("correct horse battery"))
        .unwrap();
    assert!(iam.set_root_password(Some("short")).is_err());
    for _ in 0..=crate::guess::FREE {
        let wrong = iam.check_root_password("nonsense").await;
        assert!(matches!(wrong, Err(Error::WrongPassword)));
    }
    let right = iam.check_root_password("correct horse battery").await;
    assert!(matches!(right, Err(Error::TooManyGuesses { secs: 1 })));
    bench.clock.advance(Duration::from_secs(1));
    iam.check_root_password("correct horse battery")
        .await
        .unwrap();
    assert!(iam.last_use(ROOT).is_some());
    iam.set_root_password(None).unwrap();
    assert!(
        iam.check_root_password("correct horse battery")
            .await
            .is_err()
    );
}

#[test]
fn a_device_takes_two_codes_in_a_row_and_each_code_once() {
    let bench = Bench::new();
    let iam = bench.open();
    let alice = Owner::User(create(&iam, "alice").id.clone());
    let (device, seed) = iam.create_device("/", "phone", Vec::new()).unwrap();
    assert!(device.serial.ends_with(":mfa/phone"));
    let code = |step: u64| totp::code(seed.expose(), step).unwrap();
    let now = totp::step_at(bench.clock.now());
    let (first, second) = (code(now), code(now + 1));
    let swapped = iam.enable_device(alice.clone(), &device.serial, (&second, &first));
    assert!(matches!(swapped, Err(Error::Refused(engine::Error::Code))));
    iam.enable_device(alice.clone(), &device.serial, (&first, &second))
        .unwrap();
    let used = iam.use_code(&alice, &device.serial, &second);
    assert!(matches!(used, Err(Error::Refused(engine::Error::Code))));
    bench
        .clock
        .advance(Duration::from_secs(2 * totp::STEP_SECS));
    let third = code(now + 2);
    assert!(iam.use_code(&Owner::Root, &device.serial, &third).is_err());
    iam.use_code(&alice, &device.serial, &third).unwrap();
    assert!(iam.use_code(&alice, &device.serial, &third).is_err());
    assert!(
        bench
            .open()
            .use_code(&alice, &device.serial, &third)
            .is_err(),
        "another process knows"
    );
    assert!(!format!("{seed:?}").contains(seed.expose()));
}

#[test]
fn uses_are_kept_a_quarter_of_an_hour_apart() {
    let bench = Bench::new();
    let iam = bench.open();
    let key = iam.administrator().unwrap().key.id;
    iam.note_key_use(&key, "sqs", "ap-northeast-1");
    iam.note_key_use("AKIANOBODY", "sqs", "ap-northeast-1");
    assert_eq!(iam.last_use(&key).unwrap().service, "sqs");
    assert!(bench.open().last_use(&key).is_none(), "not kept yet");
    iam.keep_uses().unwrap();
    assert_eq!(
        bench.open().last_use(&key).unwrap().region,
        "ap-northeast-1"
    );
    assert!(bench.open().last_use("AKIANOBODY").is_none());
    let generation = iam.state().generation();
    iam.note_key_use(&key, "iam", "us-east-1");
    assert_eq!(iam.last_use(&key).unwrap().service, "sqs");
    bench.clock.advance(Duration::from_secs(15 * 60));
    iam.note_key_use(&key, "iam", "us-east-1");
    iam.keep_uses().unwrap();
    assert_eq!(iam.last_use(&key).unwrap().service, "iam");
    assert_eq!(
        iam.state().generation(),
        generation,
        "no permission follows from a use"
    );
}

#[test]
fn another_master_key_opens_after_a_rotation_and_no_secret_changes() {
    let bench = Bench::new();
    let iam = bench.open();
    let secret = iam.administrator().unwrap().secret.expose().to_owned();
    let old = MasterKey::load(bench.dir.path(), &MasterKeySource::BesideTheData).unwrap();
    let hex = MasterKeySource::Hex("ab".repeat(32));
    let new = MasterKey::load(bench.dir.path(), &hex).unwrap();
    assert!(iam.seal_under(&new, &[&new]).is_err(), "not the one in use");
    iam.seal_under(&old, &[&old, &new]).unwrap();
    for source in [&MasterKeySource::BesideTheData, &hex] {
        let opened = bench.open_with(source, None).unwrap();
        assert_eq!(opened.administrator().unwrap().secret.expose(), secret);
    }
    iam.seal_under(&new, &[&new]).unwrap();
    assert!(
        bench
            .open_with(&MasterKeySource::BesideTheData, None)
            .is_err()
    );
    assert!(bench.open_with(&hex, None).is_ok());
}

#[test]
fn whoever_leaves_keeps_nothing_by_which_to_act() {
    let bench = Bench::new();
    let iam = bench.open();
    create(&iam, "alice");
    let key = iam.create_key("alice").unwrap().key;
    iam.run(crate::engine::group::Create {
        id: new_id(Kind::Group),
        name: "Admin".to_owned(),
        path: "/".to_owned(),
    })
    .unwrap();
    iam.run(user::Join {
        user: "alice".to_owned(),
        group: "Admin".to_owned(),
    })
    .unwrap();
    let before = iam
        .run(user::Offboard {
            user: "alice".to_owned(),
        })
        .unwrap();
    assert_eq!(before.groups.len(), 1);
    let state = iam.newest();
    let (user, key) = state.key(&key.id).unwrap();
    assert_eq!(key.status, key::Status::Inactive);
    assert!(user.groups.is_empty() && user.login.is_none() && user.sessions_from.is_some());
    assert!(
        Holder::User("alice".to_owned())
            .grants(&state)
            .unwrap()
            .attached
            .is_empty()
    );
}
