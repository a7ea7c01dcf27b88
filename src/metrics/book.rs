//! A metric is created, registered and described in one call here, so that none can be counted and never shown, or
//! shown and not be on the page.

use prometheus::core::Collector;
use prometheus::{
    CounterVec, Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry,
};

use super::closed::ClosedValue;

/// A part of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Clients,
    Usage,
    Policies,
    PhysicalClusters,
    OauthProviders,
    Raft,
    Components,
}

impl Section {
    pub(super) const ALL: [Self; 7] = [
        Self::Clients,
        Self::Usage,
        Self::Policies,
        Self::PhysicalClusters,
        Self::OauthProviders,
        Self::Raft,
        Self::Components,
    ];

    /// The heading on the page.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Clients => "Clients",
            Self::Usage => "Usage",
            Self::Policies => "Policies",
            Self::PhysicalClusters => "Physical clusters",
            Self::OauthProviders => "OAuth providers",
            Self::Raft => "Raft",
            Self::Components => "Components",
        }
    }
}

/// A label of a metric.
#[derive(Debug, Clone, Copy)]
pub(super) struct Label {
    pub(super) name: &'static str,
    /// All values, with their meanings. None: names that an operator configured, or that Kafka gives.
    pub(super) values: Option<fn() -> Vec<ClosedValue>>,
}

impl Label {
    /// Its values are of a closed set.
    pub(super) const fn closed(name: &'static str, values: fn() -> Vec<ClosedValue>) -> Self {
        Self {
            name,
            values: Some(values),
        }
    }

    /// Its values are names that an operator configured, or that Kafka gives.
    pub(super) const fn named(name: &'static str) -> Self {
        Self { name, values: None }
    }
}

/// The description of a metric.
#[derive(Debug, Clone, Copy)]
pub(super) struct Family {
    pub(super) name: &'static str,
    /// The help that Prometheus shows.
    help: &'static str,
    /// The meaning for the page.
    pub(super) meaning: &'static str,
    pub(super) labels: &'static [Label],
}

impl Family {
    pub(super) const fn new(name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            help,
            meaning: help,
            labels: &[],
        }
    }

    pub(super) const fn by(self, labels: &'static [Label]) -> Self {
        Self { labels, ..self }
    }

    /// The page says more than Prometheus does.
    pub(super) const fn on_page(self, meaning: &'static str) -> Self {
        Self { meaning, ..self }
    }

    fn label_names(&self) -> Vec<&'static str> {
        self.labels.iter().map(|label| label.name).collect()
    }
}

/// A metric as the page describes it.
#[derive(Debug)]
pub(super) struct PageEntry {
    pub(super) section: Section,
    /// As Prometheus calls it.
    pub(super) kind: &'static str,
    pub(super) family: Family,
}

/// All metrics that were made, in their order.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) registry: Registry,
    pub(super) entries: Vec<PageEntry>,
    section: Section,
}

impl Book {
    pub(super) fn new(registry: Registry) -> Self {
        Self {
            registry,
            entries: Vec::new(),
            section: Section::Clients,
        }
    }

    /// Opens a section, to which the metrics that follow belong.
    pub(super) fn open(&mut self, section: Section) {
        self.section = section;
    }

    pub(super) fn counter(&mut self, family: Family) -> Result<IntCounter, prometheus::Error> {
        let made = IntCounter::new(family.name, family.help)?;
        self.enter("counter", family, made)
    }

    /// Counters by labels.
    pub(super) fn counters(&mut self, family: Family) -> Result<IntCounterVec, prometheus::Error> {
        let made = IntCounterVec::new(Opts::new(family.name, family.help), &family.label_names())?;
        self.enter("counter", family, made)
    }

    /// Counters by labels that are no whole numbers.
    pub(super) fn sums(&mut self, family: Family) -> Result<CounterVec, prometheus::Error> {
        let made = CounterVec::new(Opts::new(family.name, family.help), &family.label_names())?;
        self.enter("counter", family, made)
    }

    pub(super) fn gauge(&mut self, family: Family) -> Result<IntGauge, prometheus::Error> {
        let made = IntGauge::new(family.name, family.help)?;
        self.enter("gauge", family, made)
    }

    /// Gauges by labels.
    pub(super) fn gauges(&mut self, family: Family) -> Result<IntGaugeVec, prometheus::Error> {
        let made = IntGaugeVec::new(Opts::new(family.name, family.help), &family.label_names())?;
        self.enter("gauge", family, made)
    }

    /// A gauge that is no whole number.
    pub(super) fn ratio(&mut self, family: Family) -> Result<Gauge, prometheus::Error> {
        let made = Gauge::new(family.name, family.help)?;
        self.enter("gauge", family, made)
    }

    /// Gauges by labels that are parts of something.
    pub(super) fn ratios(&mut self, family: Family) -> Result<GaugeVec, prometheus::Error> {
        let made = GaugeVec::new(Opts::new(family.name, family.help), &family.label_names())?;
        self.enter("gauge", family, made)
    }

    /// Histograms by labels.
    pub(super) fn histograms(
        &mut self,
        family: Family,
        buckets: &[f64],
    ) -> Result<HistogramVec, prometheus::Error> {
        let options = HistogramOpts::new(family.name, family.help).buckets(buckets.to_vec());
        let made = HistogramVec::new(options, &family.label_names())?;
        self.enter("histogram", family, made)
    }

    fn enter<C: Collector + Clone + 'static>(
        &mut self,
        kind: &'static str,
        family: Family,
        made: C,
    ) -> Result<C, prometheus::Error> {
        self.registry.register(Box::new(made.clone()))?;
        self.entries.push(PageEntry {
            section: self.section,
            kind,
            family,
        });
        Ok(made)
    }
}
