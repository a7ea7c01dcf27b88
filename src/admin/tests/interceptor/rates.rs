//! Plugins that limit rates.

use super::*;

const SAFEGUARD: &str = "io.conduktor.gateway.interceptor.safeguard.";

fn safeguard(plugin: &str, config: Value) -> Value {
    let scope = json!({ "vCluster": "mypartner", "username": "ann" });
    interceptor("rate", scope, &format!("{SAFEGUARD}{plugin}"), config)
}

#[actix_web::test]
async fn rates_are_limited() {
    let gateway = Gateway::walkthrough().await;
    for (plugin, config, of) in [
        (
            "ProducerRateLimitingPolicyPlugin",
            json!({ "maximumBytesPerSecond": 500, "action": "BLOCK" }),
            "produced_bytes",
        ),
        (
            "ConsumerRateLimitingPolicyPlugin",
            json!({ "maximumBytesPerSecond": 500 }),
            "consumed_bytes",
        ),
        (
            "LimitConnectionPolicyPlugin",
            json!({ "maximumConnectionsPerSecond": 500, "action": "THROTTLE", "throttleTimeMs": 7 }),
            "new_connections",
        ),
    ] {
        let shown = policy(&gateway, &safeguard(plugin, config)).await;
        assert_eq!(shown["spec"]["phase"], "cluster");
        let action = json!({ "type": "limit_rate", "of": of, "perSecond": 500 });
        assert_eq!(shown["spec"]["action"], action);
        assert_eq!(shown["metadata"]["username"], "ann");
    }
}

#[actix_web::test]
async fn what_is_no_rate_is_refused() {
    let gateway = Gateway::walkthrough().await;
    for (plugin, config, why) in [
        (
            "ProducerRateLimitingPolicyPlugin",
            json!({ "maximumBytesPerSecond": 500, "action": "INFO" }),
            "spec.config.action: INFO is not supported here",
        ),
        (
            "ProducerRateLimitingPolicyPlugin",
            json!({ "maximumBytesPerSecond": 0 }),
            "must be at least 1",
        ),
        (
            "ConsumerRateLimitingPolicyPlugin",
            json!({ "maximumBytesPerSecond": 500, "topic": "a.*" }),
            "the field topic is unknown",
        ),
        (
            "LimitConnectionPolicyPlugin",
            json!({ "action": "BLOCK" }),
            "the field maximumConnectionsPerSecond is missing",
        ),
        (
            "LimitCommitOffsetPolicyPlugin",
            json!({ "groupId": ".*", "maximumCommitsPerMinute": 5 }),
            "requests of single groups are not counted",
        ),
        (
            "LimitJoinGroupPolicyPlugin",
            json!({ "groupId": ".*", "maximumJoinsPerMinute": 5 }),
            "spec.limits.requestsPerSecond of a VirtualCluster",
        ),
    ] {
        let refused = gateway.put(INTERCEPTOR, &safeguard(plugin, config)).await;
        let refused = refused.refused(400);
        assert!(refused.contains(why), "{plugin}: {refused}");
    }
}
