//! The authentication table as logins: what each row has that must work and what must not. It runs nothing.

use std::thread;
use std::time::Duration;

use anyhow::Result;
use klamm::quickstart::signer::now_s;
use serde_json::{Value, json};

use super::place::{DOMAIN, Place, SHARED};
use crate::federation::provider::CLIENT_SECRET;
use crate::federation::scene::OWNED;
use crate::pki::Identity;

/// For how long a client goes on that must log in again meanwhile: longer than two logins last.
const LONGER_SECONDS: f64 = 13.0;

/// The result that a login must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    In,
    /// In, and again on the same connection when its time is over.
    Again,
    /// The client's own error of authentication; the audit log says this kind.
    Refused(&'static str),
    /// A refusal in these words of the broker.
    RefusedByBroker(&'static str),
    /// The client's own error of authentication, where SASL is not spoken.
    NoSasl,
    /// The handshake of TLS fails.
    NoTls,
    /// One or the other: some clients do not even show a certificate of an authority that nobody asks for.
    NoTlsOrClosed,
    /// The connection is closed: without SASL there is nothing else to say.
    Closed,
}

/// A function that makes the fields of a login, which a client is given.
type MakeLogin<'a> = Box<dyn Fn(&str) -> Result<Value> + 'a>;

/// One login.
pub(crate) struct Attempt<'a> {
    pub(crate) what: &'static str,
    pub(crate) expected: Expected,
    /// Takes the client's name.
    pub(crate) login: MakeLogin<'a>,
}

/// A method and its mode on a listener, in a virtual cluster of its own.
pub(crate) struct Row<'a> {
    pub(crate) vcluster: &'static str,
    /// Who logs in; none is the client's own name.
    user: Option<&'static str>,
    /// The physical topic.
    pub(crate) topic: &'static str,
    bootstrap: String,
    pub(crate) attempts: Vec<Attempt<'a>>,
}

impl<'a> Row<'a> {
    pub(crate) fn id(&self, attempt: &Attempt<'_>) -> String {
        format!("{}/{}", self.vcluster, attempt.what)
    }

    /// Who a client is here.
    pub(crate) fn principal<'c>(&self, client: &'c str) -> &'c str
    where
        'a: 'c,
    {
        self.user.unwrap_or(client)
    }

    pub(crate) fn each(&self) -> impl Iterator<Item = (&Self, &Attempt<'a>)> {
        self.attempts.iter().map(move |attempt| (self, attempt))
    }

    /// A further login, the same for all clients.
    fn with(self, what: &'static str, expected: Expected, login: Value) -> Self {
        self.with_each(what, expected, move |_| Ok(login.clone()))
    }

    /// A further login, made for each client.
    fn with_each(
        mut self,
        what: &'static str,
        expected: Expected,
        login: impl Fn(&str) -> Result<Value> + 'a,
    ) -> Self {
        let bootstrap = self.bootstrap.clone();
        let login = move |client: &str| {
            let mut login = login(client)?;
            if login["bootstrap"].is_null() {
                login["bootstrap"] = json!(bootstrap);
            }
            login["topic"] = json!("orders");
            if expected == Expected::Again {
                login["seconds"] = json!(LONGER_SECONDS);
            }
            if matches!(expected, Expected::Closed | Expected::NoTlsOrClosed) {
                login["hopeless"] = json!(true);
            }
            Ok(login)
        };
        self.attempts.push(Attempt {
            what,
            expected,
            login: Box::new(login),
        });
        self
    }
}

/// Where a row is, and what its list of methods is.
struct Plan {
    vcluster: &'static str,
    listener: &'static str,
    /// Who logs in; none is each client by its own name.
    user: Option<&'static str>,
    methods: Value,
}

impl Plan {
    /// The gateway writes to the broker as itself.
    fn at_gateway<'a>(self, place: &Place) -> Result<Row<'a>> {
        self.row(place, SHARED)
    }

    /// The broker sees the client, and lets the gateway itself not write.
    fn at_broker<'a>(self, place: &Place) -> Result<Row<'a>> {
        self.row(place, OWNED)
    }

    fn row<'a>(self, place: &Place, topic: &'static str) -> Result<Row<'a>> {
        let super_users = match self.user {
            Some(user) => vec![user],
            None => super::CLIENTS.iter().map(|(client, _)| *client).collect(),
        };
        let bootstrap = place.vcluster((self.vcluster, self.listener), topic, &super_users, &self.methods)?;
        Ok(Row {
            vcluster: self.vcluster,
            user: self.user,
            topic,
            bootstrap,
            attempts: Vec::new(),
        })
    }
}

/// A method with its mode.
fn method(kind: &str, mediation: &str) -> Value {
    let mut method = json!({"type": kind, "mediation": mediation});
    if kind == "oauth_bearer" {
        method["provider"] = json!("corporate");
    }
    json!([method])
}

fn password(mechanism: &str, username: &str, password: &str) -> Value {
    json!({"mechanism": mechanism, "username": username, "password": password})
}

fn plain(username: &str, secret: &str) -> Value {
    password("PLAIN", username, secret)
}

fn bearer(token: &str) -> Value {
    json!({"mechanism": "OAUTHBEARER", "token": token})
}

/// This login with further fields.
fn and(mut login: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().into_iter().flatten() {
        login[name] = value.clone();
    }
    login
}

/// All rows, with what they need.
pub(crate) fn all(place: &Place) -> Result<Vec<Row<'_>>> {
    let mut rows = vec![
        anonymous(place)?,
        tokens(place)?,
        list_of_users(place)?,
        relayed_plain(place)?,
    ];
    for (kind, mechanism, names) in [
        (
            "sasl_scram_sha_256",
            "SCRAM-SHA-256",
            ["scram-256", "scram-256-passthrough"],
        ),
        (
            "sasl_scram_sha_512",
            "SCRAM-SHA-512",
            ["scram-512", "scram-512-passthrough"],
        ),
    ] {
        rows.push(scram(place, (names[0], "sasl"), kind, mechanism)?);
        rows.push(relayed_scram(place, names[1], kind, mechanism)?);
    }
    rows.push(oauth(place, "oauth", "terminate")?);
    rows.push(oauth(place, "oauth-forward", "validate_forward")?);
    rows.push(oauth(place, "oauth-passthrough", "passthrough")?);
    rows.push(oauth_again(place)?);
    rows.push(client_credentials(place)?);
    rows.push(certificate(place, "certificate-required", "required")?);
    rows.push(certificate(place, "certificate-optional", "optional")?);
    rows.push(certificate_or_nobody(place)?);
    rows.push(over_tls(place)?);
    rows.push(by_name(place)?);
    Ok(rows)
}

fn anonymous(place: &Place) -> Result<Row<'_>> {
    let none = Plan {
        vcluster: "no-anonymous",
        listener: "open",
        user: Some("alice"),
        methods: method("sasl_plain", "terminate"),
    };
    let closed = none.at_gateway(place)?.bootstrap;
    let row = Plan {
        vcluster: "anonymous",
        listener: "open",
        user: Some("ANONYMOUS"),
        methods: json!([{"type": "anonymous"}]),
    };
    Ok(row
        .at_gateway(place)?
        .with("nobody", Expected::In, json!({}))
        .with("where-none-is", Expected::Closed, json!({"bootstrap": closed}))
        .with("with-sasl", Expected::NoSasl, plain("alice", "x")))
}

fn tokens(place: &Place) -> Result<Row<'_>> {
    let name = "plain-token";
    let row = Plan {
        vcluster: name,
        listener: "sasl",
        user: Some("alice"),
        methods: method("sasl_plain", "terminate"),
    };
    let row = row.at_gateway(place)?;
    let token = place.token(name, "alice", 3600)?;
    let foreign = place.token("no-anonymous", "alice", 3600)?;
    let revoked = place.token(name, "gone", 3600)?;
    place.revoke(name, "gone")?;
    let expired = place.token(name, "late", 1)?;
    thread::sleep(Duration::from_millis(1100));
    let refused = Expected::Refused;
    Ok(row
        .with("token", Expected::In, plain("alice", &token))
        .with("wrong-secret", refused("invalid_token"), plain("alice", "wrong"))
        .with(
            "token-of-another",
            refused("other_username"),
            plain("late", &token),
        )
        .with(
            "token-of-another-vcluster",
            refused("other_vcluster"),
            plain("alice", &foreign),
        )
        .with("revoked-token", refused("unknown_token"), plain("gone", &revoked))
        .with("expired-token", refused("expired_token"), plain("late", &expired)))
}

fn list_of_users(place: &Place) -> Result<Row<'_>> {
    let users = super::CLIENTS.map(|(client, _)| json!({"username": client, "password": "a-long-one"}));
    let row = Plan {
        vcluster: "plain-list",
        listener: "sasl",
        user: None,
        methods: json!([{"type": "sasl_plain", "mediation": "terminate", "principals": users}]),
    };
    Ok(row
        .at_gateway(place)?
        .with_each("password", Expected::Again, |client| {
            Ok(plain(client, "a-long-one"))
        })
        .with_each("wrong-password", Expected::Refused("wrong_password"), |client| {
            Ok(plain(client, "a-short-one"))
        })
        // Of its own, like every name that logins fail with: one that fails often is not heard for a while.
        .with_each("unknown-user", Expected::Refused("unknown_user"), |client| {
            Ok(plain(&nobody(client), "a-long-one"))
        }))
}

/// A name that nobody has.
fn nobody(client: &str) -> String {
    format!("nobody-{client}")
}

fn relayed_plain(place: &Place) -> Result<Row<'_>> {
    let row = Plan {
        vcluster: "plain-passthrough",
        listener: "sasl",
        user: Some("alice"),
        methods: method("sasl_plain", "passthrough"),
    };
    let words_of_the_broker = Expected::RefusedByBroker("Invalid username or password");
    Ok(row
        .at_broker(place)?
        .with(
            "user-of-the-broker",
            Expected::Again,
            plain("alice", "alice-secret"),
        )
        .with("wrong-password", words_of_the_broker, plain("alice", "wrong")))
}

fn scram<'a>(
    place: &'a Place,
    (vcluster, listener): (&'static str, &'static str),
    kind: &str,
    mechanism: &'static str,
) -> Result<Row<'a>> {
    let row = Plan {
        vcluster,
        listener,
        user: None,
        methods: method(kind, "terminate"),
    };
    let row = row.at_gateway(place)?;
    // Characters that SASL and RFC 5802 have a use for.
    let secret = "a=long,one";
    for (client, _) in super::CLIENTS {
        place.scram(vcluster, mechanism, (client, secret))?;
    }
    let refused = Expected::Refused;
    Ok(row
        .with_each("password", Expected::Again, move |client| {
            Ok(password(mechanism, client, secret))
        })
        .with_each("wrong-password", refused("wrong_password"), move |client| {
            Ok(password(mechanism, client, "wrong"))
        })
        .with_each("unknown-user", refused("unknown_user"), move |client| {
            Ok(password(mechanism, &nobody(client), secret))
        }))
}

fn relayed_scram<'a>(
    place: &'a Place,
    vcluster: &'static str,
    kind: &str,
    mechanism: &'static str,
) -> Result<Row<'a>> {
    let user = if mechanism == "SCRAM-SHA-256" {
        "bob"
    } else {
        "carol"
    };
    let row = Plan {
        vcluster,
        listener: "sasl",
        user: Some(user),
        methods: method(kind, "passthrough"),
    };
    let secret = format!("{user}-secret");
    Ok(row
        .at_broker(place)?
        .with(
            "user-of-the-broker",
            Expected::In,
            password(mechanism, user, &secret),
        )
        .with(
            "wrong-password",
            Expected::RefusedByBroker(""),
            password(mechanism, user, "wrong"),
        )
        .with_each("unknown-user", Expected::RefusedByBroker(""), move |client| {
            Ok(password(mechanism, &nobody(client), &secret))
        }))
}

fn oauth<'a>(place: &'a Place, vcluster: &'static str, mediation: &str) -> Result<Row<'a>> {
    let row = Plan {
        vcluster,
        listener: "sasl",
        user: Some("dora"),
        methods: method("oauth_bearer", mediation),
    };
    let row = match mediation {
        "terminate" => row.at_gateway(place)?,
        _ => row.at_broker(place)?,
    };
    let provider = &place.federation.provider;
    let token = |more: &Value| Ok::<_, anyhow::Error>(bearer(&provider.token("dora", more)?));
    // Another's key, of the same name and with the right issuer.
    let forged = place
        .federation
        .rotating
        .token("dora", &json!({"iss": provider.url}))?;
    let refused = |kind| match mediation {
        "passthrough" => Expected::RefusedByBroker(""),
        _ => Expected::Refused(kind),
    };
    let now = now_s();
    Ok(row
        .with("token", Expected::In, token(&json!({}))?)
        .with(
            "expired-jwt",
            refused("expired_token"),
            token(&json!({"iat": now - 400, "exp": now - 100}))?,
        )
        .with(
            "other-audience",
            refused("other_audience"),
            token(&json!({"aud": "elsewhere"}))?,
        )
        .with("forged-jwt", refused("invalid_token"), bearer(&forged)))
}

fn oauth_again(place: &Place) -> Result<Row<'_>> {
    let row = Plan {
        vcluster: "oauth-again",
        listener: "sasl",
        user: None,
        methods: method("oauth_bearer", "terminate"),
    };
    Ok(row
        .at_gateway(place)?
        .with_each("token", Expected::Again, |client| {
            Ok(bearer(&place.federation.provider.token(client, &json!({}))?))
        }))
}

/// The client itself asks the provider for a token.
fn client_credentials(place: &Place) -> Result<Row<'_>> {
    let row = Plan {
        vcluster: "oauth-client-credentials",
        listener: "sasl",
        user: Some("dora"),
        methods: method("oauth_bearer", "terminate"),
    };
    let endpoint = format!("{}/token", place.federation.provider.url);
    let login = and(
        password("OAUTHBEARER", "dora", CLIENT_SECRET),
        &json!({"endpoint": endpoint}),
    );
    Ok(row.at_gateway(place)?.with("secret", Expected::Again, login))
}

/// The login of a client that has a certificate.
fn showing(place: &Place, identity: &Identity) -> Value {
    json!({"ca": place.servers.file, "certificate": identity.chain, "key": identity.key})
}

/// Certificates that name whoever shows them, for clients without SASL.
fn certificates(required: &Value) -> Value {
    json!({
        "type": "client_certificate", "required": required,
        "principalMappingRules": r"RULE:^CN=certificate-[a-z]*-(.*?),O=Acme\\, Inc\.$/$1/L",
    })
}

fn certificate<'a>(place: &'a Place, vcluster: &'static str, listener: &'static str) -> Result<Row<'a>> {
    let row = Plan {
        vcluster,
        listener,
        user: Some("orders"),
        methods: json!([certificates(&json!(true))]),
    };
    let known = place.identity(&format!("{vcluster}-Orders"))?;
    let stranger = place.strangers.identity(&format!("{vcluster}-stranger"), &[])?;
    // The listener that leaves it to the client gets as far as Kafka.
    let (nothing, unknown) = match listener {
        "required" => (Expected::NoTls, Expected::NoTls),
        _ => (Expected::Closed, Expected::NoTlsOrClosed),
    };
    Ok(row
        .at_gateway(place)?
        .with("certificate", Expected::In, showing(place, &known))
        .with("none", nothing, json!({"ca": place.servers.file}))
        .with("unknown-authority", unknown, showing(place, &stranger)))
}

fn certificate_or_nobody(place: &Place) -> Result<Row<'_>> {
    let row = Plan {
        vcluster: "certificate-or-nobody",
        listener: "optional",
        user: Some("ANONYMOUS"),
        methods: json!([certificates(&json!(false)), {"type": "anonymous"}]),
    };
    Ok(row
        .at_gateway(place)?
        .with("none", Expected::In, json!({"ca": place.servers.file})))
}

/// Every mechanism once more, where TLS is beneath it.
fn over_tls(place: &Place) -> Result<Row<'_>> {
    let name = "tls";
    let row = Plan {
        vcluster: name,
        listener: "secure",
        user: Some("alice"),
        methods: json!([
            {"type": "sasl_plain"}, {"type": "sasl_scram_sha_512"},
            {"type": "oauth_bearer", "mediation": "terminate", "provider": "corporate"},
        ]),
    };
    let row = row.at_gateway(place)?;
    let token = plain("alice", &place.token(name, "alice", 3600)?);
    place.scram(name, "SCRAM-SHA-512", ("alice", "a-long-one"))?;
    let by_scram = |secret: &str| password("SCRAM-SHA-512", "alice", secret);
    let provider = &place.federation.provider;
    let bearer = |more: &Value| Ok::<_, anyhow::Error>(bearer(&provider.token("alice", more)?));
    let tls = json!({"ca": place.servers.file});
    Ok(row
        .with("token", Expected::In, and(token.clone(), &tls))
        .with("scram", Expected::In, and(by_scram("a-long-one"), &tls))
        .with("oauth", Expected::In, and(bearer(&json!({}))?, &tls))
        .with(
            "wrong-secret",
            Expected::Refused("wrong_password"),
            and(by_scram("wrong"), &tls),
        )
        .with(
            "other-audience",
            Expected::Refused("other_audience"),
            and(bearer(&json!({"aud": "elsewhere"}))?, &tls),
        )
        .with(
            "unknown-authority",
            Expected::NoTls,
            and(token, &json!({"ca": place.strangers.file})),
        ))
}

/// One port for all, where the name says who is meant.
fn by_name(place: &Place) -> Result<Row<'_>> {
    let name = "sni";
    let row = Plan {
        vcluster: name,
        listener: "names",
        user: Some("alice"),
        methods: method("sasl_plain", "terminate"),
    };
    let row = row.at_gateway(place)?;
    let there = json!({"ca": place.servers.file, "resolve": "127.0.0.1"});
    let token = and(plain("alice", &place.token(name, "alice", 3600)?), &there);
    let port = row.bootstrap.rsplit(':').next().unwrap_or_default();
    let nowhere = json!({"bootstrap": format!("nobody.{DOMAIN}:{port}")});
    Ok(row
        .with("unknown-name", Expected::NoTls, and(token.clone(), &nowhere))
        .with("token", Expected::In, token)
        .with(
            "wrong-secret",
            Expected::Refused("invalid_token"),
            and(plain("alice", "wrong"), &there),
        ))
}
