//! Physical clusters that are resources: their properties are those of the configuration, and are read by the same code.
//! Secrets are not in them, only references.

use std::collections::BTreeSet;
use std::fmt;

use klamm_raft::model::{ClusterId, PhysicalCluster};

use crate::backend::Unusable;
use crate::backend::config::{AnonymousClients, BackendConfig};

use super::backends;
use super::build;
use super::clusters::Clusters;
use super::problem::Problem;
use super::references::{Follow, Reference, Unfollowed};
use super::values::Values;
use super::{ConfigError, Inputs};

/// The problems of a physical cluster, for whoever puts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidCluster(Vec<Problem>);

impl fmt::Display for InvalidCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{}: {}", problem.place, problem.message)?;
            if let Some(hint) = &problem.hint {
                write!(f, " ({hint})")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for InvalidCluster {}

/// A physical cluster of a node's configuration as it is written there, secrets included. None: it has none of that id.
///
/// # Errors
/// Everything that is wrong.
pub fn written_cluster(inputs: Inputs<'_>, id: &ClusterId) -> Result<Option<PhysicalCluster>, ConfigError> {
    Ok(build::written_clusters(inputs)?.remove(id))
}

/// Checks all of it that does not depend on a node, and gives it without its secrets. `anonymous` is for a cluster that does
/// not say.
///
/// # Errors
/// Everything that is wrong.
pub fn check_cluster(
    id: &ClusterId,
    cluster: &PhysicalCluster,
    anonymous: AnonymousClients,
) -> Result<BackendConfig, InvalidCluster> {
    read(id, cluster, anonymous, None).map_err(InvalidCluster)
}

/// Checks what can be checked before a node is asked: above all that no secret is written out.
///
/// # Errors
/// Everything that is wrong.
pub fn check_adoptable(id: &ClusterId, cluster: &PhysicalCluster) -> Result<(), InvalidCluster> {
    check_cluster(id, cluster, AnonymousClients::Refused).map(drop)
}

/// Reads it with what its references lead to on this node.
///
/// # Errors
/// A reference cannot be followed, or leads to something that is of no use.
pub fn resolve_cluster(
    id: &ClusterId,
    cluster: &PhysicalCluster,
    anonymous: AnonymousClients,
    follow: Follow<'_>,
) -> Result<BackendConfig, Unusable> {
    let missing = std::cell::RefCell::new(BTreeSet::new());
    let noting = |reference: &Reference| {
        let followed = follow(reference);
        if followed.is_err() {
            missing.borrow_mut().insert(reference.to_string());
        }
        followed
    };
    let resolved = read(id, cluster, anonymous, Some(&noting));
    resolved.map_err(|problems| Unusable {
        why: InvalidCluster(problems).to_string(),
        missing: missing.take(),
    })
}

/// The references in it.
pub fn references_of(cluster: &PhysicalCluster) -> BTreeSet<Reference> {
    let found = std::cell::RefCell::new(BTreeSet::new());
    let noting = |reference: &Reference| {
        found.borrow_mut().insert(reference.clone());
        Err(Unfollowed {
            reference: reference.clone(),
            why: String::new(),
        })
    };
    // Which cluster it is, and what it lets in, makes no difference.
    if let Ok(any) = "any".parse() {
        let _ = read(&any, cluster, AnonymousClients::Refused, Some(&noting));
    }
    found.take()
}

fn read(
    id: &ClusterId,
    cluster: &PhysicalCluster,
    anonymous: AnonymousClients,
    follow: Option<Follow<'_>>,
) -> Result<BackendConfig, Vec<Problem>> {
    let mut clusters = Clusters::default();
    let section = clusters.resource(cluster);
    let mut problems = clusters.problems;
    let values = Values::Referring(follow);
    let backend = backends::backend(id, section, anonymous, values, &mut problems);
    match backend.filter(|_| problems.is_empty()) {
        Some(backend) => Ok(backend),
        None => {
            problems.sort();
            problems.dedup();
            Err(problems)
        }
    }
}

#[cfg(test)]
mod tests {
    use klamm_raft::model::ScramHash;

    use super::*;
    use crate::backend::config::{Security, UpstreamLogin};
    use crate::secret::Secret;
    use crate::tls::Trust;

    const SCRAM: &str = "org.apache.kafka.common.security.scram.ScramLoginModule required";
    const PLAIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule required";

    fn cluster(properties: &[(&str, &str)]) -> PhysicalCluster {
        let property = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        PhysicalCluster {
            properties: properties.iter().map(property).collect(),
            ..PhysicalCluster::default()
        }
    }

    fn with_jaas(jaas: &str) -> PhysicalCluster {
        cluster(&[
            ("bootstrap.servers", "a:1,b:2"),
            ("security.protocol", "SASL_PLAINTEXT"),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            ("sasl.jaas.config", jaas),
        ])
    }

    fn id() -> ClusterId {
        "east".parse().unwrap()
    }

    /// Each name leads to a text that would be more than a text, if it were read as part of another one.
    fn follow(reference: &Reference) -> Result<Secret, Unfollowed> {
        match reference {
            Reference::Variable(name) if name == "NOBODY" => Err(Unfollowed {
                reference: reference.clone(),
                why: "is not set".to_owned(),
            }),
            Reference::Variable(name) if name == "JAAS" => Ok(Secret::new(format!(
                "{SCRAM} username=\"all\" password=\"of it\";"
            ))),
            Reference::Variable(name) => Ok(Secret::new(format!("\"{name}\"; \\x"))),
            Reference::File(_) => Ok(Secret::new("no certificate")),
        }
    }

    fn resolved(cluster: &PhysicalCluster) -> Result<BackendConfig, Unusable> {
        resolve_cluster(&id(), cluster, AnonymousClients::Refused, &follow)
    }

    fn refused(cluster: &PhysicalCluster) -> String {
        check_cluster(&id(), cluster, AnonymousClients::Refused)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_secret_is_what_its_reference_leads_to_whatever_is_in_it() {
        let written = with_jaas(&format!(
            "{SCRAM} username=\"${{env[USER]}}\" password=\"${{env['PASSWORD']}}\";"
        ));
        let checked = check_cluster(&id(), &written, AnonymousClients::Allowed).unwrap();
        let Some(UpstreamLogin::Scram(shown)) = checked.login else {
            panic!("{checked:?}")
        };
        assert_eq!(shown.username, "${env[USER]}");
        assert_eq!(checked.anonymous, AnonymousClients::Allowed);
        let Some(UpstreamLogin::Scram(login)) = resolved(&written).unwrap().login else {
            panic!("another login")
        };
        assert_eq!(
            (login.hash, login.username.as_str(), login.password.reveal()),
            (ScramHash::Sha512, "\"USER\"; \\x", "\"PASSWORD\"; \\x")
        );
        let whole = resolved(&with_jaas("${env[JAAS]}")).unwrap().login;
        assert!(matches!(whole, Some(UpstreamLogin::Scram(login)) if login.password.reveal() == "of it"));
    }

    #[test]
    fn what_is_wrong_is_told_as_in_a_configuration() {
        let literal = with_jaas(&format!("{SCRAM} username=\"a\" password=\"s3cret\";"));
        let told = refused(&literal);
        assert!(
            told.starts_with("spec.properties.sasl.jaas.config: password: a resource holds no secrets")
                && !told.contains("s3cret"),
            "{told}"
        );
        let other = with_jaas(&format!("{PLAIN} username=\"a\" password=\"${{env[X]}}\";"));
        assert!(refused(&other).contains("the login module that goes with the mechanism is"));
        let told = refused(&cluster(&[("bootstrap.server", "a:1")]));
        assert!(told.contains("did you mean bootstrap.servers?"), "{told}");
        assert!(
            told.contains("spec.properties.bootstrap.servers: this is required"),
            "{told}"
        );
        assert!(!told.contains("KAFKA_"), "there are no variables for it: {told}");
        let ignored = [("bootstrap.servers", "a:1"), ("client.id", "x")];
        assert!(check_cluster(&id(), &cluster(&ignored), AnonymousClients::Refused).is_ok());
        let mut credentials = cluster(&[("bootstrap.servers", "a:1")]);
        let own = [("ssl.keystore.type".to_owned(), "PEM".to_owned())].into();
        credentials.credentials.insert("billing".parse().unwrap(), own);
        assert!(refused(&credentials).contains("spec.credentials.billing: credentials can only have SASL"));
    }

    #[test]
    fn a_node_that_misses_something_names_it_and_nothing_else() {
        let jaas = format!("{SCRAM} username=\"a\" password=\"${{env[NOBODY]}}\";");
        let unusable = resolved(&with_jaas(&jaas)).unwrap_err();
        assert_eq!(unusable.missing, ["${env[NOBODY]}".to_owned()].into());
        assert_eq!(
            unusable.why,
            "spec.properties.sasl.jaas.config: ${env[NOBODY]} is not set"
        );
        let tls = cluster(&[
            ("bootstrap.servers", "a:1"),
            ("security.protocol", "SSL"),
            ("ssl.truststore.type", "PEM"),
            ("ssl.truststore.certificates", "${file[ca.pem]}"),
        ]);
        let checked = check_cluster(&id(), &tls, AnonymousClients::Refused).unwrap();
        assert!(
            matches!(&checked.security, Security::Tls(tls) if tls.trust == Trust::Pem("${file[ca.pem]}".to_owned()))
        );
        let unusable = resolved(&tls).unwrap_err();
        assert_eq!(
            unusable.why,
            "spec.properties.ssl.truststore.certificates: there is no certificate in PEM form"
        );
        assert!(unusable.missing.is_empty());
    }

    #[test]
    fn all_references_are_found() {
        let mut written = with_jaas(&format!("{SCRAM} username=\"a\" password=\"${{env[ONE]}}\";"));
        let own = [("sasl.jaas.config".to_owned(), "${file[two]}".to_owned())].into();
        written.credentials.insert("billing".parse().unwrap(), own);
        let all = [
            Reference::Variable("ONE".to_owned()),
            Reference::File("two".to_owned()),
        ];
        assert_eq!(references_of(&written), all.into());
    }
}
