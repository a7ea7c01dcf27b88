//! Creations one by one and together.

use super::*;

const GOOD: RawCreation<'static> = RawCreation {
    resource_type: 2,
    resource_name: "t",
    pattern_type: 3,
    principal: "User:a",
    host: "*",
    operation: 3,
    permission: 3,
};

fn results(creations: &[RawCreation<'_>]) -> (Vec<Result<(), CreationError>>, usize) {
    match create(&BTreeSet::new(), creations) {
        Creation::Entries { results, new } => (results, new.len()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn refusals_say_what_a_broker_says_and_spare_their_siblings() {
    let cluster = RawCreation {
        resource_type: 4,
        ..GOOD
    };
    for (bad, message) in [
        (
            cluster,
            "The only valid name for the CLUSTER resource is kafka-cluster",
        ),
        (
            RawCreation {
                resource_name: "",
                ..cluster
            },
            "The only valid name for the CLUSTER resource is kafka-cluster",
        ),
        (
            RawCreation {
                resource_name: "",
                operation: 99,
                ..GOOD
            },
            "Invalid empty resource name",
        ),
        (
            RawCreation {
                resource_type: 99,
                pattern_type: 99,
                ..GOOD
            },
            "Invalid resourceType UNKNOWN",
        ),
        (
            RawCreation {
                pattern_type: 99,
                operation: 99,
                ..GOOD
            },
            "Invalid patternType UNKNOWN",
        ),
        (
            RawCreation {
                operation: 99,
                permission: 99,
                ..GOOD
            },
            "Invalid operation UNKNOWN",
        ),
        (
            RawCreation {
                permission: -1,
                principal: "x",
                ..GOOD
            },
            "Invalid permissionType UNKNOWN",
        ),
        (
            RawCreation {
                principal: "x",
                ..GOOD
            },
            "Could not parse principal from `x` (no colon is present separating the principal type from the \
             principal name)",
        ),
    ] {
        let (results, stored) = results(&[bad, GOOD]);
        assert_eq!(results[0].as_ref().unwrap_err().to_string(), message);
        assert_eq!(results[1], Ok(()));
        assert_eq!(stored, 1);
    }
}

#[test]
fn what_makes_no_sense_is_stored_all_the_same() {
    for odd in [
        RawCreation {
            pattern_type: 4,
            resource_name: "*",
            ..GOOD
        },
        RawCreation {
            resource_name: "no such/topic name",
            ..GOOD
        },
        RawCreation { operation: 9, ..GOOD },
        RawCreation {
            resource_type: 7,
            resource_name: "nobody",
            ..GOOD
        },
        RawCreation {
            principal: "user:x",
            ..GOOD
        },
        RawCreation {
            principal: ":",
            host: "",
            ..GOOD
        },
        RawCreation {
            host: "example.org",
            ..GOOD
        },
        RawCreation {
            resource_type: 4,
            resource_name: CLUSTER_NAME,
            pattern_type: 4,
            ..GOOD
        },
    ] {
        assert_eq!(results(&[odd]), (vec![Ok(())], 1), "{odd:?}");
    }
}

#[test]
fn what_exists_or_comes_twice_succeeds_and_is_stored_once() {
    assert_eq!(results(&[GOOD, GOOD]), (vec![Ok(()); 2], 1));
    let stored = BTreeSet::from([binding(&GOOD).unwrap()]);
    let Creation::Entries { results, new } = create(&stored, &[GOOD]) else {
        panic!("judged one by one");
    };
    assert_eq!((results, new.len()), (vec![Ok(())], 0));
}

#[test]
fn filter_values_spoil_the_whole_request_and_zero_is_no_request() {
    for bad in [
        RawCreation {
            resource_type: 1,
            ..GOOD
        },
        RawCreation {
            pattern_type: 1,
            ..GOOD
        },
        RawCreation {
            pattern_type: 2,
            ..GOOD
        },
        RawCreation { operation: 1, ..GOOD },
        RawCreation {
            permission: 1,
            ..GOOD
        },
    ] {
        assert_eq!(
            create(&BTreeSet::new(), &[GOOD, bad]),
            Creation::FilterValue,
            "{bad:?}"
        );
        assert_eq!(check_codes(&[GOOD, bad]), Ok(()));
    }
    for zero in [
        RawCreation {
            resource_type: 0,
            ..GOOD
        },
        RawCreation {
            pattern_type: 0,
            ..GOOD
        },
        RawCreation { operation: 0, ..GOOD },
        RawCreation {
            permission: 0,
            ..GOOD
        },
    ] {
        assert_eq!(check_codes(&[GOOD, zero]), Err(UnknownCode), "{zero:?}");
    }
}

#[test]
fn the_limit_counts_new_acls_only() {
    let names: Vec<String> = (0..=CREATIONS_MAX).map(|number| number.to_string()).collect();
    let creations: Vec<_> = names
        .iter()
        .map(|name| RawCreation {
            resource_name: name,
            ..GOOD
        })
        .collect();
    assert_eq!(create(&BTreeSet::new(), &creations), Creation::TooMany);
    assert_eq!(
        results(&creations[1..]),
        (vec![Ok(()); CREATIONS_MAX], CREATIONS_MAX)
    );
    let stored = BTreeSet::from([binding(&creations[0]).unwrap()]);
    assert!(matches!(create(&stored, &creations), Creation::Entries { .. }));
}

#[test]
fn no_text_is_longer_than_what_it_names() {
    let long = "x".repeat(250);
    let topic = RawCreation {
        resource_name: &long,
        ..GOOD
    };
    let error = binding(&topic).unwrap_err();
    assert!(matches!(error, CreationError::TooLong(_)), "{error}");
    assert!(error.to_string().contains("at most 249 bytes"), "{error}");
}
