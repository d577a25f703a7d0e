//! What a failed cell tells the front end, and how a panic in the kernel becomes such a report.
//! Made by the engine and by `dispatch`, published through `publish`.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use serde_json::{Map, Value, json};

/// An error in the form in which Jupyter shows it, on iopub and in the reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ErrorReport {
    /// The kind of error: `KeyboardInterrupt`, `error[E0382]`, …
    pub(crate) ename: String,
    /// The message, in one line.
    pub(crate) evalue: String,
    /// What front ends show; may hold ANSI colors.
    pub(crate) traceback: Vec<String>,
}

impl ErrorReport {
    /// A report of something that only the kernel itself knows about.
    pub(crate) fn plain(ename: &str, evalue: impl Into<String>) -> Self {
        let evalue = evalue.into();
        Self { ename: ename.to_owned(), traceback: vec![format!("{ename}: {evalue}")], evalue }
    }

    /// A panic of the kernel: its own fault, not the user's, so that is what the text says.
    pub(crate) fn of_panic(message: &str) -> Self {
        Self::plain(
            "KernelPanic",
            format!("Boucle itself panicked: {message}; this is a bug in Boucle, and the kernel goes on"),
        )
    }

    /// The content of a reply that says that the request failed.
    pub(crate) fn reply(&self) -> Value {
        let mut content = self.fields();
        content.insert("status".to_owned(), json!("error"));
        Value::Object(content)
    }

    /// The three fields that the `error` message and an error reply have in common.
    pub(crate) fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert("ename".to_owned(), json!(self.ename));
        fields.insert("evalue".to_owned(), json!(self.evalue));
        fields.insert("traceback".to_owned(), json!(self.traceback));
        fields
    }
}

/// Awaits `future`; when it panics, gives the panic's message instead.
pub(crate) async fn catch_panic<F: Future>(future: F) -> Result<F::Output, String> {
    let mut future = pin!(future);
    // After a panic the future is not polled again, only dropped, so no broken state is seen.
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(poll) => poll.map(Ok),
        Err(payload) => Poll::Ready(Err(panic_message(&*payload))),
    })
    .await
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "(a payload that is not text)".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_its_message() {
        let number = 3;
        let outcome = catch_panic(async {
            tokio::task::yield_now().await;
            assert!(number == 4, "number is {number}");
        });
        assert_eq!(outcome.await, Err("number is 3".to_owned()));
        assert_eq!(catch_panic(async { number }).await, Ok(3));
    }
}
