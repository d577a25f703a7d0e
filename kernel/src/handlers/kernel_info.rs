//! Says what this kernel is. Called by `handlers::answer`; the first thing every client asks.

use serde_json::{Value, json};

use crate::protocol::PROTOCOL_VERSION;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The version of the compiler that Boucle was built with, set by the build script. Asking the
/// one that compiles cells would take longer than all the rest of the start.
const RUST_VERSION: &str = match option_env!("BOUCLE_RUST_VERSION") {
    Some(version) => version,
    None => concat!(env!("CARGO_PKG_RUST_VERSION"), ".0"),
};

/// The content of a `kernel_info_reply`, with all fields that strict clients insist on.
pub(super) fn reply() -> Value {
    json!({
        "status": "ok",
        "protocol_version": PROTOCOL_VERSION,
        "implementation": "boucle",
        "implementation_version": VERSION,
        "language_info": {
            "name": "rust",
            "version": RUST_VERSION,
            "mimetype": "text/x-rustsrc",
            "file_extension": ".rs",
            "pygments_lexer": "rust",
            "codemirror_mode": "rust",
            "nbconvert_exporter": "script",
        },
        "banner": format!(
            "Boucle {VERSION}: Rust {RUST_VERSION} with an event loop that lives across cells"
        ),
        "help_links": [
            { "text": "The Rust Programming Language", "url": "https://doc.rust-lang.org/book/" },
            { "text": "Rust by Example", "url": "https://doc.rust-lang.org/rust-by-example/" },
            { "text": "Rust Standard Library", "url": "https://doc.rust-lang.org/std/" },
            { "text": "Crates (docs.rs)", "url": "https://docs.rs/" },
        ],
        "debugger": false,
        "supported_features": ["kernel subshells"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_described_as_front_ends_expect() {
        let info = reply();
        assert_eq!(info["language_info"]["codemirror_mode"], "rust");
        let version = info["language_info"]["version"].as_str().expect("text");
        assert_eq!(version.split('.').count(), 3, "{version}");
    }
}
