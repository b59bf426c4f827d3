//! Bits that turn over after they were acknowledged: refused by name, never passed over.
