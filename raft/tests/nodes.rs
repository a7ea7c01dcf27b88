//! Running nodes, one alone and three together, through the public interface.

#[path = "nodes/single.rs"]
mod single;
#[path = "nodes/strangers.rs"]
mod strangers;
#[path = "nodes/support.rs"]
mod support;
#[path = "nodes/three.rs"]
mod three;
