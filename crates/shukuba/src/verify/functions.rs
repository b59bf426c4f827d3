//! Scaler and notifier of the trial as functions: made, planned by, waited for.
//!
//! The scaler is invoked as its schedule would. It starts one notifier, whose life is short and which says in the bucket that it
//! has ended: then nothing of it runs any more, and all is settled.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use aws::trial::{Function, Made};
use base::Timestamp;
use bytes::Bytes;
use delivery::port::Life;
use serde_json::{Value, json};
use url::Url;

use super::price::{LIFE, MEMORY_MIB, NOTIFIER_TIME, PLANS_MAX, SCALER_TIME};
use super::{Check, ROUTE, deliver, is_loopback, policy};
use crate::app::usage;
use crate::output;

/// The largest package. Source: Lambda quotas, "Deployment package (.zip file archive) size": 250 MB unzipped.
const PACKAGE_BYTES_MAX: u64 = 250 << 20;
/// How a zip begins.
const ZIP: &[u8] = b"PK\x03\x04";
/// Where in the bucket the package and the settings lie.
const PACKAGE: &str = "package/bootstrap.zip";
const SETTINGS: &str = "settings/verify.toml";
/// How often Lambda is asked again that does not know the role yet, or is not ready. Chosen.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// Time between two plans that start nobody: the queue's count, and what the role may do, come late.
const PLAN_EVERY: Duration = Duration::from_secs(10);
/// How often it is looked whether the notifier has ended. Chosen.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// In so much time after its start a notifier is heard of first. Chosen: a cold start takes seconds.
const HEARD_IN: Duration = Duration::from_secs(45);

/// What is to be tried as functions.
#[derive(Debug)]
pub(crate) struct Package {
    bytes: Bytes,
    /// `x86_64` or `arm64`.
    architecture: &'static str,
    /// The functions' role, where none is to be made.
    role: Option<String>,
}

/// What a trial has tried of functions so far, and so may have made.
#[derive(Debug, Default)]
pub(super) struct Tried {
    pub(super) role: bool,
    pub(super) functions: bool,
    /// Invocations of the scaler.
    pub(super) plans: u64,
    /// Notifiers that it has started.
    started: usize,
    /// Until when one may run of which it was not heard that it has ended.
    runs_until: Option<Duration>,
    /// The ARN of the functions' role.
    arn: String,
}

impl Package {
    /// Reads a package.
    pub(crate) fn read(
        path: &Path,
        architecture: &'static str,
        role: Option<String>,
    ) -> anyhow::Result<Self> {
        let shown = path.display();
        let wrong = |error: std::io::Error| usage(format!("package `{shown}`: {error}"));
        let size = std::fs::metadata(path).map_err(wrong)?.len();
        if size > PACKAGE_BYTES_MAX {
            return Err(usage(format!(
                "package `{shown}` has {size} bytes; Lambda takes {PACKAGE_BYTES_MAX} at most"
            )));
        }
        let bytes = std::fs::read(path).map_err(wrong)?;
        if !bytes.starts_with(ZIP) {
            return Err(usage(format!(
                "`{shown}` is no zip: give what `make lambda` builds, target/lambda/shukuba-lambda.zip"
            )));
        }
        Ok(Self {
            bytes: bytes.into(),
            architecture,
            role,
        })
    }

    /// Whether a role is made for it.
    pub(crate) fn makes_role(&self) -> bool {
        self.role.is_none()
    }
}

impl Check<'_> {
    fn package(&self) -> anyhow::Result<&Package> {
        let package = self.order.functions.as_ref();
        package.context("there is no package")
    }

    pub(super) async fn make_role(&mut self) -> anyhow::Result<String> {
        if let Some(role) = self.package()?.role.clone() {
            self.tried.arn = role;
            return Ok(format!("`{}`, which was given", self.tried.arn));
        }
        self.tried.role = true;
        let policy = policy::of_role(&self.names.role);
        self.tried.arn = self.trial.make_role(&policy).await?;
        Ok(format!("`{}`", self.names.role))
    }

    /// Makes log groups, settings and both functions.
    pub(super) async fn make_functions(
        &mut self,
        to: &Url,
        ends_at: Duration,
    ) -> anyhow::Result<String> {
        self.tried.functions = true;
        let names = self.names.clone();
        for function in [&names.notifier, &names.scaler] {
            self.trial.make_log_group(function).await?;
        }
        let settings = settings(&names.queue, is_loopback(to));
        self.trial.put(SETTINGS, settings.as_bytes()).await?;
        let package = self.package()?;
        let architecture = package.architecture;
        self.trial.put(PACKAGE, &package.bytes).await?;
        let place = |folder: &str| format!("s3://{}/{folder}", names.bucket);
        let mut environment = BTreeMap::from([
            ("SHUKUBA_CONFIG", place(SETTINGS)),
            ("SHUKUBA_RESULTS", place("results")),
            ("SHUKUBA_MEMORY", place("scaler")),
        ]);
        let mut function = Function {
            name: &names.notifier,
            handler: "notifier",
            role: &self.tried.arn,
            architecture,
            package: PACKAGE,
            timeout_secs: NOTIFIER_TIME.as_secs(),
            memory_mib: MEMORY_MIB,
            environment: environment.clone(),
        };
        self.make_function(&function, ends_at).await?;
        self.trial.never_retry(&names.notifier).await?;
        environment.insert("SHUKUBA_NOTIFIER", names.notifier.clone());
        function.name = &names.scaler;
        function.handler = "scaler";
        function.timeout_secs = SCALER_TIME.as_secs();
        function.environment = environment;
        self.make_function(&function, ends_at).await?;
        Ok(format!("`{}`, `{}`", names.notifier, names.scaler))
    }

    /// Makes a function, again and again until its role is known.
    async fn make_function(
        &self,
        function: &Function<'_>,
        ends_at: Duration,
    ) -> anyhow::Result<()> {
        loop {
            let why = match self.trial.make_function(function).await? {
                Made::Yes => return Ok(()),
                Made::RoleNotReady(why) => why,
            };
            if self.clock.monotonic() + ASK_EVERY >= ends_at {
                bail!("the time is over (--timeout): {why}");
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    /// Sends once more, and has the scaler plan until it has started a notifier.
    pub(super) async fn plan(&mut self, to: &Url, ends_at: Duration) -> anyhow::Result<String> {
        let names = self.names.clone();
        for function in [&names.notifier, &names.scaler] {
            self.wait_until_active(function).await?;
        }
        self.send(to).await?;
        let mut last = String::new();
        for number in 0..PLANS_MAX {
            if number > 0 {
                // Rather than cut off say why.
                if self.clock.monotonic() + PLAN_EVERY >= ends_at {
                    break;
                }
                tokio::time::sleep(PLAN_EVERY).await;
            }
            self.tried.plans += 1;
            let longest = SCALER_TIME + NOTIFIER_TIME;
            self.tried.runs_until = Some(self.clock.monotonic() + longest);
            // What a schedule sends; the scaler does not look at it.
            let event = json!({"detail-type": "Scheduled Event", "source": "aws.events"});
            let invoked = self.trial.invoke(&names.scaler, &event).await?;
            match started(invoked.is_error, &invoked.payload) {
                Ok(count) => {
                    self.tried.started = count;
                    return Ok(format!(
                        "{} sent; started {count} at plan {}",
                        self.order.count,
                        number + 1
                    ));
                }
                Err(why) => {
                    self.tried.runs_until = None;
                    last = why;
                }
            }
        }
        let plans = output::of(self.tried.plans, "plan");
        bail!("nobody was started by {plans}; the last: {last}")
    }

    async fn wait_until_active(&self, function: &str) -> anyhow::Result<()> {
        loop {
            let (state, why) = self.trial.function_state(function).await?;
            match state.as_str() {
                "Active" => return Ok(()),
                "Failed" => bail!("function `{function}` cannot be used: {why}"),
                _ => tokio::time::sleep(ASK_EVERY).await,
            }
        }
    }

    /// Waits until those that were started say that they have ended.
    pub(super) async fn wait_for_notifiers(&mut self) -> anyhow::Result<String> {
        let begun = self.clock.monotonic();
        let name = &self.names.notifier;
        loop {
            let (heard, ended) = self.heard().await?;
            if ended >= self.tried.started {
                self.tried.runs_until = None;
                return Ok(format!("{ended} lived and ended"));
            }
            let waited = self.clock.monotonic().saturating_sub(begun);
            if heard == 0 && waited > HEARD_IN {
                bail!(
                    "nothing is heard of `{name}`: with --keep, `shukuba function logs {name} --aws` shows what it printed"
                );
            }
            if waited > HEARD_IN + NOTIFIER_TIME {
                bail!(
                    "`{name}` was heard, and has not told that it ended: with --keep, `shukuba function logs {name} --aws` shows what it printed"
                );
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits for a notifier that may still run: its function's being deleted does not end it. Until it has ended it prints, sends
    /// and stores, and would leave something behind.
    pub(super) async fn wait_for_last(&self) {
        let Some(until) = self.tried.runs_until else {
            return;
        };
        let begun = self.clock.monotonic();
        output::complain("waiting until the notifier has ended that was started");
        while self.clock.monotonic() < until {
            let waited = self.clock.monotonic().saturating_sub(begun);
            match self.heard().await {
                Ok((0, _)) if waited < HEARD_IN => {}
                Ok((heard, ended)) if ended < heard => {}
                Ok(_) => return,
                Err(error) => {
                    output::complain(&format!("whether it has ended is not known: {error:#}"));
                    return;
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// How many notifiers were heard of, and how many of them have ended.
    async fn heard(&self) -> anyhow::Result<(usize, usize)> {
        let place = format!("s3://{}/scaler", self.names.bucket);
        let reports = aws::reports_at(&self.account, &place)?;
        let heard = reports.heard(ROUTE, Timestamp::EPOCH).await?.reports;
        let ended = heard.iter().filter(|one| one.life == Life::Ended).count();
        Ok((heard.len(), ended))
    }
}

/// The settings of the functions: those of the trial's route, one notifier at once, a short life.
fn settings(queue: &str, is_local: bool) -> String {
    format!(
        "{}[notifier]\nlife = \"{}s\"\n[scaler]\nnotifiers_max = 1\n",
        deliver::text(queue, is_local),
        LIFE.as_secs()
    )
}

/// How many notifiers a scaler's answer says that it has started; else why it has not.
fn started(is_error: bool, answer: &Value) -> Result<usize, String> {
    if is_error {
        let message = answer.get("errorMessage").and_then(Value::as_str);
        return Err(message.map_or_else(|| answer.to_string(), str::to_owned));
    }
    let plans = answer.get("plans").and_then(Value::as_array);
    let Some(plan) = plans.and_then(|plans| plans.first()) else {
        return Err(format!("its answer has no plan: {answer}"));
    };
    if let Some(failure) = plan.get("failure").and_then(Value::as_str) {
        return Err(failure.to_owned());
    }
    let count = plan.get("start").and_then(Value::as_u64).unwrap_or(0);
    match usize::try_from(count) {
        Ok(count) if count > 0 => Ok(count),
        _ => {
            let reason = plan.get("reason").and_then(Value::as_str);
            Err(reason.unwrap_or("it says no reason").to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_settings_of_functions_are_settings() {
        for is_local in [false, true] {
            let config: Config = toml::from_str(&settings("q", is_local)).unwrap();
            let settings = config.delivery();
            assert_eq!(settings.routes[ROUTE].queue, "q");
            assert_eq!(settings.notifier.life.get(), LIFE);
            assert_eq!(settings.scaler.notifiers_max, 1);
            assert!(LIFE < NOTIFIER_TIME);
        }
    }

    #[test]
    fn what_a_scaler_answers_is_read() {
        let plan = |plan: Value| started(false, &json!({"plans": [plan]}));
        assert_eq!(plan(json!({"start": 1, "reason": "r"})), Ok(1));
        assert_eq!(
            plan(json!({"start": 1, "failure": "429"})),
            Err("429".to_owned())
        );
        assert_eq!(
            plan(json!({"start": 0, "reason": "nothing waits"})),
            Err("nothing waits".to_owned())
        );
        let error = json!({"errorMessage": "AccessDenied", "errorType": "Error"});
        assert_eq!(started(true, &error), Err("AccessDenied".to_owned()));
        assert!(started(false, &json!({})).unwrap_err().contains("no plan"));
    }

    #[test]
    fn what_is_no_package_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.zip");
        let read = || {
            Package::read(&path, "x86_64", None)
                .map(|_| ())
                .unwrap_err()
        };
        assert!(format!("{:#}", read()).contains("p.zip"));
        std::fs::write(&path, "#!/bin/sh").unwrap();
        assert!(read().to_string().contains("is no zip"));
        let file = std::fs::File::create(&path).unwrap();
        file.set_len(PACKAGE_BYTES_MAX + 1).unwrap();
        assert!(read().to_string().contains("at most"));
        std::fs::write(&path, ZIP).unwrap();
        assert!(Package::read(&path, "x86_64", None).unwrap().makes_role());
    }
}
