//! Tools that the fuzz targets of this crate share with those of the gateway: chance, spoiling, and the runner.

#[path = "../../tests/fuzz/chance.rs"]
pub(crate) mod chance;
#[path = "../../tests/fuzz/mutate.rs"]
pub(crate) mod mutate;
#[path = "../../tests/fuzz/runner.rs"]
pub(crate) mod runner;
