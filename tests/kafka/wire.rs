//! A client that does nothing but log in, and sees every byte of it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::{
    MetadataRequest, RequestHeader, ResponseHeader, SaslAuthenticateRequest, SaslAuthenticateResponse,
    SaslHandshakeRequest, SaslHandshakeResponse,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};

/// The version of SaslHandshake and SaslAuthenticate.
const VERSION: i16 = 1;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(30);

/// One connection.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
}

impl Wire {
    pub(crate) fn connect(bootstrap: &str) -> Result<Self> {
        let first = bootstrap.split(',').next().unwrap_or(bootstrap);
        let stream = TcpStream::connect(first).with_context(|| first.to_owned())?;
        stream.set_read_timeout(Some(LIMIT))?;
        Ok(Self { stream })
    }

    /// Handshake and one message.
    pub(crate) fn log_in(&mut self, mechanism: &str, message: &str) -> Result<SaslAuthenticateResponse> {
        let answer = self.handshake(mechanism)?;
        ensure!(answer.error_code == 0, "{answer:?}");
        self.authenticate(message)
    }

    pub(crate) fn handshake(&mut self, mechanism: &str) -> Result<SaslHandshakeResponse> {
        self.ask(
            VERSION,
            &SaslHandshakeRequest::default().with_mechanism(StrBytes::from_string(mechanism.to_owned())),
        )
    }

    pub(crate) fn authenticate(&mut self, message: &str) -> Result<SaslAuthenticateResponse> {
        let message = Bytes::copy_from_slice(message.as_bytes());
        self.ask(
            VERSION,
            &SaslAuthenticateRequest::default().with_auth_bytes(message),
        )
    }

    /// Whether the session serves.
    pub(crate) fn is_served(&mut self) -> bool {
        self.ask(1, &MetadataRequest::default().with_topics(None)).is_ok()
    }

    /// Whether the gateway closes the connection of its own accord.
    pub(crate) fn is_closed(&mut self) -> Result<bool> {
        Ok(self.stream.read(&mut [0])? == 0)
    }

    /// Sends a request and reads its answer.
    pub(crate) fn ask<R: Request>(&mut self, version: i16, request: &R) -> Result<R::Response> {
        self.send(version, request)?;
        self.receive::<R>(version)
    }

    pub(crate) fn send<R: Request>(&mut self, version: i16, request: &R) -> Result<()> {
        let mut body = BytesMut::new();
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version);
        header.encode(&mut body, R::header_version(version))?;
        request.encode(&mut body, version)?;
        self.stream.write_all(&u32::try_from(body.len())?.to_be_bytes())?;
        Ok(self.stream.write_all(&body)?)
    }

    /// Reads the answer to a request.
    pub(crate) fn receive<R: Request>(&mut self, version: i16) -> Result<R::Response> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).context("the answer")?;
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut answer)?;
        let mut answer = Bytes::from(answer);
        ResponseHeader::decode(&mut answer, R::Response::header_version(version))?;
        let decoded = R::Response::decode(&mut answer, version)?;
        ensure!(!answer.has_remaining(), "bytes are left over");
        Ok(decoded)
    }
}

/// The message of OAUTHBEARER.
pub(crate) fn bearer(token: &str) -> String {
    format!("n,,\x01auth=Bearer {token}\x01\x01")
}

/// The message of PLAIN.
pub(crate) fn plain(user: &str, password: &str) -> String {
    format!("\0{user}\0{password}")
}
