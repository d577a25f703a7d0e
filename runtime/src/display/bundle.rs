//! One value in several representations. Made by [`Rich`](super::Rich) and by whoever wants to show something; read by
//! the sink, and in the end by the front end, which shows the richest that it knows.

use std::collections::BTreeMap;
use std::fmt::Display;

/// The representations of one value, by MIME type. What is added twice counts as it was added last.
///
/// ```
/// use asyncio::display::{Content, MimeBundle};
///
/// let bundle = MimeBundle::new()
///     .text("a triangle")
///     .html("<b>a triangle</b>")
///     .markdown("**a triangle**")
///     .latex(r"$\triangle$")
///     .svg("<svg/>")
///     .json("[3]")
///     .vega_lite("{}")
///     .with("text/x-shape", "triangle")
///     .metadata("image/svg+xml", r#"{"width": 200}"#);
/// assert!(!bundle.is_empty());
/// assert_eq!(bundle.get("text/plain"), Some("a triangle"));
///
/// let file = vec![0x89, b'P', b'N', b'G'];
/// let images = MimeBundle::new().png(file.clone()).jpeg([]).with_bytes("image/gif", []);
/// let (contents, metadata) = images.into_parts();
/// assert!(matches!(&contents["image/png"], Content::Bytes(bytes) if *bytes == file));
/// assert!(metadata.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MimeBundle {
    contents: BTreeMap<String, Content>,
    metadata: BTreeMap<String, String>,
}

/// One representation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Text, JSON included.
    Text(String),
    /// Bytes, such as those of an image file.
    Bytes(Vec<u8>),
}

impl MimeBundle {
    /// A bundle without representations, which shows nothing.
    #[must_use]
    pub fn new() -> MimeBundle {
        MimeBundle::default()
    }

    /// Adds a text under any MIME type. If it is one of JSON, the text must be JSON; a `serde_json::Value` is.
    #[must_use]
    pub fn with(self, mime_type: &str, content: impl Display) -> MimeBundle {
        self.add(mime_type, Content::Text(content.to_string()))
    }

    /// Adds bytes under any MIME type.
    #[must_use]
    pub fn with_bytes(self, mime_type: &str, content: impl Into<Vec<u8>>) -> MimeBundle {
        self.add(mime_type, Content::Bytes(content.into()))
    }

    fn add(mut self, mime_type: &str, content: Content) -> MimeBundle {
        self.contents.insert(mime_type.to_owned(), content);
        self
    }

    /// Adds the plain text that is shown where nothing else can be. Without one, the other types are named there.
    #[must_use]
    pub fn text(self, text: impl Display) -> MimeBundle {
        self.with("text/plain", text)
    }

    /// Adds HTML.
    #[must_use]
    pub fn html(self, html: impl Display) -> MimeBundle {
        self.with("text/html", html)
    }

    /// Adds Markdown.
    #[must_use]
    pub fn markdown(self, markdown: impl Display) -> MimeBundle {
        self.with("text/markdown", markdown)
    }

    /// Adds LaTeX: formulas between dollar signs.
    #[must_use]
    pub fn latex(self, latex: impl Display) -> MimeBundle {
        self.with("text/latex", latex)
    }

    /// Adds an SVG image.
    #[must_use]
    pub fn svg(self, svg: impl Display) -> MimeBundle {
        self.with("image/svg+xml", svg)
    }

    /// Adds the bytes of a PNG file.
    #[must_use]
    pub fn png(self, file: impl Into<Vec<u8>>) -> MimeBundle {
        self.with_bytes("image/png", file)
    }

    /// Adds the bytes of a JPEG file.
    #[must_use]
    pub fn jpeg(self, file: impl Into<Vec<u8>>) -> MimeBundle {
        self.with_bytes("image/jpeg", file)
    }

    /// Adds JSON, as text or as a `serde_json::Value`.
    #[must_use]
    pub fn json(self, json: impl Display) -> MimeBundle {
        self.with("application/json", json)
    }

    /// Adds a Vega-Lite specification, in JSON.
    #[must_use]
    pub fn vega_lite(self, specification: impl Display) -> MimeBundle {
        self.with("application/vnd.vegalite.v5+json", specification)
    }

    /// Tells the front end more about one representation, in JSON: `metadata("image/png", r#"{"width": 200}"#)`.
    #[must_use]
    pub fn metadata(mut self, mime_type: &str, json: impl Display) -> MimeBundle {
        self.metadata.insert(mime_type.to_owned(), json.to_string());
        self
    }

    /// Whether it has no representation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.contents.is_empty()
    }

    /// The text of the given type, if there is one.
    #[must_use]
    pub fn get(&self, mime_type: &str) -> Option<&str> {
        match self.contents.get(mime_type)? {
            Content::Text(text) => Some(text),
            Content::Bytes(_) => None,
        }
    }

    /// The representations and the metadata, each by MIME type.
    #[must_use]
    pub fn into_parts(self) -> (BTreeMap<String, Content>, BTreeMap<String, String>) {
        (self.contents, self.metadata)
    }
}
