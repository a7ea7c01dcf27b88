//! Who gets in where there is only so much room: for every port of a node, and for what else many want of it. Pure.

mod address_block;
mod shares;

pub use address_block::AddressBlock;
pub use shares::{Holding, Shares};
