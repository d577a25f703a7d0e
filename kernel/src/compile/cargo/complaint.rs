//! cargo's reason for not building something, in a few lines. Called by `runtime` and by `deps::build`; pure.

/// The lines that a user is shown of a failed build, at most.
const LONGEST: usize = 25;

/// The characters of each that are shown, at most.
const WIDEST: usize = 300;

/// What of cargo's stderr is worth reading. `diagnostics` are rustc's errors as it renders them.
pub(in crate::compile) fn condense(stderr: &str, diagnostics: &[String]) -> String {
    let stderr = strip(stderr);
    if let Some(first) = diagnostics.first() {
        // A crate does not compile: its first error, and which crate it is.
        let which = stderr.lines().find(|line| line.starts_with("error: could not compile"));
        let which = which.and_then(|line| line.split(" due to").next()).unwrap_or("error: a crate does not compile");
        return shorten(&format!("{}\n\n{}", which.trim_start_matches("error: "), strip(first).trim_end()));
    }
    let error = stderr.find("error: ").filter(|at| *at == 0 || stderr[..*at].ends_with('\n'));
    let error = error.map_or(stderr.as_str(), |at| &stderr[at + "error: ".len()..]);
    let causes: Vec<&str> = error.split("\nCaused by:\n").map(str::trim).collect();
    let about_the_package =
        |text: &&str| text.contains("workspace member") || text.contains("failed to parse manifest");
    let mut told: Vec<&str> = causes.iter().filter(|cause| !about_the_package(cause)).copied().collect();
    if told.is_empty() {
        told = causes;
    }
    let kept = told.into_iter().map(|cause| {
        let lines: Vec<&str> = cause.lines().filter(|line| !is_about_us(line)).map(dedent).collect();
        lines.join("\n").trim().replace("package `boucle-bundle`", "the notebook")
    });
    shorten(&kept.filter(|cause| !cause.is_empty()).collect::<Vec<_>>().join("\ncaused by: "))
}

/// Lines about the package that the kernel has written, and how to call cargo.
fn is_about_us(line: &str) -> bool {
    let about = ["location searched:", "As a reminder, you're using offline", "referenced by workspace"];
    let line = line.trim();
    line.contains("`boucle-bundle v")
        || about.iter().any(|text| line.starts_with(text))
        || line.ends_with("which could resolve this conflict")
        || line.starts_with("warning: ")
}

/// cargo indents causes by two blanks.
fn dedent(line: &str) -> &str {
    line.strip_prefix("  ").unwrap_or(line)
}

/// Whether the registry or a repository could not be reached.
pub(in crate::compile) fn is_about_the_network(stderr: &str) -> bool {
    [
        "failed to download",
        "download of",
        "failed to fetch",
        "Could not resolve",
        "Could not connect",
        "spurious network",
    ]
    .iter()
    .any(|text| stderr.contains(text))
}

/// Without terminal colors.
fn strip(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let plain = parts.next().unwrap_or_default().to_owned();
    parts.fold(plain, |plain, part| plain + part.split_once('m').map_or("", |(_, rest)| rest))
}

/// The beginning and the end, if there is too much between them. Of lines, the beginning: some are calls of rustc.
fn shorten(text: &str) -> String {
    let cut = |line: &str| match line.char_indices().nth(WIDEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    };
    let lines: Vec<String> = text.lines().map(cut).collect();
    if lines.len() <= LONGEST {
        return lines.join("\n");
    }
    let (head, tail) = (&lines[..LONGEST - 13], &lines[lines.len() - 12..]);
    format!("{}\n…\n{}", head.join("\n"), tail.join("\n"))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[track_caller]
    fn check(stderr: &str, expected: Expect) {
        expected.assert_eq(&condense(stderr, &[]));
    }

    #[test]
    fn a_name_that_does_not_exist() {
        let stderr = "    Updating registry index
error: no matching package named `serd_json` found
location searched: registry index
required by package `boucle-bundle v0.1.0 (/c/runtime/bundle)`
";
        check(stderr, expect!["no matching package named `serd_json` found"]);
    }

    #[test]
    fn a_version_that_does_not_exist() {
        let stderr = "    Updating registry index
error: failed to select a version for the requirement `regex = \"^99\"`
candidate versions found which didn't match: 1.13.2, 1.13.1, 1.13.0, ...
location searched: registry index
required by package `boucle-bundle v0.1.0 (/c/runtime/bundle)`
";
        check(
            stderr,
            expect![[r#"
            failed to select a version for the requirement `regex = "^99"`
            candidate versions found which didn't match: 1.13.2, 1.13.1, 1.13.0, ..."#]],
        );
    }

    #[test]
    fn a_feature_that_does_not_exist() {
        let stderr = "error: failed to select a version for `serde`.
    ... required by package `boucle-bundle v0.1.0 (/c/runtime/bundle)`
versions that meet the requirements `^1` (locked to 1.0.229) are: 1.0.229

package `boucle-bundle` depends on `serde` with feature `deriv` but `serde` does not have that feature.
 package `serde` does have feature `derive`


failed to select a version for `serde` which could resolve this conflict
";
        check(
            stderr,
            expect![[r#"
            failed to select a version for `serde`.
            versions that meet the requirements `^1` (locked to 1.0.229) are: 1.0.229

            the notebook depends on `serde` with feature `deriv` but `serde` does not have that feature.
             package `serde` does have feature `derive`"#]],
        );
    }

    #[test]
    fn a_version_that_cannot_be_read() {
        let stderr = "error: failed to load manifest for workspace member `/c/runtime/bundle`
referenced by workspace at `/c/Cargo.toml`

Caused by:
  failed to parse manifest at `/c/runtime/bundle/Cargo.toml`

Caused by:
  failed to parse the version requirement `x.y` for dependency `regex`

Caused by:
  unexpected character after wildcard in version req
";
        check(
            stderr,
            expect![[r#"
            failed to parse the version requirement `x.y` for dependency `regex`
            caused by: unexpected character after wildcard in version req"#]],
        );
    }

    #[test]
    fn a_repository_that_cannot_be_reached() {
        let stderr = "    Updating git repository `https://127.0.0.1:1/x.git`
warning: spurious network error (3 tries remaining): failed to connect to 127.0.0.1: Connection refused; class=Os (2)
error: failed to get `foo` as a dependency of package `boucle-bundle v0.0.0 (/c/bundle)`

Caused by:
  failed to load source for dependency `foo`

Caused by:
  unable to update https://127.0.0.1:1/x.git

Caused by:
  failed to connect to 127.0.0.1: Connection refused; class=Os (2)
";
        check(
            stderr,
            expect![[r#"
            failed to load source for dependency `foo`
            caused by: unable to update https://127.0.0.1:1/x.git
            caused by: failed to connect to 127.0.0.1: Connection refused; class=Os (2)"#]],
        );
        assert!(is_about_the_network(stderr));
    }

    #[test]
    fn a_crate_that_does_not_compile() {
        let stderr = "   Compiling x v0.1.0 (/x)\nerror: could not compile `x` (lib) due to 2 previous errors\n";
        let first = "\u{1b}[1m\u{1b}[91merror[E0308]\u{1b}[0m: mismatched types\n --> /x/src/lib.rs:1:20\n";
        expect![[r#"
            could not compile `x` (lib)

            error[E0308]: mismatched types
             --> /x/src/lib.rs:1:20"#]]
        .assert_eq(&condense(stderr, &[first.to_owned(), "error: other".to_owned()]));
    }

    #[test]
    fn a_disk_that_is_full() {
        let call = "rustc --crate-name tracing_core ".repeat(20);
        let stderr = format!(
            "error: could not compile `tracing-core` (lib)\n\nCaused by:\n  No space left on device (os error 28)\n\nCaused by:\n  \
             failed to parse process output: `{call}` (exit status: 101)\n"
        );
        let condensed = condense(&stderr, &[]);
        assert!(condensed.contains("caused by: No space left on device (os error 28)\n"), "{condensed}");
        assert!(condensed.lines().all(|line| line.chars().count() <= WIDEST + 1), "{condensed}");
    }

    #[test]
    fn a_build_script_that_fails() {
        let long: String = (0..60).map(|n| format!("  cargo:rerun-if-env-changed=V{n}\n")).collect();
        let stderr = format!(
            "   Compiling y v0.1.0\nerror: failed to run custom build command for `y v0.1.0`\n\nCaused by:\n  process didn't exit \
             successfully: `/t/build-script-build` (exit status: 101)\n  --- stdout\n{long}  --- stderr\n  Could not find \
             directory of OpenSSL installation\n"
        );
        let condensed = condense(&stderr, &[]);
        assert_eq!(condensed.lines().count(), LONGEST);
        assert!(
            condensed.starts_with("failed to run custom build command for `y v0.1.0`\ncaused by: process didn't exit")
        );
        assert!(condensed.ends_with("--- stderr\nCould not find directory of OpenSSL installation"));
    }
}
