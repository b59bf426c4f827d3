//! The private link's data plane: what carries packets between a host outside, a network's gateway and its peers, and what
//! lets them through.
#![forbid(unsafe_code)]
