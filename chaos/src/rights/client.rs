//! A Kafka client that asks for one decision after the other. No broker is needed: who may create a topic in a Partner is told
//! that it cannot be created here, and who may not is told that.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use kafka_protocol::messages::create_acls_request::AclCreation;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::delete_acls_request::DeleteAclsFilter;
use kafka_protocol::messages::{
    CreateAclsRequest, CreateTopicsRequest, DeleteAclsRequest, DescribeAclsRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use crate::wire::Connection;

/// The topic whose creation is asked for.
const TOPIC: &str = "probe";

/// TOPIC_AUTHORIZATION_FAILED.
const DENIED: i16 = 29;
/// POLICY_VIOLATION.
const NOT_HERE: i16 = 44;

/// Kafka's codes: a topic, CREATE, allow, literal.
const RESOURCE: i8 = 2;
const OPERATION: i8 = 5;
const ALLOW: i8 = 3;
const LITERAL: i8 = 3;
const ANY: i8 = 1;

/// The answer to a request for a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    Allowed,
    Denied,
    /// An error that a client takes for final although nothing was decided against it.
    Fatal(i16),
}

/// A client that has logged in.
#[derive(Debug)]
pub(super) struct Client {
    connection: Connection,
}

impl Client {
    /// Connects and logs in with a token.
    pub(super) fn log_in(
        address: SocketAddr,
        user: &str,
        token: &str,
        limit: Duration,
    ) -> anyhow::Result<Self> {
        let connection = Connection::log_in(address, (user, token), limit)?;
        Ok(Self { connection })
    }

    /// Asks whether the user may create the topic, and waits for the answer.
    pub(super) fn decide(&mut self) -> anyhow::Result<Decision> {
        self.ask_for_decision()?;
        self.decision()
    }

    /// Asks.
    pub(super) fn ask_for_decision(&mut self) -> anyhow::Result<()> {
        let topic = CreatableTopic::default()
            .with_name(TopicName(StrBytes::from_static_str(TOPIC)))
            .with_num_partitions(1)
            .with_replication_factor(1);
        let request = CreateTopicsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(1000);
        self.connection.send(2, &request)
    }

    /// Waits for the answer.
    pub(super) fn decision(&mut self) -> anyhow::Result<Decision> {
        let answer = self.connection.receive::<CreateTopicsRequest>(2)?;
        let topic = answer.topics.first().context("a topic")?;
        Ok(match topic.error_code {
            NOT_HERE => Decision::Allowed,
            DENIED => Decision::Denied,
            other => Decision::Fatal(other),
        })
    }

    /// Gives somebody the right.
    pub(super) fn grant(&mut self, user: &str) -> anyhow::Result<()> {
        let acl = AclCreation::default()
            .with_resource_type(RESOURCE)
            .with_resource_name(StrBytes::from_static_str(TOPIC))
            .with_resource_pattern_type(LITERAL)
            .with_principal(principal(user))
            .with_host(StrBytes::from_static_str("*"))
            .with_operation(OPERATION)
            .with_permission_type(ALLOW);
        let answer = self
            .connection
            .ask(1, &CreateAclsRequest::default().with_creations(vec![acl]))?;
        let error = answer.results.first().context("a result")?.error_code;
        ensure!(error == 0, "the right was not given: {error}");
        Ok(())
    }

    /// Takes the right away.
    pub(super) fn revoke(&mut self, user: &str) -> anyhow::Result<()> {
        let filter = DeleteAclsFilter::default()
            .with_resource_type_filter(RESOURCE)
            .with_resource_name_filter(Some(StrBytes::from_static_str(TOPIC)))
            .with_pattern_type_filter(LITERAL)
            .with_principal_filter(Some(principal(user)))
            .with_host_filter(None)
            .with_operation(OPERATION)
            .with_permission_type(ALLOW);
        let answer = self
            .connection
            .ask(1, &DeleteAclsRequest::default().with_filters(vec![filter]))?;
        let result = answer.filter_results.first().context("a result")?;
        ensure!(
            result.error_code == 0,
            "the right was not taken away: {}",
            result.error_code
        );
        Ok(())
    }

    /// All rights that there are.
    pub(super) fn rights(&mut self) -> anyhow::Result<BTreeSet<String>> {
        let request = DescribeAclsRequest::default()
            .with_resource_type_filter(ANY)
            .with_pattern_type_filter(ANY)
            .with_operation(ANY)
            .with_permission_type(ANY);
        let answer = self.connection.ask(1, &request)?;
        ensure!(
            answer.error_code == 0,
            "rights were not told: {}",
            answer.error_code
        );
        Ok(answer
            .resources
            .iter()
            .map(|resource| format!("{resource:?}"))
            .collect())
    }
}

fn principal(user: &str) -> StrBytes {
    StrBytes::from_string(format!("User:{user}"))
}
