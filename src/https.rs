//! The client side of HTTP, for small calls that block: time is bounded, no proxy is asked, redirects are not followed.

use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::tls::{Trust, TrustError};

/// The authorities of servers, as the client wants them.
///
/// # Errors
/// They cannot be read.
pub(crate) fn roots(trust: &Trust) -> Result<RootCerts, TrustError> {
    let roots: Vec<Certificate<'static>> = trust
        .authorities()?
        .iter()
        .map(|der| Certificate::from_der(der).to_owned())
        .collect();
    Ok(RootCerts::from(roots))
}

/// A client whose calls take no longer than that, from the name to the last byte, and which keeps so many connections for later
/// ones. Without authorities https is refused, by every certificate it could show. A status is no error.
pub(crate) fn agent(roots: Option<RootCerts>, timeout: Duration, kept: usize) -> Agent {
    let tls = TlsConfig::builder()
        .root_certs(roots.unwrap_or_else(|| RootCerts::new_with_certs(&[])))
        .unversioned_rustls_crypto_provider(Arc::new(aws_lc_rs::default_provider()))
        .build();
    Agent::config_builder()
        .timeout_global(Some(timeout))
        .max_redirects(0)
        .http_status_as_error(false)
        .proxy(None)
        .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
        .max_idle_connections(kept)
        .tls_config(tls)
        .build()
        .into()
}
