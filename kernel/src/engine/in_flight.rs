//! What a cell that runs has in its hands, so that another one beside it must not touch it. Kept by `turn`; pure.

use std::collections::BTreeSet;

use crate::cell::CellPlan;
use crate::error::ErrorReport;
use crate::session::Change;

/// A cell whose library runs.
#[derive(Debug)]
pub(super) struct InFlight {
    label: String,
    /// The variables that it has taken, and those that it may leave behind.
    variables: BTreeSet<String>,
}

impl InFlight {
    pub(super) fn of(label: &str, plan: &CellPlan) -> Self {
        let taken = plan.takes.iter().map(|(name, _)| name.clone());
        InFlight { label: label.to_owned(), variables: taken.chain(bound(plan)).collect() }
    }

    /// Whether another cell may run at the same time.
    ///
    /// # Errors
    /// Why not: it needs a variable that this one has, or changes what this one's values are.
    pub(super) fn check(&self, plan: &CellPlan, change: &Change) -> Result<(), ErrorReport> {
        let mut touched = plan.takes.iter().map(|(name, _)| name.clone()).chain(bound(plan));
        if let Some(name) = touched.find(|name| self.variables.contains(name)) {
            return Err(self.refuse(&format!(
                "it has the variable `{name}`; wait for its end, or share what both need in a `static` or through a task"
            )));
        }
        let changes = change.ended.keys().chain(change.restarted.keys()).next();
        match changes.map(String::as_str).or(change.reshapes.then_some("a type")) {
            None => Ok(()),
            Some(name) => Err(self.refuse(&format!("this would change `{name}`, of which it may have values"))),
        }
    }

    /// Why something cannot be done now.
    pub(super) fn refuse(&self, why: &str) -> ErrorReport {
        ErrorReport::plain("StillRunning", format!("{} is still running: {why}", self.label))
    }
}

fn bound(plan: &CellPlan) -> impl Iterator<Item = String> + '_ {
    plan.parsed.statements.iter().flat_map(|statement| statement.binds.iter().cloned())
}
