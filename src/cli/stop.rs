//! Ctrl-C: ends a scan with its summary instead of in the middle of a line.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Whether the user asked for the end.
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Listens from now on. Where that is not possible, Ctrl-C does what it always does.
    pub(super) fn on_ctrl_c() -> Self {
        let asked = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&asked);
        let listen = move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else { return };
            if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
                flag.store(true, Ordering::Relaxed);
            }
        };
        let _ = std::thread::Builder::new().name("signal".to_owned()).spawn(listen);
        Self(asked)
    }

    pub(super) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
