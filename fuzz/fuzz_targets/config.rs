//! Any bytes, as a configuration and as every list it names: refused with a message that can be shown, or taken.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let lists = |_: &Path| Ok(bytes.to_vec());
    if let Err(error) = relaywatch::config::from_text("config.toml", bytes, &lists) {
        assert!(!error.problems().is_empty());
        let _ = (error.to_string(), error.render(true));
    }
});
