//! A connection to a broker, or to a node that takes its place: it logs in, asks and is answered.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{bail, ensure};
use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::{
    RequestHeader, ResponseHeader, SaslAuthenticateRequest, SaslHandshakeRequest,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};

/// SASL_AUTHENTICATION_FAILED.
const REFUSED: i16 = 58;

/// A connection on which one request is answered before the next one.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
}

/// The gateway said that the token is wrong, which it is not.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the login was refused")]
pub(crate) struct LoginRefused;

impl Connection {
    /// Connects. Each answer may take so long.
    pub(crate) fn open(address: SocketAddr, limit: Duration) -> anyhow::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, limit)?;
        stream.set_read_timeout(Some(limit))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream })
    }

    /// Connects and logs in with a token.
    pub(crate) fn log_in(
        address: SocketAddr,
        (user, token): (&str, &str),
        limit: Duration,
    ) -> anyhow::Result<Self> {
        let mut connection = Self::open(address, limit)?;
        let mechanism = StrBytes::from_static_str("PLAIN");
        connection.ask(1, &SaslHandshakeRequest::default().with_mechanism(mechanism))?;
        let message = Bytes::from(format!("\0{user}\0{token}"));
        let answer = connection.ask(1, &SaslAuthenticateRequest::default().with_auth_bytes(message))?;
        match answer.error_code {
            0 => Ok(connection),
            REFUSED => bail!(LoginRefused),
            other => bail!("the login was answered with {other}"),
        }
    }

    /// From now on each answer may take so long.
    pub(crate) fn set_limit(&self, limit: Duration) -> anyhow::Result<()> {
        Ok(self.stream.set_read_timeout(Some(limit))?)
    }

    /// Sends a request and waits for its answer.
    pub(crate) fn ask<R: Request>(&mut self, version: i16, request: &R) -> anyhow::Result<R::Response> {
        self.send(version, request)?;
        self.receive::<R>(version)
    }

    /// Sends a request.
    pub(crate) fn send<R: Request>(&mut self, version: i16, request: &R) -> anyhow::Result<()> {
        let mut body = BytesMut::new();
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version);
        header.encode(&mut body, R::header_version(version))?;
        request.encode(&mut body, version)?;
        self.stream.write_all(&u32::try_from(body.len())?.to_be_bytes())?;
        Ok(self.stream.write_all(&body)?)
    }

    /// Waits for the answer to a request.
    pub(crate) fn receive<R: Request>(&mut self, version: i16) -> anyhow::Result<R::Response> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut answer)?;
        let mut answer = Bytes::from(answer);
        ResponseHeader::decode(&mut answer, R::Response::header_version(version))?;
        let decoded = R::Response::decode(&mut answer, version)?;
        ensure!(!answer.has_remaining(), "bytes are left over");
        Ok(decoded)
    }
}
