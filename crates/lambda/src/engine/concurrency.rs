//! How many invocations are a function's own.

use super::error::Error;
use super::state::{Command, Edit, Stamp};
use crate::function::FunctionName;

/// Reserves invocations for a function, or none of its own any more.
#[derive(Clone, Debug)]
pub struct Reserve {
    /// For which function.
    pub name: FunctionName,
    /// How many: 0 lets it run never.
    pub reserved: Option<u32>,
}

impl Command for Reserve {
    type Outcome = ();

    fn run(self, edit: &mut Edit<'_>, _: &Stamp) -> Result<(), Error> {
        let mut function = edit.function(&self.name)?;
        let before = edit.before();
        let others = before
            .reserved()
            .saturating_sub(function.reserved.unwrap_or(0));
        let least = before.unreserved_min();
        let most = before
            .concurrency()
            .saturating_sub(others)
            .saturating_sub(least);
        if self.reserved.is_some_and(|reserved| reserved > most) {
            return Err(Error::Invalid(format!(
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [{least}]."
            )));
        }
        function.reserved = self.reserved;
        edit.put(function);
        Ok(())
    }
}
