//! Metrics of what a node consists of.

use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};

/// The families, by kind of component.
#[derive(Debug, Clone)]
pub struct ComponentMetrics {
    panics: IntCounterVec,
    down: IntGaugeVec,
}

impl ComponentMetrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let families = Self {
            panics: IntCounterVec::new(
                Opts::new(
                    "klamm_component_panics_total",
                    "Components of this node that panicked, by kind",
                ),
                &["component"],
            )?,
            down: IntGaugeVec::new(
                Opts::new(
                    "klamm_components_down",
                    "Components of this node that panicked and wait to be started again, by kind",
                ),
                &["component"],
            )?,
        };
        registry.register(Box::new(families.panics.clone()))?;
        registry.register(Box::new(families.down.clone()))?;
        Ok(families)
    }

    /// There are components of this kind; `kind` is of a closed set, here and below.
    pub fn knows(&self, kind: &'static str) {
        self.panics.with_label_values(&[kind]);
        self.down.with_label_values(&[kind]);
    }

    /// One has panicked.
    pub fn panicked(&self, kind: &'static str) {
        self.panics.with_label_values(&[kind]).inc();
    }

    /// So many more are down.
    pub fn down(&self, kind: &'static str, more: i64) {
        self.down.with_label_values(&[kind]).add(more);
    }
}
