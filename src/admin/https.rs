//! The admin API's port with TLS. What does not speak TLS there is named in the log before it is closed.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use actix_http::HttpService;
use actix_rt::net::TcpStream;
use actix_server::ServerBuilder;
use actix_service::{IntoServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_tls::accept::TlsError;
use actix_web::dev::AppConfig;
use actix_web::{App, web};
use tracing::{debug, warn};

use super::credentials::Guard;
use super::{HEAD_TIMEOUT, Services, routes};
use crate::listener::{TurnedAway, expect_tls};
use crate::seldom::Seldom;
use crate::tls::Latest;

/// How long a client may take to close what the server has closed.
const PARTING: Duration = Duration::from_secs(1);

/// Adds the port to a server.
///
/// # Errors
/// The port cannot be opened.
pub(super) fn bind(
    builder: ServerBuilder,
    address: (&str, u16),
    tls: &Arc<Latest>,
    (guard, services): (web::Data<Guard>, web::Data<Services>),
) -> io::Result<ServerBuilder> {
    let config = tls.for_good().map_err(io::Error::other)?;
    let seldom = Arc::new(Seldom::default());
    builder.bind("admin", address, move || {
        let app = App::new().configure(routes::configure(guard.clone(), services.clone()));
        let app = app
            .into_factory()
            .map_err(|error: actix_web::Error| error.error_response());
        let http = HttpService::build()
            .client_request_timeout(HEAD_TIMEOUT)
            .client_disconnect_timeout(PARTING)
            .finish(map_config(app, |()| AppConfig::default()))
            .rustls_0_23(config.clone());
        let seldom = Arc::clone(&seldom);
        let received = fn_service(move |socket| receive(socket, Arc::clone(&seldom)));
        received.map_err(TlsError::Tls).and_then(http)
    })
}

/// Lets a connection go on that begins like TLS.
async fn receive(socket: TcpStream, seldom: Arc<Seldom>) -> io::Result<TcpStream> {
    let peer = socket.peer_addr()?;
    let begun = tokio::time::timeout(HEAD_TIMEOUT, expect_tls(&socket)).await;
    let away = match begun.unwrap_or(Err(TurnedAway::TooSlow)) {
        Ok(()) => return Ok(socket),
        Err(away) => away,
    };
    if away.is_ordinary() {
        debug!(%peer, reason = %away, "a connection to the admin API was closed");
    } else {
        seldom.log(
            away.label(),
            || warn!(%peer, reason = %away, "a connection to the admin API was closed"),
        );
    }
    Err(io::ErrorKind::InvalidData.into())
}
