//! Pages for people: signing in, changing a password, who one is, and the bill.
//!
//! INVARIANT: whoever must change a password gets no cookie before it is changed; nothing is done for a form that did not come
//! from a page of ours: it brings the token of its cookie, and its `Origin` is ours.

mod cookie;
mod html;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use api::{
    Access, Authorizer, Caller, Ctx, Decision, Fault, PageAnswer, PageCall, PageEvent, Pages,
    Principal,
};
use base::{AccountId, Arn};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use gateway::Admin;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use iam::signin::{Refused, Shown, SignIn, SignedIn, Who};

use cookie::Cookies;

/// The first page.
const HOME: &str = "/_shukuba/";

/// What pages are made of.
#[derive(Debug)]
pub(super) struct Console(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    sign_in: SignIn,
    authorizer: Arc<dyn Authorizer>,
    desk: Arc<dyn Admin>,
    account: AccountId,
}

impl Console {
    pub(super) fn new(
        sign_in: SignIn,
        authorizer: Arc<dyn Authorizer>,
        desk: Arc<dyn Admin>,
        account: AccountId,
    ) -> Self {
        Self(Arc::new(Parts {
            sign_in,
            authorizer,
            desk,
            account,
        }))
    }
}

impl Pages for Console {
    fn show(&self, call: PageCall) -> BoxFuture<'static, PageAnswer> {
        let parts = Arc::clone(&self.0);
        Box::pin(async move { Visit::new(call).show(&parts).await })
    }
}

/// One request, with what its cookies say.
struct Visit {
    call: PageCall,
    cookies: Cookies,
    form: HashMap<String, String>,
}

impl Visit {
    fn new(call: PageCall) -> Self {
        let pairs = url::form_urlencoded::parse(&call.form);
        Self {
            cookies: Cookies::read(&call.headers, &call.ctx.base_url),
            form: pairs
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
            call,
        }
    }

    async fn show(&self, parts: &Parts) -> PageAnswer {
        let is_post = self.call.method == Method::POST;
        if is_post && !self.is_of_our_page() {
            let text = "This form did not come from a page of this server, or is too old. Open the page again.";
            return self.form_page("sign-in", StatusCode::FORBIDDEN, Some(text), parts);
        }
        match (is_post, self.call.path.as_str()) {
            (false, "") => self.home(parts),
            (false, "sign-in") => self.form_page("sign-in", StatusCode::OK, None, parts),
            (false, "change-password") => {
                self.form_page("change-password", StatusCode::OK, None, parts)
            }
            (false, "billing") => self.billing(parts).await,
            (true, "sign-in") => self.sign_in(parts).await,
            (true, "change-password") => self.change_password(parts).await,
            (true, "sign-out") => self.sign_out(),
            _ => page(
                StatusCode::NOT_FOUND,
                html::message("There is no such page."),
                &[],
            ),
        }
    }

    /// Whether a form comes from a page that this browser got from us.
    fn is_of_our_page(&self) -> bool {
        let origin = self.call.headers.get(header::ORIGIN);
        let is_ours =
            origin.is_none_or(|origin| origin.as_bytes() == self.call.ctx.base_url.as_bytes());
        let token = self.form.get("token").map_or("", String::as_str);
        is_ours && self.cookies.is_form_token(token)
    }

    fn caller(&self, parts: &Parts) -> Option<Arc<Caller>> {
        parts.sign_in.caller(self.cookies.ticket.as_deref()?)
    }

    fn home(&self, parts: &Parts) -> PageAnswer {
        let Some(caller) = self.caller(parts) else {
            return self.form_page("sign-in", StatusCode::OK, None, parts);
        };
        let (token, set) = self.cookies.form_token();
        let until = caller
            .session
            .as_ref()
            .map_or_else(String::new, |session| session.expires.rfc3339());
        let body = html::home(
            &caller.arn.to_string(),
            &until,
            caller.principal == Principal::Root,
            &token,
        );
        page(StatusCode::OK, body, set.as_slice())
    }

    fn form_page(
        &self,
        which: &str,
        status: StatusCode,
        text: Option<&str>,
        parts: &Parts,
    ) -> PageAnswer {
        let (token, set) = self.cookies.form_token();
        let user = self.form.get("user").map_or("", String::as_str);
        let account = parts.account.as_str();
        let body = match which {
            "change-password" => html::change_password(account, user, text, &token),
            _ => html::sign_in(account, user, text, &token),
        };
        page(status, body, set.as_slice())
    }

    fn shown(&self) -> Shown {
        let field = |name: &str| self.form.get(name).cloned().unwrap_or_default();
        let code = field("code");
        Shown {
            who: match self.form.contains_key("root") {
                true => Who::Root,
                false => Who::User(field("user")),
            },
            password: field("password"),
            code: (!code.is_empty()).then_some(code),
        }
    }

    async fn sign_in(&self, parts: &Parts) -> PageAnswer {
        let shown = self.shown();
        let ctx = &self.call.ctx;
        match parts.sign_in.sign_in(ctx, &shown).await {
            Ok(signed) => self.let_in(signed),
            Err(refused) => {
                let (status, text) = said(&refused);
                let which = match refused {
                    Refused::MustChange | Refused::Expired => "change-password",
                    _ => "sign-in",
                };
                let mut answer = self.form_page(which, status, Some(&text), parts);
                // As CloudTrail words it.
                let told = match refused {
                    Refused::Wrong => "Failed authentication".to_owned(),
                    _ => text,
                };
                let fault = Fault::sender(code(&refused), told).with_status(status.as_u16());
                answer.event =
                    Some(self.event(("signin", "ConsoleLogin"), &ctx.caller, Err(fault)));
                answer
            }
        }
    }

    fn let_in(&self, signed: SignedIn) -> PageAnswer {
        let cookie = self.cookies.signed_in(&signed.ticket, signed.lasts);
        let mut answer = redirect(HOME, &[cookie]);
        answer.event = Some(self.event(("signin", "ConsoleLogin"), &signed.caller, Ok(())));
        answer
    }

    async fn change_password(&self, parts: &Parts) -> PageAnswer {
        let field = |name: &str| self.form.get(name).map_or("", String::as_str);
        let new = field("new");
        if new != field("again") {
            let text = "The two new passwords are not the same.";
            return self.form_page(
                "change-password",
                StatusCode::BAD_REQUEST,
                Some(text),
                parts,
            );
        }
        let ctx = &self.call.ctx;
        let changed = parts.sign_in.change_password(ctx, &self.shown(), new).await;
        let operation = ("iam", "ChangePassword");
        match changed {
            Ok(caller) => {
                let text = "The password is changed: sign in with it.";
                let mut answer = self.form_page("sign-in", StatusCode::OK, Some(text), parts);
                answer.event = Some(self.event(operation, &caller, Ok(())));
                answer
            }
            Err(refused) => {
                let (status, text) = said(&refused);
                let mut answer = self.form_page("change-password", status, Some(&text), parts);
                let fault = Fault::sender(code(&refused), text).with_status(status.as_u16());
                answer.event = Some(self.event(operation, &ctx.caller, Err(fault)));
                answer
            }
        }
    }

    fn sign_out(&self) -> PageAnswer {
        redirect(HOME, &[self.cookies.signed_out()])
    }

    /// The bill, for whom its switch and policies let see it.
    async fn billing(&self, parts: &Parts) -> PageAnswer {
        let Some(caller) = self.caller(parts) else {
            return self.form_page("sign-in", StatusCode::OK, None, parts);
        };
        let ctx = Ctx {
            caller: Arc::clone(&caller),
            ..self.call.ctx.clone()
        };
        let resource = Arn {
            service: "aws-portal".to_owned(),
            region: String::new(),
            account: parts.account.to_string(),
            resource: "*".to_owned(),
        };
        let access = [Access::new("aws-portal:ViewBilling", resource)];
        let operation = ("billing", "ViewBilling");
        if let Decision::Deny { action, reason, .. } = parts.authorizer.decide(&ctx, &access) {
            let text = format!(
                "{} may not see the bill: {action} is refused {reason}.",
                caller.arn
            );
            let mut answer = page(StatusCode::FORBIDDEN, html::message(&text), &[]);
            let fault = Fault::sender("AccessDenied", text).with_status(403);
            answer.event = Some(self.event(operation, &caller, Err(fault)));
            return answer;
        }
        let counts = parts.desk.handle("ledger", ctx, Bytes::new()).await;
        let text = match &counts {
            Ok(counts) => String::from_utf8_lossy(counts).into_owned(),
            Err(fault) => fault.message.to_string(),
        };
        let mut answer = page(StatusCode::OK, html::billing(&text), &[]);
        answer.event = Some(self.event(operation, &caller, Ok(())));
        answer
    }

    fn event(
        &self,
        (service, operation): (&'static str, &'static str),
        caller: &Arc<Caller>,
        outcome: Result<(), Fault>,
    ) -> PageEvent {
        if caller.principal == Principal::Root {
            let client = self.call.ctx.client;
            tracing::warn!(operation, ?client, "root was used");
        }
        // As CloudTrail writes it of sign-ins alone.
        let answered = match (service, &outcome) {
            ("signin", Ok(())) => Some(br#"{"ConsoleLogin":"Success"}"#.to_vec()),
            ("signin", Err(_)) => Some(br#"{"ConsoleLogin":"Failure"}"#.to_vec()),
            _ => None,
        };
        PageEvent {
            service,
            operation,
            caller: Arc::clone(caller),
            output: answered,
            outcome,
        }
    }
}

/// The code under which a refusal is recorded.
fn code(refused: &Refused) -> &'static str {
    match refused {
        Refused::NewPassword(_) => "PasswordPolicyViolation",
        Refused::Wait { .. } => "Throttling",
        Refused::Unavailable => "ServiceFailure",
        _ => "AccessDenied",
    }
}

/// What people are told, and its status.
fn said(refused: &Refused) -> (StatusCode, String) {
    let forbidden = |text: &str| (StatusCode::FORBIDDEN, text.to_owned());
    match refused {
        Refused::Wrong => forbidden("The user, the password or the code is not right."),
        Refused::Wait { secs } => (
            StatusCode::TOO_MANY_REQUESTS,
            format!("Too many wrong passwords: try again in {secs} s."),
        ),
        Refused::CodeNeeded => forbidden("The code of the MFA device is needed too."),
        Refused::MustChange => {
            forbidden("This password was set by somebody else: change it, then sign in.")
        }
        Refused::Expired => forbidden("This password is too old: change it, then sign in."),
        Refused::ExpiredForGood => {
            forbidden("This password is too old: an administrator must set another one.")
        }
        Refused::NotAllowed { action, reason } => (
            StatusCode::FORBIDDEN,
            format!(
                "Policies refuse it, not the password rules: {action} is not allowed {reason}. An administrator can attach IAMUserChangePassword."
            ),
        ),
        Refused::NewPassword(rules) => (
            StatusCode::BAD_REQUEST,
            format!(
                "The password rules refuse it, not a policy: the new password must have {}.",
                rules.join(", ")
            ),
        ),
        Refused::Unavailable => (
            StatusCode::SERVICE_UNAVAILABLE,
            "It cannot be done at the moment: try again.".to_owned(),
        ),
    }
}

fn page(status: StatusCode, body: String, cookies: &[HeaderValue]) -> PageAnswer {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, html);
    set_cookies(response.headers_mut(), cookies);
    PageAnswer {
        response,
        event: None,
    }
}

fn redirect(to: &'static str, cookies: &[HeaderValue]) -> PageAnswer {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let to = HeaderValue::from_static(to);
    response.headers_mut().insert(header::LOCATION, to);
    set_cookies(response.headers_mut(), cookies);
    PageAnswer {
        response,
        event: None,
    }
}

fn set_cookies(headers: &mut HeaderMap, cookies: &[HeaderValue]) {
    for cookie in cookies {
        headers.append(header::SET_COOKIE, cookie.clone());
    }
}
