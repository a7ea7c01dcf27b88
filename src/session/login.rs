//! The login of a session: carries SASL between the socket and `auth`, and writes the audit log.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand;
use klamm_raft::model::{Entry, ScramHash, VclusterName};
use klamm_raft::seats::AddressBlock;
use tracing::{info, warn};

use super::census::NoSeat;
use super::complaints::Complaint;
use super::end::End;
use super::failed_logins::Guesser;
use super::inbound::Frame;
use super::pause::Pause;
use super::pipeline::RequestHead;
use super::stage::SessionStage;
use super::{Session, canonical};
use crate::auth::password::PasswordVerdict;
use crate::auth::scram::Nonce;
use crate::auth::{Directory, Login, LoginRefusal, Mechanism, Moment, SaslRequest, Turn, UnixMillis};
use crate::backend::LoginAs;
use crate::policy::AuthType;
use crate::vcluster::api;
use crate::vcluster::plan::{Caller, Front, SeenAs, Stay};
use crate::wire::{RequestHeader, Segments};

impl Session {
    /// How clients come in here, as the methods of the virtual cluster are now.
    pub(super) fn entry(&self) -> Entry {
        let door = &self.setup.door;
        door.speech.entry(door.view.load().directory.methods())
    }

    /// Logs in a client that does not begin with SASL, or closes the connection after a while.
    pub(super) fn on_accept(&mut self) {
        let directory = Arc::clone(&self.setup.door.view.load().directory);
        match self
            .conversation
            .accepted(&directory, self.setup.certificate.as_ref())
        {
            Ok(()) => {
                if let Err(end) = self.logged_in(directory) {
                    self.drain(end);
                }
            }
            Err(kind) => self.fails(kind, directory.vcluster(), None),
        }
    }

    /// A SaslHandshake or SaslAuthenticate.
    pub(super) fn on_sasl(&mut self, frame: &Frame, head: RequestHead) -> Result<(), End> {
        let Ok(header) = RequestHeader::parse(&frame.bytes) else {
            self.drain(End::BadRequest);
            return Ok(());
        };
        let request = SaslRequest {
            api_key: header.api_key,
            api_version: header.api_version,
            correlation_id: header.correlation_id,
            body: &frame.bytes[header.body..],
        };
        let directory = Arc::clone(&self.setup.door.view.load().directory);
        let Some(moment) = moment() else {
            self.drain(End::NoRandomness);
            return Ok(());
        };
        if self.conversation.awaits_proof() && !self.hears(directory.vcluster()) {
            return Ok(());
        }
        let turn = self.conversation.request(&request, &directory, moment);
        self.on_turn(turn, directory, head)
    }

    /// A bare SASL message.
    pub(super) fn on_raw_sasl(&mut self, message: &[u8], head: RequestHead) -> Result<(), End> {
        let directory = Arc::clone(&self.setup.door.view.load().directory);
        let Some(moment) = moment() else {
            self.drain(End::NoRandomness);
            return Ok(());
        };
        if self.conversation.awaits_proof() && !self.hears(directory.vcluster()) {
            return Ok(());
        }
        let turn = self.conversation.raw(message, &directory, moment);
        self.on_turn(turn, directory, head)
    }

    /// Carries out what a SASL message came to.
    pub(super) fn on_turn(
        &mut self,
        turn: Turn,
        directory: Arc<Directory>,
        head: RequestHead,
    ) -> Result<(), End> {
        match turn {
            Turn::Answer(answer) => {
                if self.conversation.is_under_way() {
                    self.stage = SessionStage::Exchanging;
                }
                self.reply(answer, head);
            }
            Turn::LoggedIn(answer) => {
                self.logged_in(directory)?;
                self.reply(answer, head);
            }
            Turn::Refused { kind, answer } => {
                self.fails(kind, directory.vcluster(), answer.map(|answer| (answer, head)));
            }
            Turn::Keys { provider, need } => self.need_keys(provider, need, head)?,
            Turn::Password(check) => {
                let is_known = self.setup.shared.passwords.is_known_right(&check);
                if !is_known && !self.hears(directory.vcluster()) {
                    return Ok(());
                }
                let (shared, who) = (&self.setup.shared, self.guesser(directory.vcluster()));
                let debt = shared.failed_logins.debt(&who, self.now);
                let (passwords, patience) = (Arc::clone(&shared.passwords), shared.limits.need_timeout);
                self.pauses.requests = Some(Pause::until(
                    async move { passwords.check(check, (who, debt), patience).await },
                    move |session, verdict| session.checked(verdict, head),
                ));
            }
            Turn::Relay(to_broker) => {
                if self.hears(directory.vcluster()) {
                    self.relay(to_broker, head);
                }
            }
        }
        Ok(())
    }

    /// A password was checked.
    fn checked(&mut self, verdict: PasswordVerdict, head: RequestHead) -> Result<(), End> {
        let directory = Arc::clone(&self.setup.door.view.load().directory);
        let turn = self.conversation.checked(verdict, &directory, wall_clock());
        self.on_turn(turn, directory, head)
    }

    fn logged_in(&mut self, directory: Arc<Directory>) -> Result<(), End> {
        let Some(login) = self.conversation.login() else {
            return Ok(());
        };
        let who = (directory.vcluster(), &login.principal);
        let peer = self.setup.peer;
        let seated = self.setup.seat.log_in(who, peer.ip(), self.now);
        if let Err(NoSeat) = seated {
            self.setup.shared.metrics.refused.inc();
            return Err(End::NoSeat);
        }
        let left = |expires: UnixMillis| Duration::from_millis(expires.since(wall_clock()));
        if login.is_guessable() {
            let who = self.guesser(directory.vcluster());
            self.setup.shared.failed_logins.right(&who, self.now);
        }
        // Further away than the clock can say is never.
        self.expires = login
            .expires
            .and_then(|expires| self.now.checked_add(left(expires)));
        let principal = login.principal.clone();
        let (mechanism, again) = (login.means(), self.caller.is_some());
        let kind = Complaint::LoggedIn {
            vcluster: directory.vcluster().clone(),
            principal: principal.clone(),
        };
        let complaints = &self.setup.shared.complaints;
        if complaints.may_write(self.now, &kind, (peer.ip(), mechanism, again)) {
            info!(
                target: "klamm::audit",
                event = "login", vcluster = %directory.vcluster(), %principal, %peer, mechanism, again,
            );
        }
        self.purse = self.setup.shared.purses.of(directory.vcluster(), &principal);
        let address = canonical(peer.ip());
        let door = &self.setup.door;
        let front = Front {
            listener: door.listener.clone(),
            protocol: match login.is_by_sasl() {
                true => door.speech.by_sasl(),
                false => door.speech.bare(),
            },
        };
        self.caller = Some(Caller {
            place: self.setup.door.place,
            auth: auth_type(login),
            principal,
            address,
            host: address.to_string().into(),
            front,
            seen_as: SeenAs::Gateway,
            stay: match self.deadlines.will_drain() {
                true => Stay::Elsewhere,
                false => Stay::Here,
            },
            is_over_quota: false,
        });
        self.stage = SessionStage::Serving;
        self.inbound
            .set_limits(self.setup.shared.limits.max_frame_bytes, api::ANSWERED_HERE);
        self.deadlines.logged_in();
        self.setup.door.metrics.logins.inc();
        self.take_directory(directory);
        self.connected()
    }

    /// Who tries to log in.
    fn guesser(&self, vcluster: &VclusterName) -> Guesser {
        let user = self.conversation.attempted_user().unwrap_or_default();
        Guesser::new(vcluster, user, AddressBlock::of(self.setup.peer.ip()))
    }

    /// Whether a password of whoever tries to log in is looked at. Otherwise the login fails.
    fn hears(&mut self, vcluster: &VclusterName) -> bool {
        let failed_logins = &self.setup.shared.failed_logins;
        let is_heard = failed_logins.is_heard(&self.guesser(vcluster), self.now);
        if !is_heard {
            self.fails(LoginRefusal::NotHeard, vcluster, None);
        }
        is_heard
    }

    /// Closes the connection after a while, with an answer or without.
    fn fails(
        &mut self,
        kind: LoginRefusal,
        vcluster: &VclusterName,
        answer: Option<(Segments, RequestHead)>,
    ) {
        self.refused(kind, vcluster);
        let shared = &self.setup.shared;
        let delay = match kind.is_guess() {
            true => shared.failed_logins.wrong(&self.guesser(vcluster), self.now),
            false => shared.limits.failed_login_delay,
        };
        self.pauses.requests = Some(Pause::until(tokio::time::sleep(delay), |session, ()| {
            if let Some((answer, head)) = answer {
                session.reply(answer, head);
            }
            session.drain(End::LoginRefused);
            Ok(())
        }));
    }

    pub(super) fn refused(&self, kind: LoginRefusal, vcluster: &VclusterName) {
        self.setup.door.metrics.login_failed(kind.label());
        let user = self.conversation.attempted_user().unwrap_or("-");
        let rule = self.conversation.unmet_rule();
        let peer = self.setup.peer;
        let complaint = Complaint::Refused {
            vcluster: vcluster.clone(),
            reason: kind.label().name(),
        };
        let complaints = &self.setup.shared.complaints;
        if !complaints.may_write(self.now, &complaint, (user, peer.ip())) {
            return;
        }
        warn!(
            target: "klamm::audit",
            event = "login_refused", %vcluster, ?user, %peer, kind = kind.label().name(), reason = %kind, rule,
        );
    }

    /// Whether what the login rests on still exists. Cheap while the directory is the same.
    pub(super) fn check_login(&mut self, directory: &Arc<Directory>) -> Result<(), End> {
        let Some(login) = self.conversation.login() else {
            return Ok(());
        };
        let is_known = self
            .directory
            .as_ref()
            .is_some_and(|seen| Arc::ptr_eq(seen, directory));
        if !is_known {
            login.check(directory)?;
            self.take_directory(Arc::clone(directory));
        }
        Ok(())
    }

    /// The login at hand rests on this directory.
    fn take_directory(&mut self, directory: Arc<Directory>) {
        let login = self.conversation.login();
        let credentials = login.and_then(|login| login.upstream_credentials(&directory));
        self.upstream.log_in_as(match credentials {
            Some(name) => LoginAs::Named(name.clone()),
            None => LoginAs::Gateway,
        });
        if let Some(caller) = &mut self.caller {
            caller.seen_as = self.upstream.seen_as();
        }
        self.directory = Some(directory);
    }
}

/// The time and random bytes that a SASL step may use; `None` when the system gives no random bytes.
fn moment() -> Option<Moment> {
    let mut nonce = [0; 24];
    rand::fill(&mut nonce).ok()?;
    Some(Moment {
        now: wall_clock(),
        nonce: Nonce(nonce),
    })
}

/// The time of day. A clock before 1970 makes every token valid that ever was; the operator's clock is trusted.
pub(super) fn wall_clock() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The way of a login, as policies call it.
fn auth_type(login: &Login) -> AuthType {
    match login.mechanism() {
        Some(Mechanism::Plain) => AuthType::Plain,
        Some(Mechanism::Scram(ScramHash::Sha256)) => AuthType::ScramSha256,
        Some(Mechanism::Scram(ScramHash::Sha512)) => AuthType::ScramSha512,
        Some(Mechanism::OauthBearer) => AuthType::OauthBearer,
        None if login.is_by_certificate() => AuthType::ClientCertificate,
        None => AuthType::Anonymous,
    }
}
