//! Shows how far cargo is, in one display that changes, to whoever waits for it. Used by the engine for what cells run on, and by
//! `dependencies` for the crates of a notebook.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::watch;

use crate::compile::Progress;
use crate::publish::{MimeBundle, Publisher};

/// How often the progress of a build is looked at. What is done sooner is not shown at all.
const LOOK: Duration = Duration::from_millis(300);

/// The display of one build. Nothing is shown before the first news.
#[derive(Debug)]
pub(super) struct BuildProgress<'a> {
    publisher: &'a Publisher,
    what: &'a str,
    began: Instant,
    /// The id by which front ends know the display.
    id: String,
    /// What it shows; `None` until it shows anything.
    shown: Option<MimeBundle>,
}

impl<'a> BuildProgress<'a> {
    /// For a build of what this names.
    pub(super) fn new(publisher: &'a Publisher, what: &'a str) -> BuildProgress<'a> {
        let id = uuid::Uuid::new_v4().to_string();
        BuildProgress { publisher, what, began: Instant::now(), id, shown: None }
    }

    /// Awaits a build, and shows how far it is; `None` if it was interrupted. `describe` says what has been built. Errors are the
    /// caller's to show.
    pub(super) async fn follow<T, E>(
        mut self,
        building: impl Future<Output = Result<T, E>>,
        latest: watch::Receiver<Progress>,
        mut interrupts: watch::Receiver<u64>,
        describe: impl FnOnce(&T) -> String,
    ) -> Option<Result<T, E>> {
        tokio::pin!(building);
        let mut looks = tokio::time::interval_at(tokio::time::Instant::now() + LOOK, LOOK);
        let built = loop {
            tokio::select! {
                biased;
                built = &mut building => break Some(built),
                Ok(()) = interrupts.changed() => break None,
                _ = looks.tick() => self.show(&latest.borrow()),
            }
        };
        self.end(built.as_ref().and_then(|built| built.as_ref().ok()).map(describe));
        built
    }

    /// Shows the latest news, and the time that has passed.
    fn show(&mut self, news: &Progress) {
        let (what, seconds) = (self.what, self.began.elapsed().as_secs());
        let bar = news.steps.map(|(done, total)| format!("<progress value=\"{done}\" max=\"{total}\"></progress> "));
        self.set(&format!("{} ({seconds} s)", news.text(what)), &bar.unwrap_or_default());
    }

    /// Shows what was built, if its progress was shown.
    fn end(&mut self, built: Option<String>) {
        if self.shown.is_none() {
            return;
        }
        let seconds = self.began.elapsed().as_secs_f64();
        let text = match built {
            Some(built) => format!("built in {seconds:.1} s: {built}"),
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
        let mut progress = BuildProgress::new(&publisher, "crates");
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
