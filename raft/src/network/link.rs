//! The stream under a connection to a peer: TCP, or TLS in it where both sides show a certificate.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::server::ParsedCertificate;
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

/// The side that was called, and the certificate that the caller showed, if there is TLS.
pub(super) async fn answer(
    stream: TcpStream,
    tls: Option<&PeerTls>,
) -> io::Result<(Link, Option<CertificateDer<'static>>)> {
    let Some(tls) = tls else {
        return Ok((Box::new(stream), None));
    };
    let stream = TlsAcceptor::from((tls.server)()).accept(stream).await?;
    let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let certificate = shown.map(|shown| shown.clone().into_owned());
    match certificate {
        Some(certificate) => Ok((Box::new(stream), Some(certificate))),
        None => Err(io::Error::other("the caller presented no certificate")),
    }
}

/// Whether a certificate names the host of a `host:port`. That it comes from the right authority is not asked.
pub(super) fn names(certificate: &CertificateDer<'_>, address: &str) -> bool {
    let (Ok(certificate), Ok(name)) = (ParsedCertificate::try_from(certificate), name(address)) else {
        return false;
    };
    verify_server_name(&certificate, &name).is_ok()
}

/// The host of a `host:port`.
fn name(address: &str) -> io::Result<ServerName<'static>> {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(host.to_owned()).map_err(io::Error::other)
}
