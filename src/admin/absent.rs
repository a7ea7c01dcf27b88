//! The kinds of `gateway/v2` that this gateway does not have. Clients that list every kind find none of them, and who
//! puts one is told why.

/// A kind that there is nothing of.
#[derive(Debug)]
pub(super) struct Absent {
    pub(super) kind: &'static str,
    pub(super) path: &'static str,
    pub(super) shape: BodyForm,
    /// Why there is none; ends a sentence.
    pub(super) why: &'static str,
}

/// The form of the bodies that the kind's path would take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyForm {
    /// It is listed only.
    Listed,
    /// It is put and, by name and virtual cluster in the body, deleted.
    InVcluster { order: u8 },
}

impl Absent {
    /// The place of the kind among those that are applied in order, if it is one that is put.
    pub(super) fn order(&self) -> Option<u8> {
        match self.shape {
            BodyForm::Listed => None,
            BodyForm::InVcluster { order } => Some(order),
        }
    }
}

/// All of them.
pub(super) static ABSENT: [Absent; 3] = [
    Absent {
        kind: "ConcentratedTopic",
        path: "/gateway/v2/concentrated-topic",
        shape: BodyForm::Listed,
        why: "every topic is a topic of a physical cluster",
    },
    Absent {
        kind: "ConcentrationRule",
        path: "/gateway/v2/concentration-rule",
        shape: BodyForm::InVcluster { order: 9 },
        why: "every topic is a topic of a physical cluster, and none is stored inside another",
    },
    Absent {
        kind: "Plugin",
        path: "/gateway/v2/plugin",
        shape: BodyForm::Listed,
        why: "the classes that interceptors can name are in the page on policies",
    },
];
