//! Filters against a fixed set of ACLs; each expectation lists the ACLs by name and pattern type.

use super::*;

fn acls() -> BTreeSet<AclBinding> {
    let mut acls = BTreeSet::new();
    for (name, pattern_type) in [
        ("t", PatternType::Literal),
        ("*", PatternType::Literal),
        ("*", PatternType::Prefixed),
        ("t", PatternType::Prefixed),
        ("te", PatternType::Prefixed),
        ("test", PatternType::Literal),
    ] {
        acls.insert(AclBinding {
            pattern: ResourcePattern {
                resource_type: ResourceType::Topic,
                name: name.to_owned(),
                pattern_type,
            },
            entry: AclEntry {
                principal: "User:a".to_owned(),
                host: "*".to_owned(),
                operation: Operation::Read,
                permission: Permission::Allow,
            },
        });
    }
    acls.insert(AclBinding {
        pattern: ResourcePattern {
            resource_type: ResourceType::Group,
            name: "g".to_owned(),
            pattern_type: PatternType::Literal,
        },
        entry: AclEntry {
            principal: "User:*".to_owned(),
            host: "10.0.0.1".to_owned(),
            operation: Operation::All,
            permission: Permission::Deny,
        },
    });
    acls
}

/// Takes everything.
const ALL: RawFilter<'static> = RawFilter {
    resource_type: 1,
    resource_name: None,
    pattern_type: 1,
    principal: None,
    host: None,
    operation: 1,
    permission: 1,
};

fn check(raw: RawFilter<'_>, wanted: &[&str]) {
    let acls = acls();
    let filter = AclFilter::read(raw).unwrap();
    let mut found: Vec<_> = describe(&acls, &filter)
        .iter()
        .map(|acl| {
            let mark = match acl.pattern.pattern_type {
                PatternType::Literal => "",
                PatternType::Prefixed => "..",
            };
            format!("{}{mark}", acl.pattern.name)
        })
        .collect();
    found.sort_unstable();
    let mut wanted = wanted.to_vec();
    wanted.sort_unstable();
    assert_eq!(found, wanted, "{raw:?}");
}

fn named(pattern_type: i8, name: &str) -> RawFilter<'_> {
    RawFilter {
        pattern_type,
        resource_name: Some(name),
        ..ALL
    }
}

#[test]
fn pattern_types_and_names() {
    const EVERY: [&str; 7] = ["*", "*..", "g", "t", "t..", "te..", "test"];
    check(ALL, &EVERY);
    check(
        RawFilter {
            pattern_type: 2,
            ..ALL
        },
        &EVERY,
    );
    check(
        RawFilter {
            pattern_type: 3,
            ..ALL
        },
        &["*", "g", "t", "test"],
    );
    check(
        RawFilter {
            pattern_type: 4,
            ..ALL
        },
        &["*..", "t..", "te.."],
    );
    check(named(3, "t"), &["t"]);
    check(named(4, "t"), &["t.."]);
    check(named(4, "test"), &[]);
    check(named(1, "t"), &["t", "t.."]);
    check(named(2, "test"), &["test", "te..", "t..", "*"]);
    check(named(2, "*"), &["*", "*.."]);
    check(named(2, ""), &["*"]);
    check(named(2, "*foo"), &["*", "*.."]);
    check(named(3, "*"), &["*"]);
}

#[test]
fn the_other_fields_are_compared_as_text_and_value() {
    check(
        RawFilter {
            resource_type: 3,
            ..ALL
        },
        &["g"],
    );
    check(
        RawFilter {
            principal: Some("User:*"),
            ..ALL
        },
        &["g"],
    );
    check(
        RawFilter {
            principal: Some("User:b"),
            ..ALL
        },
        &[],
    );
    check(
        RawFilter {
            host: Some("10.0.0.1"),
            ..ALL
        },
        &["g"],
    );
    check(RawFilter { operation: 2, ..ALL }, &["g"]);
    check(RawFilter { operation: 4, ..ALL }, &[]);
    check(RawFilter { permission: 2, ..ALL }, &["g"]);
    check(
        RawFilter {
            permission: 2,
            principal: Some("User:a"),
            ..ALL
        },
        &[],
    );
}

#[test]
fn zero_does_not_parse_and_out_of_range_matches_nothing() {
    for (zero, out_of_range) in [
        (
            RawFilter {
                resource_type: 0,
                ..ALL
            },
            RawFilter {
                resource_type: 99,
                ..ALL
            },
        ),
        (
            RawFilter {
                pattern_type: 0,
                ..ALL
            },
            RawFilter {
                pattern_type: 99,
                ..ALL
            },
        ),
        (
            RawFilter { operation: 0, ..ALL },
            RawFilter { operation: 99, ..ALL },
        ),
        (
            RawFilter { permission: 0, ..ALL },
            RawFilter {
                permission: 99,
                ..ALL
            },
        ),
    ] {
        assert_eq!(AclFilter::read(zero), Err(UnknownCode));
        check(out_of_range, &[]);
    }
}

#[test]
fn deletion_removes_once_and_lists_for_each_filter() {
    let acls = acls();
    let filters = [
        AclFilter::read(named(3, "t")).unwrap(),
        AclFilter::read(RawFilter { operation: 99, ..ALL }).unwrap(),
        AclFilter::read(named(1, "t")).unwrap(),
        AclFilter::read(RawFilter {
            pattern_type: 99,
            operation: 99,
            ..ALL
        })
        .unwrap(),
        AclFilter::read(named(3, "nothing")).unwrap(),
    ];
    let deletion = delete(&acls, &filters);
    let counts: Vec<_> = deletion
        .results
        .iter()
        .map(|result| result.as_ref().map(Vec::len))
        .collect();
    assert_eq!(
        counts,
        [
            Ok(1),
            Err(&FilterError::Entry),
            Ok(2),
            Err(&FilterError::Pattern),
            Ok(0)
        ]
    );
    assert_eq!(deletion.removed.len(), 2);
}

#[test]
fn too_many_removals_remove_nothing() {
    let base = acls().pop_first().expect("some");
    let many = |count: usize| -> BTreeSet<AclBinding> {
        (0..count)
            .map(|number| {
                let mut acl = base.clone();
                acl.pattern.name = number.to_string();
                acl
            })
            .collect()
    };
    let filters = [AclFilter::read(ALL).unwrap(); 2];
    assert_eq!(delete(&many(REMOVALS_MAX), &filters).removed.len(), REMOVALS_MAX);
    let acls = many(REMOVALS_MAX + 1);
    let deletion = delete(&acls, &filters);
    assert_eq!(deletion.results, vec![Err(FilterError::TooManyRemovals); 2]);
    assert!(deletion.removed.is_empty());
}

#[test]
fn filters_that_overlap_too_much_remove_nothing() {
    let acls = acls();
    let filters = vec![AclFilter::read(ALL).unwrap(); LISTED_MAX / acls.len() + 1];
    let deletion = delete(&acls, &filters);
    assert_eq!(
        deletion.results,
        vec![Err(FilterError::TooMuchWork); filters.len()]
    );
    assert!(deletion.removed.is_empty());
    assert_eq!(delete(&acls, &filters[1..]).removed.len(), acls.len());
}

#[test]
fn a_filter_with_type_and_name_finds_what_a_scan_finds() {
    let acls = acls();
    for acl in &acls {
        for pattern_type in [1, 3, 4] {
            let raw = RawFilter {
                resource_type: codes::resource_type_code(acl.pattern.resource_type),
                ..named(pattern_type, &acl.pattern.name)
            };
            let filter = AclFilter::read(raw).unwrap();
            let scanned: Vec<_> = acls.iter().filter(|acl| filter.matches(acl)).collect();
            assert_eq!(describe(&acls, &filter), scanned, "{raw:?}");
        }
    }
}
