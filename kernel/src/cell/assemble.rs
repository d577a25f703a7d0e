//! Writes the crate of a planned cell. Called by the engine, again with other choices when rustc refuses the first.
//!
//! The cell becomes one function. It takes the variables that the cell mentions out of the store and puts them back at
//! the end. What can fail runs in a closure inside the frame that owns the variables, so that they are put back after a
//! panic too: each `let` that is followed by such code opens one more level.
//!
//! ```text
//! let mut x: i32 = scope.take("x");
//! let ending = scope.run(|| {
//!     let y = x + 1;
//!     let ending = scope.run(|| { println!("{y}"); Ok(()) });
//!     scope.put(1, "y", y);
//!     ending
//! });
//! scope.put(0, "x", x);
//! ending
//! ```
//!
//! What the engine adds between statements stands on lines of the user's, so that `line!()` and `dbg!` in them count as
//! the cell does. Items come behind the function, where they have other lines; panics and diagnostics are mapped.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use super::item::{Item, ItemKind, StaticKind, StaticPart, Use};
use super::plan::{CellPlan, ErrorFormat, Formats, Purpose, ValueFormat};
use super::rewrite::THREAD_SLEEP;
use super::source::{Generated, Source};
use super::split::Statement;

/// How the statements are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Form {
    /// In levels, so that a panic loses no variable.
    #[default]
    Levels,
    /// In one level, so that a panic loses no variable of earlier cells: for code that uses a variable beside what
    /// borrows from it.
    OneLevel,
    /// One after the other, as the user wrote them: what the borrow checker's messages should be about, and the way
    /// out for code that closures make invalid.
    Flat,
}

/// The choices that a cell can be assembled with.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    pub(crate) form: Form,
    pub(crate) modes: BTreeMap<u32, SiteMode>,
    /// Variables that are moved and then given a new value. A closure cannot hand that to the level around it, so no
    /// level is opened between where they begin and where they are set for the last time: only there they are lost if
    /// the cell fails.
    pub(crate) reset: BTreeSet<String>,
    /// Whether the final expression is not shown, since it has no value: it never ends, or is a macro that makes
    /// statements.
    pub(crate) silent: bool,
}

/// What happens to a variable at its store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum SiteMode {
    #[default]
    Keep,
    /// It is a future, whose type has no name: boxed, it has one.
    Boxed,
    /// It is a function, whose own type has no name: as a pointer of this type, it has one.
    Pointer(String),
    /// It has been moved, borrows from another, or may not have got a value: it ends with the cell.
    Omit,
}

/// One store of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Site {
    pub(crate) name: String,
}

/// How the symbols of statics begin, which are the only ones that cells share.
pub(crate) const STATIC_PREFIX: &str = "boucle_static_";

const SIGNATURE: &str =
    "#[unsafe(no_mangle)] pub fn boucle_cell(__boucle: &::asyncio::cell::Scope) -> ::asyncio::cell::Ending {";
const LINTS: &str = "#![allow(dead_code,unused_imports,unused_macros,static_mut_refs)]";
const SHOW: &str = ") { __boucle_value => ::asyncio::cell::result(::asyncio::representation!(*__boucle_value)) }";

const SHOW_DISPLAYED: &str = ") { __boucle_value => { use ::asyncio::cell::{ByDisplay as _, ByNoDisplay as _}; \
                              ::asyncio::cell::result((&::asyncio::cell::Displayed(__boucle_value)).displayed() \
                              .or_else(|| ::asyncio::representation!(*__boucle_value))) } }";

/// The crate of a cell, and its stores by site number.
pub(crate) fn assemble(plan: &CellPlan, layout: &Layout) -> (Generated, Vec<Site>) {
    // A variable hides the function of its name.
    let is_variable = |name: &&str| plan.takes.iter().any(|(variable, _)| variable == name);
    let prelude = plan.prelude.iter().copied().filter(|name| !is_variable(name)).collect();
    let mut writer = Writer { out: Generated::new(prelude, plan.in_strips), sites: Vec::new(), layout };
    let parsed = &plan.parsed;
    for range in &parsed.attributes {
        writer.out.user(&parsed.source, range.clone());
        // `//!` reaches to the end of its line.
        writer.out.glue("\n");
    }
    writer.out.glue(LINTS);
    if !plan.prelude.is_empty() {
        writer.out.glue(&format!("use ::asyncio::{{{}}};", plan.prelude.join(",")));
    }
    for import in plan.uses.iter().chain(&parsed.uses) {
        writer.import(import);
    }
    if !parsed.statements.is_empty() {
        writer.out.glue(SIGNATURE);
        writer.formats(plan);
        match plan.purpose {
            Purpose::Run => writer.function(plan),
            Purpose::Measure { loops, rows } => writer.measured(plan, loops, rows),
            Purpose::Type => writer.typed(plan),
        }
        writer.out.glue("}");
    }
    for item in parsed.items.iter().chain(&plan.items) {
        writer.out.glue("\n");
        writer.item(item, plan);
    }
    writer.out.glue("\n");
    (writer.out, writer.sites)
}

/// Source by which rustc explains what is wrong with a cell that could not be parsed.
pub(crate) fn assemble_unparsed(source: &Arc<Source>, in_function: bool) -> Generated {
    let mut out = Generated::default();
    if in_function {
        out.glue("fn boucle_cell() {");
    }
    out.user(source, 0..source.text.len());
    if in_function {
        out.glue("\n}");
    }
    out
}

/// The statements behind the one where a variable begins, up to the last that gives it a new value.
fn held_together(statements: &[Statement], name: &str) -> Option<Range<usize>> {
    let last = statements.iter().rposition(|statement| statement.assigns.contains(name))?;
    let bound = statements[..last].iter().rposition(|statement| statement.binds.iter().any(|bound| bound == name));
    let first = bound.or_else(|| statements.iter().position(|statement| statement.mentions.contains(name)))?;
    Some(first + 1..last + 1)
}

/// A name as it may be written anywhere, even if it is a keyword.
fn raw(name: &str) -> String {
    if syn::parse_str::<syn::Ident>(name).is_ok() { name.to_owned() } else { format!("r#{name}") }
}

struct Writer<'a> {
    out: Generated,
    sites: Vec<Site>,
    layout: &'a Layout,
}

impl Writer<'_> {
    fn function(&mut self, plan: &CellPlan) {
        let statements = &plan.parsed.statements;
        // A closure cannot give a variable its first value either.
        let late = statements.iter().filter(|statement| statement.late).flat_map(|statement| &statement.binds);
        let held: Vec<Range<usize>> =
            self.layout.reset.iter().chain(late).filter_map(|name| held_together(statements, name)).collect();
        let mut levels: Vec<Vec<u32>> = Vec::new();
        let mut open: Vec<u32> = Vec::new();
        for take in plan.takes.iter().filter(|(name, _)| !self.layout.reset.contains(name)) {
            open.push(self.take(take));
        }
        // References end with the cell in any case; a level would only keep them from being used beside what they
        // borrow from.
        let mut worth_a_level = !open.is_empty();
        let (source, mut at) = (&plan.parsed.source, 0);
        for (index, statement) in statements.iter().enumerate() {
            self.out.line_breaks_of(&source.text[at..statement.range.start]);
            at = statement.range.end;
            let form_allows = match self.layout.form {
                Form::Levels => true,
                // What the cell itself has made so far must not be captured.
                Form::OneLevel => {
                    levels.is_empty() && statements[..index].iter().all(|earlier| earlier.binds.is_empty())
                }
                Form::Flat => false,
            };
            let may_open = form_allows && !held.iter().any(|held| held.contains(&index));
            if may_open && worth_a_level && !statement.harmless {
                worth_a_level = false;
                self.out.glue("let __boucle_ending = __boucle.run(|| {");
                levels.push(std::mem::take(&mut open));
            }
            for take in plan.takes.iter().filter(|(name, _)| self.layout.reset.contains(name)) {
                if statements.iter().position(|statement| statement.mentions.contains(&take.0)) == Some(index) {
                    open.push(self.take(take));
                    worth_a_level = true;
                }
            }
            self.statement(plan, statement);
            open.extend(statement.binds.iter().map(|name| self.site(name)));
            worth_a_level |= !statement.binds.is_empty() && !statement.borrows;
        }
        // A comment may stand on the last line.
        self.out.glue("\n");
        self.stores(&open);
        self.out.glue("::core::result::Result::Ok(())");
        for stores in levels.iter().rev() {
            self.out.glue("});");
            self.stores(stores);
            self.out.glue("__boucle_ending");
        }
    }

    /// The cell as a closure that is called over and over. Its variables are its own; those of the notebook stay.
    fn measured(&mut self, plan: &CellPlan, loops: u64, rows: u32) {
        let sites: Vec<u32> = plan.takes.iter().map(|take| self.take(take)).collect();
        self.out.glue(&format!(
            "let __boucle_ending = __boucle.run(|| ::asyncio::cell::measure({loops}, {rows}, || {{ \
             ::core::hint::black_box({{"
        ));
        self.block(plan, "(", ")");
        self.out.glue("\n}); ::core::result::Result::Ok(()) }));");
        self.stores(&sites);
        self.out.glue("__boucle_ending");
    }

    /// The cell up to its final expression, whose type the compiler is to name.
    fn typed(&mut self, plan: &CellPlan) {
        for take in &plan.takes {
            self.take(take);
        }
        self.block(plan, "__boucle.probe(0, \"\", ::asyncio::cell::keep(&(", ")));");
        self.out.glue("\n::core::result::Result::Ok(())");
    }

    /// The statements as they are, the final expression between two texts.
    fn block(&mut self, plan: &CellPlan, before: &str, behind: &str) {
        let (source, mut at) = (&plan.parsed.source, 0);
        for statement in &plan.parsed.statements {
            self.out.line_breaks_of(&source.text[at..statement.range.start]);
            at = statement.range.end;
            if statement.shown {
                self.out.glue(before);
            }
            self.out.user(source, statement.range.clone());
            if statement.shown {
                self.out.glue(behind);
            }
        }
    }

    /// Tells how values and errors are to be written, where that is not the usual way.
    fn formats(&mut self, plan: &CellPlan) {
        let Formats { value, types, error } = &plan.formats;
        if plan.parsed.asks_questions() {
            let function = match error {
                ErrorFormat::Explained => "question",
                ErrorFormat::Debug => "question_debug",
                ErrorFormat::Pretty => "question_pretty",
                ErrorFormat::Display => "question_displayed",
            };
            self.out.glue(&format!("use ::asyncio::cell::{function} as __boucle_question;"));
        }
        let writer = match value {
            Some(ValueFormat::Debug(format)) => {
                format!("::core::option::Option::Some(|out, value| ::core::write!(out, {format:?}, value))")
            }
            _ => "::core::option::Option::None".to_owned(),
        };
        if value.is_some() || *types {
            self.out.glue(&format!("::asyncio::cell::set_formats({writer}, {types});"));
        }
    }

    fn take(&mut self, (name, ty): &(String, String)) -> u32 {
        let site = self.site(name);
        self.out.take(
            site,
            &format!("#[allow(unused)] let mut {}: {ty} = unsafe {{ __boucle.take({name:?}) }};", raw(name)),
        );
        site
    }

    fn statement(&mut self, plan: &CellPlan, statement: &Statement) {
        let displayed = plan.formats.value == Some(ValueFormat::Display);
        let (before, behind) = match (statement.shown, self.layout.silent) {
            (true, false) => ("match &(", if displayed { SHOW_DISPLAYED } else { SHOW }),
            (true, true) => ("", ";"),
            (false, _) => ("", ""),
        };
        self.out.glue(before);
        self.out.user(&plan.parsed.source, statement.range.clone());
        self.out.glue(behind);
    }

    fn site(&mut self, name: &str) -> u32 {
        self.sites.push(Site { name: name.to_owned() });
        self.sites.len() as u32 - 1
    }

    fn stores(&mut self, sites: &[u32]) {
        // The latest of several variables of one name comes first: the first one stored in a run is the one kept. What it
        // hides here cannot be stored at all.
        for (index, &site) in sites.iter().enumerate().rev() {
            let name = &self.sites[site as usize].name;
            if sites[index + 1..].iter().any(|&later| self.sites[later as usize].name == *name) {
                continue;
            }
            let raw = raw(name);
            let value = match self.layout.modes.get(&site).unwrap_or(&SiteMode::Keep) {
                SiteMode::Keep => raw,
                SiteMode::Boxed => format!("::asyncio::cell::coroutine({raw})"),
                SiteMode::Pointer(ty) => format!("{raw} as {ty}"),
                SiteMode::Omit => continue,
            };
            self.out.store(site, &format!("__boucle.put({site}, {name:?}, ::asyncio::cell::keep({value}));"));
        }
    }

    fn import(&mut self, import: &Use) {
        let path = import.path();
        if matches!(path.as_str(), "std::thread::sleep" | "thread::sleep") {
            let name = import.binds.as_deref().unwrap_or("_");
            self.out.glue(&format!("use {THREAD_SLEEP} as {name};"));
            return;
        }
        self.out.glue(if import.absolute { "use ::" } else { "use " });
        for (index, segment) in import.segments.iter().enumerate() {
            if index > 0 {
                self.out.glue("::");
            }
            self.out.user_inside(&import.source, segment.clone());
        }
        if let Some(rename) = &import.rename {
            self.out.glue(" as ");
            self.out.user_inside(&import.source, rename.clone());
        }
        self.out.glue(";");
    }

    fn item(&mut self, item: &Item, plan: &CellPlan) {
        if matches!(item.kind, ItemKind::Macro { .. }) {
            return self.macro_rules(item, plan);
        }
        let mut at = item.range.start;
        for (index, part) in item.statics.iter().enumerate() {
            self.out.user(&item.source, at..part.range.start);
            self.static_part(item, index, part, plan);
            at = part.range.end;
        }
        self.out.user(&item.source, at..item.range.end);
    }

    /// An import makes a macro known everywhere, before its definition too. Next to another item of its name, the import
    /// would mean both; so then the macro stands in a module of its own.
    fn macro_rules(&mut self, item: &Item, plan: &CellPlan) {
        let name = raw(&item.key);
        let is_alone = !plan
            .parsed
            .items
            .iter()
            .chain(&plan.items)
            .any(|other| other.key == item.key && !matches!(other.kind, ItemKind::Macro { .. }));
        if item.text().contains("macro_export") {
            self.out.user(&item.source, item.range.clone());
        } else if is_alone {
            self.out.user(&item.source, item.range.clone());
            self.out.glue(&format!(" pub(crate) use {name};"));
        } else {
            self.out.glue(&format!("#[macro_use] mod __boucle_macro_{} {{ ", item.key));
            self.out.user(&item.source, item.range.clone());
            self.out.glue(&format!(" pub(crate) use {name}; }} pub(crate) use __boucle_macro_{}::{name};", item.key));
        }
    }

    /// A static is defined under a symbol of its own where the worker does not have it yet, and declared elsewhere. What
    /// makes a key of `thread_local!` has no symbol, but the key itself can be put into a static that has.
    fn static_part(&mut self, item: &Item, index: usize, part: &StaticPart, plan: &CellPlan) {
        let known = plan.statics.get(&item.statics_key()).copied().unwrap_or_default();
        let symbol = symbol_of(item, index, part, known.version);
        let source = &item.source;
        match (&part.kind, known.loaded) {
            (StaticKind::Plain | StaticKind::Mutable, false) => {
                self.out.glue(&format!("#[unsafe(export_name = {symbol:?})] "));
                self.out.user(source, part.range.clone());
            }
            (StaticKind::ThreadLocal(ty), false) => {
                self.out.glue("::std::thread_local! { ");
                self.out.user(source, part.range.clone());
                let name = raw(&part.name);
                self.out.glue(&format!(" }} #[unsafe(export_name = {symbol:?})] static __BOUCLE_KEY_{}: ", part.name));
                self.local_key(source, ty);
                self.out.glue(&format!(" = {name};"));
            }
            (kind, true) => {
                self.out.glue(&format!("unsafe extern \"Rust\" {{ #[link_name = {symbol:?}] "));
                self.out.user_inside(source, part.visibility.clone());
                self.out.glue(if *kind == StaticKind::Mutable { " unsafe " } else { " safe " });
                if let StaticKind::ThreadLocal(ty) = kind {
                    self.out.glue("static ");
                    self.out.user_inside(source, part.declaration.clone());
                    self.out.glue(": ");
                    self.local_key(source, ty);
                } else {
                    self.out.user_inside(source, part.declaration.clone());
                }
                self.out.glue("; }");
            }
        }
    }

    fn local_key(&mut self, source: &Arc<Source>, ty: &Range<usize>) {
        self.out.glue("::std::thread::LocalKey<");
        self.out.user_inside(source, ty.clone());
        self.out.glue(">");
    }
}

/// A symbol that no other static has: those of functions and modules are told apart by what they stand in.
fn symbol_of(item: &Item, index: usize, part: &StaticPart, version: u32) -> String {
    let place = match item.kind {
        ItemKind::Static => String::new(),
        _ => format!("{}_{index}_", item.statics_key().replace(char::is_whitespace, "")),
    };
    format!("{STATIC_PREFIX}{place}{}_{version}", part.name)
}
