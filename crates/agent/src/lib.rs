//! The agent of a host, and the signed calls that it and the tools make.
//!
//! `shukuba agent` and the program `shukuba-agent` are the same code. The program holds nothing else, and so it takes a third of
//! the memory: the kernel maps a program's file in groups of pages, and in a file of all that Shukuba does the agent's own pages
//! lie far from one another.
//!
//! - [`call`]: connections to one endpoint, signed; whom they trust
//! - [`door`]: the server, as the agent reaches it
//! - [`facts`]: what an agent says of its host
//! - [`mod@link`]: its host's part of private networks
//! - [`command`]: the arguments, and the work

pub mod call;
pub mod command;
pub mod door;
pub mod facts;
pub mod link;
