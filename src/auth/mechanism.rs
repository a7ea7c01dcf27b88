//! The SASL mechanisms that clients may choose.

/// An offered mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 4616; the password is a service-account token.
    Plain,
}

impl Mechanism {
    /// What is offered, in the order in which clients are told.
    pub const OFFERED: [Self; 1] = [Self::Plain];

    /// The registered name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
        }
    }

    /// The offered mechanism of that name. Names compare exactly, as Kafka compares them.
    pub fn find(name: &str) -> Option<Self> {
        Self::OFFERED
            .into_iter()
            .find(|mechanism| mechanism.name() == name)
    }
}
