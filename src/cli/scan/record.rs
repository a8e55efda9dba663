//! What was scanned, into the evidence store; before it is shown, so that a line that was seen stands there.

use std::{path::Path, time::Duration};

use crate::{
    cli::Error,
    clock::{Clock as _, SystemClock},
    evidence::{Durability, Ledger, Record, RunId, Store, Written},
};

/// How long another program's transaction is waited for: a scan has time.
const PATIENCE: Duration = Duration::from_secs(30);

/// Writes records of one scan.
pub(super) struct Recorder {
    ledger: Ledger,
    run: RunId,
    written: Written,
}

impl Recorder {
    pub(super) fn open(path: &Path, durability: Durability) -> Result<Self, Error> {
        let mut ledger = Ledger::new(Store::open(path, durability, PATIENCE)?)?;
        let run = ledger.begin_run("scan", SystemClock.now().as_second())?;
        Ok(Self { ledger, run, written: Written::default() })
    }

    pub(super) fn write(&mut self, records: &[Record]) -> Result<(), Error> {
        if !records.is_empty() {
            let written = self.ledger.write(records, None)?;
            self.written.stored += written.stored;
            self.written.known += written.known;
        }
        Ok(())
    }

    /// Ends the scan; says what was written.
    pub(super) fn end(mut self) -> Result<Written, Error> {
        self.ledger.end_run(&self.run, SystemClock.now().as_second())?;
        Ok(self.written)
    }
}
