//! Which functions of the notebook were running when it panicked. Called by `places`, which captures the backtrace, and
//! only for a panic that has ended a cell: one that the user catches costs no more than the capture.
//!
//! Cells are compiled without debug information, so there are names and no lines; the kernel has the text.

use std::backtrace::Backtrace;

/// The most functions that anybody wants to read of.
const MOST: usize = 16;

/// The functions of cells, innermost first, each as it is called in its cell: `f`, `Stack::pop`; empty for the cell's own
/// level, which is the last. Those that call themselves are there once.
pub(crate) fn of(trace: &Backtrace) -> Vec<String> {
    read(&trace.to_string())
}

fn read(trace: &str) -> Vec<String> {
    let mut callers: Vec<String> = Vec::new();
    for name in trace.lines().filter_map(|line| line.trim_start().split_once(": ")) {
        let (number, symbol) = name;
        if number.parse::<u32>().is_err() {
            continue;
        }
        let Some(caller) = function_of(symbol) else { continue };
        let at_end = caller.is_empty();
        if callers.last() != Some(&caller) {
            callers.push(caller);
        }
        if at_end || callers.len() == MOST {
            break;
        }
    }
    callers
}

/// `<cell::Stack>::pop::<i32>` → `Stack::pop`; `None` for what is not of a cell.
fn function_of(symbol: &str) -> Option<String> {
    let symbol = symbol.trim();
    // The cell's own function has a symbol without a path.
    if symbol == "boucle_cell" {
        return Some(String::new());
    }
    let path = if let Some(path) = symbol.strip_prefix("cell::") {
        without_generics(path)
    } else {
        // `<cell::Stack as core::ops::Drop>::drop`
        let (subject, function) = symbol.strip_prefix('<')?.rsplit_once(">::")?;
        let subject = subject.split(" as ").next()?.strip_prefix("cell::")?;
        format!("{}::{}", without_generics(subject), without_generics(function))
    };
    let parts: Vec<&str> = path.split("::").filter(|part| !part.is_empty() && !part.starts_with('{')).collect();
    Some(if parts.first() == Some(&"boucle_cell") { String::new() } else { parts.join("::") })
}

fn without_generics(path: &str) -> String {
    let mut depth = 0_u32;
    let mut plain = String::new();
    for c in path.chars() {
        match c {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            c if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_functions_of_cells_are_read_from_a_backtrace() {
        let trace = "   0: std::panicking::begin_panic\n   1: cell::inner\n             at ./x.rs:1:2\n   2: cell::down\n   3: cell::down\n   \
                     4: <cell::Stack<i32> as core::ops::drop::Drop>::drop\n   5: cell::Stack::pop\n   6: core::ops::call\n   \
                     7: cell::outer::<i32>::{closure#0}\n   8: cell::boucle_cell::{{closure}}\n   9: cell::never";
        assert_eq!(read("   1: cell::f\n   2: boucle_cell\n   3: main"), ["f", ""]);
        assert_eq!(read(trace), ["inner", "down", "Stack::drop", "Stack::pop", "outer", ""]);
    }
}
