//! The headers that come before a message. Written by hand: a request's header version must be known to read the
//! versions that say which it is.

use crate::wire::cursor::Cursor;
use crate::wire::edits::Edits;
use crate::wire::error::WireError;
use crate::wire::message::Span;
use crate::wire::schema;

/// ApiVersions: its response header never has tags, so that clients which do not know the version can read it (KIP-511).
const API_VERSIONS: i16 = 18;

/// Brokers let requests of this client id write to the topics that they keep for themselves, whoever sends them.
const ADMIN_CLIENT: &str = "__admin_client";

/// The software name that brokers are told instead. It is as long, so that no length changes.
const ADMIN_CLIENT_STAND_IN: &str = "__admin-client";

/// The header of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestHeader {
    pub api_key: i16,
    pub api_version: i16,
    pub correlation_id: i32,
    client_id: Option<Span>,
    /// Where the message begins in the frame.
    pub body: usize,
}

impl RequestHeader {
    /// Reads the header of a frame without length prefix. Key and version need not be known: of an unknown API, `body`
    /// is only a guess.
    pub fn parse(frame: &[u8]) -> Result<Self, WireError> {
        let mut cursor = Cursor::new(frame, 0);
        let api_key = cursor.i16()?;
        let api_version = cursor.i16()?;
        let correlation_id = cursor.i32()?;
        let length_at = cursor.at();
        let client_id = match cursor.i16()? {
            -1 => None,
            length => {
                let length = usize::try_from(length).map_err(|_| WireError::BadLength { at: length_at })?;
                let start = cursor.at();
                let text = cursor.take(length)?;
                std::str::from_utf8(text).map_err(|_| WireError::NotUtf8 { at: start })?;
                Some(Span::new(start, cursor.at()))
            }
        };
        if schema::is_flexible(api_key, api_version) {
            skip_tags(&mut cursor)?;
        }
        Ok(Self {
            api_key,
            api_version,
            correlation_id,
            client_id,
            body: cursor.at(),
        })
    }

    /// The client id that brokers are told of the frame of this header.
    pub fn client_id<'a>(&self, frame: &'a [u8]) -> Option<&'a str> {
        if self.admin_client_id(frame).is_some() {
            return Some(ADMIN_CLIENT_STAND_IN);
        }
        let text = frame.get(self.client_id?.range())?;
        std::str::from_utf8(text).ok()
    }

    /// Sees to it that brokers take nobody for their administrator. Of other clients nothing is changed.
    pub fn hide_admin_client(&self, frame: &[u8], edits: &mut Edits) {
        if let Some(span) = self.admin_client_id(frame) {
            edits.replace(span, ADMIN_CLIENT_STAND_IN.as_bytes());
        }
    }

    /// Where the client id is, if it is that of an administrator.
    fn admin_client_id(&self, frame: &[u8]) -> Option<Span> {
        let span = self.client_id?;
        (frame.get(span.range()) == Some(ADMIN_CLIENT.as_bytes())).then_some(span)
    }
}

/// The correlation id of a response in a frame without length prefix.
pub fn correlation_id(frame: &[u8]) -> Result<i32, WireError> {
    Cursor::new(frame, 0).i32()
}

/// Whether the header of a response may hold tagged fields.
pub(in crate::wire) fn has_tags((key, version): (i16, i16)) -> bool {
    key != API_VERSIONS && schema::is_flexible(key, version)
}

/// Where the message of a response begins.
pub(in crate::wire) fn response_body(api: (i16, i16), frame: &[u8]) -> Result<usize, WireError> {
    let mut cursor = Cursor::new(frame, 0);
    cursor.i32()?;
    if has_tags(api) {
        skip_tags(&mut cursor)?;
    }
    Ok(cursor.at())
}

fn skip_tags(cursor: &mut Cursor<'_>) -> Result<(), WireError> {
    let count = cursor.uvarint()?;
    for _ in 0..count {
        cursor.uvarint()?;
        let size = cursor.uvarint()? as usize;
        cursor.take(size)?;
    }
    Ok(())
}
