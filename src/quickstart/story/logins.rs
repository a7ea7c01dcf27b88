//! Other ways in for the same partner: a password by SCRAM, and a token of an identity provider.

use std::fs;

use serde_json::{Value, json};

use super::{CLUSTER, PARTNER, SUPER_FILE, Story, TOKEN_SECONDS, VCLUSTER, expect};
use crate::quickstart::admin;
use crate::quickstart::child;
use crate::quickstart::error::QuickstartError;
use crate::quickstart::signer::{Signer, now_s};

const SCRAM_FILE: &str = "mypartner-partner-user-scram.properties";
const TOKEN_FILE: &str = "mypartner-partner-user.jwt";
const BEARER_FILE: &str = "mypartner-partner-user-oauth.properties";
const KEYS_FILE: &str = "provider-keys.json";

const ISSUER: &str = "https://id.partner.example";
const AUDIENCE: &str = "kafka";
const PASSWORD: &str = "partner-secret";

/// A virtual cluster that takes all three.
pub(super) fn vcluster(super_user: &str) -> Value {
    let mut vcluster = admin::vcluster(VCLUSTER, super_user);
    vcluster["spec"]["authentication"] = json!([
        {"type": "sasl_plain"},
        {"type": "sasl_scram_sha_512"},
        {"type": "oauth_bearer", "provider": "partner"},
    ]);
    vcluster
}

impl Story {
    /// The key of the partner's identity provider is made; gives what the nodes are told of that provider.
    pub(super) fn identity_provider(&mut self) -> Result<(String, String), QuickstartError> {
        let signer = Signer::new("2026")?;
        let keys = self.stage.directory().join(KEYS_FILE);
        self.write(KEYS_FILE, &signer.keys().to_string())?;
        let now = now_s();
        let claims = json!({
            "iss": ISSUER, "sub": PARTNER, "aud": AUDIENCE, "iat": now, "exp": now + TOKEN_SECONDS,
        });
        self.write(TOKEN_FILE, &signer.token(&claims)?)?;
        let provider = json!({"partner": {
            "issuer": ISSUER, "audiences": [AUDIENCE], "jwks": {"url": format!("file://{}", keys.display())},
        }});
        Ok(("GATEWAY_OAUTH_PROVIDERS".to_owned(), provider.to_string()))
    }

    /// Both ways, with the rights that the partner has already.
    pub(super) fn other_logins(&mut self) -> Result<(), QuickstartError> {
        self.screen
            .step("A password instead of a token: Kafka's own kafka-configs sets it, SCRAM never sends it");
        let alter = format!(
            "--alter --entity-type users --entity-name {PARTNER} --add-config SCRAM-SHA-512=[password={PASSWORD}]"
        );
        let altered = self.client("kafka-configs", SUPER_FILE, &alter, "")?;
        expect("kafka-configs is served", &altered, |output| {
            output.status.success()
        })?;
        self.write(SCRAM_FILE, &scram_properties())?;
        let listed = self.client("kafka-topics", SCRAM_FILE, "--list", "")?;
        self.sees_its_topics(&listed)?;
        self.screen.proof("the partner logs in with SCRAM-SHA-512, too");

        self.screen.step(
            "Or no credential of the gateway at all: a token that the partner's own identity provider signed",
        );
        let token = self.stage.directory().join(TOKEN_FILE).display().to_string();
        self.write(BEARER_FILE, &bearer_properties(&token))?;
        self.jvm = Some(allow(&token));
        let listed = self.client("kafka-topics", BEARER_FILE, "--list", "");
        self.jvm = None;
        self.sees_its_topics(&listed?)?;
        self.screen.proof(&format!(
            "and with OAUTHBEARER: the gateway knows the provider's public key, and {CLUSTER} knows nothing of all this"
        ));
        Ok(())
    }

    pub(super) fn sees_its_topics(&mut self, listed: &child::Output) -> Result<(), QuickstartError> {
        expect("the partner sees its two topics", listed, |output| {
            let mut seen: Vec<&str> = output.stdout.split_whitespace().collect();
            seen.sort_unstable();
            seen == ["topic1", "topic2"]
        })?;
        self.screen.says(&listed.stdout);
        Ok(())
    }

    pub(super) fn write(&self, file: &str, text: &str) -> Result<(), QuickstartError> {
        let path = self.stage.directory().join(file);
        fs::write(path, text).map_err(QuickstartError::io(format!("write {file}")))
    }
}

fn scram_properties() -> String {
    let module = "org.apache.kafka.common.security.scram.ScramLoginModule";
    format!(
        "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-512\n\
         sasl.jaas.config={module} required username=\"{PARTNER}\" password=\"{PASSWORD}\";\n"
    )
}

fn bearer_properties(token: &str) -> String {
    let package = "org.apache.kafka.common.security.oauthbearer";
    format!(
        "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=OAUTHBEARER\n\
         sasl.login.callback.handler.class={package}.OAuthBearerLoginCallbackHandler\n\
         sasl.oauthbearer.token.endpoint.url=file://{token}\n\
         sasl.jaas.config={package}.OAuthBearerLoginModule required;\n"
    )
}

/// Java reads tokens only from where it was told to.
fn allow(token: &str) -> String {
    let allowed = "-Dorg.apache.kafka.sasl.oauthbearer.allowed";
    format!("-Xmx256m -XX:TieredStopAtLevel=1 {allowed}.urls=file://{token} {allowed}.files={token}")
}
