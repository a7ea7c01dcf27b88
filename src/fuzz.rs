//! Tools that fuzz targets inside this crate share with those of `tests/fuzz`: chance, spoiling, and the runner.

#[path = "../tests/fuzz/chance.rs"]
pub(crate) mod chance;
#[path = "../tests/fuzz/mutate.rs"]
pub(crate) mod mutate;
#[path = "../tests/fuzz/runner.rs"]
pub(crate) mod runner;
