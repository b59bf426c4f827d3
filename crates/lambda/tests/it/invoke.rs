//! What an invocation is given, answers, prints and costs.

use bytes::Bytes;
use shukuba_lambda::sandbox::environ::RESERVED;

use crate::bench::{ARN, Bench, GROUP, call, runnable, text, with};

#[tokio::test]
async fn a_function_answers_and_its_environment_is_used_again() {
    let bench = Bench::new().await;
    let first = bench.run("echo hello").await;
    assert_eq!((text(&first).as_str(), &first.error), ("\"hello\"", &None));
    assert_eq!(first.version, "$LATEST");
    assert!(first.report.init.is_some());
    let second = bench.run("count").await;
    assert_eq!(text(&second), "2");
    assert_eq!(second.report.init, None);
    assert!(second.report.memory_used_mib >= 1);
    bench.stop().await;
}

#[tokio::test]
async fn the_log_is_as_aws_writes_it() {
    let bench = Bench::new().await;
    let call = call("print hello");
    let id = call.request_id.clone();
    let outcome = bench.fleet.invoke(&runnable(), call).await.unwrap();
    let texts = bench.world.texts();
    assert_eq!(
        texts[..4],
        [
            format!("START RequestId: {id} Version: $LATEST"),
            "hello".to_owned(),
            "and hello".to_owned(),
            format!("END RequestId: {id}"),
        ]
    );
    let report = &outcome.report;
    let start = format!("REPORT RequestId: {id}\tDuration: ");
    let middle = format!(
        " ms\tBilled Duration: {} ms\tMemory Size: 128 MB\tMax Memory Used: {} MB\tInit Duration: ",
        report.billed_ms, report.memory_used_mib
    );
    assert!(
        texts[4].starts_with(&start) && texts[4].contains(&middle) && texts[4].ends_with(" ms\t"),
        "{}",
        texts[4]
    );
    assert_eq!(outcome.log_tail, format!("{}\n", texts.join("\n")));
    let (group, stream, _) = bench.world.lines.lock()[0].clone();
    assert_eq!(group, GROUP);
    let (day, id) = stream.split_once("/[$LATEST]").unwrap();
    assert_eq!((day.len(), id.len()), (10, 32));
    bench.stop().await;
}

#[tokio::test]
async fn the_environment_is_what_aws_documents_and_nothing_of_ours() {
    let bench = Bench::new().await;
    let own = with(|settings| {
        settings
            .environment
            .insert("OWN".to_owned(), "mine".to_owned());
        settings
            .environment
            .insert("TZ".to_owned(), "Asia/Tokyo".to_owned());
        settings
            .environment
            .insert("AWS_REGION".to_owned(), "nowhere".to_owned());
    });
    let outcome = bench.run_with(&own, "vars").await;
    let names = text(&outcome);
    assert_eq!(
        names.trim_matches('"').split(' ').collect::<Vec<_>>(),
        [
            "AWS_ACCESS_KEY_ID",
            "AWS_DEFAULT_REGION",
            "AWS_ENDPOINT_URL",
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
            "HOME",
            "LAMBDA_RUNTIME_DIR",
            "LAMBDA_TASK_ROOT",
            "LANG",
            "LD_LIBRARY_PATH",
            "OWN",
            "PATH",
            "TMPDIR",
            "TZ",
            "_HANDLER",
        ]
    );
    for (name, value) in [
        ("OWN", "mine"),
        ("TZ", "Asia/Tokyo"),
        ("AWS_REGION", "ap-northeast-1"),
        ("_HANDLER", "main"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", GROUP),
        ("AWS_ACCESS_KEY_ID", "ASIAPROBE"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"),
    ] {
        let outcome = bench.run_with(&own, &format!("env {name}")).await;
        assert_eq!(text(&outcome), format!("\"{value}\""), "{name}");
    }
    assert!(RESERVED.contains(&"AWS_REGION") && !RESERVED.contains(&"TZ"));
    bench.stop().await;
}

#[tokio::test]
async fn the_runtime_is_told_of_the_invocation_in_headers() {
    let bench = Bench::new().await;
    let mut call = call("headers");
    call.client_context = Some("{\"custom\":\n{\"a\":\"é\"}}".to_owned());
    call.trace = Some("Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=1".to_owned());
    let id = call.request_id.clone();
    let mut alias = runnable();
    alias.invoked_arn = format!("{ARN}:live");
    let outcome = bench.fleet.invoke(&alias, call).await.unwrap();
    let answer = text(&outcome);
    for line in [
        format!("lambda-runtime-aws-request-id={id}"),
        format!("lambda-runtime-invoked-function-arn={ARN}:live"),
        "lambda-runtime-trace-id=Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=1".to_owned(),
        "lambda-runtime-client-context={\"custom\": {\"a\":\"é\"}}".to_owned(),
        "content-type=application/json".to_owned(),
    ] {
        assert!(
            answer.lines().any(|other| other == line),
            "{line} in {answer}"
        );
    }
    let deadline = answer
        .lines()
        .find_map(|line| line.strip_prefix("lambda-runtime-deadline-ms="));
    let deadline: u64 = deadline.unwrap().parse().unwrap();
    let now = base::Clock::now(&base::SystemClock::new()).as_millis();
    assert!(deadline > now + 5_000 && deadline <= now + 10_000);
    // The same environment is told how the next caller names the function, and a trace is made where none was given.
    let again = text(&bench.run("headers").await);
    assert!(
        again.contains(&format!("lambda-runtime-invoked-function-arn={ARN}\n")),
        "{again}"
    );
    assert!(again.contains("lambda-runtime-trace-id=Root=1-"), "{again}");
    bench.stop().await;
}

#[tokio::test]
async fn an_error_of_the_function_is_told_and_leaves_the_environment() {
    let bench = Bench::new().await;
    let outcome = bench.run("fail").await;
    let error = outcome.error.clone().unwrap();
    assert_eq!(
        (error.kind.as_str(), error.is_reported),
        ("Probe.Failed", true)
    );
    assert_eq!(
        text(&outcome),
        r#"{"errorMessage":"no receiver","errorType":"Probe.Failed"}"#
    );
    assert_eq!(text(&bench.run("count").await), "2");
    assert_eq!(bench.world.count("Errors"), (1.0, 2));
    assert_eq!(bench.world.count("Invocations"), (2.0, 2));
    bench.stop().await;
}

#[tokio::test]
async fn answers_out_of_turn_are_refused_with_the_api_s_codes() {
    let bench = Bench::new().await;
    assert_eq!(text(&bench.run("wrong").await), "400");
    assert_eq!(text(&bench.run("twice").await), "1");
    bench.run("echo").await;
    assert!(
        bench
            .world
            .texts()
            .contains(&"second answer: 403".to_owned())
    );
    bench.stop().await;
}

#[tokio::test]
async fn answers_are_at_most_as_large_as_aws_takes_them() {
    let bench = Bench::new().await;
    let largest = 6 * 1024 * 1024 + 100;
    assert_eq!(
        bench.run(&format!("big {largest}")).await.payload.len(),
        largest
    );
    let outcome = bench.run(&format!("big {}", largest + 1)).await;
    assert_eq!(
        outcome.error.as_ref().unwrap().kind,
        "Function.ResponseSizeTooLarge"
    );
    assert!(
        text(&outcome).contains(
            "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
        )
    );
    // The environment goes on.
    assert_eq!(text(&bench.run("count").await), "3");
    bench.stop().await;
}

#[tokio::test]
async fn usage_is_told_for_the_meter() {
    let bench = Bench::new().await;
    let outcome = bench.run("sleep 20").await;
    let used = bench.world.used.lock()[0].clone();
    assert_eq!((used.report, used.is_error), (outcome.report, false));
    assert!(used.report.duration.as_millis() >= 20);
    let both = used.report.duration + used.report.init.unwrap();
    let billed = std::time::Duration::from_millis(used.report.billed_ms);
    assert!(billed >= both && billed < both + std::time::Duration::from_millis(1));
    bench.stop().await;
}

#[tokio::test]
async fn payloads_are_any_bytes() {
    let bench = Bench::new().await;
    let mut call = call("");
    call.payload = Bytes::from(vec![b'{'; 1_000_000]);
    let outcome = bench.fleet.invoke(&runnable(), call).await.unwrap();
    assert_eq!(outcome.payload.len(), 1_000_000);
    bench.stop().await;
}

/// The runtime of AWS's tutorial, "Building a custom runtime": a shell script with curl.
const TUTORIAL: &str = r#"#!/bin/sh
set -euo pipefail
while true
do
  HEADERS="$(mktemp)"
  EVENT_DATA=$(curl -sS -LD "$HEADERS" "http://${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation/next")
  REQUEST_ID=$(grep -Fi Lambda-Runtime-Aws-Request-Id "$HEADERS" | tr -d '[:space:]' | cut -d: -f2)
  RESPONSE="Echoing request: '$EVENT_DATA'"
  curl -sS "http://${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation/$REQUEST_ID/response" -d "$RESPONSE"
done
"#;

#[ignore = "needs curl"]
#[tokio::test]
async fn the_runtime_of_aws_tutorial_runs() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new().await;
    bench.empty_package();
    let bootstrap = bench.world.package.lock().join("bootstrap");
    std::fs::write(&bootstrap, TUTORIAL.replace("#!/bin/sh", "#!/bin/bash")).unwrap();
    std::fs::set_permissions(&bootstrap, std::fs::Permissions::from_mode(0o755)).unwrap();
    let large = "x".repeat(100_000);
    for event in ["hello", "again", large.as_str()] {
        let outcome = bench.run(event).await;
        assert_eq!(text(&outcome), format!("Echoing request: '\"{event}\"'"));
    }
    bench.stop().await;
}

#[tokio::test]
async fn a_function_runs_as_the_user_that_it_is_given() {
    use std::os::unix::fs::PermissionsExt;
    // Only root can become another user.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let account = shukuba_lambda::sandbox::Account {
        uid: 65_534,
        gid: 65_534,
    };
    let bench = Bench::with(|config| config.account = Some(account)).await;
    bench.empty_package();
    let package = bench.world.package.lock().clone();
    std::fs::copy(crate::bench::probe(), package.join("bootstrap")).unwrap();
    for folder in [package.as_path(), bench.work.path()] {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let outcome = bench.run("echo hello").await;
    assert_eq!(text(&outcome), "\"hello\"");
    let pid = text(&bench.run("pid").await);
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let user = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    assert_eq!(user.unwrap().split_whitespace().next(), Some("65534"));
    // Its space for files is its own.
    let tmp = text(&bench.run("env TMPDIR").await);
    let facts = std::fs::metadata(tmp.trim_matches('"')).unwrap();
    let mode = facts.permissions().mode() & 0o777;
    assert_eq!(
        (std::os::unix::fs::MetadataExt::uid(&facts), mode),
        (65_534, 0o700)
    );
    bench.stop().await;
}
