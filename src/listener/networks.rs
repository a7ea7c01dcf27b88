//! Sets of IP addresses, written as `10.0.0.0/8`. Pure.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Networks, any of which an address may be in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Networks(pub Vec<Network>);

/// The addresses that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    /// How many bits are the same.
    bits: u8,
}

/// Why a text is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a network: {why}")]
pub struct InvalidNetwork {
    text: String,
    why: &'static str,
}

impl Networks {
    /// Whether `address` is in one of them. An IPv4 address that was mapped into IPv6 is the IPv4 address.
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(address))
    }
}

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differs = own.to_bits() ^ other.to_bits();
                differs.checked_shr(32 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differs = own.to_bits() ^ other.to_bits();
                differs.checked_shr(128 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let refuse = |why| InvalidNetwork {
            text: text.chars().take(100).collect(),
            why,
        };
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address
            .parse()
            .map_err(|_| refuse("write it as in 10.0.0.0/8 or fd00::/8"))?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits.map(str::parse::<u8>) {
            None => all,
            Some(Ok(bits)) if bits <= all => bits,
            Some(_) => return Err(refuse("a number of bits must follow the /")),
        };
        let network = Self { address, bits };
        let host_bits_are_zero = match address {
            IpAddr::V4(v4) => v4.to_bits().checked_shl(u32::from(bits)).unwrap_or(0) == 0,
            IpAddr::V6(v6) => v6.to_bits().checked_shl(u32::from(bits)).unwrap_or(0) == 0,
        };
        match host_bits_are_zero {
            true => Ok(network),
            false => Err(refuse(
                "the address has bits set beyond the length of the network",
            )),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(network: &str, inside: &[&str], outside: &[&str]) {
        let networks = Networks(vec![network.parse().unwrap()]);
        for address in inside {
            assert!(
                networks.contain(address.parse().unwrap()),
                "{address} in {network}"
            );
        }
        for address in outside {
            assert!(
                !networks.contain(address.parse().unwrap()),
                "{address} in {network}"
            );
        }
    }

    #[test]
    fn addresses_are_in_networks() {
        check(
            "10.0.0.0/8",
            &["10.0.0.0", "10.255.1.2", "::ffff:10.1.1.1"],
            &["11.0.0.0", "::1"],
        );
        check("192.168.7.0/25", &["192.168.7.127"], &["192.168.7.128"]);
        check("127.0.0.1", &["127.0.0.1"], &["127.0.0.2"]);
        check("0.0.0.0/0", &["1.2.3.4", "255.255.255.255"], &["::1"]);
        check("fd00::/8", &["fd12::1"], &["fe80::1", "10.0.0.1"]);
        check("::/0", &["::1", "fd00::"], &["1.2.3.4"]);
        check("::1/128", &["::1"], &["::2"]);
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.1/8",
            "::1/64",
            "::/129",
            "host/8",
            "10.0.0.0/-1",
            "0.0.0.1/0",
        ] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
