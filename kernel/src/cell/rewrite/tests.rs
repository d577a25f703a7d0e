//! What becomes of a cell's text, line by line.

use std::collections::BTreeMap;

use super::super::source::Generated;
use super::super::split::split;
use super::*;

/// What becomes of a text in which these names are those of the prelude, without checkpoints.
fn rewritten(text: &str, prelude: &[&'static str]) -> String {
    let parsed = split("In[1]", text, &BTreeMap::new()).unwrap();
    let mut generated = Generated::new(prelude.to_vec(), false);
    generated.user(&parsed.source, 0..text.len());
    generated.text.replace(CHECKPOINT, "").replace(CLOSURE_BODY, "{ ")
}

#[test]
fn calls_of_display_become_macros_wherever_they_stand() {
    for (text, expected) in [
        ("display(x)", "display!(x)"),
        ("fn f() { display(x); }", "fn f() { display!(x); }"),
        ("async { display(x, display_id = \"d\") }", "async { display!(x, display_id = \"d\") }"),
        ("println!(\"{}\", display(x).display_id())", "println!(\"{}\", display!(x).display_id())"),
        ("clear_output(wait = true)", "clear_output!(wait = true)"),
        ("update_display(display(1), display(2))", "update_display!(display!(1), display!(2))"),
    ] {
        assert_eq!(rewritten(text, FUNCTION_MACROS), expected);
    }
}

#[test]
fn optimized_loops_run_in_strips() {
    let rewritten = |text: &str| {
        let parsed = split("In[1]", text, &BTreeMap::new()).unwrap();
        let mut generated = Generated::new(Vec::new(), true);
        generated.user(&parsed.source, 0..text.len());
        generated.text.replace("::asyncio::cell::", "")
    };
    for (text, expected) in [
        (
            "for (i) in 0..n.await { s += i }",
            "for  __boucle_strip  in strips(0..wait(n)) { for (i) in __boucle_strip { s += i } }",
        ),
        ("for x in &v { s += x }", "for x in &v { s += x }"),
        ("for x in v { s += x }", "for x in v {checkpoint(); s += x }"),
        ("v.iter().map(|x| x + 1).sum::<i32>()", "v.iter().map(|x| x + 1).sum::<i32>()"),
        ("v.map(|x| x + 1)", "v.map(|x| { checkpoint(); x + 1 })"),
    ] {
        assert_eq!(rewritten(text), expected);
    }
}

#[test]
fn a_display_of_the_users_own_stays() {
    for text in [
        "let display = f; display(x)",
        "fn g(display: fn(i32)) { display(1) }",
        "{ fn display() {} display() }",
        "{ use other::show as display; display(x) }",
        "x.display(1); other::display(x); let y = display;",
    ] {
        assert_eq!(rewritten(text, FUNCTION_MACROS), text);
    }
    assert_eq!(rewritten("display(x)", &["sleep"]), "display(x)");
}
