//! `host:port` as a type. It resolves nothing.

use std::fmt;
use std::str::FromStr;

/// A host name or IP address, and a port. An IPv6 address is held without its brackets and shown with them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPort {
    pub host: String,
    pub port: u16,
}

/// Why a text is not `host:port`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not of the form host:port: {why}")]
pub struct InvalidAddress {
    text: String,
    why: &'static str,
}

impl FromStr for HostPort {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let refuse = |why| InvalidAddress {
            text: text.chars().take(300).collect(),
            why,
        };
        let (host, port) = text
            .rsplit_once(':')
            .ok_or_else(|| refuse("the port is missing"))?;
        let host = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
            Some(inner) => inner,
            None if host.contains(':') => {
                return Err(refuse("an IPv6 address must be in brackets, as in [::1]:9092"));
            }
            None => host,
        };
        if host.is_empty() {
            return Err(refuse("the host is missing"));
        }
        if host
            .chars()
            .any(|c| c.is_whitespace() || matches!(c, '/' | '@' | '[' | ']' | ','))
        {
            return Err(refuse(
                "the host contains a character that is not allowed in a host name",
            ));
        }
        match port.parse::<u16>() {
            Ok(port) if port > 0 => Ok(Self {
                host: host.to_owned(),
                port,
            }),
            _ => Err(refuse("the port is not a number from 1 to 65535")),
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<(&str, u16), &str>) {
        match (text.parse::<HostPort>(), expected) {
            (Ok(got), Ok((host, port))) => {
                assert_eq!((got.host.as_str(), got.port), (host, port), "{text}");
                assert_eq!(got.to_string(), text);
            }
            (Err(got), Err(why)) => assert!(got.to_string().contains(why), "{text}: {got}"),
            (got, expected) => panic!("{text}: {got:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn parses_and_prints_or_says_why_not() {
        check("localhost:9092", Ok(("localhost", 9092)));
        check("[::1]:9092", Ok(("::1", 9092)));
        check("broker", Err("the port is missing"));
        check(":9092", Err("the host is missing"));
        check("::1:9092", Err("brackets"));
        check("broker:0", Err("not a number from 1"));
        check("broker:70000", Err("not a number from 1"));
        check("http://broker:9092", Err("brackets"));
        check("a/b:9092", Err("is not allowed in a host name"));
    }
}
