//! Why connections end, are turned away, and are not logged in: the long closed sets.

use super::closed::closed;

closed! {
    /// Why a session ended.
    pub enum ClosedFor {
        ClientClosed = "client_closed": "the client ended the connection",
        ClientBroken = "client_broken": "the connection to the client broke",
        NotKafkaTls = "not_kafka_tls": "somebody speaks TLS: mostly a client with `security.protocol=SASL_SSL` on an address without it",
        NotKafkaHttp = "not_kafka_http": "somebody speaks HTTP",
        NotKafkaSsh = "not_kafka_ssh": "somebody speaks SSH",
        NotKafkaProxyHeader = "not_kafka_proxy_header": "a load balancer sends a header of the PROXY protocol, which the listener does not expect",
        FrameLength = "frame_length": "what was sent is no frame",
        BadRequest = "bad_request": "what was sent is no request",
        UnsupportedApi = "unsupported_api": "the request is of an API or version that is not served",
        Unpermitted = "unpermitted": "nothing permits what was to be sent to a broker: a defect of the gateway",
        NotLoggedIn = "not_logged_in": "a request came before the login",
        LoginRefused = "login_refused": "the login was refused",
        LoginTimeout = "login_timeout": "no login within 10 s",
        SessionExpired = "session_expired": "the credential expired, and the client did not log in again",
        AccountDeleted = "account_deleted": "the account that the login rested on is gone, or is another's",
        TokenWithdrawn = "token_withdrawn": "the token that the login rested on was revoked, or its key retired",
        PasswordChanged = "password_changed": "the password that the login rested on was changed or removed",
        MechanismWithdrawn = "mechanism_withdrawn": "the mechanism of the login is no longer offered",
        MethodChanged = "method_changed": "the method of the login was changed or removed",
        AccountChanged = "account_changed": "another account has the name by which the client is known elsewhere",
        NoRandomness = "no_randomness": "the system gives no random bytes, without which nobody can log in",
        UnansweredRefusal = "unanswered_refusal": "a part of a produce request with `acks=0` was refused, and there is no other way to say so",
        Idle = "idle": "nothing was sent for too long",
        SlowFrame = "slow_frame": "a frame took too long, or memory was kept for a large one and less than 256 KiB of it came in 10 s",
        SlowReader = "slow_reader": "of the answers that waited, less than a fifth was read in a minute",
        UpstreamUnavailable = "upstream_unavailable": "there was no connection to the broker. Not the client's doing, as little as the next three",
        UpstreamLost = "upstream_lost": "the connection to the broker was lost with requests in flight",
        UpstreamStalled = "upstream_stalled": "the broker stopped within an answer for 30 s",
        BadUpstream = "bad_upstream": "the broker's answer does not parse or was not asked for",
        SeatGivenAway = "seat_given_away": "somebody who had fewer seats needed one",
        NoSeat = "no_seat": "the login was right, but there was no seat for it (`klamm_connections_refused_total`)",
        Drained = "drained": "this node is shutting down",
        AddressGone = "address_gone": "the virtual cluster or its broker is gone",
        Aborted = "aborted": "the session ended by a defect of the gateway; the log has the panic",
    }
}

closed! {
    /// Why a connection to a listener with TLS or the PROXY protocol did not become a session.
    pub enum TurnedAwayFor {
        NotTlsKafka = "not_tls_kafka": "what came is Kafka without TLS: a client with `security.protocol` PLAINTEXT or SASL_PLAINTEXT",
        NotKafkaTls = "not_kafka_tls": "what came is TLS where it is not expected",
        NotKafkaHttp = "not_kafka_http": "what came is HTTP",
        NotKafkaSsh = "not_kafka_ssh": "what came is SSH",
        NotKafkaProxyHeader = "not_kafka_proxy_header": "what came is a header of the PROXY protocol, which the listener does not expect",
        NotTls = "not_tls": "what came is not TLS",
        NoServerName = "no_server_name": "with `routing: sni`, the handshake names no server",
        UnknownServerName = "unknown_server_name": "with `routing: sni`, the handshake names a server that is no virtual cluster or broker",
        NoCertificate = "no_certificate": "the client shows no certificate and must",
        BadCertificate = "bad_certificate": "the client's certificate is expired or from an unknown authority",
        ClientRefused = "client_refused": "the client refuses the gateway's certificate, mostly because its truststore lacks the authority",
        TlsFailed = "tls_failed": "there is no common version or cipher, or what came is damaged",
        UntrustedSource = "untrusted_source": "who connects is none of the load balancers in `proxy.protocol.from`",
        ProxyHeaderMissing = "proxy_header_missing": "a load balancer sends no header of the PROXY protocol",
        ProxyHeaderVersionOne = "proxy_header_version_1": "a load balancer sends version 1 of the PROXY protocol, not 2",
        ProxyHeaderMalformed = "proxy_header_malformed": "a load balancer sends a header that does not parse",
        SeatGivenAway = "seat_given_away": "the address had most of the connections that had not logged in, and another one came",
        TooSlow = "too_slow": "nothing complete came within 10 s",
        Silent = "silent": "the connection was closed at once, as health checks do",
        Broken = "broken": "the connection broke",
    }
}

closed! {
    /// Why a login failed. Clients are told the same whatever the reason.
    pub enum LoginFailedFor {
        MalformedMessage = "malformed_message": "the message does not parse",
        IllegalState = "illegal_state": "the request does not fit the state of the login",
        UnsupportedMechanism = "unsupported_mechanism": "the mechanism is not offered",
        ForeignAuthzid = "foreign_authzid": "somebody wanted to act as another",
        ChangedIdentity = "changed_identity": "somebody wanted to become another in a running session",
        InvalidToken = "invalid_token": "the token is not signed here",
        ExpiredToken = "expired_token": "the token is out of date",
        UnknownToken = "unknown_token": "the token was never issued, or is withdrawn",
        OtherVcluster = "other_vcluster": "the token is for another virtual cluster",
        OtherUsername = "other_username": "the token is somebody else's",
        UnknownAccount = "unknown_account": "the account of the token is gone",
        NotYetValid = "not_yet_valid": "the OAuth token is not valid yet",
        OtherIssuer = "other_issuer": "the OAuth token is of another issuer",
        OtherAudience = "other_audience": "the OAuth token is for another audience",
        MissingScope = "missing_scope": "the OAuth token lacks a scope that is required",
        RuleNotMet = "rule_not_met": "the OAuth token does not meet a rule",
        NoSubject = "no_subject": "the OAuth token does not name its user",
        UnknownUser = "unknown_user": "there is no such user of SCRAM or of a list of users of PLAIN",
        WrongPassword = "wrong_password": "the password of SCRAM or of a list of users of PLAIN is wrong",
        NotChecked = "not_checked": "too many passwords waited to be checked; the connection was closed without an answer",
        NotHeard = "not_heard": "too many logins failed before under this name from this address; the connection was closed without an answer",
        Withdrawn = "withdrawn": "what the login rests on was deleted while it was made",
        NoCertificate = "no_certificate": "on a listener without SASL, the client shows no certificate and must",
        UnmappedCertificate = "unmapped_certificate": "on a listener without SASL, no rule maps the subject of the client's certificate",
        SaslOnly = "sasl_only": "the virtual cluster lists no method for listeners without SASL",
        BrokerRefused = "broker_refused": "with `passthrough` or `validate_forward`, the broker does not accept what the client showed",
        UnknownKey = "unknown_key": "the OAuth provider lists no such key",
        NoKeys = "no_keys": "the keys of the OAuth provider were never read",
        NoSigningKey = "no_signing_key": "this cluster of gateways has no signing key yet",
        RetiredKey = "retired_key": "the token was signed by a key that was retired since (`klamm run rotateSigningKey`): make it a new one",
    }
}
