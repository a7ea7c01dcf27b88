//! The wire engine: frames are walked and edited in place, not decoded. Pure: bytes in, bytes out.

mod segments;

pub use segments::Segments;
