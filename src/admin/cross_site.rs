//! Requests that a browser makes for a page of somebody else. They are told by the headers that browsers send unasked
//! and pages cannot change (`Origin`, `Sec-Fetch-Site`), and by the types that a page may send a body as without asking
//! first. Programs send none of these headers, and go on through any name of the gateway.

use std::collections::BTreeSet;
use std::net::IpAddr;

use actix_web::dev::RequestHead;
use actix_web::http::header::{
    CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName, ORIGIN, TRANSFER_ENCODING,
};
use actix_web::http::{Method, uri};

use super::dialect::CLIENT;
use super::problem::ApiError;

/// Where the page that a browser asks for comes from, as seen from here (W3C Fetch Metadata).
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The media type that `curl -d` gives a body when nobody tells it otherwise. A form of a page that says so writes `{`
/// as `%7B`, and is no JSON.
const FORM: &str = "application/x-www-form-urlencoded";

/// The media type that programs made with some libraries give JSON.
const TEXT: &str = "text/plain";

/// The names that the admin API is known by, without ports and in small letters.
#[derive(Debug, Clone)]
pub(super) struct OwnNames(BTreeSet<String>);

impl OwnNames {
    pub(super) fn new(hosts: &BTreeSet<String>) -> Self {
        Self(hosts.iter().map(|host| host.to_ascii_lowercase()).collect())
    }

    /// Whether a page of this host can only have come from this gateway. No name server can make an IP address or
    /// `localhost` lead elsewhere.
    fn has(&self, host: &str) -> bool {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || bare.parse::<IpAddr>().is_ok() || self.0.contains(host)
    }
}

/// Refuses what a page of somebody else may have made a browser ask for.
pub(super) fn check(names: &OwnNames, head: &RequestHead) -> Result<(), ApiError> {
    let headers = head.headers();
    let changes = !matches!(head.method, Method::GET | Method::HEAD);
    let is_of_browser = headers.contains_key(ORIGIN) || headers.contains_key(SITE);
    if !is_of_browser {
        return match changes {
            true => type_of_program(headers),
            false => Ok(()),
        };
    }
    let asked = asked(head)?;
    if !names.has(&asked.host) {
        return Err(ApiError::forbidden(format!(
            "a browser asks for the host {:?}, which is not known as a name of this gateway: klamm.http.hosts lists further names",
            shown(&asked.host)
        )));
    }
    if changes {
        same_site(headers, &asked)?;
        type_of_browser(headers)?;
    }
    Ok(())
}

/// A host in small letters, and a port if it is said.
#[derive(PartialEq, Eq)]
struct Authority {
    host: String,
    port: Option<u16>,
}

impl Authority {
    fn of(authority: &uri::Authority) -> Self {
        Self {
            host: authority.host().to_ascii_lowercase(),
            port: authority.port_u16(),
        }
    }
}

/// The authority that the browser believes to speak with.
fn asked(head: &RequestHead) -> Result<Authority, ApiError> {
    let unclear = || ApiError::invalid("the header Host must name exactly one host");
    let mut hosts = head.headers().get_all(HOST);
    let authority: uri::Authority = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.as_bytes().try_into().map_err(|_| unclear())?,
        _ => return Err(unclear()),
    };
    Ok(Authority::of(&authority))
}

/// That the page is one of this gateway.
fn same_site(headers: &HeaderMap, asked: &Authority) -> Result<(), ApiError> {
    for site in headers.get_all(SITE) {
        // `none`: a person did it, no page.
        if !matches!(site.as_bytes(), b"same-origin" | b"none") {
            return Err(refused("another site"));
        }
    }
    for origin in headers.get_all(ORIGIN) {
        let text = String::from_utf8_lossy(origin.as_bytes());
        let parsed = text.parse::<uri::Uri>().ok();
        let usual = match parsed.as_ref().and_then(uri::Uri::scheme_str) {
            Some("http") => 80,
            Some("https") => 443,
            _ => return Err(refused(&shown(&text))),
        };
        let is_same = parsed
            .as_ref()
            .and_then(uri::Uri::authority)
            .is_some_and(|origin| {
                let origin = Authority::of(origin);
                origin.host == asked.host && origin.port.unwrap_or(usual) == asked.port.unwrap_or(usual)
            });
        if !is_same {
            return Err(refused(&shown(&text)));
        }
    }
    Ok(())
}

fn refused(from: &str) -> ApiError {
    ApiError::forbidden(format!(
        "a browser asks for this change on behalf of a page of {from}: pages of other sites may not change anything here"
    ))
}

/// A text of a client, cut to what helps.
fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

/// Bodies are JSON, whatever curl and others call it, but never what only a page could have sent so.
fn type_of_program(headers: &HeaderMap) -> Result<(), ApiError> {
    match media_type(headers)?.as_deref() {
        None | Some(FORM) => Ok(()),
        // No page can send this header without having asked whether it may.
        Some(TEXT) if headers.contains_key(CLIENT) => Ok(()),
        Some(named) => json(named),
    }
}

fn type_of_browser(headers: &HeaderMap) -> Result<(), ApiError> {
    match media_type(headers)? {
        Some(named) => json(&named),
        None if is_empty(headers) => Ok(()),
        None => Err(ApiError::unsupported("a body without a type")),
    }
}

fn is_empty(headers: &HeaderMap) -> bool {
    let length = headers.get(CONTENT_LENGTH).map(|length| length.as_bytes());
    matches!(length, None | Some(b"0")) && !headers.contains_key(TRANSFER_ENCODING)
}

fn json(named: &str) -> Result<(), ApiError> {
    let is_json =
        named == "application/json" || named.starts_with("application/") && named.ends_with("+json");
    match is_json {
        true => Ok(()),
        false => Err(ApiError::unsupported(&shown(named))),
    }
}

/// The media type of the body, without parameters and in small letters.
fn media_type(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let mut types = headers.get_all(CONTENT_TYPE);
    let (first, more) = (types.next(), types.next());
    if more.is_some() {
        return Err(ApiError::unsupported("a body of several types"));
    }
    Ok(first.map(|value| {
        let text = String::from_utf8_lossy(value.as_bytes());
        let named = text.split(';').next().unwrap_or_default();
        named.trim().to_ascii_lowercase()
    }))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    const EVIL: &str = "http://evil.example:8888";
    const OWN: &str = "https://gw.example.com";
    const JSON: (&str, &str) = ("content-type", "application/json");

    fn check(method: Method, headers: &[(&str, &str)]) -> u16 {
        let mut request = TestRequest::default().method(method);
        for header in headers {
            request = request.append_header(*header);
        }
        let names = OwnNames::new(&["GW.example.com".to_owned()].into());
        let request = request.to_srv_request();
        super::check(&names, request.request().head()).map_or_else(|error| error.status.as_u16(), |()| 200)
    }

    #[test]
    fn programs_change_things_through_any_name() {
        let put = |headers: &[(&str, &str)]| check(Method::PUT, &[&[("host", "any:1")], headers].concat());
        assert_eq!(put(&[]), 200);
        assert_eq!(put(&[JSON]), 200);
        assert_eq!(put(&[("content-type", "Application/JSON; charset=utf-8")]), 200);
        assert_eq!(put(&[("content-type", "application/merge-patch+json")]), 200);
        assert_eq!(put(&[("content-type", FORM)]), 200, "curl -d");
        assert_eq!(put(&[("content-type", "text/plain; charset=utf-8")]), 415);
        let client = ("x-cdk-client", "TF/1");
        assert_eq!(put(&[("content-type", "text/plain; charset=utf-8"), client]), 200);
        assert_eq!(
            put(&[("content-type", "multipart/form-data; boundary=x"), client]),
            415
        );
        assert_eq!(put(&[("content-type", "jsonx"), client]), 415);
        assert_eq!(put(&[JSON, ("content-type", "text/plain")]), 415);
    }

    #[test]
    fn pages_of_others_change_nothing() {
        let host = |host: &'static str| ("host", host);
        let put = |headers: &[(&str, &str)]| check(Method::POST, &[&[JSON], headers].concat());
        let own = host("gw.example.com");
        assert_eq!(put(&[own, ("origin", OWN)]), 200);
        assert_eq!(
            put(&[own, ("origin", OWN), ("sec-fetch-site", "same-origin")]),
            200
        );
        assert_eq!(put(&[own, ("sec-fetch-site", "none")]), 200);
        for site in ["cross-site", "same-site", "", "x"] {
            assert_eq!(put(&[own, ("sec-fetch-site", site)]), 403, "{site}");
            assert_eq!(
                put(&[own, ("origin", OWN), ("sec-fetch-site", site)]),
                403,
                "{site}"
            );
        }
        for origin in [
            EVIL,
            "null",
            "",
            "https://gw.example.com:8888",
            "https://gw.example.com.evil.example",
            "http://gw.example.com, http://evil.example",
            "file://",
        ] {
            assert_eq!(put(&[own, ("origin", origin)]), 403, "{origin}");
            assert_eq!(put(&[own, ("origin", OWN), ("origin", origin)]), 403, "{origin}");
        }
        let of_page = [
            host("gw.example.com:8888"),
            ("origin", "http://gw.example.com:8888"),
        ];
        assert_eq!(check(Method::DELETE, &of_page), 200, "nothing is in the body");
        for named in ["text/plain", FORM, "multipart/form-data", ""] {
            assert_eq!(
                check(Method::POST, &[&of_page[..], &[("content-type", named)]].concat()),
                415
            );
        }
        assert_eq!(
            check(Method::POST, &[&of_page[..], &[("content-length", "2")]].concat()),
            415
        );
    }

    #[test]
    fn a_name_that_leads_here_from_elsewhere_is_refused_even_to_read() {
        let same = ("sec-fetch-site", "same-origin");
        for (host, status) in [
            ("evil.example:8888", 403),
            ("gw.example.com.evil.example", 403),
            ("127.0.0.1.evil.example", 403),
            ("gw.example.com:1234", 200),
            ("Gw.Example.Com", 200),
            ("localhost:8888", 200),
            ("10.1.2.3:8888", 200),
            ("[::1]:8888", 200),
            ("", 400),
            ("a b", 400),
        ] {
            assert_eq!(check(Method::GET, &[("host", host), same]), status, "{host}");
        }
        let rebound = [("host", "evil.example:8888"), ("origin", EVIL), JSON];
        assert_eq!(
            check(Method::POST, &rebound),
            403,
            "same origin, and no gateway's name"
        );
        assert_eq!(check(Method::GET, &[("host", "evil.example")]), 200, "curl");
        assert_eq!(check(Method::GET, &[same]), 400);
    }
}
