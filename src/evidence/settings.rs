//! What the admin decided of the evidence.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{Durability, FILE, privacy::Privacy};

/// What the admin decided of the evidence.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether the daemon keeps any.
    pub on: bool,
    /// The folder that the store lies in.
    pub folder: PathBuf,
    /// What a commit waits for.
    pub durability: Durability,
    /// How each field is kept.
    pub privacy: Privacy,
    /// How long a message is kept.
    pub retention: Duration,
    /// How many bytes the store may take; the oldest messages go first.
    pub max_size: u64,
    /// Bytes of records that wait in memory while the store cannot be written to.
    pub buffer: usize,
}

impl Settings {
    /// The store's file.
    pub fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            on: true,
            folder: Path::new("/var/lib/relaywatch").to_owned(),
            durability: Durability::default(),
            privacy: Privacy::default(),
            retention: Duration::from_secs(180 * 86_400),
            max_size: 2 << 30,
            buffer: 16 << 20,
        }
    }
}
