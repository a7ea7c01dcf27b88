//! A client of the admin API, as small as the walkthrough needs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::quickstart::error::QuickstartError;

/// The default account; the gateway accepts it on loopback only.
const AUTHORIZATION: &str = "Basic YWRtaW46Y29uZHVrdG9y";

const TIMEOUT: Duration = Duration::from_secs(30);

/// The admin API of one node.
#[derive(Debug)]
pub struct Admin {
    url: String,
    agent: ureq::Agent,
}

/// The answer to a request: status and body.
#[derive(Debug)]
pub struct HttpAnswer {
    request: String,
    pub status: u16,
    pub body: String,
}

impl Admin {
    #[must_use]
    pub fn new(url: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            .build();
        Self {
            url: url.to_owned(),
            agent: config.into(),
        }
    }

    /// Any request; `path` is what follows `/gateway/v2/`.
    ///
    /// # Errors
    /// When there is no answer. A refusal is an answer.
    pub fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<HttpAnswer, QuickstartError> {
        self.ask(method, &format!("/gateway/v2/{path}"), body)
    }

    /// Any request to any path.
    ///
    /// # Errors
    /// As [`Admin::call`].
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<HttpAnswer, QuickstartError> {
        let url = format!("{}{path}", self.url);
        let request = format!("{method} {url}");
        let failed = |source: ureq::Error| QuickstartError::Http {
            request: request.clone(),
            source: Box::new(source),
        };
        let text = body.map(Value::to_string).unwrap_or_default();
        let http = ureq::http::Request::builder()
            .method(method)
            .uri(&url)
            .header("Authorization", AUTHORIZATION)
            .header("Content-Type", "application/json")
            .body(text)
            .map_err(|error| failed(error.into()))?;
        let mut response = self.agent.run(http).map_err(&failed)?;
        let body = response.body_mut().read_to_string().map_err(&failed)?;
        Ok(HttpAnswer {
            request,
            status: response.status().as_u16(),
            body,
        })
    }

    /// PUT of a resource of the walkthrough; anything but 200 is an error.
    ///
    /// # Errors
    /// When it is refused or there is no answer.
    pub fn put(&self, path: &str, resource: &Value) -> Result<(), QuickstartError> {
        self.call("PUT", path, Some(resource))?.ok().map(|_| ())
    }

    /// A token for a service account.
    ///
    /// # Errors
    /// As [`Admin::put`].
    pub fn token(&self, vcluster: &str, username: &str, seconds: u64) -> Result<String, QuickstartError> {
        let body = json!({"username": username, "vCluster": vcluster, "lifeTimeSeconds": seconds});
        self.call("POST", "token", Some(&body))?.field("token", "/token")
    }

    /// The node that leads the group, counted from 1.
    ///
    /// # Errors
    /// When nobody leads, or as [`Admin::put`].
    pub fn leader(&self) -> Result<usize, QuickstartError> {
        let answer = self.call("GET", "cluster", None)?.ok()?;
        let view: Option<Value> = serde_json::from_str(&answer.body).ok();
        let leader = view
            .as_ref()
            .and_then(|view| view.get("leader"))
            .and_then(Value::as_u64);
        match leader.and_then(|id| usize::try_from(id).ok()) {
            Some(leader) => Ok(leader),
            None => Err(QuickstartError::Answer {
                request: answer.request,
                field: "leader",
                body: answer.body,
            }),
        }
    }

    /// Where clients of a virtual cluster begin.
    ///
    /// # Errors
    /// As [`Admin::put`].
    pub fn bootstrap(&self, vcluster: &str) -> Result<String, QuickstartError> {
        self.call("GET", &format!("virtual-cluster/{vcluster}"), None)?
            .field("bootstrapServers", "/spec/bootstrapServers")
    }
}

impl HttpAnswer {
    /// The answer, if it was 200.
    ///
    /// # Errors
    /// When it was anything else.
    pub fn ok(self) -> Result<Self, QuickstartError> {
        match self.status {
            200 => Ok(self),
            status => Err(QuickstartError::Refused {
                request: self.request,
                status,
                body: self.body,
            }),
        }
    }

    /// A text at a JSON pointer.
    fn field(self, name: &'static str, pointer: &str) -> Result<String, QuickstartError> {
        let answer = self.ok()?;
        let value: Option<Value> = serde_json::from_str(&answer.body).ok();
        let text = value
            .as_ref()
            .and_then(|value| value.pointer(pointer))
            .and_then(Value::as_str);
        match text {
            Some(text) => Ok(text.to_owned()),
            None => Err(QuickstartError::Answer {
                request: answer.request,
                field: name,
                body: answer.body,
            }),
        }
    }
}

/// A virtual cluster as the walkthrough makes it.
#[must_use]
pub fn vcluster(name: &str, super_user: &str) -> Value {
    json!({
        "kind": "VirtualCluster", "apiVersion": "gateway/v2", "metadata": {"name": name},
        "spec": {"aclEnabled": true, "superUsers": [super_user], "type": "Partner"},
    })
}

/// An alias topic.
#[must_use]
pub fn alias(vcluster: &str, name: &str, physical: (&str, &str)) -> Value {
    let (cluster, topic) = physical;
    json!({
        "kind": "AliasTopic", "apiVersion": "gateway/v2", "metadata": {"name": name, "vCluster": vcluster},
        "spec": {"physicalName": topic, "physicalCluster": cluster},
    })
}

/// A service account whose credentials the gateway holds.
#[must_use]
pub fn account(vcluster: &str, name: &str) -> Value {
    json!({
        "kind": "GatewayServiceAccount", "apiVersion": "gateway/v2", "metadata": {"name": name, "vCluster": vcluster},
        "spec": {"type": "LOCAL"},
    })
}
