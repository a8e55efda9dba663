//! The outputs in use: made from the configuration, and made anew where a reload changes them.
//!
//! A reload is all or nothing: [`Events::prepare`] opens what is new before anything is replaced, and [`Events::adopt`] cannot
//! fail on a file any more. An output whose settings stay as they are goes on with what waits for it.

use std::{
    io::{self, ErrorKind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    Event, Privacy, Settings,
    file::JsonlFile,
    syslog::Syslog,
    writer::{End, Limits, Output, Writer},
};
use crate::{
    clock::Timestamp,
    finding::Level,
    inspect::Report,
    message::RawMessage,
    metrics::{Fault, Metrics},
    policy::Action,
};

/// The outputs in use.
pub struct Events {
    metrics: Metrics,
    outputs: Mutex<Outputs>,
}

#[derive(Debug, Default)]
struct Outputs {
    settings: Settings,
    file: Option<Writer>,
    syslog: Option<Writer>,
}

/// Outputs that are ready to take the place of those in use.
#[derive(Debug)]
pub struct Change {
    settings: Settings,
    file: Option<JsonlFile>,
}

impl Events {
    /// Opens what the configuration names. A file that cannot be opened is an error, a receiver that is away is not.
    pub fn start(settings: &Settings, metrics: Metrics) -> io::Result<Self> {
        let events = Self { metrics, outputs: Mutex::default() };
        let change = events.prepare(settings)?;
        events.adopt(change)?;
        Ok(events)
    }

    /// Opens what another configuration brings; nothing in use is touched.
    pub fn prepare(&self, settings: &Settings) -> io::Result<Change> {
        let file = settings.file.clone().filter(|_| !self.outputs().settings.is_same_file(settings));
        let mut file = file.map(|path| JsonlFile::new(path, settings.max_size, settings.keep));
        if let Some(file) = &mut file
            && let Err(error) = file.open()
        {
            // A full disk is no mistake of the configuration: the daemon goes on, and so does the attempt.
            if !matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
                let message = format!("`events.file` cannot be opened: {}: {error}", file.name());
                return Err(io::Error::new(error.kind(), message));
            }
        }
        Ok(Change { settings: settings.clone(), file })
    }

    /// Puts prepared outputs in use. What waits for those that they replace is written first.
    pub fn adopt(&self, change: Change) -> io::Result<()> {
        let Change { settings, file } = change;
        let mut outputs = self.outputs();
        if !outputs.settings.is_same_file(&settings) {
            outputs.file = self.follow(outputs.file.take(), file)?;
        }
        if outputs.settings.syslog != settings.syslog {
            outputs.syslog = self.follow(outputs.syslog.take(), settings.syslog.clone().map(Syslog::new))?;
        }
        outputs.settings = settings;
        Ok(())
    }

    /// Makes events of a judged message and hands them to the outputs. Waits for nothing.
    pub fn hand_over(
        &self,
        message: &RawMessage,
        report: &Report<'_>,
        action: Action,
        time: Timestamp,
        privacy: &dyn Privacy,
    ) {
        if report.verdict.level == Level::Clean {
            return;
        }
        let outputs = self.outputs();
        let level = outputs.settings.level;
        if (outputs.file.is_none() && outputs.syslog.is_none()) || report.verdict.level < level.into() {
            return;
        }
        // The events are made without the lock.
        drop(outputs);
        let events = Event::all(message, report, action, time, level, privacy);
        let lines = events.into_iter().map(Event::into_line);
        let lines = lines.filter_map(|line| line.map(Arc::new).inspect_err(|_| self.metrics.fault(Fault::Output)).ok());
        let lines: Vec<_> = lines.collect();
        let outputs = self.outputs();
        for writer in outputs.file.iter().chain(&outputs.syslog) {
            lines.iter().for_each(|line| writer.hand_over(Arc::clone(line)));
        }
    }

    /// Writes what waits, within a limit, and takes nothing more. Blocks.
    pub fn close(&self) {
        let Outputs { file, syslog, .. } = std::mem::take(&mut *self.outputs());
        // All are told before one is waited for.
        let ends: Vec<End> = file.into_iter().chain(syslog).map(Writer::close).collect();
        ends.into_iter().for_each(|mut end| end.wait());
    }

    fn follow(&self, before: Option<Writer>, output: Option<impl Output>) -> io::Result<Option<Writer>> {
        let before = before.map(Writer::close);
        output.map(|output| Writer::start(output, Limits::default(), self.metrics.clone(), before)).transpose()
    }

    /// A panic while it was locked leaves it whole: every change to it is a single step.
    fn outputs(&self) -> MutexGuard<'_, Outputs> {
        self.outputs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Settings {
    /// Whether the file and all that concerns it is the same.
    fn is_same_file(&self, other: &Self) -> bool {
        let limits = |settings: &Self| (settings.max_size, settings.keep);
        self.file == other.file && (self.file.is_none() || limits(self) == limits(other))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{super::Clear, *};
    use crate::view::sample;

    fn hand_over(events: &Events) {
        let (message, report) = sample::hijacked();
        events.hand_over(&message, &report, Action::Accept, "2020-06-01T00:03:17Z".parse().unwrap(), &Clear);
    }

    #[test]
    fn a_change_that_cannot_be_opened_leaves_what_is_in_use_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let lines = |name: &str| fs::read_to_string(path(name)).unwrap_or_default().lines().count();
        let settings = |name: &str| Settings { file: Some(path(name)), ..Settings::default() };
        let metrics = Metrics::new().unwrap();
        let events = Events::start(&settings("a"), metrics.clone()).unwrap();
        hand_over(&events);
        let error = events.prepare(&settings("missing/b")).unwrap_err().to_string();
        assert!(error.contains("`events.file`") && error.contains("missing/b"), "{error}");
        hand_over(&events);
        events.adopt(events.prepare(&settings("c")).unwrap()).unwrap();
        hand_over(&events);
        // The same file with another limit: the successor begins when the predecessor is done.
        let smaller = Settings { max_size: 1, keep: 9, ..settings("c") };
        events.adopt(events.prepare(&smaller).unwrap()).unwrap();
        hand_over(&events);
        let off = Settings::default();
        events.close();
        assert_eq!((lines("a"), lines("c.1"), lines("c")), (2, 1, 1));
        events.adopt(events.prepare(&off).unwrap()).unwrap();
        hand_over(&events);
        assert!(metrics.render().unwrap().contains("relaywatch_events_total{output=\"file\",result=\"written\"} 4\n"));
    }

    #[test]
    fn a_file_that_cannot_be_opened_at_the_start_is_an_error() {
        let settings = Settings { file: Some("/dev/full".into()), ..Settings::default() };
        let Err(error) = Events::start(&settings, Metrics::new().unwrap()) else { panic!("it was taken") };
        assert!(error.to_string().contains("no regular file"), "{error}");
    }
}
