//! Messages about a virtual cluster in the words of event gateways: whoever wrote `dns_label` is not told of
//! `spec.dnsLabel`.

/// The fields that do not follow the rule that `spec.` goes and capitals become underscores.
const OTHERS: [(&str, &str); 15] = [
    ("metadata.name", "name"),
    ("spec.aclEnabled", "acl_mode"),
    ("spec.backend", "destination"),
    ("spec.type", "type"),
    ("spec.action.type", "type"),
    ("spec.action.actions", "config.actions"),
    ("spec.action.actions.key", "config.actions.key"),
    ("spec.action.actions.value", "config.actions.value"),
    ("spec.action.rules", "config.rules"),
    ("spec.properties.bootstrap.servers", "bootstrap_servers"),
    ("spec.properties.sasl.jaas.config", "authentication"),
    ("spec.properties.ssl.truststore.certificates", "tls.ca_bundle"),
    (
        "spec.properties.ssl.keystore.certificate.chain",
        "tls.client_identity.certificate",
    ),
    ("spec.properties.ssl.keystore.key", "tls.client_identity.key"),
    (
        "spec.properties.gateway.allow.anonymous",
        "insecure_allow_anonymous_virtual_cluster_auth",
    ),
];

/// The text in the other spelling, and the first field that it names.
pub(in crate::admin) fn spelled(text: &str) -> (String, Option<String>) {
    let mut out = String::with_capacity(text.len());
    let mut first = None;
    let mut rest = text;
    while let Some(at) = ["spec.", "metadata."]
        .iter()
        .filter_map(|word| rest.find(word))
        .min()
    {
        let (before, from) = rest.split_at(at);
        out += before;
        let is_word = !before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.');
        let end = from
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '_')
            .unwrap_or(from.len());
        // A full stop ends the sentence, not the name.
        let name = from[..end].trim_end_matches('.');
        let is_word = is_word && name.contains('.');
        let written = match is_word {
            true => field(name),
            false => name.to_owned(),
        };
        if is_word && first.is_none() {
            first = Some(written.clone());
        }
        out += &written;
        rest = &from[name.len()..];
    }
    out += rest;
    (out, first)
}

fn field(name: &str) -> String {
    if let Some((_, other)) = OTHERS.iter().find(|(ours, _)| *ours == name) {
        return (*other).to_owned();
    }
    let mut out = String::with_capacity(name.len() + 4);
    for c in name.strip_prefix("spec.").unwrap_or(name).chars() {
        if c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_spelled_as_they_were_written() {
        let check = |text: &str, written: &str, named: Option<&str>| {
            assert_eq!(spelled(text), (written.to_owned(), named.map(str::to_owned)));
        };
        check(
            "spec.superUsers must not be empty: set spec.superUsers.",
            "super_users must not be empty: set super_users.",
            Some("super_users"),
        );
        check(
            "spec.namespace.additional.consumerGroups: selector",
            "namespace.additional.consumer_groups: selector",
            Some("namespace.additional.consumer_groups"),
        );
        check("metadata.name: x", "name: x", Some("name"));
        check(
            "spec.aclEnabled and spec.backend",
            "acl_mode and destination",
            Some("acl_mode"),
        );
        check(
            "spec.action.rules[0]: none, spec.failureMode: none",
            "config.rules[0]: none, failure_mode: none",
            Some("config.rules"),
        );
        check(
            "my spec. is fine, aspec.b too",
            "my spec. is fine, aspec.b too",
            None,
        );
        check("ä", "ä", None);
    }
}
