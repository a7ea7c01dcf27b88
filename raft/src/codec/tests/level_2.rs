//! Examples of what level 2 has added: policies.

use crate::command::Command;
use crate::model::{
    FailureMode, HeaderAction, Policy, PolicyAction, PolicyId, PolicyKey, PolicyPhase, TopicPattern,
};

/// With something in every place.
pub(crate) fn policy(phase: PolicyPhase, action: PolicyAction) -> Policy {
    Policy {
        phase,
        priority: -7,
        enabled: true,
        description: "each customer sees his own".to_owned(),
        labels: [("team".to_owned(), "sales".to_owned())].into(),
        topics: [
            TopicPattern::Literal("orders".parse().unwrap()),
            TopicPattern::Prefixed("bills-".parse().unwrap()),
        ]
        .into(),
        condition: Some("record.headers['customer'] != 'a'".to_owned()),
        action,
        failure_mode: Some(FailureMode::Skip),
    }
}

/// On virtual clusters that are there then, and on one that is not.
pub(super) fn commands() -> Vec<Command> {
    let name = |text: &str| text.parse().unwrap();
    let of = |vcluster: &str, account: Option<&str>| {
        let account = account.map(|name| name.parse().unwrap());
        let name = name("only-mine");
        PolicyKey::In(vcluster.parse().unwrap(), PolicyId { name, account })
    };
    let put = |key, phase, action| Command::PutPolicy {
        key,
        policy: policy(phase, action),
    };
    let headers = vec![
        HeaderAction::Set {
            key: "customer".parse().unwrap(),
            value: "a".to_owned(),
        },
        HeaderAction::Remove {
            key: "secret".parse().unwrap(),
        },
    ];
    let require = PolicyAction::Require {
        description: "records name their customer".to_owned(),
    };
    vec![
        put(
            of("partner", None),
            PolicyPhase::Consume,
            PolicyAction::SkipRecord,
        ),
        put(of("partner", Some("alice")), PolicyPhase::Produce, require),
        put(
            PolicyKey::Everywhere(name("stamp")),
            PolicyPhase::Produce,
            PolicyAction::ModifyHeaders { actions: headers },
        ),
        Command::DeletePolicy {
            key: of("other", None),
        },
        Command::DeletePolicy {
            key: of("partner", Some("bob")),
        },
    ]
}
