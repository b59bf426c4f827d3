use std::collections::BTreeMap;

use base::Timestamp;
use proptest::prelude::*;

use super::alias::{CreateAlias, DeleteAlias, UpdateAlias};
use super::concurrency::Reserve;
use super::create::{Create, Delete};
use super::error::Stale;
use super::event::{Others, PutEventConfig};
use super::permission::{AddPermission, RemovePermission};
use super::policy::{Principal, Statement};
use super::publish::Publish;
use super::tag::Tag;
use super::update::{Changed, Configure, UpdateCode};
use super::*;
use crate::function::{CodeId, FunctionName, Qualifier, Settings};

fn name() -> FunctionName {
    "scaler".parse().unwrap()
}

fn settings() -> Settings {
    Settings {
        runtime: "provided.al2023".to_owned(),
        handler: "bootstrap".to_owned(),
        role: "arn:aws:iam::123456789012:role/r".to_owned(),
        description: String::new(),
        memory_mib: 128,
        timeout_secs: 3,
        storage_mib: 512,
        architecture: "x86_64".to_owned(),
        environment: BTreeMap::new(),
        dead_letters: None,
        tracing: "PassThrough".to_owned(),
        log_group: None,
    }
}

fn create(code: u8) -> Create {
    Create {
        name: name(),
        settings: settings(),
        architecture: "x86_64",
        code: CodeId([code; 32]),
        code_bytes: 100,
        is_published: false,
        tags: BTreeMap::new(),
    }
}

fn code(code: u8) -> UpdateCode {
    UpdateCode {
        name: name(),
        code: CodeId([code; 32]),
        code_bytes: 100,
        wanted: None,
        architecture: "x86_64",
        revision_id: None,
        is_published: false,
        is_dry: false,
    }
}

fn configure(changed: Changed) -> Configure {
    Configure {
        name: name(),
        changed,
        architecture: "x86_64",
        revision_id: None,
    }
}

fn publish() -> Publish {
    Publish {
        name: name(),
        code: None,
        description: None,
        revision_id: None,
    }
}

/// A state whose revisions are `r1`, `r2`, ….
struct Run {
    state: State,
    count: u64,
}

impl Run {
    fn new() -> Self {
        Self {
            state: State::new(Vec::new(), 1_000, 100),
            count: 0,
        }
    }

    fn with_function() -> Self {
        let mut run = Self::new();
        run.ok(create(1));
        run
    }

    fn apply<C: Command>(&mut self, command: C) -> Result<Done<C::Outcome>, Error> {
        self.count += 1;
        let stamp = Stamp {
            at: Timestamp::from_secs(1_795_000_000 + self.count),
            revision_id: format!("r{}", self.count),
        };
        self.state.apply(&stamp, command)
    }

    fn ok<C: Command>(&mut self, command: C) -> C::Outcome {
        match self.apply(command) {
            Ok(done) => done.outcome,
            Err(error) => panic!("{error}"),
        }
    }

    fn err<C: Command>(&mut self, command: C) -> Error {
        match self.apply(command) {
            Ok(_) => panic!("it was not refused"),
            Err(error) => error,
        }
    }

    fn function(&self) -> &Function {
        self.state.function(&name()).unwrap()
    }
}

#[test]
fn versions_count_up_and_are_not_made_of_nothing_new() {
    let mut run = Run::with_function();
    assert_eq!(run.ok(publish()).number, Some(1));
    assert_eq!(run.ok(publish()).number, Some(1));
    run.ok(code(2));
    assert_eq!(run.ok(publish()).number, Some(2));
    // The same bytes again are nothing new either.
    run.ok(code(2));
    assert_eq!(run.ok(publish()).number, Some(2));
    let memory = Changed {
        memory_mib: Some(256),
        ..Changed::default()
    };
    run.ok(configure(memory));
    assert_eq!(run.ok(publish()).number, Some(3));
    run.ok(Delete {
        name: name(),
        qualifier: Some(Qualifier::Number(3)),
    });
    assert_eq!(run.ok(publish()).number, Some(4));
    let published: Vec<u64> = run.function().versions.keys().copied().collect();
    assert_eq!(published, [1, 2, 4]);
    assert_eq!(run.function().versions[&1].code, CodeId([1; 32]));
}

#[test]
fn a_published_version_may_have_a_description_of_its_own() {
    let mut run = Run::with_function();
    let shown = run.ok(Publish {
        description: Some("first".to_owned()),
        ..publish()
    });
    assert_eq!(shown.version.description(), "first");
    assert_eq!(run.function().latest.description(), "");
}

#[test]
fn what_is_there_is_not_made_again() {
    let mut run = Run::with_function();
    assert_eq!(run.err(create(2)), Error::FunctionExists { name: name() });
    let before = run.function().latest.revision;
    run.ok(Delete {
        name: name(),
        qualifier: None,
    });
    assert_eq!(run.err(publish()), Error::no_function(&name()));
    // After its deletion too, revisions go on.
    run.ok(create(2));
    assert!(run.function().latest.revision > before);
}

#[test]
fn a_stale_revision_changes_nothing() {
    let mut run = Run::with_function();
    let stale = UpdateCode {
        revision_id: Some("r0".to_owned()),
        ..code(2)
    };
    assert_eq!(run.err(stale), Error::Stale(Stale::Function));
    let current = UpdateCode {
        revision_id: Some("r1".to_owned()),
        ..code(2)
    };
    assert_eq!(run.ok(current).version.code, CodeId([2; 32]));
    let other = Publish {
        code: Some(CodeId([1; 32])),
        ..publish()
    };
    assert!(run.err(other).to_string().starts_with("CodeSHA256 (AQEBAQ"));
}

#[test]
fn a_dry_run_changes_nothing() {
    let mut run = Run::with_function();
    let dry = UpdateCode {
        is_dry: true,
        ..code(2)
    };
    assert_eq!(run.ok(dry).version.code, CodeId([2; 32]));
    assert_eq!(run.function().latest.code, CodeId([1; 32]));
}

#[test]
fn settings_keep_to_their_bounds() {
    let with = |change: fn(&mut Settings)| {
        let mut create = create(1);
        change(&mut create.settings);
        create
    };
    let big = |settings: &mut Settings| {
        let value = "x".repeat(4096);
        settings.environment.insert("AB".to_owned(), value);
    };
    let reserved = |settings: &mut Settings| {
        let (key, value) = ("AWS_REGION".to_owned(), "x".to_owned());
        settings.environment.insert(key, value);
    };
    // Sentences of AWS's answers.
    let cases: [(Create, &str); 10] = [
        (
            with(|it| it.runtime = "python3.12".to_owned()),
            "Value python3.12 at 'runtime' failed to satisfy constraint",
        ),
        (
            with(|it| it.memory_mib = 127),
            "Value '127' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128",
        ),
        (
            with(|it| it.memory_mib = 10_241),
            "Member must have value less than or equal to 10240",
        ),
        (
            with(|it| it.timeout_secs = 901),
            "Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900",
        ),
        (
            with(|it| it.storage_mib = 511),
            "at 'ephemeralStorage.size'",
        ),
        (
            with(|it| it.description = "x".repeat(257)),
            "Member must have length less than or equal to 256",
        ),
        (
            with(|it| it.architecture = "arm64".to_owned()),
            "Architectures must be [x86_64]",
        ),
        (
            with(|it| it.dead_letters = Some("arn:aws:s3:::b".to_owned())),
            "DeadLetterConfig target",
        ),
        (with(big), "exceeded the 4KB limit"),
        (
            with(reserved),
            "Reserved keys used in this request: AWS_REGION",
        ),
    ];
    for (create, part) in cases {
        let error = Run::new().err(create).to_string();
        assert!(error.contains(part), "{error}");
    }
    for name in ["A", "1A", "A-B", "A=", ""] {
        let mut create = create(1);
        create
            .settings
            .environment
            .insert(name.to_owned(), String::new());
        let error = Run::new().err(create).to_string();
        assert!(
            error.contains("at 'environment.variables'"),
            "{name}: {error}"
        );
    }
}

#[test]
fn packages_have_room_for_each_version() {
    let mut run = Run::new();
    run.state = run.state.with_code_bytes_max(250);
    run.ok(create(1));
    assert_eq!(run.ok(publish()).number, Some(1));
    run.ok(code(2));
    assert_eq!(run.err(publish()), Error::CodeStorage { limit: 250 });
    assert_eq!(run.state.code_bytes(), 200);
}

#[test]
fn an_alias_points_to_what_is_there_and_keeps_it() {
    let mut run = Run::with_function();
    let alias = |version| CreateAlias {
        name: name(),
        alias: "live".to_owned(),
        version,
        description: String::new(),
    };
    let missing = run.err(alias(Qualifier::Number(1)));
    assert_eq!(missing, Error::no_version(&name(), Some("1".to_owned())));
    run.ok(publish());
    assert_eq!(run.ok(alias(Qualifier::Number(1))).number, Some(1));
    assert!(matches!(
        run.err(alias(Qualifier::Latest)),
        Error::AliasExists { .. }
    ));
    let delete = |number| Delete {
        name: name(),
        qualifier: Some(Qualifier::Number(number)),
    };
    let aliases = vec!["live".to_owned()];
    assert_eq!(run.err(delete(1)), Error::Referenced { aliases });
    let live: Qualifier = "live".parse().unwrap();
    assert_eq!(run.function().version(Some(&live)).unwrap().0, Some(1));
    run.ok(UpdateAlias {
        name: name(),
        alias: "live".to_owned(),
        version: Some(Qualifier::Latest),
        description: None,
        revision_id: None,
    });
    run.ok(delete(1));
    assert_eq!(run.function().version(Some(&live)).unwrap().0, None);
    run.ok(DeleteAlias {
        name: name(),
        alias: "live".to_owned(),
    });
    assert_eq!(run.function().version(Some(&live)), None);
}

fn allow(sid: &str) -> AddPermission {
    AddPermission {
        name: name(),
        qualifier: None,
        statement: Statement {
            sid: sid.to_owned(),
            effect: "Allow".to_owned(),
            principal: Principal::named("events.amazonaws.com"),
            action: "lambda:InvokeFunction".to_owned(),
            resource: "arn:aws:lambda:eu-west-1:123456789012:function:scaler".to_owned(),
            condition: BTreeMap::from([(
                "ArnLike".to_owned(),
                BTreeMap::from([(
                    "AWS:SourceArn".to_owned(),
                    "arn:aws:events:eu-west-1:123456789012:rule/minute".to_owned(),
                )]),
            )]),
        },
        revision_id: None,
    }
}

#[test]
fn a_policy_is_written_as_aws_writes_it() {
    let mut run = Run::with_function();
    run.ok(allow("minute"));
    let policy = run.function().policy(None).unwrap();
    // The form of the Developer Guide, "Viewing resource-based IAM policies in Lambda".
    assert_eq!(
        policy.text(),
        "{\"Version\":\"2012-10-17\",\"Id\":\"default\",\"Statement\":[{\"Sid\":\"minute\",\"Effect\":\"Allow\",\
         \"Principal\":{\"Service\":\"events.amazonaws.com\"},\"Action\":\"lambda:InvokeFunction\",\
         \"Resource\":\"arn:aws:lambda:eu-west-1:123456789012:function:scaler\",\
         \"Condition\":{\"ArnLike\":{\"AWS:SourceArn\":\"arn:aws:events:eu-west-1:123456789012:rule/minute\"}}}]}"
    );
    assert!(policy.document().is_some());
    let principals = ["*", "123456789012", "arn:aws:iam::123456789012:user/u"];
    let written = principals.map(|text| serde_json::to_string(&Principal::named(text)).unwrap());
    assert_eq!(
        written,
        [
            "\"*\"",
            "{\"AWS\":\"arn:aws:iam::123456789012:root\"}",
            "{\"AWS\":\"arn:aws:iam::123456789012:user/u\"}",
        ]
    );
}

#[test]
fn statements_come_once_and_go() {
    let mut run = Run::with_function();
    run.ok(allow("a"));
    let id = "a".to_owned();
    assert_eq!(run.err(allow("a")), Error::StatementExists { id });
    let remove = |sid: &str| RemovePermission {
        name: name(),
        qualifier: None,
        sid: sid.to_owned(),
        revision_id: None,
    };
    let id = "b".to_owned();
    assert_eq!(
        run.err(remove("b")),
        Error::NotFound(Missing::Statement { id })
    );
    run.ok(remove("a"));
    assert_eq!(run.function().policy(None), None);
    assert_eq!(
        run.err(remove("a")),
        Error::NotFound(Missing::PolicyOfStatement)
    );
    let latest = AddPermission {
        qualifier: Some(Qualifier::Latest),
        ..allow("a")
    };
    assert!(
        run.err(latest)
            .to_string()
            .contains("do not support adding policies for $LATEST")
    );
    let mut count = 0;
    let full = loop {
        count += 1;
        match run.apply(allow(&format!("s{count}"))) {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(full, Error::PolicyLength { limit: 20_480, .. }) && count > 20);
}

#[test]
fn reserving_leaves_some_for_the_others() {
    let mut run = Run::with_function();
    let reserve = |reserved| Reserve {
        name: name(),
        reserved,
    };
    run.ok(reserve(Some(900)));
    assert!(
        run.err(reserve(Some(901)))
            .to_string()
            .contains("below its minimum value of [100]")
    );
    run.ok(reserve(Some(0)));
    assert_eq!(run.state.reserved(), 0);
    run.ok(reserve(None));
    assert_eq!(run.function().reserved, None);
}

#[test]
fn what_is_said_of_events_is_replaced_or_kept() {
    let mut run = Run::with_function();
    let put = |config, others| PutEventConfig {
        name: name(),
        qualifier: None,
        config,
        others,
    };
    let config = |retries, age_secs, on_failure: Option<&str>| EventConfig {
        retries,
        age_secs,
        on_failure: on_failure.map(str::to_owned),
        ..EventConfig::default()
    };
    for (unfit, part) in [
        (config(None, None, None), "at least one of"),
        (config(Some(3), None, None), "at 'maximumRetryAttempts'"),
        (config(None, Some(59), None), "greater than or equal to 60"),
        (
            config(None, Some(21_601), None),
            "less than or equal to 21600",
        ),
        (
            config(None, None, Some("arn:aws:sns:eu-west-1:1:t")),
            "destination",
        ),
    ] {
        let error = run.err(put(unfit, Others::Replaced)).to_string();
        assert!(error.contains(part), "{error}");
    }
    let queue = "arn:aws:sqs:eu-west-1:123456789012:failed";
    run.ok(put(config(Some(1), None, Some(queue)), Others::Replaced));
    let kept = run.ok(put(config(None, Some(60), None), Others::Kept));
    assert_eq!((kept.retries, kept.age_secs), (Some(1), Some(60)));
    assert_eq!(kept.on_failure.as_deref(), Some(queue));
    let none = run.ok(put(config(None, None, Some("")), Others::Kept));
    assert_eq!((none.retries, none.on_failure), (Some(1), None));
    let replaced = run.ok(put(config(Some(0), None, None), Others::Replaced));
    assert_eq!((replaced.retries, replaced.age_secs), (Some(0), None));
}

#[test]
fn tags_keep_to_their_bounds() {
    let mut run = Run::with_function();
    let tag = |tags: Vec<(String, String)>| Tag {
        name: name(),
        tags: tags.into_iter().collect(),
    };
    let many = (0..51)
        .map(|at| (format!("k{at}"), String::new()))
        .collect();
    assert!(
        run.err(tag(many))
            .to_string()
            .contains("exceeds the limit of 50")
    );
    let own = vec![("aws:x".to_owned(), String::new())];
    assert!(run.err(tag(own)).to_string().starts_with("aws: prefixed"));
    run.ok(tag(vec![("team".to_owned(), "a".to_owned())]));
    assert_eq!(run.function().tags["team"], "a");
}

/// One thing that is done, by number.
fn step(run: &mut Run, what: u8, with: u8) -> Result<(), Error> {
    let number = Qualifier::Number(u64::from(with % 4) + 1);
    match what % 7 {
        0 => run.apply(create(with % 3)).map(drop),
        1 => run.apply(code(with % 3)).map(drop),
        2 => run.apply(publish()).map(drop),
        3 => run
            .apply(CreateAlias {
                name: name(),
                alias: format!("a{}", with % 2),
                version: number,
                description: String::new(),
            })
            .map(drop),
        4 => run
            .apply(DeleteAlias {
                name: name(),
                alias: format!("a{}", with % 2),
            })
            .map(drop),
        5 => run
            .apply(Delete {
                name: name(),
                qualifier: Some(number),
            })
            .map(drop),
        _ if with.is_multiple_of(4) => run
            .apply(Delete {
                name: name(),
                qualifier: None,
            })
            .map(drop),
        _ => run
            .apply(configure(Changed {
                memory_mib: Some(100 + u32::from(with)),
                ..Changed::default()
            }))
            .map(drop),
    }
}

proptest! {
    #[test]
    fn whatever_is_done_aliases_point_to_versions_and_revisions_grow(
        steps in prop::collection::vec((any::<u8>(), any::<u8>()), 1..80)
    ) {
        let mut run = Run::new();
        let mut seen: BTreeMap<u64, Version> = BTreeMap::new();
        let mut last = 0;
        for (what, with) in steps {
            let before = run.state.clone();
            if step(&mut run, what, with).is_err() {
                let (before, after): (Vec<_>, Vec<_>) = (before.iter().collect(), run.state.iter().collect());
                prop_assert_eq!(before, after);
            }
            let Some(function) = run.state.get(&name()) else {
                seen.clear();
                continue;
            };
            prop_assert!(function.latest.revision >= last);
            last = function.latest.revision;
            for alias in function.aliases.values() {
                prop_assert!(alias.number.is_none_or(|number| function.versions.contains_key(&number)));
            }
            for (number, version) in &function.versions {
                prop_assert!(*number < function.next_number);
                let first = seen.entry(*number).or_insert_with(|| Version::clone(version));
                prop_assert_eq!(&*first, &**version);
            }
            // A row is read back as it was written.
            let row = serde_json::to_vec(&**function).unwrap();
            let mut read: Function = serde_json::from_slice(&row).unwrap();
            read.versions = function.versions.clone();
            prop_assert_eq!(&read, &**function);
        }
    }
}
