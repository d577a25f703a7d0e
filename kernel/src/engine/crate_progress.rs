//! Shows how far the crates of a notebook are, in one display that changes. Used by `dependencies`.

use std::time::Instant;

use serde_json::json;

use crate::compile::deps::{Bundle, Progress};
use crate::publish::{MimeBundle, Publisher};

/// The display of one build. Nothing is shown before the first news.
#[derive(Debug)]
pub(super) struct CrateProgress<'a> {
    publisher: &'a Publisher,
    began: Instant,
    /// The id by which front ends know the display.
    id: String,
    /// What it shows; `None` until it shows anything.
    shown: Option<MimeBundle>,
}

impl<'a> CrateProgress<'a> {
    pub(super) fn new(publisher: &'a Publisher) -> CrateProgress<'a> {
        CrateProgress { publisher, began: Instant::now(), id: uuid::Uuid::new_v4().to_string(), shown: None }
    }

    /// Shows the latest news, and the time that has passed.
    pub(super) fn show(&mut self, news: &Progress) {
        let seconds = self.began.elapsed().as_secs();
        let doing = if news.doing.is_empty() { "" } else { &format!(": {}", news.doing) };
        let (text, bar) = match news.steps {
            Some((done, total)) => {
                let bar = format!("<progress value=\"{done}\" max=\"{total}\"></progress> ");
                (format!("building crates, {done} of {total} steps done{doing} ({seconds} s)"), bar)
            }
            None => (format!("preparing crates{doing} ({seconds} s)"), String::new()),
        };
        self.set(&text, &bar);
    }

    /// Shows how the build ended, if its progress was shown. Errors are the caller's to show.
    pub(super) fn end(&mut self, built: Option<&Bundle>) {
        if self.shown.is_none() {
            return;
        }
        let seconds = self.began.elapsed().as_secs_f64();
        let text = match built {
            Some(bundle) => {
                let crates: Vec<String> =
                    bundle.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
                format!("built in {seconds:.1} s: {}", crates.join(", "))
            }
            None => format!("not built ({seconds:.1} s)"),
        };
        self.set(&text, "");
    }

    fn set(&mut self, text: &str, bar: &str) {
        let escaped = text.replace('&', "&amp;").replace('<', "&lt;");
        let html = format!("<div>{bar}{escaped}</div>");
        let data =
            MimeBundle::from_iter([("text/plain".to_owned(), json!(text)), ("text/html".to_owned(), json!(html))]);
        if self.shown.as_ref() == Some(&data) {
            return;
        }
        match self.shown.replace(data.clone()) {
            None => self.publisher.display_data(data, MimeBundle::new(), Some(self.id.clone())),
            Some(_) => self.publisher.update_display_data(data, MimeBundle::new(), self.id.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_display_shows_it_all() {
        let (publisher, published) = Publisher::for_tests();
        let mut progress = CrateProgress::new(&publisher);
        progress.end(None);
        let mut news = Progress { steps: None, doing: "Updating registry index".into() };
        progress.show(&news);
        progress.show(&news);
        news = Progress { steps: Some((3, 7)), doing: "rand, Vec<T>".into() };
        progress.show(&news);
        progress.end(None);
        let seen = published.take();
        let kinds: Vec<&str> = seen.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, ["display_data", "update_display_data", "update_display_data"]);
        let (data, id) = (&seen[1].1["data"], &seen[1].1["transient"]["display_id"]);
        assert_eq!(data["text/plain"], "building crates, 3 of 7 steps done: rand, Vec<T> (0 s)");
        assert!(data["text/html"].as_str().is_some_and(|html| html.contains("value=\"3\"") && html.contains("&lt;T>")));
        assert_eq!(id, &seen[0].1["transient"]["display_id"]);
    }
}
