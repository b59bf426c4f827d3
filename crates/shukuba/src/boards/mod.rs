//! Dashboards in files: read, checked, compared with those that are kept, and drawn of a server's data.
//!
//! - [`source`] reads a file and says what is wrong in it, by line
//! - [`place`] finds the line of a pointer; [`indent`] lays a body out in lines, without touching what it says
//! - [`kept`] gets and puts; nothing is put that would change nothing
//! - [`lines`] is the port of pictures over CloudWatch's calls

pub(crate) mod indent;
pub(crate) mod kept;
pub(crate) mod lines;
pub(crate) mod place;
pub(crate) mod source;
