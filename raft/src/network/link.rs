//! What a connection to a peer goes over: TCP, or TLS in it where both sides show a certificate.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::config::PeerTls;

/// Bytes in both directions.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Duplex for T {}

/// A connection.
pub(super) type Link = Box<dyn Duplex>;

/// The side that called `address`, whose host the certificate of the other side must name.
pub(super) async fn call(stream: TcpStream, address: &str, tls: Option<&PeerTls>) -> io::Result<Link> {
    let Some(tls) = tls else {
        return Ok(Box::new(stream));
    };
    let connector = TlsConnector::from((tls.client)());
    let stream = connector.connect(name(address)?, stream).await?;
    Ok(Box::new(stream))
}

/// The side that was called.
pub(super) async fn answer(stream: TcpStream, tls: Option<&PeerTls>) -> io::Result<Link> {
    let Some(tls) = tls else {
        return Ok(Box::new(stream));
    };
    let stream = TlsAcceptor::from((tls.server)()).accept(stream).await?;
    Ok(Box::new(stream))
}

/// The host of a `host:port`.
fn name(address: &str) -> io::Result<ServerName<'static>> {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(host.to_owned()).map_err(io::Error::other)
}
