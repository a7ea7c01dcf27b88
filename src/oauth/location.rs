//! Where a document is: a file, or a URL that nobody on the way can change.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use ureq::http::Uri;

/// The place of a document of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    File(PathBuf),
    /// https, or http on this machine.
    Url(Uri),
}

/// Why a text is not a place that documents are fetched from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLocation {
    #[error("{0:?} is not a URL")]
    NotAUrl(String),
    #[error("the scheme is neither https nor file")]
    Scheme,
    #[error("http is allowed on loopback addresses only; use https elsewhere")]
    Http,
    #[error("a URL must not contain a user name and password")]
    UserInfo,
}

impl Location {
    /// Whether somebody's certificate is looked at on the way.
    pub fn needs_trust(&self) -> bool {
        matches!(self, Self::Url(url) if url.scheme_str() == Some("https"))
    }
}

impl FromStr for Location {
    type Err = InvalidLocation;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("file:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return match path {
                "" => Err(InvalidLocation::NotAUrl(text.to_owned())),
                path => Ok(Self::File(PathBuf::from(path))),
            };
        }
        let not_a_url = || InvalidLocation::NotAUrl(text.chars().take(300).collect());
        let uri: Uri = text.parse().map_err(|_| not_a_url())?;
        let authority = uri
            .authority()
            .filter(|_| uri.scheme().is_some())
            .ok_or_else(not_a_url)?;
        if authority.as_str().contains('@') {
            return Err(InvalidLocation::UserInfo);
        }
        match uri.scheme_str() {
            Some("https") => Ok(Self::Url(uri)),
            Some("http") if is_loopback(authority.host()) => Ok(Self::Url(uri)),
            Some("http") => Err(InvalidLocation::Http),
            _ => Err(InvalidLocation::Scheme),
        }
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file://{}", path.display()),
            Self::Url(url) => write!(f, "{url}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, InvalidLocation>) {
        let got = text.parse::<Location>().map(|location| location.to_string());
        assert_eq!(got, expected.map(str::to_owned), "{text}");
    }

    #[test]
    fn files_https_and_http_at_home_are_taken() {
        for text in [
            "https://id.example.com/keys?x=1",
            "http://localhost:8080/keys",
            "http://127.0.0.1/keys",
            "http://[::1]:8080/keys",
            "file:///etc/keys.json",
        ] {
            check(text, Ok(text));
        }
        check("file:keys.json", Ok("file://keys.json"));
    }

    #[test]
    fn the_rest_is_refused() {
        check("http://id.example.com/keys", Err(InvalidLocation::Http));
        check("http://localhost.example.com/keys", Err(InvalidLocation::Http));
        check("ftp://id.example.com/keys", Err(InvalidLocation::Scheme));
        check("https://a:b@id.example.com/keys", Err(InvalidLocation::UserInfo));
        check(
            "http://localhost:1@evil.example.com/",
            Err(InvalidLocation::UserInfo),
        );
        for text in [
            "",
            "keys.json",
            "/etc/keys.json",
            "https://",
            "https:///keys",
            "file:",
            "a b",
        ] {
            check(text, Err(InvalidLocation::NotAUrl(text.to_owned())));
        }
    }
}
