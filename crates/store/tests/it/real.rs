//! The journal with its threads on the machine's own disk.
