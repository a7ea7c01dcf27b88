//! Why connections end, are turned away, and are not logged in: the long closed sets.

use super::closed::closed;

closed! {
    /// Why a session ended.
    pub enum ClosedFor {
        ClientClosed = "client_closed": "the client ended the connection",
        ClientBroken = "client_broken": "the connection to the client was lost",
        NotKafkaTls = "not_kafka_tls": "the client speaks TLS: usually one with `security.protocol=SASL_SSL` on an address without TLS",
        NotKafkaHttp = "not_kafka_http": "the client speaks HTTP",
        NotKafkaSsh = "not_kafka_ssh": "the client speaks SSH",
        NotKafkaProxyHeader = "not_kafka_proxy_header": "a load balancer sends a header of the PROXY protocol, which the listener does not expect",
        FrameLength = "frame_length": "the client sent something that is not a frame",
        BadRequest = "bad_request": "the client sent something that is not a request",
        UnsupportedApi = "unsupported_api": "the request uses an API or version that is not served",
        Unpermitted = "unpermitted": "a request was about to be sent to a broker without a permit: a bug in the gateway",
        NotLoggedIn = "not_logged_in": "a request arrived before the login",
        LoginRefused = "login_refused": "the login was refused",
        LoginTimeout = "login_timeout": "no login within 10 s",
        SessionExpired = "session_expired": "the credential expired, and the client did not log in again",
        AccountDeleted = "account_deleted": "the account of the login was deleted, or replaced by another one",
        TokenWithdrawn = "token_withdrawn": "the token of the login was revoked, or its key retired",
        PasswordChanged = "password_changed": "the password of the login was changed or removed",
        MechanismWithdrawn = "mechanism_withdrawn": "the mechanism of the login is no longer offered",
        MethodChanged = "method_changed": "the method of the login was changed or removed",
        AccountChanged = "account_changed": "another account now has the external name of this client",
        NoRandomness = "no_randomness": "the operating system provides no random bytes, without which nobody can log in",
        UnansweredRefusal = "unanswered_refusal": "part of a produce request with `acks=0` was refused, and there is no other way to say so",
        Idle = "idle": "the connection was idle for too long",
        SlowFrame = "slow_frame": "a frame took too long, or memory was reserved for a large one and less than 256 KiB of it arrived within 10 s",
        SlowReader = "slow_reader": "the client read less than a fifth of the waiting answers within a minute",
        UpstreamUnavailable = "upstream_unavailable": "there was no connection to the broker. Not the client's fault, nor are the next three",
        UpstreamLost = "upstream_lost": "the connection to the broker was lost with requests in flight",
        UpstreamStalled = "upstream_stalled": "the broker paused for 30 s in the middle of an answer",
        BadUpstream = "bad_upstream": "the broker's answer cannot be parsed or matches no request",
        SeatGivenAway = "seat_given_away": "the connection had to make room for a client with fewer connections",
        NoSeat = "no_seat": "the login was correct, but all connections were in use (`klamm_connections_refused_total`)",
        OverLimit = "over_limit": "the login was correct, but the virtual cluster had as many connections, or new ones, as `spec.limits` lets it have",
        Drained = "drained": "this node is shutting down",
        Undecided = "undecided": "this node had no lease to decide the request: it does not hear from the leader of the gateway cluster",
        Switching = "switching": "requests were being switched to another physical cluster, and this took too long",
        AddressGone = "address_gone": "the virtual cluster or its broker no longer exists",
        Aborted = "aborted": "the session ended because of a bug in the gateway; the log has the panic",
    }
}

closed! {
    /// Why a connection to a listener with TLS or the PROXY protocol did not become a session.
    pub enum TurnedAwayFor {
        NotTlsKafka = "not_tls_kafka": "the client speaks Kafka without TLS, with `security.protocol` PLAINTEXT or SASL_PLAINTEXT",
        NotKafkaTls = "not_kafka_tls": "the client speaks TLS where it is not expected",
        NotKafkaHttp = "not_kafka_http": "the client speaks HTTP",
        NotKafkaSsh = "not_kafka_ssh": "the client speaks SSH",
        NotKafkaProxyHeader = "not_kafka_proxy_header": "a load balancer sends a header of the PROXY protocol, which the listener does not expect",
        NotTls = "not_tls": "the client does not speak TLS",
        NoServerName = "no_server_name": "with `routing: sni`, the handshake names no server",
        UnknownServerName = "unknown_server_name": "with `routing: sni`, the handshake names a server that is not a virtual cluster or broker",
        NoCertificate = "no_certificate": "the client presented no certificate, but must",
        BadCertificate = "bad_certificate": "the client's certificate has expired or is from an unknown authority",
        ClientRefused = "client_refused": "the client rejected the gateway's certificate, usually because its truststore lacks the authority",
        TlsFailed = "tls_failed": "there is no common version or cipher, or the handshake was damaged",
        UntrustedSource = "untrusted_source": "the source is not one of the load balancers in `proxy.protocol.from`",
        ProxyHeaderMissing = "proxy_header_missing": "a load balancer sends no header of the PROXY protocol",
        ProxyHeaderVersionOne = "proxy_header_version_1": "a load balancer sends version 1 of the PROXY protocol, not 2",
        ProxyHeaderMalformed = "proxy_header_malformed": "a load balancer sends a header that cannot be parsed",
        SeatGivenAway = "seat_given_away": "the address had the most connections that had not logged in, and another client needed one",
        TooSlow = "too_slow": "nothing complete arrived within 10 s",
        Silent = "silent": "the connection was closed at once, as health checks do",
        Broken = "broken": "the connection was lost",
    }
}

closed! {
    /// Why a login failed. Clients are told the same whatever the reason.
    pub enum LoginFailedFor {
        MalformedMessage = "malformed_message": "the message cannot be parsed",
        IllegalState = "illegal_state": "the request is not expected at this point of the login",
        UnsupportedMechanism = "unsupported_mechanism": "the mechanism is not offered",
        ForeignAuthzid = "foreign_authzid": "a user tried to act as another one",
        ChangedIdentity = "changed_identity": "a user tried to become another one in a running session",
        InvalidToken = "invalid_token": "the token was not signed by this gateway",
        ExpiredToken = "expired_token": "the token has expired",
        UnknownToken = "unknown_token": "the token was never issued, or has been revoked",
        OtherVcluster = "other_vcluster": "the token is for another virtual cluster",
        OtherUsername = "other_username": "the token belongs to another user",
        UnknownAccount = "unknown_account": "the account of the token no longer exists",
        NotYetValid = "not_yet_valid": "the OAuth token is not valid yet",
        OtherIssuer = "other_issuer": "the OAuth token is from another issuer",
        OtherAudience = "other_audience": "the OAuth token is for another audience",
        MissingScope = "missing_scope": "the OAuth token lacks a required scope",
        RuleNotMet = "rule_not_met": "the OAuth token does not satisfy a rule",
        NoSubject = "no_subject": "the OAuth token does not name its user",
        UnknownUser = "unknown_user": "there is no such user of SCRAM or of a list of users of PLAIN",
        WrongPassword = "wrong_password": "the password of SCRAM or of a list of users of PLAIN is wrong",
        NotChecked = "not_checked": "too many passwords waited to be checked; the connection was closed without an answer",
        NotHeard = "not_heard": "too many earlier logins failed under this name from this address; the connection was closed without an answer",
        Withdrawn = "withdrawn": "the account or credential of the login was deleted meanwhile",
        NoCertificate = "no_certificate": "on a listener without SASL, the client presented no certificate, but must",
        UnmappedCertificate = "unmapped_certificate": "on a listener without SASL, no mapping rule matches the subject of the client's certificate",
        SaslOnly = "sasl_only": "the virtual cluster has no authentication method for listeners without SASL",
        BrokerRefused = "broker_refused": "with `passthrough` or `validate_forward`, the broker rejected the client's credentials",
        UnknownKey = "unknown_key": "the OAuth provider lists no such key",
        NoKeys = "no_keys": "the keys of the OAuth provider were never read",
        NoSigningKey = "no_signing_key": "this cluster of gateways has no signing key yet",
        RetiredKey = "retired_key": "the token was signed with a key that has since been retired (`klamm run rotateSigningKey`): issue a new one",
    }
}
