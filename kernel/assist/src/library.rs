//! Finds the sources of std, without which an analyzer knows neither `Vec` nor what `.await` does. Used by `analyzer`.
//!
//! They are a component of the toolchain, `rust-src`, which rustup does not install by itself. What it does install is the
//! documentation, and that shows all of std's sources, page by page. So they are read off its pages where there is nothing
//! better.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::message::Library;

/// Where `rust-src` puts the sources.
const INSTALLED: &str = "lib/rustlib/src/rust/library";
/// Where `rust-docs` puts the pages that show them.
const PAGES: &str = "share/doc/rust/html/src";

/// The folder with std's sources, and where they come from. Reading them off the documentation takes a second, and is only
/// done if they are not in `cache` already.
///
/// # Errors
/// If they cannot be put there.
pub fn find(sysroot: &Path, cache: &Path) -> io::Result<(Library, Option<PathBuf>)> {
    let installed = sysroot.join(INSTALLED);
    if has_core(&installed) {
        return Ok((Library::Installed, Some(installed)));
    }
    let restored = cache.join("library");
    if has_core(&restored) {
        return Ok((Library::Documentation, Some(restored)));
    }
    let pages = sysroot.join(PAGES);
    if !is_known(sysroot) {
        return Ok((Library::Missing, None));
    }
    // It appears whole or not at all, whoever does the same meanwhile.
    let draft = cache.with_extension(std::process::id().to_string());
    let made = restore(&pages, &draft).and_then(|()| match fs::rename(&draft, cache) {
        Err(_) if has_core(&restored) => Ok(()),
        renamed => renamed,
    });
    if made.is_err() || draft.exists() {
        let _ = fs::remove_dir_all(&draft);
    }
    made.map(|()| (Library::Documentation, Some(restored)))
}

/// Whether a toolchain has the sources of std in one form or the other.
pub fn is_known(sysroot: &Path) -> bool {
    has_core(&sysroot.join(INSTALLED)) || sysroot.join(PAGES).join("core/lib.rs.html").is_file()
}

fn has_core(library: &Path) -> bool {
    library.join("core/src/lib.rs").is_file()
}

/// Writes the sources that the pages below a folder show, under the paths that the pages name.
fn restore(pages: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(pages)? {
        let path = entry?.path();
        if path.is_dir() {
            restore(&path, to)?;
        } else if path.extension().is_some_and(|extension| extension == "html")
            && let Some((file, source)) = source_on(&fs::read_to_string(&path)?)
        {
            let target = to.join(file);
            fs::create_dir_all(target.parent().unwrap_or(to))?;
            fs::write(target, source)?;
        }
    }
    Ok(())
}

/// The path and the text of the source file that a page of rustdoc shows.
fn source_on(page: &str) -> Option<(&Path, String)> {
    let file = between(page, "content=\"Source of the Rust file `", "`")?;
    let file = Path::new(file);
    // A path is taken on trust only if it stays below the folder.
    let is_below = file.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    let code = between(page, "<pre class=\"rust\"><code>", "</code></pre>")?;
    is_below.then(|| (file, text_of(code)))
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let start = text.find(before)? + before.len();
    let length = text[start..].find(after)?;
    Some(&text[start..start + length])
}

/// HTML as text, without the numbers of the lines.
fn text_of(html: &str) -> String {
    let mut text = String::with_capacity(html.len() / 2);
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(entity) = rest.strip_prefix('&') {
            let (name, after) = entity.split_once(';').unwrap_or((entity, ""));
            text.push(match name {
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                "#39" | "#x27" => '\'',
                _ => '&',
            });
            rest = after;
            continue;
        }
        let Some(end) = rest.find('>') else { break };
        let is_number = rest[..end].ends_with("data-nosnippet");
        rest = &rest[end + 1..];
        if is_number {
            rest = rest.find("</a>").map_or("", |end| &rest[end + "</a>".len()..]);
        }
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<html><head><meta name=\"description\" content=\"Source of the Rust file `library/core/src/lib.rs`.\"></head>\
        <pre class=\"rust\"><code><a href=#1 id=1 data-nosnippet>1</a><span class=\"doccomment\">//! `Vec&lt;T&gt;`\n\
        <a href=#2 id=2 data-nosnippet>2</a></span><span class=\"kw\">pub fn </span>f(a: <a href=\"x.html\">u8</a>) { &amp;a &lt; &#39;&quot;&#39; }\n</code></pre></html>";
    const SOURCE: &str = "//! `Vec<T>`\npub fn f(a: u8) { &a < '\"' }\n";

    #[test]
    fn a_page_is_read_as_the_file_that_it_shows() {
        assert_eq!(source_on(PAGE), Some((Path::new("library/core/src/lib.rs"), SOURCE.to_owned())));
        assert_eq!(source_on("<html>no source</html>"), None);
        assert_eq!(source_on(&PAGE.replace("library/core", "../../etc")), None);
    }

    #[test]
    fn what_the_toolchain_has_comes_first_and_the_pages_are_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let (sysroot, cache) = (folder.path().join("sysroot"), folder.path().join("std"));
        assert_eq!(find(&sysroot, &cache).unwrap(), (Library::Missing, None));
        let pages = sysroot.join("share/doc/rust/html/src/core");
        fs::create_dir_all(&pages).unwrap();
        fs::write(pages.join("lib.rs.html"), PAGE).unwrap();
        let found = find(&sysroot, &cache).unwrap();
        assert_eq!(found, (Library::Documentation, Some(cache.join("library"))));
        assert_eq!(fs::read_to_string(cache.join("library/core/src/lib.rs")).unwrap(), SOURCE);
        fs::write(cache.join("library/core/src/lib.rs"), "kept").unwrap();
        assert_eq!(find(&sysroot, &cache).unwrap(), found);
        assert_eq!(fs::read_to_string(cache.join("library/core/src/lib.rs")).unwrap(), "kept");
        let installed = sysroot.join("lib/rustlib/src/rust/library");
        fs::create_dir_all(installed.join("core/src")).unwrap();
        fs::write(installed.join("core/src/lib.rs"), "").unwrap();
        assert_eq!(find(&sysroot, &cache).unwrap(), (Library::Installed, Some(installed)));
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(names.len(), 2, "{names:?}");
    }
}
