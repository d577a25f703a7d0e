//! One tokio runtime per thread, shared by all loops of that thread, so that a socket opened under one loop still works
//! under the next. The driver blocks on it; plain cell code enters it.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use tokio::runtime::{Builder, Runtime};

thread_local! {
    static ENGINE: RefCell<Option<Rc<Engine>>> = const { RefCell::new(None) };
}

/// A thread's tokio runtime.
pub(crate) struct Engine {
    runtime: Option<Runtime>,
}

impl Engine {
    /// This thread's runtime, made on first use.
    ///
    /// # Errors
    /// What the operating system says when it refuses the reactor's descriptors.
    pub(crate) fn of_thread() -> io::Result<Rc<Self>> {
        ENGINE.with(|slot| {
            if let Some(engine) = &*slot.borrow() {
                return Ok(Rc::clone(engine));
            }
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let engine = Rc::new(Self { runtime: Some(runtime) });
            slot.replace(Some(Rc::clone(&engine)));
            Ok(engine)
        })
    }

    /// The runtime itself.
    pub(crate) fn runtime(&self) -> &Runtime {
        // Only `drop` takes it out.
        self.runtime.as_ref().unwrap_or_else(|| unreachable!("the runtime lives as long as the engine"))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A thread that ends must not wait for a blocking call that may never return.
            runtime.shutdown_background();
        }
    }
}
