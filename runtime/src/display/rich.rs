//! What can be shown as more than its `Debug` form: the trait that people implement for their types, and wrappers that
//! say what a text or a file is.

use std::fmt::Display;
use std::rc::Rc;
use std::sync::Arc;

use super::MimeBundle;

/// A value with representations of its own. A cell shows them when its final expression has this type, and so does
/// [`display!`](crate::display!).
///
/// ```
/// use asyncio::display::{MimeBundle, Rich};
///
/// struct Color(u8, u8, u8);
///
/// impl Rich for Color {
///     fn mime_bundle(&self) -> MimeBundle {
///         let Color(r, g, b) = self;
///         MimeBundle::new().html(format!("<i style='background: rgb({r} {g} {b})'>&emsp;</i>")).text(format!("#{r:02x}{g:02x}{b:02x}"))
///     }
/// }
///
/// asyncio::display(Color(255, 128, 0));
/// assert_eq!(Color(255, 128, 0).mime_bundle().get("text/plain"), Some("#ff8000"));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say how it is shown",
    note = "implement `Rich` for it, or say what it is: `Text(…)`, `Html(…)`, `Markdown(…)`"
)]
pub trait Rich {
    /// The representations.
    fn mime_bundle(&self) -> MimeBundle;
}

impl Rich for MimeBundle {
    fn mime_bundle(&self) -> MimeBundle {
        self.clone()
    }
}

macro_rules! pointers {
    ($($pointer:ty),*) => {$(
        impl<T: Rich + ?Sized> Rich for $pointer {
            fn mime_bundle(&self) -> MimeBundle {
                (**self).mime_bundle()
            }
        }
    )*};
}

pointers!(&T, &mut T, Box<T>, Rc<T>, Arc<T>);

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident as $method:ident $(and $plain:ident)?;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $name<S = String>(pub S);

        impl<S: Display> Rich for $name<S> {
            fn mime_bundle(&self) -> MimeBundle {
                let text = self.0.to_string();
                MimeBundle::new()$(.$plain(&text))?.$method(text)
            }
        }
    )*};
}

texts! {
    /// Plain text, shown as it is, without quotes.
    Text as text;
    /// HTML.
    Html as html;
    /// Markdown. A terminal shows its source.
    Markdown as markdown and text;
    /// LaTeX, formulas between dollar signs. A terminal shows its source.
    Latex as latex and text;
    /// An SVG image.
    Svg as svg;
    /// A JSON value or its text, shown as a tree. A terminal shows the text.
    Json as json and text;
    /// A Vega-Lite specification, as a JSON value or its text, shown as a plot.
    VegaLite as vega_lite;
}

macro_rules! files {
    ($($(#[$doc:meta])* $name:ident as $method:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $name<B = Vec<u8>>(pub B);

        impl<B: AsRef<[u8]>> Rich for $name<B> {
            fn mime_bundle(&self) -> MimeBundle {
                MimeBundle::new().$method(self.0.as_ref())
            }
        }
    )*};
}

files! {
    /// The bytes of a PNG file.
    Png as png;
    /// The bytes of a JPEG file.
    Jpeg as jpeg;
}
