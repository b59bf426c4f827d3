//! Alarms set from here, on a server of ours or on AWS: one for each instance whose Name is as a pattern says.
//!
//! - [`rule`] has what is watched and when it is too much; [`condition`] reads M of N, and knows the namespaces of metrics
//! - [`naming`] makes the names of alarms
//! - [`owner`] has the tags by which an alarm that was set from here is known again
//! - [`plan`] says what is to be done, of instances and the alarms that there are: no call, no clock
//! - [`apply`] reads what there is, and does what the plan says
//! - [`find`] finds alarms by name or pattern
//! - [`mute`] makes the schedules of mute rules
//!
//! INVARIANT: what is shown before is what is done: nothing is set, tagged or deleted that is not in the plan.

pub(crate) mod apply;
pub(crate) mod condition;
pub(crate) mod find;
pub(crate) mod mute;
pub(crate) mod naming;
pub(crate) mod owner;
pub(crate) mod plan;
pub(crate) mod rule;
