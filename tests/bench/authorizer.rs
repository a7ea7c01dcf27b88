//! `cargo bench --bench authorizer`: what a decision costs at 10, 1,000 and 100,000 ACLs, by kind of question.
//! It knows the authorizer only.
#![allow(
    clippy::print_stdout,
    reason = "a table on the screen is what this command is for"
)]

use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::{Duration, Instant};

use klamm::authz::{AclIndex, IfNoAcl, Principal, Resource};
use klamm_raft::model::{
    AclBinding, AclEntry, Operation, PatternType, Permission, ResourcePattern, ResourceType,
};

const SIZES: [usize; 3] = [10, 1_000, 100_000];
/// Different questions of each kind, so that 100,000 ACLs do not stay in the nearest cache.
const QUESTIONS: usize = 1 << 16;
/// Each kind is repeated for this long.
const REPEAT_FOR: Duration = Duration::from_millis(400);
const HOST: &str = "10.12.0.7";
const DEPARTMENTS: [&str; 7] = [
    "it",
    "sales",
    "logistics",
    "payments",
    "risk",
    "marketing",
    "human-resources",
];

/// A kind of question, and what its answer must be.
struct Kind {
    title: &'static str,
    allowed: Option<bool>,
    ask: fn(&mut Dice, usize) -> Question,
}

#[derive(Debug)]
struct Question {
    principal: Principal,
    topic: String,
    operation: Operation,
}

const KINDS: [Kind; 8] = [
    Kind {
        title: "literal, allowed",
        allowed: Some(true),
        ask: |dice, size| {
            let team = dice.team(size, Role::Literal);
            Question::new(&user(team, size), literal_topic(team))
        },
    },
    Kind {
        title: "prefixed, allowed",
        allowed: Some(true),
        ask: |dice, size| {
            let team = dice.team(size, Role::Prefixed);
            Question::new(
                &user(team, size),
                format!("{}invoices.v{}", prefix(team), dice.roll(50)),
            )
        },
    },
    Kind {
        title: "denied by an ACL",
        allowed: Some(false),
        ask: |dice, size| {
            let team = dice.team(size, Role::Refused);
            Question::new(
                &user(team, size),
                format!("{}secret.{}", prefix(team), dice.roll(50)),
            )
        },
    },
    Kind {
        title: "somebody else's topic",
        allowed: Some(false),
        ask: |dice, size| {
            let own = dice.roll(size);
            let other = dice.team(size, Role::Literal);
            let principal = if owner(own, size) == owner(other, size) {
                Principal::user("stranger")
            } else {
                user(own, size)
            };
            Question::new(&principal, literal_topic(other))
        },
    },
    Kind {
        title: "a topic that many read",
        allowed: Some(true),
        ask: |dice, size| {
            let team = dice.team(size, Role::Crowd);
            Question::new(&user(team, size), crowded_topic(team))
        },
    },
    Kind {
        title: "an account with 10 % of all",
        allowed: Some(true),
        ask: |dice, size| {
            let team = dice.team(size.div_ceil(SHARE_OF_THE_WIDE), Role::Literal);
            Question::new(&user(team, size), literal_topic(team))
        },
    },
    Kind {
        title: "no ACL at all",
        allowed: Some(false),
        ask: |dice, size| {
            Question::new(
                &user(dice.roll(size), size),
                format!("unheard-of.{}", dice.roll(1_000_000)),
            )
        },
    },
    Kind {
        title: "all of these, mixed",
        allowed: None,
        ask: |dice, size| {
            let kind = dice.roll(KINDS.len() - 1);
            (KINDS[kind].ask)(dice, size)
        },
    },
];

/// One account has this part of all ACLs.
const SHARE_OF_THE_WIDE: usize = 10;
/// The others have this many each.
const ACLS_PER_ACCOUNT: usize = 20;

/// The purpose of the ACL with a number; the roles alternate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Allows READ on one topic.
    Literal,
    /// Allows ALL on a prefix.
    Prefixed,
    /// Denies ALL on a prefix.
    Refused,
    /// Allows READ on one of a few topics that many read.
    Crowd,
}

const ROLES: [Role; 10] = [
    Role::Literal,
    Role::Prefixed,
    Role::Literal,
    Role::Literal,
    Role::Refused,
    Role::Literal,
    Role::Prefixed,
    Role::Crowd,
    Role::Literal,
    Role::Prefixed,
];

impl Question {
    fn new(principal: &Principal, topic: String) -> Self {
        Self {
            principal: principal.clone(),
            topic,
            operation: Operation::Read,
        }
    }

    fn ask(&self, index: &AclIndex) -> bool {
        index
            .decide(
                &self.principal,
                HOST,
                self.operation,
                Resource::topic(&self.topic),
            )
            .is_allowed()
    }
}

/// SplitMix64, seeded: every run asks the same.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % sides as u64) as usize
    }

    /// The number of an ACL with this role.
    fn team(&mut self, size: usize, role: Role) -> usize {
        loop {
            let team = self.roll(size);
            if ROLES[team % ROLES.len()] == role {
                return team;
            }
        }
    }
}

/// The account that has an ACL.
fn owner(team: usize, size: usize) -> usize {
    if team < size / SHARE_OF_THE_WIDE {
        0
    } else {
        1 + team / ACLS_PER_ACCOUNT
    }
}

fn user(team: usize, size: usize) -> Principal {
    let owner = owner(team, size);
    Principal::user(&format!("svc-{}-{owner}", DEPARTMENTS[owner % DEPARTMENTS.len()]))
}

fn crowded_topic(team: usize) -> String {
    format!("announcements.{}", team % ACLS_PER_ACCOUNT)
}

fn literal_topic(team: usize) -> String {
    format!("{}.orders.{team}.events", DEPARTMENTS[team % DEPARTMENTS.len()])
}

/// Prefixes have many different lengths, as names of teams do.
fn prefix(team: usize) -> String {
    let department = DEPARTMENTS[team % DEPARTMENTS.len()];
    format!("{department}.team-{team}{}.", &"-subsidiary-abroad"[..team % 13])
}

fn acls(size: usize) -> BTreeSet<AclBinding> {
    (0..size)
        .map(|team| {
            let (name, pattern_type, operation, permission) = match ROLES[team % ROLES.len()] {
                Role::Literal => (
                    literal_topic(team),
                    PatternType::Literal,
                    Operation::Read,
                    Permission::Allow,
                ),
                Role::Prefixed => (
                    prefix(team),
                    PatternType::Prefixed,
                    Operation::All,
                    Permission::Allow,
                ),
                Role::Refused => (
                    prefix(team),
                    PatternType::Prefixed,
                    Operation::All,
                    Permission::Deny,
                ),
                Role::Crowd => (
                    crowded_topic(team),
                    PatternType::Literal,
                    Operation::Read,
                    Permission::Allow,
                ),
            };
            AclBinding {
                pattern: ResourcePattern {
                    resource_type: ResourceType::Topic,
                    name,
                    pattern_type,
                },
                entry: AclEntry {
                    principal: user(team, size).to_string(),
                    host: if team % 5 == 0 { HOST } else { "*" }.to_owned(),
                    operation,
                    permission,
                },
            }
        })
        .collect()
}

/// Nanoseconds per decision: the best of several passes over all questions.
fn measure(index: &AclIndex, questions: &[Question]) -> f64 {
    let started = Instant::now();
    let mut best = Duration::MAX;
    while started.elapsed() < REPEAT_FOR {
        let pass = Instant::now();
        let allowed = questions.iter().filter(|question| question.ask(index)).count();
        black_box(allowed);
        best = best.min(pass.elapsed());
    }
    best.as_secs_f64() * 1e9 / questions.len() as f64
}

fn main() {
    let indexes = SIZES.map(|size| {
        let acls = acls(size);
        let started = Instant::now();
        let index = AclIndex::compile(&acls, &BTreeSet::new(), IfNoAcl::Deny);
        (size, index, started.elapsed())
    });
    println!("ns per decision ({QUESTIONS} different questions of each kind, best pass)\n");
    print!("{:<30}", "ACLs");
    for (size, ..) in &indexes {
        print!("{size:>10}");
    }
    println!();
    for kind in &KINDS {
        print!("{:<30}", kind.title);
        for (size, index, _) in &indexes {
            let mut dice = Dice(*size as u64);
            let questions: Vec<_> = (0..QUESTIONS).map(|_| (kind.ask)(&mut dice, *size)).collect();
            if let Some(allowed) = kind.allowed {
                let wrong = questions.iter().find(|question| question.ask(index) != allowed);
                assert!(wrong.is_none(), "{} at {size} ACLs: {wrong:?}", kind.title);
            }
            print!("{:>10.1}", measure(index, &questions));
        }
        println!();
    }
    print!("{:<30}", "compiling, ms");
    for (.., compiling) in &indexes {
        print!("{:>10.2}", compiling.as_secs_f64() * 1e3);
    }
    println!();
}
