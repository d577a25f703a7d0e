//! What a [`DisplayHandle`](super::DisplayHandle) can be updated to: a method cannot, as the macros do, take any value.

use std::any::type_name;
use std::fmt::Debug;

use super::{MimeBundle, Rich, debug};

/// What [`DisplayHandle::update`](super::DisplayHandle::update) takes: what is [`Rich`], and the usual types of the
/// standard library, in their `Debug` form.
///
/// ```
/// use asyncio::display::{Html, Updatable};
///
/// assert_eq!(vec![1, 2].bundle().unwrap().get("text/plain"), Some("[1, 2]"));
/// assert_eq!(Html("<hr>").bundle().unwrap().get("text/html"), Some("<hr>"));
/// assert!(Some(1.5).bundle().is_some());
/// ```
#[diagnostic::on_unimplemented(
    message = "`update` does not know how `{Self}` is shown",
    note = "`update_display(x, handle)` takes any value; `update` takes what is `Rich`, numbers, texts and collections"
)]
pub trait Updatable {
    /// The representations; `None` for what is not worth a line.
    fn bundle(&self) -> Option<MimeBundle>;
}

impl<T: Rich> Updatable for T {
    fn bundle(&self) -> Option<MimeBundle> {
        Some(self.mime_bundle())
    }
}

macro_rules! by_debug {
    ($({$($generics:tt)*} $ty:ty;)*) => {$(
        impl<$($generics)*> Updatable for $ty {
            fn bundle(&self) -> Option<MimeBundle> {
                debug::bundle(self, type_name::<Self>())
            }
        }
    )*};
}

by_debug! {
    {} i8; {} i16; {} i32; {} i64; {} i128; {} isize;
    {} u8; {} u16; {} u32; {} u64; {} u128; {} usize;
    {} f32; {} f64; {} bool; {} char; {} String; {} &str; {} &String; {} std::time::Duration;
    {T: Debug} Vec<T>; {T: Debug} &Vec<T>; {T: Debug, const N: usize} [T; N]; {T: Debug} &[T];
    {T: Debug} Option<T>; {T: Debug, E: Debug} Result<T, E>;
    {A: Debug, B: Debug} (A, B); {A: Debug, B: Debug, C: Debug} (A, B, C);
    {K: Debug, V: Debug, S} std::collections::HashMap<K, V, S>; {K: Debug, V: Debug} std::collections::BTreeMap<K, V>;
}
