//! The admin API's port, with TLS or without: who gets a seat, and what does not speak TLS where it should.

mod seated;
mod seats;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use actix_http::{Extensions, HttpService, Protocol, Request};
use actix_server::ServerBuilder;
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_tls::accept::rustls_0_23::{Acceptor, TlsStream};
use actix_tls::accept::{TlsError, max_concurrent_tls_connect};
use actix_web::body::BoxBody;
use actix_web::dev::AppConfig;
use actix_web::{HttpResponse, web};
use klamm_raft::seldom::Seldom;
use tracing::{debug, warn};

use super::credentials::Guard;
use super::{HEAD_TIMEOUT, MAX_CONNECTIONS, Services, routes};
use crate::listener::TurnedAway;
use crate::metrics::GuardMetrics;
use crate::tls::Latest;

use seated::Seated;
use seats::Seats;

pub(super) use seats::{SEATS, SeatPlace};

/// How long a client may take to close what the server has closed.
const PARTING: Duration = Duration::from_secs(1);

/// The parts that a connection carries.
type Parts = (web::Data<Guard>, web::Data<Services>);

/// Adds the port to a server, with TLS if a certificate is given.
///
/// # Errors
/// The port cannot be opened.
pub(super) fn bind(
    builder: ServerBuilder,
    address: (&str, u16),
    tls: Option<&Arc<Latest>>,
    parts: Parts,
    metrics: &GuardMetrics,
) -> io::Result<ServerBuilder> {
    let seats = Arc::new(Seats::new(metrics));
    let Some(tls) = tls else {
        return builder.bind("admin", address, move || {
            let seats = Arc::clone(&seats);
            let http = HttpService::build()
                .client_request_timeout(HEAD_TIMEOUT)
                .client_disconnect_timeout(PARTING)
                .on_connect_ext(|seated: &Seated, known: &mut Extensions| drop(known.insert(seated.place())))
                .finish(app(&parts));
            let received = fn_service(move |socket| {
                let seated = Seated::take(&seats, socket);
                async move {
                    let (seated, peer) = seated?;
                    Ok((seated, Protocol::Http1, Some(peer)))
                }
            });
            received.and_then(http)
        });
    };
    let mut config = tls.for_good().map_err(io::Error::other)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Otherwise those who do not go on with a handshake keep others from their seats.
    max_concurrent_tls_connect(MAX_CONNECTIONS);
    let seldom = Arc::new(Seldom::default());
    builder.bind("admin", address, move || {
        let (seats, seldom) = (Arc::clone(&seats), Arc::clone(&seldom));
        let http = HttpService::build()
            .client_request_timeout(HEAD_TIMEOUT)
            .client_disconnect_timeout(PARTING)
            .on_connect_ext(|stream: &TlsStream<Seated>, known: &mut Extensions| {
                known.insert(stream.get_ref().0.place());
            })
            .finish(app(&parts));
        let received = fn_service(move |socket| receive(Seated::take(&seats, socket), Arc::clone(&seldom)));
        received
            .map_err(TlsError::Tls)
            .and_then(Acceptor::new(config.clone()).map_err(TlsError::into_service_error))
            .and_then(async |stream: TlsStream<Seated>| {
                let peer = stream.get_ref().0.peer();
                Ok((stream, Protocol::Http1, Some(peer)))
            })
            .and_then(http.map_err(TlsError::Service))
    })
}

fn app(
    (guard, services): &Parts,
) -> impl ServiceFactory<
    Request,
    Config = (),
    Response = actix_web::dev::ServiceResponse<BoxBody>,
    Error = HttpResponse,
    InitError = (),
> + use<> {
    let app = routes::app(guard.clone(), services.clone());
    let app = app
        .into_factory()
        .map_err(|error: actix_web::Error| error.error_response());
    map_config(app, |()| AppConfig::default())
}

/// Lets a connection go on that begins like TLS.
async fn receive(
    seated: io::Result<(Seated, std::net::SocketAddr)>,
    seldom: Arc<Seldom>,
) -> io::Result<Seated> {
    let (mut seated, peer) = seated?;
    let begun = tokio::time::timeout(HEAD_TIMEOUT, seated.expect_tls()).await;
    let away = match begun.unwrap_or(Err(TurnedAway::TooSlow)) {
        Ok(()) => return Ok(seated),
        Err(away) => away,
    };
    if away.is_ordinary() {
        debug!(%peer, reason = %away, "a connection to the admin API was closed");
    } else {
        seldom.log(
            away.label().name(),
            || warn!(%peer, reason = %away, "a connection to the admin API was closed"),
        );
    }
    Err(io::ErrorKind::InvalidData.into())
}
