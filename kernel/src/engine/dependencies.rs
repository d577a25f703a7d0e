//! Crates that a notebook adds with `:dep`. Called by `commands`.

use super::Engine;
use crate::error::ErrorReport;
use crate::publish::Publisher;

impl Engine {
    /// Makes crates usable in all later cells. Each specification is what stands behind one `:dep`; those of `:dep`s that
    /// follow one another come together.
    ///
    /// # Errors
    /// If one of them cannot be had; then everything is as it was before.
    pub(super) async fn add_dependencies(
        &mut self,
        specifications: &[String],
        _publisher: &Publisher,
    ) -> Result<(), ErrorReport> {
        let crates = specifications.join("`, `");
        Err(ErrorReport::plain("NotSupported", format!("Boucle cannot use crates yet, so `{crates}` cannot be added")))
    }
}
