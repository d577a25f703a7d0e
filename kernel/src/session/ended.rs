//! Why variables end, and what to tell a user who still uses one. Recorded by the session, shown by the engine's reports.

/// Why a variable is not there any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The cell of this label moved it.
    Moved(String),
    /// The cell of this label awaited it, a task.
    Awaited(String),
    /// The cell of this label moved a part of it.
    PartlyMoved(String),
    /// It had no value yet at the end of the cell of this label.
    Unset(String),
    /// It borrowed from another variable.
    Borrowed(String),
    /// Its type, of a closure for example, has no name.
    Unnameable { label: String, ty: String },
    /// The cell of this label defined something else of its name.
    Hidden(String),
    /// A type that it holds was redefined.
    Redefined(String),
    /// Its type is of this crate, or made of this, which is another build by now.
    Rebuilt(String),
    /// Its type, this one, cannot be named where later cells run: it is private to a module.
    OutOfReach(String),
    /// The worker that held it died.
    Lost(String),
    /// The cell of this label, which would define it, was refused.
    Refused(String),
    /// The cell of this label failed before it had set it.
    NotReached(String),
}

impl Ended {
    /// The cell of this label moved a variable of this type.
    pub(crate) fn moved(label: &str, ty: &str) -> Self {
        if ty.starts_with("asyncio::Task<") { Ended::Awaited(label.to_owned()) } else { Ended::Moved(label.to_owned()) }
    }

    /// What to tell a user who still uses the variable, and what to do about it.
    pub(crate) fn explain(&self, name: &str) -> String {
        match self {
            Ended::Moved(label) => format!(
                "`{name}` was moved in {label}; to keep it, use `{name}.clone()` or `&{name}` there, and run its definition again"
            ),
            Ended::Awaited(label) => format!(
                "`{name}` was moved in {label}; a task stays after `(&mut {name}).await`, and `{name}.as_any()` is one more handle to it"
            ),
            Ended::PartlyMoved(label) => format!(
                "a part of `{name}` was moved in {label}, and what is left of it ended there; to keep it, clone or borrow the part, or take `{name}` apart into variables: `let {{ … }} = {name}`"
            ),
            Ended::Unset(label) => format!(
                "`{name}` need not have got a value by the end of {label}, so it ended there; give it one where it is declared"
            ),
            Ended::Borrowed(label) => format!(
                "`{name}` of {label} borrows from something that ends with its cell, so it ended too; keep an owned value, such as a clone, instead"
            ),
            Ended::Unnameable { label, ty } => {
                format!(
                    "`{name}` of {label} has a type without a name, so it ended with its cell; {}",
                    way_out(name, ty)
                )
            }
            Ended::Hidden(label) => format!("`{name}` is what {label} defines; the variable of this name ended there"),
            Ended::Redefined(ty) => {
                format!("`{name}` was dropped when its type `{ty}` was redefined; run its definition again")
            }
            Ended::Rebuilt(of) => {
                format!(
                    "`{name}` was dropped when the crates of the notebook changed, and `{of}` with them; run its definition again"
                )
            }
            Ended::OutOfReach(ty) => format!(
                "`{name}` was dropped: its type `{ty}` is private to its module, so later cells cannot hold it; make it `pub`, and run its definition again"
            ),
            Ended::Refused(label) => format!(
                "`{name}` would come from {label}, of which nothing was kept because it has errors; correct it, and run it first"
            ),
            Ended::NotReached(label) => {
                format!("{label} failed before it had set `{name}`; correct it, and run it again")
            }
            Ended::Lost(cause) => format!("`{name}` was lost with its process ({cause}); run its definition again"),
        }
    }
}

/// How a variable of a type without a name can be kept.
fn way_out(name: &str, ty: &str) -> String {
    if ty.starts_with("{closure") {
        format!("write a `fn`, or box the closure: `let {name}: Box<dyn Fn(…) -> …> = Box::new(…)`")
    } else if ty.contains("iter::") {
        format!("collect it, or box it: `let {name}: Box<dyn Iterator<Item = …>> = Box::new(…)`")
    } else {
        "it holds a closure or something else that only its own cell can name; keep what it yields instead, or box it as a `dyn` trait".to_owned()
    }
}
