//! The text of a client's address, as the host of an ACL is compared with it.

use std::fmt::Write as _;
use std::net::IpAddr;

/// The text form that Java gives an address: dotted decimal for IPv4 (and for IPv6 addresses that map one), and for
/// IPv6 eight groups in lower case without leading zeros, never shortened to `::`.
///
/// An `IpAddr` carries no scope, so neither does the text: a link-local client compares without its `%interface`.
pub fn host_text(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let mut text = String::with_capacity("ffff:".len() * 8);
            for (place, group) in address.segments().into_iter().enumerate() {
                let separator = if place == 0 { "" } else { ":" };
                write!(text, "{separator}{group:x}").expect("a String takes all text");
            }
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::host_text;

    #[test]
    fn addresses_read_as_java_writes_them() {
        for (address, text) in [
            ("127.0.0.1", "127.0.0.1"),
            ("::1", "0:0:0:0:0:0:0:1"),
            ("::", "0:0:0:0:0:0:0:0"),
            ("2001:DB8::A1", "2001:db8:0:0:0:0:0:a1"),
            ("::ffff:127.0.0.1", "127.0.0.1"),
            (
                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            ),
        ] {
            assert_eq!(host_text(address.parse().unwrap()), text, "{address}");
        }
    }
}
