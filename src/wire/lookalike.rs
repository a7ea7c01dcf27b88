//! Recognises other protocols by the first four bytes, so that the log says what somebody tried to speak. Pure.

use std::fmt;

/// A protocol that is not Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lookalike {
    Tls,
    Http,
    Ssh,
    ProxyHeader,
}

impl Lookalike {
    /// The protocol of a connection that starts with these bytes, as far as it is known.
    pub fn of(start: [u8; 4]) -> Option<Self> {
        const HTTP: [&[u8; 4]; 8] = [
            b"GET ", b"HEAD", b"POST", b"PUT ", b"DELE", b"OPTI", b"PATC", b"PRI ",
        ];
        match &start {
            // A handshake, or an alert.
            [0x16 | 0x15, 0x03, _, _] => Some(Self::Tls),
            b"SSH-" => Some(Self::Ssh),
            b"PROX" | b"\r\n\r\n" => Some(Self::ProxyHeader),
            start if HTTP.contains(&start) => Some(Self::Http),
            _ => None,
        }
    }
}

impl fmt::Display for Lookalike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls => "TLS, on a connection without it",
            Self::Http => "HTTP",
            Self::Ssh => "SSH",
            Self::ProxyHeader => "the PROXY protocol of a load balancer",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_protocols_are_recognised() {
        let cases: [(&[u8; 4], _); 8] = [
            (&[0x16, 3, 1, 2], Some(Lookalike::Tls)),
            (&[0x15, 3, 3, 0], Some(Lookalike::Tls)),
            (b"GET ", Some(Lookalike::Http)),
            (b"PRI ", Some(Lookalike::Http)),
            (b"SSH-", Some(Lookalike::Ssh)),
            (b"PROX", Some(Lookalike::ProxyHeader)),
            (b"\0\0\0\x20", None),
            (b"\x7f\xff\xff\xff", None),
        ];
        for (start, expected) in cases {
            assert_eq!(Lookalike::of(*start), expected, "{start:?}");
        }
    }
}
