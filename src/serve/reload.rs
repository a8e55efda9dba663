//! Reload: on SIGHUP and when a file of the configuration changes; all or nothing.
//!
//! A configuration that cannot be read leaves the one in use untouched: the refusal is logged with file and line, and
//! `relaywatch_config_last_reload_successful` goes to 0 until a good one is loaded.

use std::{
    collections::BTreeSet,
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;

use super::{judge::Watch, systemd};
use crate::config::{self, Config};

/// How long a file must be quiet before it is read: one save of an editor is several events.
const QUIET: Duration = Duration::from_millis(300);

/// Where configurations come from.
#[derive(Debug, Default)]
pub struct Source {
    /// The configuration file; without one there is nothing to reload.
    pub path: Option<PathBuf>,
    /// Requests to read it again.
    pub requests: Option<mpsc::Receiver<Request>>,
    /// Keeps the file watch alive, and takes the folders to watch after each reload.
    pub watcher: Option<FileWatch>,
    /// How the files looked when they were read.
    pub known: Stamps,
}

/// Which file it is, its size and its time of change, of each.
type Stamps = BTreeSet<(PathBuf, Option<(u64, u64, std::time::SystemTime)>)>;

/// Why the configuration is read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Somebody asked for it (SIGHUP).
    Asked,
    /// A file changed on disk.
    Changed,
}

/// Watches the folders that hold the configuration's files. Folders, because an atomic save replaces the file itself.
#[derive(Debug)]
pub struct FileWatch {
    watcher: RecommendedWatcher,
}

/// Asks for a reload on SIGHUP and when one of the configuration's files changes.
pub fn signals_and_files(path: PathBuf, config: &Config) -> io::Result<Source> {
    // Before the watch begins: a change from here on is one.
    let files = files(&path, &config.sources);
    let known = stamps(&files);
    let (sender, requests) = mpsc::channel(16);
    let mut hangups = signal(SignalKind::hangup())?;
    let asked = sender.clone();
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            if asked.send(Request::Asked).await.is_err() {
                break;
            }
        }
    });
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading a file is an event too; following it would reload for ever.
        if event.is_ok_and(|event| !event.kind.is_access()) {
            // A full channel holds requests enough.
            let _ = sender.try_send(Request::Changed);
        }
    })
    .inspect_err(|error| tracing::warn!(%error, "changes of files are not seen; send SIGHUP after a change"))
    .ok();
    let watcher = watcher.map(|watcher| {
        let mut watcher = FileWatch { watcher };
        watcher.follow(&files);
        watcher
    });
    Ok(Source { path: Some(path), requests: Some(requests), watcher, known })
}

/// Without a configuration file a SIGHUP has nothing to read again, and must not end the process as it would by default.
pub fn ignore_hangups() -> io::Result<Source> {
    let mut hangups = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            tracing::warn!("there is no configuration file to read again");
        }
    });
    Ok(Source::default())
}

impl FileWatch {
    /// Watches the folders of these files, and those that links lead to. A folder is asked for each time anew: one that went
    /// away and came back is another one.
    fn follow(&mut self, files: &[PathBuf]) {
        let real = files.iter().filter_map(|file| std::fs::canonicalize(file).ok());
        let folders: BTreeSet<PathBuf> = files.iter().cloned().chain(real).filter_map(folder).collect();
        for folder in folders {
            if let Err(error) = self.watcher.watch(&folder, RecursiveMode::NonRecursive) {
                tracing::warn!(folder = %folder.display(), %error, "changes in this folder are not seen; send SIGHUP after a change");
            }
        }
    }
}

/// Carries out requests until `stop`.
pub(super) async fn follow(source: Source, watch: Arc<Watch>, stop: CancellationToken) -> io::Result<()> {
    let Source { path: Some(path), requests: Some(mut requests), mut watcher, mut known } = source else {
        stop.cancelled().await;
        return Ok(());
    };
    let mut files = files(&path, &watch.config().sources);
    let mut again = false;
    loop {
        let request = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            request = requests.recv(), if !again => request,
            () = std::future::ready(()), if again => Some(Request::Asked),
        };
        let Some(request) = request else {
            stop.cancelled().await;
            return Ok(());
        };
        if request == Request::Changed {
            tokio::time::sleep(QUIET).await;
            let mut asked = false;
            while let Ok(further) = requests.try_recv() {
                asked |= further == Request::Asked;
            }
            // The folder may hold other files that change all day; a SIGHUP among their changes still counts.
            if !asked && stamps(&files) == known {
                continue;
            }
        }
        known = stamps(&files);
        systemd::reloading();
        let read = reload(&path, &watch).await;
        systemd::reloaded();
        // Files that this reload brought in may have changed before they were watched: they are read once more.
        again = read.iter().any(|file| !files.contains(file));
        files = read;
        if let Some(watcher) = &mut watcher {
            watcher.follow(&files);
        }
    }
}

/// The files as they look now, to tell a real change from noise in the same folder.
fn stamps(files: &[PathBuf]) -> Stamps {
    let stamp = |file: &Path| {
        let meta = std::fs::metadata(file).ok()?;
        Some((meta.ino(), meta.len(), meta.modified().ok()?))
    };
    files.iter().map(|file| (file.clone(), stamp(file))).collect()
}

/// The configuration and the lists that it names, each once.
fn files(path: &Path, sources: &[PathBuf]) -> Vec<PathBuf> {
    let mut files = vec![path.to_owned()];
    files.extend(sources.iter().filter(|source| *source != path).cloned());
    files
}

fn folder(file: PathBuf) -> Option<PathBuf> {
    let folder = file.parent()?;
    Some(if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_owned() })
}

/// Reads the configuration and says which files belong to it, also of one that is refused: a list that it names may be
/// the one to be repaired.
async fn reload(path: &Path, watch: &Arc<Watch>) -> Vec<PathBuf> {
    let (file, judge) = (path.to_owned(), Arc::clone(watch));
    let loaded = tokio::task::spawn_blocking(move || {
        config::load(&file).map(|config| {
            let events = judge.events().prepare(&config.events);
            (config, events)
        })
    });
    match loaded.await {
        Ok(Ok((config, events))) => {
            let sources = files(path, &config.sources);
            // The last step that can fail, and before anything is replaced.
            if let Err(error) = events.and_then(|events| watch.events().adopt(events)) {
                watch.refuse();
                tracing::error!(file = %path.display(), "configuration refused, the old one stays in use: {error}");
                return sources;
            }
            let old = watch.config();
            if old.milter.listen != config.milter.listen || old.http.listen != config.http.listen {
                tracing::warn!("changed `listen` keys take effect at the next start");
            }
            if old.dns != config.dns {
                tracing::warn!("changed keys of `dns` take effect at the next start, but for `budget` and `lookups`");
            }
            watch.replace(config);
            tracing::info!(file = %path.display(), "configuration reloaded");
            sources
        }
        Ok(Err(error)) => {
            watch.refuse();
            tracing::error!(file = %path.display(), "configuration refused, the old one stays in use: {error}");
            if error.sources().is_empty() { files(path, &watch.config().sources) } else { files(path, error.sources()) }
        }
        Err(error) => {
            watch.refuse();
            tracing::error!(file = %path.display(), %error, "the configuration could not be read");
            files(path, &watch.config().sources)
        }
    }
}
