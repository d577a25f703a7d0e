//! Lets the engine warm up while requests that do not need it are answered.
//! Used by `handlers::execute`.

use std::future::Future;
use std::pin::Pin;

use crate::engine::Engine;
use crate::error::catch_panic;
use crate::lifecycle::Stop;

/// An engine that is warming up, or warm.
pub(super) enum WarmEngine {
    /// Owns the engine until it is warm.
    Warming(Pin<Box<dyn Future<Output = Engine>>>),
    Warm(Box<Engine>),
}

impl WarmEngine {
    /// Nothing happens until `wait` is polled.
    pub(super) fn new(mut engine: Engine, stop: Stop) -> Self {
        Self::Warming(Box::pin(async move {
            // When the kernel is to end, the engine comes back at once, to be shut down.
            tokio::select! {
                biased;
                () = stop.requested() => {}
                outcome = catch_panic(engine.warm_up()) => {
                    // The next cell will meet the problem again and report it.
                    if let Err(message) = outcome {
                        tracing::error!("the engine panicked while warming up: {message}");
                    }
                }
            }
            engine
        }))
    }

    pub(super) fn is_warm(&self) -> bool {
        matches!(self, Self::Warm(_))
    }

    /// Waits until the engine is warm. Dropping this future loses nothing: the next call goes on.
    pub(super) async fn wait(&mut self) -> &mut Engine {
        if let Self::Warming(future) = self {
            let engine = future.as_mut().await;
            *self = Self::Warm(Box::new(engine));
        }
        match self {
            Self::Warm(engine) => engine,
            Self::Warming(_) => unreachable!("it was replaced above"),
        }
    }

    /// The engine, to be shut down. Prompt after a stop was requested.
    pub(super) async fn into_engine(self) -> Engine {
        match self {
            Self::Warming(future) => future.await,
            Self::Warm(engine) => *engine,
        }
    }
}
