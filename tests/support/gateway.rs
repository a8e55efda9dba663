//! A daemon with an MTA that hands mail over to it, and the evidence that it is to keep of that.

use std::{
    cell::{Cell, RefCell},
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use super::{
    daemon::{Daemon, Launch, PROGRAM, without_list},
    mta::{Letter, Mta},
    process, scratch,
    stored::{self, Look},
    wait,
};

const BUFFERED: &str = "relaywatch_evidence_buffered_records";

/// A daemon, its MTA and its state folder.
pub(crate) struct Gateway {
    pub(crate) daemon: Daemon,
    state: TempDir,
    /// The folder that the store is to lie in.
    folder: PathBuf,
    mta: RefCell<Option<Mta>>,
    sent: RefCell<Vec<String>>,
    worst: Cell<Duration>,
}

impl Gateway {
    /// Starts one whose state folder is an ordinary one, with further keys of `[evidence]`.
    pub(crate) fn start(evidence: &str) -> Self {
        Self::start_in(scratch::folder("state"), |state| state.to_owned(), evidence)
    }

    /// Starts one as the user nobody.
    pub(crate) fn start_as_nobody(state: TempDir, folder: impl Fn(&Path) -> PathBuf) -> Self {
        assert!(process::is_root(), "only root can become nobody; run: sudo make test");
        let folder = folder(state.path());
        let mut launch = Launch::new(&configuration(&folder, ""));
        // The build folder may be closed to others.
        let program = launch.folder.path().join("relaywatch");
        fs::copy(PROGRAM, &program).expect("the program can be copied");
        let mut command = Command::new("setpriv");
        command.args([
            "--reuid=nobody",
            "--regid=nogroup",
            "--clear-groups",
            "--no-new-privs",
            "--bounding-set=-all",
            "--",
        ]);
        command.arg(&program).current_dir("/");
        launch.command = command;
        Self::of(launch, state, folder)
    }

    /// Starts one whose state folder lies in, or is, a folder that was prepared.
    pub(crate) fn start_in(state: TempDir, folder: impl Fn(&Path) -> PathBuf, evidence: &str) -> Self {
        let folder = folder(state.path());
        let launch = Launch::new(&configuration(&folder, evidence));
        Self::of(launch, state, folder)
    }

    fn of(launch: Launch, state: TempDir, folder: PathBuf) -> Self {
        let mut daemon = launch.spawn();
        daemon.wait_ready();
        let (mta, sent, worst) = (RefCell::default(), RefCell::default(), Cell::default());
        let gateway = Self { daemon, state, folder, mta, sent, worst };
        gateway.connect();
        gateway
    }

    /// The folder that was prepared.
    pub(crate) fn state(&self) -> &Path {
        self.state.path()
    }

    fn connect(&self) {
        *self.mta.borrow_mut() = Some(Mta::connect(&self.daemon.addresses()[0]).expect("the daemon accepts"));
    }

    /// Ends the daemon by SIGTERM; it must end with 0.
    pub(crate) fn stop(&mut self) {
        self.daemon.signal("TERM");
        assert_eq!(self.daemon.wait_end().code(), Some(0), "{}", self.daemon.log_text());
    }

    /// Starts it again.
    pub(crate) fn restart(&mut self) {
        self.daemon.restart();
        self.connect();
    }

    /// Hands letters over; each must be accepted.
    pub(crate) fn send(&self, count: usize, letter: &Letter) {
        let mut mta = self.mta.borrow_mut();
        let mta = mta.as_mut().expect("it is connected");
        for _ in 0..count {
            let id = format!("{}", self.sent.borrow().len());
            let took = mta.accepted(&id, letter);
            self.worst.set(self.worst.get().max(took));
            self.sent.borrow_mut().push(id);
        }
    }

    /// Hands letters over until the store is found to fail in this way.
    pub(crate) fn send_until_failing(&self, trouble: &str) {
        wait::until(&format!("the trouble `{trouble}`"), || {
            self.send(1, &Letter::ordinary());
            (self.errors(trouble) >= 1.0).then_some(())
        });
    }

    /// The queue ids so far.
    pub(crate) fn sent(&self) -> Vec<String> {
        self.sent.borrow().clone()
    }

    /// The longest that an answer took so far.
    pub(crate) fn worst(&self) -> Duration {
        self.worst.get()
    }

    /// Attempts that failed in this way.
    pub(crate) fn errors(&self, trouble: &str) -> f64 {
        self.daemon.metrics().value(&format!("relaywatch_evidence_errors_total{{trouble=\"{trouble}\"}}"))
    }

    /// Messages whose evidence was stored, was lost, and waits for a store that fails; what is only gathered for a commit is waited for.
    pub(crate) fn counted(&self) -> [usize; 3] {
        if self.daemon.metrics().value(BUFFERED) == 0.0 {
            stored::take_in(&self.folder);
        }
        let metrics = self.daemon.metrics();
        let result = |word| metrics.value(&format!("relaywatch_evidence_records_total{{result=\"{word}\"}}"));
        [result("stored"), result("lost"), metrics.value(BUFFERED)]
            .map(|count| count.to_string().parse().expect("a whole number"))
    }

    /// Waits until nothing waits for the store and the log said so.
    pub(crate) fn wait_stored_again(&self) {
        wait::until("what waited to be stored", || {
            (self.counted()[2] == 0 && !self.said("evidence is stored again").is_empty()).then_some(())
        });
    }

    /// The lines of the log that begin so.
    pub(crate) fn said(&self, words: &str) -> Vec<Value> {
        let log = self.daemon.log().into_iter();
        log.filter(|line| line["message"].as_str().is_some_and(|text| text.starts_with(words))).collect()
    }

    /// The log complained of this trouble once, however often it came.
    pub(crate) fn assert_complained_once(&self, trouble: &str) {
        let complaints = self.said("evidence is not stored").into_iter();
        let of_it: Vec<_> = complaints.filter(|line| line["trouble"] == trouble).collect();
        assert_eq!(of_it.len(), 1, "{of_it:?}");
        assert_eq!(of_it[0]["level"], "ERROR", "{of_it:?}");
    }

    /// All that was sent is in the store of this folder, once, and the store is whole.
    pub(crate) fn assert_all_stored(&self, folder: &Path) {
        let look = Look::at(folder);
        look.assert_whole();
        look.assert_holds(&self.sent());
        self.daemon.assert_sound();
    }
}

/// A configuration with this state folder.
pub(crate) fn configuration(state: &Path, evidence: &str) -> String {
    format!("{}[state]\nfolder = {state:?}\n[evidence]\n{evidence}\n", without_list())
}
