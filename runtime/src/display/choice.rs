//! How a value is shown: decided by the compiler, at the place where the value's type is known.
//!
//! Method lookup tries one type after the other, so the order of the candidates is that of the steps:
//! 1. `Probe(value).evcxr_display()` finds [`ByRich`] on the probe itself; one dereference further the value's own
//!    `evcxr_display`; there, with one more reference, [`ByEvcxr`], which says that there is none.
//! 2. `(&&&Answer(…)).mime_bundle_of()` looks at the outcome of that: a bundle, or none and the value has `Debug`
//!    ([`ByDebug`]); one dereference further none and no `Debug` ([`ByType`]); one more, anything else, which means
//!    that the value has printed itself ([`ByItself`]).

use std::any::type_name;
use std::fmt::Debug;
use std::ops::Deref;

use super::{MimeBundle, Rich, debug};
use crate::coroutine::function_of;

/// A value whose display is looked for.
#[derive(Debug)]
pub struct Probe<'a, T: ?Sized>(pub &'a T);

impl<'a, T: ?Sized> Deref for Probe<'a, T> {
    type Target = &'a T;

    fn deref(&self) -> &&'a T {
        &self.0
    }
}

/// The value has a `Rich` form.
pub trait ByRich {
    /// That form.
    fn evcxr_display(&self) -> MimeBundle;
}

impl<T: Rich + ?Sized> ByRich for Probe<'_, T> {
    fn evcxr_display(&self) -> MimeBundle {
        self.0.mime_bundle()
    }
}

/// The value has neither a `Rich` form nor a method `evcxr_display`.
pub trait ByEvcxr {
    /// Says so.
    fn evcxr_display(&self) -> Absent;
}

impl<T: ?Sized> ByEvcxr for &T {
    fn evcxr_display(&self) -> Absent {
        Absent
    }
}

/// There is no `evcxr_display`.
#[derive(Debug, Clone, Copy)]
pub struct Absent;

/// What `evcxr_display` has returned, and the value.
#[derive(Debug)]
pub struct Answer<'a, R, T: ?Sized>(pub R, pub &'a T);

/// The value has a `Rich` or a `Debug` form.
pub trait ByDebug {
    /// That form; `None` if it is not worth a line.
    fn mime_bundle_of(&self) -> Option<MimeBundle>;
}

impl<T: ?Sized> ByDebug for &&Answer<'_, MimeBundle, T> {
    fn mime_bundle_of(&self) -> Option<MimeBundle> {
        Some(self.0.clone())
    }
}

impl<T: Debug + ?Sized> ByDebug for &&Answer<'_, Absent, T> {
    fn mime_bundle_of(&self) -> Option<MimeBundle> {
        debug::bundle(&self.1, type_name::<T>())
    }
}

/// The value has no form but its type.
pub trait ByType {
    /// The type's name.
    fn mime_bundle_of(&self) -> Option<MimeBundle>;
}

impl<T: ?Sized> ByType for &Answer<'_, Absent, T> {
    fn mime_bundle_of(&self) -> Option<MimeBundle> {
        Some(type_bundle(type_name::<T>()))
    }
}

/// The value has printed itself.
pub trait ByItself {
    /// Nothing.
    fn mime_bundle_of(&self) -> Option<MimeBundle>;
}

impl<R, T: ?Sized> ByItself for Answer<'_, R, T> {
    fn mime_bundle_of(&self) -> Option<MimeBundle> {
        None
    }
}

/// The representations of a value of any type, as an `Option<MimeBundle>`; `None` if it has printed itself, or is `()`.
/// What `display!` and the code around a cell's final expression expand to.
#[doc(hidden)]
#[macro_export]
macro_rules! representation {
    ($value:expr) => {
        match &$value {
            value => {
                #[allow(unused_imports)]
                use $crate::display::{ByDebug as _, ByEvcxr as _, ByItself as _, ByRich as _, ByType as _};
                let answer = $crate::display::Probe(value).evcxr_display();
                (&&&$crate::display::Answer(answer, value)).mime_bundle_of()
            }
        }
    };
}

fn type_bundle(type_name: &str) -> MimeBundle {
    MimeBundle::new().text(if type_name.ends_with("{{closure}}") {
        // The compiler calls the future of an `async fn` a closure in it.
        format!("<coroutine object {}>", function_of(type_name))
    } else {
        format!("<{}>", without_paths(type_name))
    })
}

/// A type's name with the paths left out: `alloc::vec::Vec<cell::Point>` → `Vec<Point>`.
pub(crate) fn without_paths(type_name: &str) -> String {
    let mut short = String::new();
    let mut word = String::new();
    let mut chars = type_name.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '_' || c.is_alphanumeric() {
            word.push(c);
        } else if c == ':' && chars.peek() == Some(&':') {
            chars.next();
            word.clear();
        } else {
            short.push_str(&std::mem::take(&mut word));
            short.push(c);
        }
    }
    short + &word
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;
    use crate::display::Html;

    thread_local! {
        static PRINTED: Cell<u32> = const { Cell::new(0) };
    }

    #[derive(Debug)]
    struct Plain;
    struct Opaque;
    #[derive(Debug)]
    struct Rated;
    #[derive(Debug)]
    struct Printing;
    struct PrintingByTrait;

    impl Rich for Rated {
        fn mime_bundle(&self) -> MimeBundle {
            MimeBundle::new().html("<b>5</b>").text("5")
        }
    }

    impl Printing {
        fn evcxr_display(&self) {
            PRINTED.set(PRINTED.get() + 1);
        }
    }

    trait Prints {
        fn evcxr_display(&self);
    }

    impl Prints for PrintingByTrait {
        fn evcxr_display(&self) {
            PRINTED.set(PRINTED.get() + 1);
        }
    }

    #[track_caller]
    fn check(bundle: Option<MimeBundle>, text: &str) {
        assert_eq!(bundle.expect("a bundle").get("text/plain"), Some(text));
    }

    #[test]
    fn the_richest_form_is_chosen() {
        check(crate::representation!(1 + 1), "2");
        check(crate::representation!("text"), "\"text\"");
        check(crate::representation!(Plain), "Plain");
        check(crate::representation!(&&Plain), "Plain");
        check(crate::representation!(Opaque), "<Opaque>");
        check(crate::representation!(async {}), "<coroutine object the_richest_form_is_chosen>");
        check(crate::representation!(*"unsized"), "\"unsized\"");
        check(crate::representation!(Rated), "5");
        check(crate::representation!(&Rc::new(Rated)), "5");
        let html = crate::representation!(Html("<b>")).expect("a bundle");
        assert_eq!((html.get("text/html"), html.get("text/plain")), (Some("<b>"), None));
        assert_eq!(crate::representation!(()), None);
    }

    #[test]
    fn what_prints_itself_is_shown_by_nobody_else() {
        assert_eq!(crate::representation!(Printing), None);
        assert_eq!(crate::representation!(PrintingByTrait), None);
        assert_eq!(
            crate::representation!(&Printing).and_then(|bundle| bundle.get("text/plain").map(str::len)),
            Some(8)
        );
        assert_eq!(PRINTED.get(), 2);
    }

    #[test]
    fn a_bound_is_enough_in_generic_code() {
        fn shown<T: Debug>(value: T) -> Option<MimeBundle> {
            crate::representation!(value)
        }
        check(shown(vec![1, 2]), "[1, 2]");
    }

    #[test]
    fn paths_are_left_out() {
        assert_eq!(without_paths("alloc::vec::Vec<(cell::Point, &str)>"), "Vec<(Point, &str)>");
        assert_eq!(without_paths("i32"), "i32");
    }
}
