//! `klamm cluster adopt`: a physical cluster of the configuration becomes a resource that is reached in the same way.

use std::collections::BTreeMap;

use clap::Args;
use klamm_raft::model::{ClusterId, CredentialsName, KafkaProperties, PhysicalCluster};
use serde_json::{Value, json};

use super::admin_client::{AdminClient, Connection};
use super::failure::Failure;
use super::format::{self, Style};
use super::trial::Trial;
use super::{ConfigArgs, Variables, print, serve};
use crate::config::{check_adoptable, written_cluster};

#[derive(Debug, Args)]
pub(super) struct AdoptArgs {
    /// The physical cluster, by its id in the configuration of the node that is asked
    #[arg(value_name = "ID")]
    cluster: ClusterId,
    /// A property that is to be other than in the configuration: secrets must be references. Without a value, it is left out;
    /// may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    property: Vec<(String, String)>,
    /// A property of further credentials, as billing:sasl.jaas.config=VALUE; may be repeated
    #[arg(long, value_name = "CREDENTIALS:NAME=VALUE", value_parser = assignment)]
    credentials: Vec<(String, String)>,
    #[command(flatten)]
    trial: Trial,
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    connection: Connection,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("the form is NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Puts the resource, or says what that would mean.
pub(super) fn adopt(args: &AdoptArgs, variables: &Variables) -> Result<(), Failure> {
    let id = &args.cluster;
    let written = serve::with_inputs(args.config.config.clone(), variables, |inputs| {
        written_cluster(inputs, id)
    });
    let written = written.map_err(Failure::Config)?.ok_or_else(|| {
        Failure::Usage(format!(
            "the configuration has no physical cluster {id}: give this command the configuration of a node that has it (--config, or the variables of klamm serve)"
        ))
    })?;
    let cluster = changed(written, args)?;
    // No secret leaves this machine.
    check_adoptable(id, &cluster).map_err(|error| {
        Failure::Usage(format!(
            "physical cluster {id} cannot be a resource as it is configured: {error}\nGive what is to be other with --property NAME=VALUE, or --credentials CREDENTIALS:NAME=VALUE"
        ))
    })?;
    print(&put(id, &cluster, args, &args.connection.client(variables)?)?)
}

/// The cluster with the properties that are given.
fn changed(mut cluster: PhysicalCluster, args: &AdoptArgs) -> Result<PhysicalCluster, Failure> {
    for (name, value) in &args.property {
        set(&mut cluster.properties, name, value);
    }
    for (of, value) in &args.credentials {
        let (credentials, name) = of
            .split_once(':')
            .ok_or_else(|| Failure::Usage(format!("{of}: the form is CREDENTIALS:NAME=VALUE")))?;
        let credentials: CredentialsName = credentials
            .parse()
            .map_err(|error| Failure::Usage(format!("{credentials}: {error}")))?;
        set(cluster.credentials.entry(credentials).or_default(), name, value);
    }
    Ok(cluster)
}

fn set(properties: &mut KafkaProperties, name: &str, value: &str) {
    match value.is_empty() {
        true => properties.remove(name),
        false => properties.insert(name.to_owned(), value.to_owned()),
    };
}

fn put(
    id: &ClusterId,
    cluster: &PhysicalCluster,
    args: &AdoptArgs,
    client: &AdminClient,
) -> Result<String, Failure> {
    let credentials: BTreeMap<&str, &KafkaProperties> = cluster
        .credentials
        .iter()
        .map(|(name, own)| (name.as_str(), own))
        .collect();
    let resource = json!({
        "kind": "PhysicalCluster", "apiVersion": "gateway/v2", "metadata": { "name": id },
        "spec": { "properties": cluster.properties, "credentials": credentials },
    });
    let path = format!(
        "/gateway/v2/cluster/adopt-physical-cluster?dryMode={}",
        args.trial.dry_run
    );
    let answer = client
        .call("POST", &path, Some(&resource))?
        .map_err(|refusal| refusal.failure(format!("physical cluster {id}")))?;
    Ok(match args.trial.output {
        Style::Json => format::json(&answer),
        Style::Text => shown(id, &answer, args.trial.dry_run),
    })
}

fn shown(id: &ClusterId, answer: &Value, is_trial: bool) -> String {
    let result = answer["upsertResult"].as_str().unwrap_or_default();
    if is_trial {
        return format!(
            "physical cluster {id} would be a resource ({result}), reached as the node that was asked reaches it\n"
        );
    }
    format!(
        "physical cluster {id} is a resource now ({result}). Nodes use it once it is not part of their configuration any more: remove it there, and restart them one after the other\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_properties_take_the_place_of_those_that_are_configured() {
        assert!(assignment("sasl.jaas.config").is_err());
        let given = |text: &str| assignment(text).expect("a name and a value");
        let args = AdoptArgs {
            cluster: "east".parse().expect("an id"),
            property: vec![
                given("sasl.jaas.config=a b=\"${env[X]}\";"),
                given("ssl.truststore.location="),
            ],
            credentials: vec![given("billing:sasl.jaas.config=${file[billing]}")],
            trial: Trial {
                dry_run: true,
                output: Style::Text,
            },
            config: ConfigArgs { config: None },
            connection: Connection::default(),
        };
        let written = PhysicalCluster {
            properties: [
                ("bootstrap.servers", "a:1"),
                ("sasl.jaas.config", "secret"),
                ("ssl.truststore.location", "/ca.pem"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
            ..PhysicalCluster::default()
        };
        let cluster = changed(written, &args).expect("a cluster");
        let names: Vec<&str> = cluster.properties.keys().map(String::as_str).collect();
        assert_eq!(names, ["bootstrap.servers", "sasl.jaas.config"]);
        assert_eq!(cluster.properties["sasl.jaas.config"], "a b=\"${env[X]}\";");
        let billing = &cluster.credentials["billing"];
        assert_eq!(billing["sasl.jaas.config"], "${file[billing]}");
        let unnamed = AdoptArgs {
            credentials: vec![given("sasl.jaas.config=x")],
            ..args
        };
        assert!(changed(PhysicalCluster::default(), &unnamed).is_err());
    }
}
