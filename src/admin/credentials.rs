//! Who asks, and whether they may change anything: a user with a password, or an access token in a user's place.

mod bearer;
mod users;
mod uses;

use std::fmt;
use std::future::{Ready, ready};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use klamm_raft::command::{Author, AuthorKind, Change, Command};
use klamm_raft::model::{AccessRole, AccessTokenId, Revision, State};
use klamm_raft::seats::AddressBlock;

use crate::config::{Audience, HttpConfig, Role};

use super::audit;
use super::cross_site::OwnNames;
use super::problem::ApiError;
use super::services::Services;
use crate::guesses::Guesses;
use crate::unix_time;
use users::Users;
use uses::Uses;

pub(super) use bearer::NewToken;

/// Lets people and programs in.
#[derive(Debug)]
pub(super) struct Guard {
    users: Users,
    uses: Uses,
    guesses: Guesses<Guesser>,
    pub(super) names: OwnNames,
    metrics: Audience,
    description: Audience,
}

impl Guard {
    pub(super) fn new(config: &HttpConfig) -> Self {
        Self {
            users: Users::new(&config.users),
            uses: Uses::default(),
            guesses: Guesses::new(FIRST_WAIT),
            names: OwnNames::new(&config.hosts),
            metrics: config.metrics,
            description: config.description,
        }
    }
}

/// How long the answer to a request is held back, put among what is known of the request.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeldBack(pub(super) Duration);

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AdminCaller {
    pub(super) username: String,
    /// The token that was shown in place of a password.
    pub(super) token: Option<AccessTokenId>,
    pub(super) from: Origin,
}

/// Which request somebody makes, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) address: Option<IpAddr>,
    /// The client's name for the request (`X-Request-Id`), or a random one.
    pub(super) request: String,
}

impl Origin {
    fn of(request: &HttpRequest) -> Self {
        let given = request.headers().get(REQUEST_ID);
        let given = given.and_then(|given| given.to_str().ok());
        let is_fit = |given: &&str| {
            !given.is_empty()
                && given.len() <= MAX_REQUEST_ID
                && given.chars().all(|one| one.is_ascii_graphic())
        };
        Self {
            address: request.peer_addr().map(|peer| peer.ip()),
            request: match given.filter(is_fit) {
                Some(given) => given.to_owned(),
                None => uuid::Uuid::new_v4().to_string(),
            },
        }
    }

    fn block(&self) -> AddressBlock {
        self.address.map_or_else(AddressBlock::unknown, AddressBlock::of)
    }
}

impl AdminCaller {
    /// For the record of a change.
    pub(super) fn author(&self) -> Author {
        Author {
            kind: AuthorKind::Administrator,
            name: self.to_string(),
            address: self.from.address,
            request: self.from.request.clone(),
        }
    }
}

impl fmt::Display for AdminCaller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.username)?;
        match self.token {
            Some(id) => write!(f, " (by access token {})", uuid::Uuid::from_bytes(id.0)),
            None => Ok(()),
        }
    }
}

/// A user who may read. As an argument of a handler it refuses everybody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reader;

/// A user who may change things. As an argument of a handler it refuses everybody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Writer {
    pub(super) caller: AdminCaller,
    /// The newest state that this node had when it looked who asks.
    judged_at: Revision,
}

impl Writer {
    /// A change that the user asks for.
    pub(super) fn change(&self, command: Command) -> Change {
        Change {
            author: self.caller.author(),
            judged_at: self.judged_at,
            command,
        }
    }

    /// The user by a newer state; none when the access token is gone.
    pub(super) fn judged_by(&self, state: &State) -> Option<Self> {
        let token = self.caller.token;
        let is_good = token.is_none_or(|id| state.access_tokens.contains_key(&id));
        is_good.then(|| Self {
            caller: self.caller.clone(),
            judged_at: state.revision,
        })
    }
}

/// The time, in seconds since the Unix epoch.
pub(super) fn now_s() -> Result<u64, ApiError> {
    unix_time::now_s().ok_or_else(|| ApiError::internal("the clock of this node is before 1970"))
}

/// The credentials after the name of the scheme.
fn of_scheme<'a>(header: &'a [u8], scheme: &str) -> Option<&'a [u8]> {
    let (name, rest) = header.split_at_checked(scheme.len())?;
    let rest = rest.strip_prefix(b" ")?;
    name.eq_ignore_ascii_case(scheme.as_bytes())
        .then(|| rest.trim_ascii())
}

/// The header by which clients name a request, and how long a name may be, in bytes.
const REQUEST_ID: &str = "x-request-id";
const MAX_REQUEST_ID: usize = 128;

/// How long the first wrong password waits for its answer.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// A user, by its place among the users, and from where. All names that are no user are one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Guesser {
    user: Option<usize>,
    from: AddressBlock,
}

/// Why nobody is let in, for the log and for the answer.
enum Stranger {
    Unknown(String),
    WrongPassword(HeldBack),
    /// Too many wrong passwords came before: this one was not looked at.
    NotHeard,
    /// This node may not know that an access token was revoked.
    Undecided,
}

/// Finds out who asks.
fn find(
    guard: &Guard,
    services: &Services,
    (header, from): (&[u8], Origin),
    now_s: u64,
) -> Result<(AdminCaller, Role), Stranger> {
    if let Some(encoded) = of_scheme(header, "Basic") {
        return by_password(guard, encoded, from);
    }
    let text = of_scheme(header, "Bearer");
    let text = text.ok_or_else(|| Stranger::Unknown("neither Basic nor Bearer".to_owned()))?;
    if !services.lease.holds() {
        return Err(Stranger::Undecided);
    }
    let state = services.state();
    let (id, token) = bearer::check(&state, text, now_s).map_err(|why| Stranger::Unknown(why.to_string()))?;
    // A token never may more than its user, and nothing once the user is gone.
    let user = guard.users.by_name(&token.username);
    let user =
        user.ok_or_else(|| Stranger::Unknown(format!("access token of {}, who is no user", token.username)))?;
    let role = match (token.role, user.role) {
        (AccessRole::Admin, Role::Admin) => Role::Admin,
        _ => Role::ReadOnly,
    };
    let caller = AdminCaller {
        username: user.username.clone(),
        token: Some(id),
        from,
    };
    guard.uses.tell(services, &state, (id, &caller), now_s);
    Ok((caller, role))
}

fn by_password(guard: &Guard, encoded: &[u8], from: Origin) -> Result<(AdminCaller, Role), Stranger> {
    let who = Guesser {
        user: guard.users.place(encoded),
        from: from.block(),
    };
    let now = Instant::now();
    if !guard.guesses.is_heard(&who, now) {
        return Err(Stranger::NotHeard);
    }
    let Some(user) = guard.users.by_password(encoded) else {
        let wait = guard.guesses.wrong(&who, now);
        return Err(Stranger::WrongPassword(HeldBack(wait)));
    };
    guard.guesses.right(&who, now);
    let caller = AdminCaller {
        username: user.username.clone(),
        token: None,
        from,
    };
    Ok((caller, user.role))
}

fn known(request: &HttpRequest) -> Result<(AdminCaller, Role), ApiError> {
    let missing = || ApiError::internal("the admin API is not set up");
    let guard = request.app_data::<web::Data<Guard>>().ok_or_else(missing)?;
    let services = request.app_data::<web::Data<Services>>().ok_or_else(missing)?;
    let header = request
        .headers()
        .get(AUTHORIZATION)
        .ok_or_else(ApiError::unauthorized)?;
    let from = Origin::of(request);
    find(guard, services, (header.as_bytes(), from), now_s()?).map_err(|stranger| match stranger {
        Stranger::Unknown(why) => {
            audit::login_failed(request, &why);
            ApiError::unauthorized()
        }
        Stranger::WrongPassword(wait) => {
            audit::login_failed(request, "wrong name or password");
            request.extensions_mut().insert(wait);
            ApiError::unauthorized()
        }
        Stranger::NotHeard => ApiError::too_many_guesses(),
        Stranger::Undecided => ApiError::unavailable(
            "this node does not hear from the leader of the gateway cluster, so it does not know whether an access token was revoked: ask another node, or log in with a user of this node's configuration",
        ),
    })
}

impl FromRequest for Reader {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(known(request).map(|_| Self))
    }
}

/// Who may see the metrics. As an argument of a handler it refuses everybody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scraper;

/// Who may see what this gateway is. As an argument of a handler it refuses everybody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Visitor;

/// Asks for a login unless everybody is meant.
fn admitted(request: &HttpRequest, audience: fn(&Guard) -> Audience) -> Result<(), ApiError> {
    let guard = request.app_data::<web::Data<Guard>>();
    match guard.map(|guard| audience(guard)) {
        Some(Audience::Everybody) => Ok(()),
        _ => known(request).map(drop),
    }
}

impl FromRequest for Scraper {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(admitted(request, |guard| guard.metrics).map(|()| Self))
    }
}

impl FromRequest for Visitor {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(admitted(request, |guard| guard.description).map(|()| Self))
    }
}

impl FromRequest for Writer {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let services = request.app_data::<web::Data<Services>>();
        let judged_at = services.map_or(Revision(0), |services| services.state().revision);
        ready(known(request).and_then(|(caller, role)| match role {
            Role::Admin => Ok(Self { caller, judged_at }),
            Role::ReadOnly => {
                audit::denied(&caller, request);
                Err(ApiError::read_only(&caller))
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_are_told_apart_without_case() {
        assert_eq!(of_scheme(b"bAsIc  eA== ", "Basic"), Some(&b"eA=="[..]));
        assert_eq!(of_scheme(b"Bearer x", "Bearer"), Some(&b"x"[..]));
        for wrong in [
            &b""[..],
            b"Basic",
            b"Basicx",
            b"Bearer x",
            "B\u{e4}sic x".as_bytes(),
        ] {
            assert_eq!(of_scheme(wrong, "Basic"), None, "{wrong:?}");
        }
    }
}
