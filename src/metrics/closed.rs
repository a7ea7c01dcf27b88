//! Values of labels that are closed sets: each has its name in Prometheus's text format, and words for `docs/METRICS.md`.

use std::borrow::Cow;

/// One value of a closed set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ClosedValue {
    pub(super) name: &'static str,
    /// Its meaning; ends a line of the page.
    pub(super) meaning: Cow<'static, str>,
}

/// Declares a closed set: for each variant the value of the label, and what it means. Whoever adds a variant has said
/// both, and the page on metrics lists it.
macro_rules! closed {
    ($(#[$about:meta])* $vis:vis enum $name:ident { $($variant:ident = $value:literal: $meaning:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis enum $name {
            $(#[doc = $meaning] $variant,)+
        }

        impl $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The value of the label.
            $vis const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $value,)+
                }
            }

            const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)+
                }
            }

            pub(in crate::metrics) fn values() -> Vec<$crate::metrics::closed::ClosedValue> {
                let value = |one: &Self| $crate::metrics::closed::ClosedValue {
                    name: one.name(),
                    meaning: one.meaning().into(),
                };
                Self::ALL.iter().map(value).collect()
            }
        }
    };
}

pub(super) use closed;
