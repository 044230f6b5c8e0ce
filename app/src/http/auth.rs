//! Operations on accounts and sessions.

mod cookie;
mod view;

use std::time::Duration;

use poem::http::header::SET_COOKIE;
use poem::http::{HeaderMap, HeaderValue};
use poem::web::Data;
use poem_openapi::{ApiResponse, OpenApi};
use serde_json::json;
use watchkeeper_domain::account::Password;
use watchkeeper_domain::session::RefreshToken;
use watchkeeper_domain::usecase::{AccountError, LoggedIn};

use super::caller::Caller;
use super::client::{Admitted, AdmittedOwn};
use super::json::{self, Json};
use super::problem::{Kind, Problem, Refusal, refusals};
use super::{Api, Tag, limit};
use view::{Credentials, NewAccount, Session, User};

refusals! {
    SignUp:
        MalformedJson,
        SignUpClosed,
        EmailTaken = Problem::email_taken(),
        BodyTooLarge,
        UnsupportedMediaType,
        ValidationFailed = Problem::broken_rule(Password::parse("short")),
        TooManyRequests = limit::too_many_of_address(Duration::ZERO);
    LogIn:
        MalformedJson,
        InvalidCredentials,
        BodyTooLarge,
        UnsupportedMediaType,
        ValidationFailed = Problem::broken_rule(json::fit::<Credentials>(json!({ "email": "ada@example.org" }))),
        TooManyRequests = limit::too_many_failures(Duration::ZERO);
    Refresh: SessionEnded, ForeignOrigin, TooManyRequests = limit::too_many_of_address(Duration::ZERO);
    LogOut: ForeignOrigin, TooManyRequests = limit::too_many_of_address(Duration::ZERO);
    Me: Unauthenticated, SessionEnded;
}

/// The operations.
pub(super) struct AuthApi;

#[derive(ApiResponse)]
enum SignedUp {
    /// The account, and a first session: logged in at once.
    #[oai(status = 201)]
    Created(
        Json<Session>,
        /// The refresh token, in the cookie `refresh_token`.
        #[oai(header = "Set-Cookie")]
        String,
    ),
}

#[derive(ApiResponse)]
enum LoggedInAgain {
    /// A session.
    #[oai(status = 200)]
    Ok(
        Json<Session>,
        /// The refresh token, in the cookie `refresh_token`.
        #[oai(header = "Set-Cookie")]
        String,
    ),
}

#[derive(ApiResponse)]
enum LoggedOut {
    /// The session has ended, if there was one.
    #[oai(status = 204)]
    Done(
        /// Takes the cookie away.
        #[oai(header = "Set-Cookie")]
        String,
    ),
}

#[OpenApi(tag = "Tag::Auth")]
impl AuthApi {
    /// Sign up
    ///
    /// Makes a user with a personal workspace, and logs in. The refresh token comes as a cookie that only `/api/v1/auth` sees.
    #[oai(path = "/auth/signup", method = "post", operation_id = "signUp")]
    async fn sign_up(
        &self,
        _admitted: Admitted,
        api: Data<&Api>,
        account: Json<NewAccount>,
    ) -> Result<SignedUp, Refusal<SignUp>> {
        let logged_in = api.accounts.sign_up(&account.0.email.0, &account.0.password.0).await?;
        let (session, cookie) = session(&api, &logged_in);
        Ok(SignedUp::Created(session, cookie))
    }

    /// Log in
    ///
    /// Begins a session. It takes the same time whether or not the e-mail address is known.
    #[oai(path = "/auth/login", method = "post", operation_id = "logIn")]
    async fn log_in(
        &self,
        _admitted: Admitted,
        api: Data<&Api>,
        credentials: Json<Credentials>,
    ) -> Result<LoggedInAgain, Refusal<LogIn>> {
        let attempt = api.limits.begin_log_in(&credentials.0.email)?;
        let logged_in = api.accounts.log_in(&credentials.0.email, &credentials.0.password).await;
        if !matches!(logged_in, Err(AccountError::InvalidCredentials)) {
            attempt.forgive();
        }
        let (session, cookie) = session(&api, &logged_in?);
        Ok(LoggedInAgain::Ok(session, cookie))
    }

    /// Stay logged in
    ///
    /// Exchanges the refresh token in the cookie for a new one and an access token. A refresh token works once: whoever shows a
    /// used one ends the whole session, since it has been copied.
    #[oai(path = "/auth/refresh", method = "post", operation_id = "refreshSession")]
    async fn refresh(
        &self,
        _admitted: AdmittedOwn,
        api: Data<&Api>,
        headers: &HeaderMap,
    ) -> Result<LoggedInAgain, Refusal<Refresh>> {
        let logged_in = match cookie::read(headers) {
            Some(shown) => api.accounts.refresh(&RefreshToken::new(shown)).await,
            None => Err(AccountError::SessionEnded),
        };
        let logged_in = logged_in.map_err(|error| without_dead_cookie(error, &api))?;
        let (session, cookie) = session(&api, &logged_in);
        Ok(LoggedInAgain::Ok(session, cookie))
    }

    /// Log out
    ///
    /// Ends the session of the cookie; without one nothing happens.
    #[oai(path = "/auth/logout", method = "post", operation_id = "logOut")]
    async fn log_out(
        &self,
        _admitted: AdmittedOwn,
        api: Data<&Api>,
        headers: &HeaderMap,
    ) -> Result<LoggedOut, Refusal<LogOut>> {
        if let Some(shown) = cookie::read(headers) {
            api.accounts.log_out(&RefreshToken::new(shown)).await?;
        }
        Ok(LoggedOut::Done(cookie::removal(api.settings.is_https())))
    }

    /// The user
    ///
    /// Who the access token speaks for.
    #[oai(path = "/auth/me", method = "get", operation_id = "getMe")]
    async fn me(&self, api: Data<&Api>, caller: Caller) -> Result<Json<User>, Refusal<Me>> {
        Ok(Json(User::from(&api.accounts.user(caller.user()).await?)))
    }
}

/// Where the session has ended, its cookie is taken away: it would never be of use again.
fn without_dead_cookie(error: AccountError, api: &Api) -> Problem {
    let problem = Problem::from(error);
    match HeaderValue::from_str(&cookie::removal(api.settings.is_https())) {
        Ok(removal) if problem.kind() == Kind::SessionEnded => problem.header(SET_COOKIE, removal),
        _ => problem,
    }
}

fn session(api: &Api, logged_in: &LoggedIn) -> (Json<Session>, String) {
    let cookie = cookie::of(&logged_in.refresh_token, logged_in.refresh_expires_in, api.settings.is_https());
    (Json(Session::from(logged_in)), cookie)
}
