//! The names of Kafka client properties: which are used, which may be ignored, which are not supported yet, and how a
//! variable `KAFKA_<ID>_<PROPERTY>` falls apart.

use super::hint;
use super::problem::{Problem, SettingPlace};
use super::reference::variable;

/// The support for a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Support {
    Used,
    /// It has no meaning for a gateway, and nothing gets worse without it.
    Ignored,
    /// It changes how a connection is made or who is trusted; ignoring it would be wrong.
    NotYet,
}

/// A Kafka client property, or one of the gateway's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Property {
    pub name: &'static str,
    pub support: Support,
    /// For people; only of properties that are used.
    pub meaning: &'static str,
}

macro_rules! used {
    ($($constant:ident = $name:literal, $meaning:literal;)*) => {
        $(pub(super) const $constant: &str = $name;)*

        /// The properties that are used.
        pub(super) const USED: &[Property] = &[$(Property { name: $name, support: Support::Used, meaning: $meaning }),*];
    };
}

used! {
    BOOTSTRAP_SERVERS = "bootstrap.servers", "One or more `host:port`, separated by commas or as a list. Required.";
    SECURITY_PROTOCOL = "security.protocol", "`PLAINTEXT` (default), `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`.";
    SASL_MECHANISM = "sasl.mechanism", "`PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512` or `OAUTHBEARER`, with the SASL protocols.";
    SASL_JAAS_CONFIG = "sasl.jaas.config",
        "`org.apache.kafka.common.security.plain.PlainLoginModule required username=\"...\" password=\"...\";`, the same with `org.apache.kafka.common.security.scram.ScramLoginModule`, or `org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required clientId=\"...\" clientSecret=\"...\" scope=\"...\" extension_name=\"...\";`";
    TOKEN_ENDPOINT = "sasl.oauthbearer.token.endpoint.url", "With `OAUTHBEARER`: where the gateway fetches its tokens with the client credentials grant. https, or http on this machine.";
    OAUTH_CLIENT_ID = "sasl.oauthbearer.client.credentials.client.id", "The client, if `sasl.jaas.config` does not name it.";
    OAUTH_CLIENT_SECRET = "sasl.oauthbearer.client.credentials.client.secret", "Its secret, likewise.";
    OAUTH_SCOPE = "sasl.oauthbearer.scope", "The scope to request, likewise.";
    LOGIN_CALLBACK = "sasl.login.callback.handler.class", "`org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler`, which is what the gateway does anyway.";
    TRUSTSTORE_TYPE = "ssl.truststore.type", "`PEM`, with one of the next two.";
    TRUSTSTORE_LOCATION = "ssl.truststore.location", "A PEM file with the authorities that issue broker certificates. By default: those of the operating system.";
    TRUSTSTORE_CERTIFICATES = "ssl.truststore.certificates", "The same as text.";
    KEYSTORE_TYPE = "ssl.keystore.type", "`PEM`, with the location or with chain and key.";
    KEYSTORE_LOCATION = "ssl.keystore.location", "A PEM file with the gateway's own certificate chain and unencrypted private key.";
    KEYSTORE_CHAIN = "ssl.keystore.certificate.chain", "The certificate chain as text.";
    KEYSTORE_KEY = "ssl.keystore.key", "The unencrypted private key as text.";
    ENDPOINT_IDENTIFICATION = "ssl.endpoint.identification.algorithm",
        "`https` (default): the certificate must name the broker's host. Empty: it need not.";
    ROLES = "gateway.roles", "`upstream`, the default, or `failover`: it stands in for another physical cluster when [requests are switched](OPERATIONS.md#another-physical-cluster-takes-over), and nothing else is on it.";
    FAILOVER_FOR = "gateway.failover.for", "With the role `failover`: the physical cluster that it stands in for. By default `main`.";
    ALLOW_ANONYMOUS = "gateway.allow.anonymous",
        "`true`: virtual clusters may list the method `anonymous`, and so let anybody who can connect reach this physical cluster with the gateway's own login. `false`: none may. By default: `true` on a node whose listeners are all bound to loopback addresses, `false` elsewhere. Use the same value on every node.";
}

/// Properties without meaning for a gateway.
pub(super) const IGNORED: &[&str] = &[
    "acks",
    "auto.include.jmx.reporter",
    "auto.offset.reset",
    "client.dns.lookup",
    "client.id",
    "client.rack",
    "connections.max.idle.ms",
    "default.api.timeout.ms",
    "enable.metrics.push",
    "group.id",
    "metadata.max.age.ms",
    "metric.reporters",
    "metrics.num.samples",
    "metrics.recording.level",
    "metrics.sample.window.ms",
    "receive.buffer.bytes",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "request.timeout.ms",
    "retries",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "sasl.login.connect.timeout.ms",
    "sasl.login.read.timeout.ms",
    "sasl.login.refresh.buffer.seconds",
    "sasl.login.refresh.min.period.seconds",
    "sasl.login.refresh.window.factor",
    "sasl.login.refresh.window.jitter",
    "sasl.login.retry.backoff.max.ms",
    "sasl.login.retry.backoff.ms",
    "send.buffer.bytes",
    "session.timeout.ms",
    "socket.connection.setup.timeout.max.ms",
    "socket.connection.setup.timeout.ms",
];

/// Properties that Kafka's clients know and the gateway does not serve yet.
pub(super) const NOT_YET: &[&str] = &[
    "sasl.client.callback.handler.class",
    "sasl.kerberos.kinit.cmd",
    "sasl.kerberos.min.time.before.relogin",
    "sasl.kerberos.service.name",
    "sasl.kerberos.ticket.renew.jitter",
    "sasl.kerberos.ticket.renew.window.factor",
    "sasl.login.class",
    "sasl.oauthbearer.clock.skew.seconds",
    "sasl.oauthbearer.expected.audience",
    "sasl.oauthbearer.expected.issuer",
    "sasl.oauthbearer.header.urlencode",
    "sasl.oauthbearer.jwks.endpoint.refresh.ms",
    "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms",
    "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms",
    "sasl.oauthbearer.jwks.endpoint.url",
    "sasl.oauthbearer.scope.claim.name",
    "sasl.oauthbearer.sub.claim.name",
    "security.providers",
    "ssl.cipher.suites",
    "ssl.enabled.protocols",
    "ssl.engine.factory.class",
    "ssl.key.password",
    "ssl.keymanager.algorithm",
    "ssl.keystore.password",
    "ssl.protocol",
    "ssl.provider",
    "ssl.secure.random.implementation",
    "ssl.trustmanager.algorithm",
    "ssl.truststore.password",
];

/// Every known property.
pub(super) fn all() -> impl Iterator<Item = Property> {
    let named = |names: &'static [&'static str], support| {
        names.iter().map(move |name| Property {
            name,
            support,
            meaning: "",
        })
    };
    USED.iter()
        .copied()
        .chain(named(IGNORED, Support::Ignored))
        .chain(named(NOT_YET, Support::NotYet))
}

/// The property that is called `name`.
pub(super) fn find(name: &str) -> Option<Property> {
    all().find(|property| property.name == name)
}

/// A variable's name without `KAFKA_`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct VariableName {
    /// In capitals, with `_` for `.` and `-`.
    pub(super) id: String,
    pub(super) property: Property,
}

/// Splits at the longest known property that the name ends with, because ids may hold `_`.
pub(super) fn split_variable(rest: &str) -> Option<VariableName> {
    all()
        .filter_map(|property| {
            let id = rest.strip_suffix(&variable(property.name))?.strip_suffix('_')?;
            (!id.is_empty()).then(|| VariableName {
                id: id.to_owned(),
                property,
            })
        })
        .min_by_key(|parts| parts.id.len())
}

/// A variable that ends with no known property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum UnknownVariable {
    /// One of the gateway's is meant, and would be missing.
    Mistyped(Problem),
    /// It is some other program's.
    Stray(Problem),
}

/// The problem of a variable that ends with no known property.
pub(super) fn unknown_variable(rest: &str) -> UnknownVariable {
    let place = SettingPlace::Variable(format!("KAFKA_{rest}"));
    let meant = rest.match_indices('_').find_map(|(at, _)| {
        let known: Vec<String> = USED.iter().map(|property| variable(property.name)).collect();
        hint::nearest(&rest[at + 1..], known.iter().map(String::as_str))
            .map(|name| format!("{}_{name}", &rest[..at]))
    });
    match meant {
        Some(meant) => {
            let problem = Problem::new(place, "this variable does not end with a known Kafka property");
            UnknownVariable::Mistyped(problem.hint(format!("did you mean KAFKA_{meant}?")))
        }
        None => {
            let problem = Problem::new(
                place,
                "this variable does not belong to the gateway and is ignored",
            );
            UnknownVariable::Stray(problem.hint(
                "the gateway's variables have the form KAFKA_<ID>_<PROPERTY>, for instance KAFKA_MAIN_BOOTSTRAP_SERVERS",
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rest: &str, expected: Option<(&str, &str)>) {
        let got = split_variable(rest).map(|parts| (parts.id, parts.property.name));
        assert_eq!(
            got,
            expected.map(|(id, property)| (id.to_owned(), property)),
            "{rest}"
        );
    }

    #[test]
    fn the_longest_property_decides() {
        check("MAIN_BOOTSTRAP_SERVERS", Some(("MAIN", "bootstrap.servers")));
        check("CLUSTERA_GATEWAY_ROLES", Some(("CLUSTERA", "gateway.roles")));
        check(
            "EU_WEST_1_SASL_JAAS_CONFIG",
            Some(("EU_WEST_1", "sasl.jaas.config")),
        );
        check(
            "A_SSL_ENDPOINT_IDENTIFICATION_ALGORITHM",
            Some(("A", "ssl.endpoint.identification.algorithm")),
        );
        check("A_RETRY_BACKOFF_MAX_MS", Some(("A", "retry.backoff.max.ms")));
        check("BOOTSTRAP_SERVERS", None);
        check("MAIN_BOOTSTRAP", None);
    }

    #[test]
    fn names_are_listed_once() {
        let mut names: Vec<&str> = all().map(|property| property.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn unknown_variables_get_a_hint() {
        let hint = |rest| match unknown_variable(rest) {
            UnknownVariable::Mistyped(problem) => problem.hint.expect("a hint"),
            UnknownVariable::Stray(problem) => panic!("{problem}"),
        };
        assert_eq!(
            hint("MAIN_BOOTSTRAP_SERVER"),
            "did you mean KAFKA_MAIN_BOOTSTRAP_SERVERS?"
        );
        assert_eq!(
            hint("EU_WEST_SASL_MECHANISMS"),
            "did you mean KAFKA_EU_WEST_SASL_MECHANISM?"
        );
        for stray in [
            "BROKER",
            "VERSION",
            "ADVERTISED_LISTENERS",
            "ZOOKEEPER_CONNECT",
            "NODE_ID",
        ] {
            assert!(
                matches!(unknown_variable(stray), UnknownVariable::Stray(_)),
                "{stray}"
            );
        }
    }
}
