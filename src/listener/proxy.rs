//! Version 2 of the PROXY protocol: how a load balancer says who the client is. Pure: bytes in, an address out. The
//! format is HAProxy's `proxy-protocol.txt`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The beginning of every header of version 2.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// The beginning of every header of version 1.
const SIGNATURE_V1: [u8; 6] = *b"PROXY ";

/// The part of a header that says how long the rest is, in bytes.
pub(super) const FIXED_BYTES: usize = 16;

/// The longest rest that is read, in bytes: addresses, and what else a balancer tells (its extensions are skipped).
const MAX_REST_BYTES: usize = 4096;

/// The origin that a header names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProxyOrigin {
    /// The client behind the balancer.
    Client(SocketAddr),
    /// The balancer speaks for itself (its health checks do), or does not say who the client is.
    Balancer,
}

/// Why bytes are no header that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadHeader {
    #[error("the connection does not begin with a PROXY header")]
    Missing,
    #[error("the PROXY header is of version 1: configure the load balancer to send version 2")]
    VersionOne,
    #[error("the PROXY header is malformed")]
    Malformed,
}

/// The fixed part of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fixed {
    command: Command,
    family: Family,
    /// How many bytes follow.
    pub(super) rest_bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    Local,
    Proxy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Unspecified,
    TcpOverIpv4,
    TcpOverIpv6,
}

impl Fixed {
    /// Parses the first bytes of a connection.
    pub(super) fn parse(bytes: &[u8; FIXED_BYTES]) -> Result<Self, BadHeader> {
        if bytes.starts_with(&SIGNATURE_V1) {
            return Err(BadHeader::VersionOne);
        }
        let Some([version, family, high, low]) = bytes.strip_prefix(&SIGNATURE) else {
            return Err(BadHeader::Missing);
        };
        let command = match version {
            0x20 => Command::Local,
            0x21 => Command::Proxy,
            _ => return Err(BadHeader::Malformed),
        };
        let family = match (command, family) {
            // Of no meaning then.
            (Command::Local, _) | (_, 0x00) => Family::Unspecified,
            (_, 0x11) => Family::TcpOverIpv4,
            (_, 0x21) => Family::TcpOverIpv6,
            // Datagrams and sockets of the file system carry no Kafka.
            _ => return Err(BadHeader::Malformed),
        };
        let rest_bytes = usize::from(u16::from_be_bytes([*high, *low]));
        if rest_bytes > MAX_REST_BYTES {
            return Err(BadHeader::Malformed);
        }
        Ok(Self {
            command,
            family,
            rest_bytes,
        })
    }

    /// Parses the rest, of exactly the length that was announced.
    pub(super) fn origin(self, rest: &[u8]) -> Result<ProxyOrigin, BadHeader> {
        let client = match (self.command, self.family) {
            (Command::Local, _) | (_, Family::Unspecified) => return Ok(ProxyOrigin::Balancer),
            (Command::Proxy, Family::TcpOverIpv4) => ipv4(rest),
            (Command::Proxy, Family::TcpOverIpv6) => ipv6(rest),
        };
        client.map(ProxyOrigin::Client).ok_or(BadHeader::Malformed)
    }
}

/// Source address, destination address, source port, destination port.
fn ipv4(rest: &[u8]) -> Option<SocketAddr> {
    let fields: &[u8; 12] = rest.first_chunk()?;
    let address = Ipv4Addr::from([fields[0], fields[1], fields[2], fields[3]]);
    Some((IpAddr::V4(address), u16::from_be_bytes([fields[8], fields[9]])).into())
}

fn ipv6(rest: &[u8]) -> Option<SocketAddr> {
    let fields: &[u8; 36] = rest.first_chunk()?;
    let source: [u8; 16] = *fields.first_chunk()?;
    let address = IpAddr::V6(Ipv6Addr::from(source));
    Some((address, u16::from_be_bytes([fields[32], fields[33]])).into())
}

/// Parses a whole header as far as it is there: the entrance of the fuzz test. How many bytes it takes, and what it says.
#[cfg(test)]
fn parse(bytes: &[u8]) -> Result<(usize, ProxyOrigin), BadHeader> {
    let fixed = Fixed::parse(bytes.first_chunk().ok_or(BadHeader::Missing)?)?;
    let end = FIXED_BYTES + fixed.rest_bytes;
    let rest = bytes.get(FIXED_BYTES..end).ok_or(BadHeader::Malformed)?;
    Ok((end, fixed.origin(rest)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(version: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[version, family], &length, rest].concat()
    }

    const V4: [u8; 12] = [192, 0, 2, 7, 10, 0, 0, 1, 0xd4, 0x31, 0x1b, 0x39];

    #[test]
    fn the_client_behind_the_balancer_is_told() {
        let client: SocketAddr = "192.0.2.7:54321".parse().unwrap();
        assert_eq!(
            parse(&header(0x21, 0x11, &V4)),
            Ok((28, ProxyOrigin::Client(client)))
        );
        let with_extension = [&V4[..], &[0x04, 0, 1, 0]].concat();
        let bytes = [header(0x21, 0x11, &with_extension), b"kafka".to_vec()].concat();
        assert_eq!(parse(&bytes), Ok((32, ProxyOrigin::Client(client))));

        let mut v6 = [0; 36];
        v6[..16].copy_from_slice(&Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9).octets());
        v6[32..34].copy_from_slice(&443_u16.to_be_bytes());
        let client = "[2001:db8::9]:443".parse().unwrap();
        assert_eq!(
            parse(&header(0x21, 0x21, &v6)),
            Ok((52, ProxyOrigin::Client(client)))
        );
    }

    #[test]
    fn a_balancer_may_speak_for_itself() {
        for header in [
            header(0x20, 0x00, &[]),
            header(0x20, 0x11, &V4),
            header(0x21, 0x00, b"xyz"),
        ] {
            assert_eq!(parse(&header).unwrap().1, ProxyOrigin::Balancer);
        }
    }

    #[test]
    fn what_is_no_header_is_refused() {
        use BadHeader::{Malformed, Missing, VersionOne};
        let mut broken = header(0x21, 0x11, &V4);
        broken[5] = b'x';
        let cases: [(&[u8], _); 9] = [
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 54321 6969\r\n", VersionOne),
            (b"\0\0\0\x20\0\x12\0\x03\0\0\0\0\0\x01a\0", Missing),
            (&[0x16; 40], Missing),
            (&broken, Missing),
            (&header(0x11, 0x11, &V4), Malformed),
            (&header(0x22, 0x11, &V4), Malformed),
            (&header(0x21, 0x12, &V4), Malformed),
            (&header(0x21, 0x11, &V4[..11]), Malformed),
            (&header(0x21, 0x11, &[0; MAX_REST_BYTES + 1]), Malformed),
        ];
        for (bytes, expected) in cases {
            assert_eq!(parse(bytes), Err(expected), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, at in 0..28_usize, byte: u8) {
            let _ = parse(&bytes);
            let _ = parse(&[&SIGNATURE[..], &bytes].concat());
            let mut changed = header(0x21, 0x11, &V4);
            changed[at] = byte;
            if let Ok((end, _)) = parse(&changed) {
                prop_assert!(end <= changed.len());
            }
        }
    }

    #[test]
    fn fuzz_headers_of_balancers() {
        use crate::fuzz::{mutate::spoil, runner::run};

        let sound = [
            header(0x21, 0x11, &V4),
            header(0x21, 0x21, &[7; 36]),
            header(0x21, 0x11, &[&V4[..], &[0x04, 0, 1, 0]].concat()),
            header(0x20, 0x00, &[]),
        ];
        run("headers of balancers", |chance| {
            let mut bytes = chance.pick(&sound).clone();
            spoil(&mut bytes, chance);
            if let Ok((end, _)) = parse(&bytes) {
                assert!(end <= bytes.len() && end <= FIXED_BYTES + MAX_REST_BYTES);
                assert_eq!(parse(&bytes[..end]), parse(&bytes));
            }
        });
    }
}
