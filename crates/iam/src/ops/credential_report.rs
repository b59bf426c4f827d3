//! GenerateCredentialReport and GetCredentialReport: who has which credentials, and since when.
//!
//! Source: IAM User Guide, "Getting credential reports for your AWS account" (the columns and their values).

use std::sync::Arc;
use std::time::Duration;

use api::{Access, Act, Caller, Ctx, Fault};
use base::Timestamp;
use wire::{Blob, Shape};

use super::reach;
use super::shape::shown;
use crate::Iam;
use crate::engine::device::Owner;
use crate::engine::key::{AccessKey, Status};
use crate::engine::{Kind, Login, State, password};
use crate::identities::ROOT;
use crate::report::Report;

/// A report is given again for so long, and then made anew.
const FRESH: Duration = Duration::from_secs(4 * 60 * 60);

const COLUMNS: &str = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,\
                       password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,\
                       access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,\
                       access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,\
                       access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,\
                       cert_1_last_rotated,cert_2_active,cert_2_last_rotated";

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GenerateCredentialReportRequest {}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GenerateCredentialReportResponse {
    state: Option<String>,
    description: Option<String>,
}

impl Act<Iam> for GenerateCredentialReportRequest {
    type Output = GenerateCredentialReportResponse;
    const ACTION: &'static str = "iam:GenerateCredentialReport";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::account(&iam.state())]
    }

    async fn act(
        self,
        iam: &Arc<Iam>,
        ctx: &Ctx,
    ) -> Result<GenerateCredentialReportResponse, Fault> {
        let is_fresh = |report: &Report| ctx.at.since(report.at) < FRESH;
        let kept = &iam.report().0;
        let is_there = kept.lock().as_ref().is_some_and(is_fresh);
        let (state, description) = match is_there {
            true => ("COMPLETE", None),
            false => (
                "STARTED",
                Some("No report exists. Starting a new report generation task"),
            ),
        };
        if !is_there {
            let at = ctx.at;
            let made = iam.blocking(move |iam| {
                iam.keep_uses()?;
                let csv = report(&iam.newest());
                *iam.report().0.lock() = Some(Report { at, csv });
                Ok(())
            });
            made.await?;
        }
        Ok(GenerateCredentialReportResponse {
            state: Some(state.to_owned()),
            description: description.map(str::to_owned),
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetCredentialReportRequest {}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetCredentialReportResponse {
    content: Option<Blob>,
    report_format: Option<String>,
    generated_time: Option<Timestamp>,
}

impl Act<Iam> for GetCredentialReportRequest {
    type Output = GetCredentialReportResponse;
    const ACTION: &'static str = "iam:GetCredentialReport";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::account(&iam.state())]
    }

    async fn act(self, iam: &Arc<Iam>, ctx: &Ctx) -> Result<GetCredentialReportResponse, Fault> {
        let gone = |code, text: &'static str| Fault::sender(code, text).with_status(410);
        let report = iam.report().0.lock().clone();
        let report = report
            .ok_or_else(|| gone("ReportNotPresent", "No report exists. Generate one first."))?;
        if ctx.at.since(report.at) >= FRESH {
            return Err(gone(
                "ReportExpired",
                "The report is older than four hours. Generate a new one.",
            ));
        }
        Ok(GetCredentialReportResponse {
            content: Some(Blob::from(report.csv.into_bytes())),
            report_format: Some("text/csv".to_owned()),
            generated_time: Some(shown(report.at)),
        })
    }
}

/// The lines of the report: root first, then the users by name.
fn report(state: &State) -> String {
    let users = state.users().iter().map(|user| user_line(state, user));
    let lines = [COLUMNS.to_owned(), root_line(state)]
        .into_iter()
        .chain(users);
    let mut text = lines.collect::<Vec<_>>().join("\n");
    text.push('\n');
    text
}

fn root_line(state: &State) -> String {
    let account = state.account();
    let arn = format!("arn:aws:iam::{}:root", account.id);
    let mut cells = vec!["<root_account>".to_owned(), arn, moment(account.created)];
    cells.push("not_supported".to_owned());
    cells.push(match (&account.root_password, state.last_use(ROOT)) {
        (None, _) => "N/A".to_owned(),
        (Some(_), None) => "no_information".to_owned(),
        (Some(_), Some(known)) => moment(known.at),
    });
    cells.extend(["not_supported", "not_supported"].map(str::to_owned));
    cells.push(truth(state.devices_of(&Owner::Root).next().is_some()));
    cells.extend(key_cells(state, None));
    cells.extend(key_cells(state, None));
    cells.extend(CERTIFICATES.map(str::to_owned));
    cells.join(",")
}

fn user_line(state: &State, user: &crate::engine::User) -> String {
    let arn = state.arn(Kind::User, &user.path, &user.name);
    let mut cells = vec![cell(&user.name), cell(&arn), moment(user.created)];
    cells.extend(password_cells(state, user));
    let owner = Owner::User(user.id.clone());
    cells.push(truth(state.devices_of(&owner).next().is_some()));
    cells.extend(key_cells(state, user.keys.first()));
    cells.extend(key_cells(state, user.keys.get(1)));
    cells.extend(CERTIFICATES.map(str::to_owned));
    cells.join(",")
}

/// Signing certificates: there are none here.
const CERTIFICATES: [&str; 4] = ["false", "N/A", "false", "N/A"];

fn password_cells(state: &State, user: &crate::engine::User) -> [String; 4] {
    let Some(login) = &user.login else {
        let nothing = || "N/A".to_owned();
        return [truth(false), nothing(), nothing(), nothing()];
    };
    let used = state.last_use(user.id.as_str());
    [
        truth(true),
        used.map_or("no_information".to_owned(), |known| moment(known.at)),
        moment(login.changed),
        next_rotation(state, login),
    ]
}

fn next_rotation(state: &State, login: &Login) -> String {
    let next = password::expires(state.password_policy(), login);
    next.map_or("N/A".to_owned(), moment)
}

fn key_cells(state: &State, key: Option<&AccessKey>) -> [String; 5] {
    let nothing = || "N/A".to_owned();
    let Some(key) = key else {
        return [truth(false), nothing(), nothing(), nothing(), nothing()];
    };
    let used = state.last_use(&key.id);
    [
        truth(key.status == Status::Active),
        moment(key.created),
        used.map_or_else(nothing, |known| moment(known.at)),
        used.map_or_else(nothing, |known| cell(&known.region)),
        used.map_or_else(nothing, |known| cell(&known.service)),
    ]
}

/// As the report writes moments: `2026-11-23T05:03:10+00:00`.
fn moment(at: Timestamp) -> String {
    let text = at.rfc3339();
    let seconds = text.split('.').next().unwrap_or(&text);
    format!("{seconds}+00:00")
}

fn truth(is: bool) -> String {
    is.to_string()
}

/// A cell; names may have commas.
fn cell(text: &str) -> String {
    match text.contains(',') {
        true => format!("\"{text}\""),
        false => text.to_owned(),
    }
}
