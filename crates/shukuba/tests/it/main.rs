//! The binary as it is built: servers, notifiers and commands in processes of their own, on a directory of their own.

mod backup;
mod check_data;
mod house;
mod notifier;
mod route_test;
