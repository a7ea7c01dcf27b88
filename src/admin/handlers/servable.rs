//! Whether the clients of a virtual cluster could come in at all: its methods are spoken by some listener, and the
//! physical clusters that it reaches are open to whom they let in.

use klamm_raft::model::{
    Authentication, ClusterId, ListenerName, Method, Routing, Speech, State, VclusterName, VirtualCluster,
};

use crate::admin::problem::ApiError;
use crate::admin::resources::method_word;
use crate::admin::services::Services;

/// That each method is served by a listener of some node. A list of methods that is there already stays as good as it
/// was: listeners may have changed since.
pub(super) fn check_served(
    state: &State,
    name: &VclusterName,
    spec: &VirtualCluster,
) -> Result<(), ApiError> {
    let before = state.vclusters.get(name);
    if before.is_some_and(|before| before.spec.authentication == spec.authentication) {
        return Ok(());
    }
    let has_label = spec.label(name).is_some();
    let all = state.nodes.values().flat_map(|node| &node.listeners);
    let mut listeners: Vec<(&ListenerName, Speech)> = all
        .filter(|(_, listener)| has_label || matches!(listener.routing, Routing::Port { .. }))
        .map(|(name, listener)| (name, listener.speech))
        .collect();
    listeners.dedup();
    let unserved = spec.authentication.0.iter().find(|method| {
        let mut speeches = listeners.iter().map(|(_, speech)| speech);
        !speeches.any(|speech| speech.serves(method))
    });
    match unserved {
        Some(method) if !listeners.is_empty() => Err(unserved_method(method, &listeners)),
        _ => Ok(()),
    }
}

fn unserved_method(method: &Method, listeners: &[(&ListenerName, Speech)]) -> ApiError {
    let mut shown: Vec<String> = listeners
        .iter()
        .map(|(name, speech)| format!("{name} ({speech})"))
        .collect();
    shown.sort();
    shown.dedup();
    let wanted = match method {
        Method::Anonymous => "a listener with the protocol PLAINTEXT or SSL",
        Method::ClientCertificate { .. } => {
            "a listener with the protocol SSL that asks for certificates (tls.client.auth)"
        }
        Method::SaslPlain { .. } | Method::SaslScram { .. } | Method::OauthBearer(_) => {
            "a listener with the protocol SASL_PLAINTEXT or SASL_SSL"
        }
    };
    ApiError::invalid(format!(
        "no listener serves the method {}, so its clients could not connect. It needs {wanted}, or one without a protocol in gateway.listeners, which speaks whatever the methods ask for. The listeners are: {}",
        method_word(method),
        shown.join(", ")
    ))
}

/// That physical clusters are open to everybody, if the methods let everybody in.
pub(super) fn check_open<'a>(
    services: &Services,
    methods: &Authentication,
    reached: impl IntoIterator<Item = &'a ClusterId>,
) -> Result<(), ApiError> {
    if !methods.0.contains(&Method::Anonymous) {
        return Ok(());
    }
    let state = services.state();
    let mut reached = reached.into_iter();
    match reached.find(|cluster| services.is_closed(&state, cluster)) {
        Some(cluster) => Err(ApiError::invalid(format!(
            "the method anonymous would open the physical cluster {cluster} to everybody who can connect. If that is intended, set gateway.allow.anonymous: true among the properties of {cluster} on every node"
        ))),
        None => Ok(()),
    }
}
