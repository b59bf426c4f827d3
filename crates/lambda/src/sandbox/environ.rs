//! The variables that a function finds, and no others.
//!
//! Source: Lambda Developer Guide, "Defined runtime environment variables". What that list has and is not set here: the variables
//! of X-Ray's daemon, which does not run, and `AWS_EXECUTION_ENV`, which custom runtimes do not have.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use crate::function::Runnable;
use crate::port::RoleKeys;

/// Names that a function's owner cannot set. Source: as above, "Reserved environment variables".
pub const RESERVED: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// By which the processes of environments are known, whatever group they are in: their folder.
pub(super) const TAG: &str = "LAMBDA_RUNTIME_DIR";

/// What the variables are made of.
pub(super) struct Facts<'a> {
    pub(super) runnable: &'a Runnable,
    pub(super) keys: &'a RoleKeys,
    /// The package.
    pub(super) task: &'a Path,
    /// The environment's folder.
    pub(super) folder: &'a Path,
    /// Its space for files.
    pub(super) tmp: &'a Path,
    /// Where the runtime API is.
    pub(super) authority: &'a str,
    pub(super) group: &'a str,
    pub(super) stream: &'a str,
    pub(super) region: &'a str,
    /// Our server.
    pub(super) endpoint: &'a str,
}

/// The variables: defaults that the owner may change, what the owner says, then what nobody changes.
pub(super) fn variables(facts: &Facts<'_>) -> BTreeMap<OsString, OsString> {
    let mut all = BTreeMap::new();
    let mut put = |name: &str, value: OsString| {
        all.insert(OsString::from(name), value);
    };
    let library = facts.task.join("lib");
    put("PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin".into());
    put("LANG", "en_US.UTF-8".into());
    put("TZ", ":UTC".into());
    put("LD_LIBRARY_PATH", joined(&[facts.task, &library]));
    put("HOME", facts.tmp.into());
    put("TMPDIR", facts.tmp.into());
    put("AWS_ENDPOINT_URL", facts.endpoint.into());
    for (name, value) in &facts.runnable.settings.environment {
        put(name, value.into());
    }
    let settings = &facts.runnable.settings;
    put("AWS_LAMBDA_RUNTIME_API", facts.authority.into());
    put("_HANDLER", settings.handler.as_str().into());
    put("LAMBDA_TASK_ROOT", facts.task.into());
    put(TAG, facts.folder.into());
    put(
        "AWS_LAMBDA_FUNCTION_NAME",
        facts.runnable.name.as_str().into(),
    );
    put(
        "AWS_LAMBDA_FUNCTION_VERSION",
        facts.runnable.version.as_str().into(),
    );
    put(
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        settings.memory_mib.to_string().into(),
    );
    put("AWS_LAMBDA_LOG_GROUP_NAME", facts.group.into());
    put("AWS_LAMBDA_LOG_STREAM_NAME", facts.stream.into());
    put("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".into());
    put("AWS_REGION", facts.region.into());
    put("AWS_DEFAULT_REGION", facts.region.into());
    put(
        "AWS_ACCESS_KEY_ID",
        facts.keys.access_key_id.as_str().into(),
    );
    put("AWS_SECRET_ACCESS_KEY", facts.keys.secret.as_str().into());
    put("AWS_SESSION_TOKEN", facts.keys.token.as_str().into());
    all
}

fn joined(paths: &[&Path]) -> OsString {
    let mut text = OsString::new();
    for (index, path) in paths.iter().enumerate() {
        if index > 0 {
            text.push(":");
        }
        text.push(path);
    }
    text
}
