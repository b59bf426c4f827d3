//! Pages for people: signing in, changing a password, the bill, and the rooms of the watch.
//!
//! - [`layout`] has what stands around every page; [`html`] the elements that pages are made of
//! - [`lang`] and [`words`]: everything is said in English and in Japanese
//! - [`refusals`]: why somebody was not let in
//! - [`bill`]: what sending costs
//! - [`cookie`]: who is signed in, and that a form is of our page
//! - [`room`] has what every room has; [`rooms`] are they, one file each
//!
//! INVARIANT: whoever must change a password gets no cookie before it is changed; nothing is done for a form that did not come
//! from a page of ours: it brings the token of its cookie, and its `Origin` is ours. No page needs a script.

mod bill;
mod closed;
mod cookie;
mod html;
mod lang;
mod layout;
mod refusals;
mod room;
mod rooms;
#[cfg(test)]
mod tests;
mod words;

use std::collections::HashMap;
use std::sync::Arc;

use api::{
    Access, Authorizer, Caller, Ctx, Decision, FORM_BYTES_MAX, Fault, PageAnswer, PageCall,
    PageEvent, Pages, Principal,
};
use base::{AccountId, Arn, ByteCount};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use gateway::{Admin, admin};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use iam::signin::{Refused, Shown, SignIn, SignedIn, Who};
use tokio::sync::Semaphore;

use super::admin::{ACTION, ACTION_OF_BEFORE};
use super::watching::Watching;
pub(super) use closed::Closed;
use cookie::Cookies;
use lang::Language;
use layout::{Frame, Guest, gate};
use refusals::{code, said};
use room::{Answer, Page, Room, Trouble};
use words::{door, frame};

/// The largest form with a dashboard in it: each of a million bytes may be three.
const BOARD_FORM_BYTES_MAX: ByteCount = ByteCount::mib(4);
/// Pictures that are drawn at once. Chosen: one for each core of a small server.
const PICTURES_MAX: usize = 2;

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
    watching: Watching,
    services: Services,
    pictures: Semaphore,
}

/// The services whose operations pages run.
#[derive(Debug)]
struct Services {
    metrics: Arc<dyn api::Service>,
    hosts: Arc<dyn api::Service>,
}

impl Console {
    pub(super) fn new(
        sign_in: SignIn,
        authorizer: Arc<dyn Authorizer>,
        desk: Arc<dyn Admin>,
        account: AccountId,
        watching: Watching,
    ) -> Self {
        Self(Arc::new(Parts {
            sign_in,
            authorizer,
            desk,
            account,
            services: Services {
                metrics: watching.of_metrics(),
                hosts: watching.of_hosts(),
            },
            watching,
            pictures: Semaphore::new(PICTURES_MAX),
        }))
    }
}

impl Pages for Console {
    fn show(&self, call: PageCall) -> BoxFuture<'static, PageAnswer> {
        let parts = Arc::clone(&self.0);
        Box::pin(async move { Visit::new(call).show(&parts).await })
    }

    fn form_bytes_max(&self, path: &str) -> ByteCount {
        match rooms::has_board(path) {
            true => BOARD_FORM_BYTES_MAX,
            false => FORM_BYTES_MAX,
        }
    }
}

/// One request, with what its cookies say.
struct Visit {
    call: PageCall,
    cookies: Cookies,
    form: HashMap<String, String>,
    language: Language,
    /// Whether the language was chosen with this request.
    is_chosen: bool,
}

impl Visit {
    fn new(call: PageCall) -> Self {
        let pairs = url::form_urlencoded::parse(&call.form);
        let form = pairs
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        let cookies = Cookies::read(&call.headers, &call.ctx.base_url);
        let mut visit = Self {
            language: cookies
                .language
                .unwrap_or_else(|| Language::asked(&call.headers)),
            is_chosen: false,
            cookies,
            form,
            call,
        };
        let chosen = visit.query("lang").as_deref().and_then(Language::of);
        if let Some(language) = chosen {
            (visit.language, visit.is_chosen) = (language, true);
        }
        visit
    }

    /// A part of the address behind the `?`.
    fn query(&self, name: &str) -> Option<String> {
        let mut pairs = url::form_urlencoded::parse(self.call.query.as_bytes());
        let found = pairs.find(|(known, _)| known == name);
        found.map(|(_, value)| value.into_owned())
    }

    async fn show(&self, parts: &Parts) -> PageAnswer {
        let is_post = self.call.method == Method::POST;
        if is_post && !self.is_of_our_page() {
            let text = door::FOREIGN_FORM.said(self.language);
            return self.form_page("sign-in", StatusCode::FORBIDDEN, Some(text), parts);
        }
        match (is_post, self.call.path.as_str()) {
            (false, "sign-in") => self.form_page("sign-in", StatusCode::OK, None, parts),
            (false, "change-password") => {
                self.form_page("change-password", StatusCode::OK, None, parts)
            }
            (false, "billing") => self.billing(parts).await,
            (false, path) if path == *layout::STYLE_PATH => {
                kept_file("text/css; charset=utf-8", layout::STYLE)
            }
            (false, layout::ICON_PATH) => kept_file("image/svg+xml", layout::ICON),
            (true, "sign-in") => self.sign_in(parts).await,
            (true, "change-password") => self.change_password(parts).await,
            (true, "sign-out") => self.sign_out(),
            _ => self.room(parts).await,
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

    /// A room, for whoever is signed in.
    async fn room(&self, parts: &Parts) -> PageAnswer {
        let Some(caller) = self.caller(parts) else {
            return match (rooms::has(&self.call.path), self.comes_from_elsewhere()) {
                (false, _) => self.nowhere(),
                (true, true) => self.once_more(),
                (true, false) => self.form_page("sign-in", StatusCode::OK, None, parts),
            };
        };
        let (token, set) = self.cookies.form_token();
        let room = Room {
            parts,
            visit: self,
            ctx: Ctx {
                caller: Arc::clone(&caller),
                ..self.call.ctx.clone()
            },
            language: self.language,
            token,
            zone: parts.watching.router.zone().await,
            now: self.call.ctx.at,
        };
        let (shown, event) = rooms::show(&room).await;
        let mut answer = match shown {
            Ok(Answer::Page(shown)) => self.framed(&room, &shown, set),
            Ok(Answer::To(path)) => redirect(&format!("{HOME}{path}"), set.as_slice()),
            Ok(Answer::Picture(svg)) => file("image/svg+xml", svg),
            Err(trouble) => self.troubled(&room, &trouble, set),
        };
        answer.event = event;
        answer
    }

    /// There is no such page, whoever asks.
    fn nowhere(&self) -> PageAnswer {
        let title = frame::FAILED.said(self.language);
        let body = html::said(Some(frame::NO_PAGE.said(self.language)));
        self.page(StatusCode::NOT_FOUND, title, &body, None, None)
    }

    /// Whether a link of another site, such as in a mail, leads here: browsers then keep the cookies back.
    ///
    /// Source: W3C Fetch Metadata Request Headers, `Sec-Fetch-Site`.
    fn comes_from_elsewhere(&self) -> bool {
        let site = self.call.headers.get("sec-fetch-site");
        let is_cross = site.is_some_and(|site| site.as_bytes() == b"cross-site");
        is_cross && self.call.method == Method::GET && is_path(&self.call.path)
    }

    /// A page that leads to itself at once: from here, so that the cookies come.
    fn once_more(&self) -> PageAnswer {
        let to = format!("{HOME}{}", self.call.path);
        let body = format!(
            "<p><a href=\"{}\">{}</a></p>",
            html::escaped(&to),
            frame::GO_ON.said(self.language)
        );
        let title = frame::BRAND.said(self.language);
        let mut answer = self.page(StatusCode::OK, title, &body, None, None);
        if let Ok(refresh) = HeaderValue::try_from(format!("0; url={to}")) {
            let headers = answer.response.headers_mut();
            headers.insert(header::REFRESH, refresh);
        }
        answer
    }

    fn framed(&self, room: &Room<'_>, shown: &Page, set: Option<HeaderValue>) -> PageAnswer {
        let rooms = room.open();
        let who = room.ctx.caller.arn.to_string();
        let guest = Guest {
            who: &who,
            token: &room.token,
            rooms: &rooms,
            here: Some(shown.here),
            is_first: shown.is_first,
        };
        let status = match shown.is_refused {
            true => StatusCode::BAD_REQUEST,
            false => StatusCode::OK,
        };
        let mut answer = self.page(status, &shown.title, &shown.body, Some(guest), set);
        if shown.is_live {
            let every = HeaderValue::from_static("60");
            answer.response.headers_mut().insert(header::REFRESH, every);
        }
        answer
    }

    /// A page that says why there is no other.
    fn troubled(&self, room: &Room<'_>, trouble: &Trouble, set: Option<HeaderValue>) -> PageAnswer {
        let (status, title, body) = rooms::trouble(room, trouble);
        let rooms = room.open();
        let who = room.ctx.caller.arn.to_string();
        let guest = Guest {
            who: &who,
            token: &room.token,
            rooms: &rooms,
            here: None,
            is_first: false,
        };
        self.page(status, title, &body, Some(guest), set)
    }

    /// A page in its frame, with the language where it was chosen.
    fn page(
        &self,
        status: StatusCode,
        title: &str,
        body: &str,
        guest: Option<Guest<'_>>,
        set: Option<HeaderValue>,
    ) -> PageAnswer {
        let pairs = url::form_urlencoded::parse(self.call.query.as_bytes());
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(pairs.filter(|(name, _)| name != "lang" && name != "done"));
        let is_post = self.call.method == Method::POST;
        let frame = Frame {
            language: self.language,
            title,
            path: &self.call.path,
            query: &if is_post {
                String::new()
            } else {
                query.finish()
            },
            guest,
            body,
        };
        let chosen = self.is_chosen.then(|| self.cookies.chosen(self.language));
        let cookies: Vec<HeaderValue> = set.into_iter().chain(chosen).collect();
        page(status, frame.html(), &cookies)
    }

    fn form_page(
        &self,
        which: &str,
        status: StatusCode,
        text: Option<&str>,
        parts: &Parts,
    ) -> PageAnswer {
        let (token, set) = self.cookies.form_token();
        let next = match self.call.method == Method::POST {
            true => self.form.get("next").cloned().unwrap_or_default(),
            false => self.wanted(),
        };
        let form = gate::Form {
            account: parts.account.as_str(),
            user: self.form.get("user").map_or("", String::as_str),
            text,
            token: &token,
            next: &next,
        };
        let (title, body) = match which {
            "change-password" => (
                door::CHANGE_TITLE,
                gate::change_password(form, self.language),
            ),
            _ => (door::SIGN_IN, gate::sign_in(form, self.language)),
        };
        self.page(status, title.said(self.language), &body, None, set)
    }

    /// The page that was asked for before signing in, behind `/_shukuba/`.
    fn wanted(&self) -> String {
        match self.call.path.as_str() {
            "sign-in" | "change-password" | "sign-out" => String::new(),
            path => path.to_owned(),
        }
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
                let (status, text) = said(&refused, self.language);
                let which = match refused {
                    Refused::MustChange | Refused::Expired => "change-password",
                    _ => "sign-in",
                };
                let mut answer = self.form_page(which, status, Some(&text), parts);
                // As CloudTrail words it.
                let told = match refused {
                    Refused::Wrong => "Failed authentication".to_owned(),
                    _ => said(&refused, Language::En).1,
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
        let next = self.form.get("next").map_or("", String::as_str);
        let next = if is_path(next) { next } else { "" };
        let mut answer = redirect(&format!("{HOME}{next}"), &[cookie]);
        answer.event = Some(self.event(("signin", "ConsoleLogin"), &signed.caller, Ok(())));
        answer
    }

    async fn change_password(&self, parts: &Parts) -> PageAnswer {
        let field = |name: &str| self.form.get(name).map_or("", String::as_str);
        let new = field("new");
        if new != field("again") {
            let text = door::NOT_SAME.said(self.language);
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
                let text = door::CHANGED.said(self.language);
                let mut answer = self.form_page("sign-in", StatusCode::OK, Some(text), parts);
                answer.event = Some(self.event(operation, &caller, Ok(())));
                answer
            }
            Err(refused) => {
                let (status, text) = said(&refused, self.language);
                let mut answer = self.form_page("change-password", status, Some(&text), parts);
                let told = said(&refused, Language::En).1;
                let fault = Fault::sender(code(&refused), told).with_status(status.as_u16());
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
        let access = [ACTION, ACTION_OF_BEFORE].map(|name| Access::new(name, resource.clone()));
        let operation = ("billing", "ViewBilling");
        let decision = admin::decide_one(parts.authorizer.as_ref(), &ctx, &access);
        if let Decision::Deny { action, reason, .. } = decision {
            let who = caller.arn.to_string();
            let text = format!("{who} may not see the bill: {action} is refused {reason}.");
            let shown = door::NO_BILL.with(self.language, &[&who, action]);
            let shown = format!(
                "{}<p class=\"pale\">{}</p>",
                html::said(Some(&shown)),
                html::english(&reason, self.language)
            );
            let mut answer = self.bill_page(StatusCode::FORBIDDEN, &shown);
            let fault = Fault::sender("AccessDenied", text).with_status(403);
            answer.event = Some(self.event(operation, &caller, Err(fault)));
            return answer;
        }
        let (shown, outcome) = match parts.desk.handle("cost", ctx, Bytes::new()).await {
            Ok(answer) => match serde_json::from_slice::<bill::Answer>(&answer) {
                Ok(answer) => (answer.html(self.language), Ok(())),
                Err(error) => {
                    tracing::error!(%error, "what is used cannot be shown");
                    (String::new(), Err(Fault::internal()))
                }
            },
            Err(fault) => (html::said(Some(&html::escaped(&fault.message))), Err(fault)),
        };
        let status = match &outcome {
            Ok(()) => StatusCode::OK,
            Err(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        let mut answer = self.bill_page(status, &shown);
        answer.event = Some(self.event(operation, &caller, outcome));
        answer
    }

    fn bill_page(&self, status: StatusCode, shown: &str) -> PageAnswer {
        let back = frame::BACK.said(self.language);
        let body = format!("{shown}<p><a href=\"{HOME}\">{back}</a></p>");
        let title = door::BILL.said(self.language);
        self.page(status, title, &body, None, None)
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
            input: None,
            output: answered,
            outcome,
        }
    }
}

/// Whether a text can stand behind `/_shukuba/` without leading elsewhere.
fn is_path(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_~.%/".contains(&byte);
    text.len() <= 2048 && !text.starts_with('/') && text.bytes().all(is_plain)
}

fn page(status: StatusCode, body: String, cookies: &[HeaderValue]) -> PageAnswer {
    let mut answer = file("text/html; charset=utf-8", body);
    *answer.response.status_mut() = status;
    set_cookies(answer.response.headers_mut(), cookies);
    answer
}

fn file(kind: &'static str, body: impl Into<Bytes>) -> PageAnswer {
    let mut response = Response::new(body.into());
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    PageAnswer {
        response,
        event: None,
    }
}

/// A file that is the same for everybody; its address changes when it does.
fn kept_file(kind: &'static str, body: &'static str) -> PageAnswer {
    let mut answer = file(kind, body);
    let long = HeaderValue::from_static("public, max-age=31536000, immutable");
    let headers = answer.response.headers_mut();
    headers.insert(header::CACHE_CONTROL, long);
    answer
}

fn redirect(to: &str, cookies: &[HeaderValue]) -> PageAnswer {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let to = HeaderValue::try_from(to).unwrap_or(HeaderValue::from_static(HOME));
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
