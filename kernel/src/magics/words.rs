//! Types and durations as people write them. Used by the engine's commands.

use std::time::Duration;

/// A type as the compiler names it, without what everybody knows: `std::vec::Vec<std::string::String>` → `Vec<String>`.
/// Paths of the notebook's own modules and of crates stay.
pub(crate) fn short_type(ty: &str) -> String {
    let ty = without_places(&ty.replace("::asyncio::cell::Never", "!"));
    let mut short = String::new();
    let mut path = String::new();
    for c in ty.chars().chain([' ']) {
        if c == '_' || c == ':' || c.is_alphanumeric() {
            path.push(c);
            continue;
        }
        short.push_str(without_path(&path));
        path.clear();
        short.push(c);
    }
    short.trim_end().to_owned()
}

/// The types of closures and `async` blocks are named after where they stand in the generated source.
fn without_places(ty: &str) -> String {
    let mut parts = ty.split('@');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str(part.find('}').map_or(part, |end| &part[end..]));
    }
    text
}

fn without_path(path: &str) -> &str {
    let known = ["std::", "core::", "alloc::", "asyncio::"].iter().any(|root| path.starts_with(root));
    if known { path.rsplit("::").next().unwrap_or(path) } else { path }
}

/// A duration with three digits and the unit that suits it.
pub(crate) fn duration(duration: Duration) -> String {
    let nanoseconds = duration.as_nanos();
    let (value, unit) = match nanoseconds {
        0..1_000 => return format!("{nanoseconds} ns"),
        1_000..1_000_000 => (nanoseconds as f64 / 1e3, "µs"),
        1_000_000..1_000_000_000 => (nanoseconds as f64 / 1e6, "ms"),
        _ if duration.as_secs() >= 60 => {
            return format!("{} min {} s", duration.as_secs() / 60, duration.as_secs() % 60);
        }
        _ => (duration.as_secs_f64(), "s"),
    };
    let digits = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_paths_are_left_out() {
        assert_eq!(short_type("std::vec::Vec<std::string::String>"), "Vec<String>");
        assert_eq!(short_type("asyncio::Task<::asyncio::cell::Never>"), "Task<!>");
        assert_eq!(short_type("std::option::Option<{closure@In[1]:1:2: 1:4}>"), "Option<{closure}>");
        assert_eq!(short_type("&[(m::P, i32)]"), "&[(m::P, i32)]");
        assert_eq!(
            short_type("std::collections::HashMap<&str, serde_json::Value>"),
            "HashMap<&str, serde_json::Value>"
        );
        assert_eq!(short_type("std::boxed::Box<dyn std::ops::Fn(i32) -> i32>"), "Box<dyn Fn(i32) -> i32>");
    }

    #[test]
    fn durations_have_three_digits() {
        let check = |nanoseconds, expected| assert_eq!(duration(Duration::from_nanos(nanoseconds)), expected);
        check(0, "0 ns");
        check(950, "950 ns");
        check(1_234, "1.23 µs");
        check(45_600_000, "45.6 ms");
        check(2_500_000_000, "2.50 s");
        check(90_000_000_000, "1 min 30 s");
    }
}
