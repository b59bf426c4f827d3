//! `shukuba sink`: a receiver for tests and demos.
