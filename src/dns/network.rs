//! DNS from real servers.
//!
//! Takes the addresses of servers, gives a [`Dns`] that asks them, behind a bounded cache. Whoever asks waits as long as he
//! wants to; the query goes on without him and fills the cache for the next. Equal questions at one time are one query, and no
//! more than so many queries are open at a time.
//!
//! Servers are asked one after another, beginning with the one that answered last. Where one refuses, fails or is silent, the next is
//! asked, and all of them once more only where all were silent. Such faults are kept for [`FAULT_KEPT`], so that a dead server is
//! not asked again because of every message (RFC 2308, 7 allows up to five minutes).

use std::{
    collections::HashMap,
    fmt,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use hickory_resolver::{
    config::{ResolverConfig, ResolverOpts},
    net::NetError,
    proto::{
        op::{DnsResponse, Query},
        rr::Name,
    },
    system_conf::read_system_conf,
};
use tokio::time::timeout;

use super::{
    Answer, Dns, Pending, Question, Said,
    cache::Cache,
    response::{Reading, read, record_type},
    server::Server,
};
use crate::clock::Stopwatch;

/// How long a refusal, a failure or silence is kept.
pub const FAULT_KEPT: Duration = Duration::from_secs(5);

/// Queries that one question may lead through, each for the name that the last one named as its target.
const ALIASES: usize = 8;

/// Whom to ask, and what it may cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The servers; none for those of `/etc/resolv.conf`.
    pub servers: Vec<SocketAddr>,
    /// Time for one attempt at one server, over UDP and once more over TCP.
    pub timeout: Duration,
    /// Attempts at each server.
    pub attempts: usize,
    /// Bytes that the cache may hold.
    pub cache_bytes: u64,
    /// Queries that may be open at a time, each with a socket of its own.
    pub max_open: usize,
}

/// The system's servers, 2 s, two attempts, 16 MiB, 512 queries.
impl Default for Settings {
    fn default() -> Self {
        Self { servers: Vec::new(), timeout: Duration::from_secs(2), attempts: 2, cache_bytes: 16 << 20, max_open: 512 }
    }
}

/// Why nobody can be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no DNS server could be read from /etc/resolv.conf: {0}")]
pub struct NetworkError(String);

/// Is told what happens, for metrics.
pub trait Observer: Send + Sync {
    /// The servers were asked, and this is what came of it, after so long.
    fn answered(&self, said: &Said, took: Duration);

    /// The cache knew.
    fn known(&self);

    /// Too many queries were open; nobody was asked.
    fn turned_away(&self);
}

/// Nobody is told.
impl Observer for () {
    fn answered(&self, _: &Said, _: Duration) {}

    fn known(&self) {}

    fn turned_away(&self) {}
}

/// Real servers. Asks within a Tokio runtime.
pub struct Network(Arc<Inner>);

/// A query under way, for all who wait for it.
type Flight = Shared<BoxFuture<'static, Arc<Answer>>>;

struct Inner {
    servers: Vec<Server>,
    /// The server that answered last.
    first: AtomicUsize,
    attempts: usize,
    /// The longest that a query may take, all attempts and TCP after the last one.
    patience: Duration,
    cache: Cache,
    flights: Mutex<HashMap<Question, Flight>>,
    max_open: usize,
    observer: Arc<dyn Observer>,
}

impl Network {
    /// Sets up; asks nobody yet.
    pub fn new(settings: Settings, observer: Arc<dyn Observer>) -> Result<Self, NetworkError> {
        let Settings { mut servers, timeout, attempts, cache_bytes, max_open } = settings;
        if servers.is_empty() {
            servers = listed(read_system_conf())?;
        }
        let attempts = attempts.max(1);
        let rounds = u32::try_from(servers.len().saturating_mul(attempts)).unwrap_or(u32::MAX);
        Ok(Self(Arc::new(Inner {
            servers: servers.into_iter().map(|address| Server { address, timeout }).collect(),
            first: AtomicUsize::new(0),
            attempts,
            patience: timeout.saturating_mul(rounds.saturating_add(1)),
            cache: Cache::new(cache_bytes),
            flights: Mutex::default(),
            max_open: max_open.max(1),
            observer,
        })))
    }

    /// Queries open now.
    pub fn open(&self) -> usize {
        self.0.flights().len()
    }

    /// The servers that are asked.
    pub fn servers(&self) -> impl Iterator<Item = SocketAddr> {
        self.0.servers.iter().map(|server| server.address)
    }
}

/// The servers of a resolv.conf.
fn listed(file: Result<(ResolverConfig, ResolverOpts), NetError>) -> Result<Vec<SocketAddr>, NetworkError> {
    let (file, _) = file.map_err(|error| match error {
        NetError::Io(error) => NetworkError(error.to_string()),
        error => NetworkError(error.to_string()),
    })?;
    let address = |ip| SocketAddr::new(ip, 53);
    Ok(file.name_servers().iter().map(|server| address(server.ip)).collect())
}

impl Dns for Network {
    fn ask(&self, question: Question, within: Duration) -> Pending<'_> {
        Box::pin(async move {
            if let Some(answer) = self.0.cache.get(&question).await {
                self.0.observer.known();
                return answer;
            }
            let Some(flight) = self.0.flight(question) else {
                self.0.observer.turned_away();
                return Answer::unkept(Said::OverBudget);
            };
            timeout(within, flight).await.unwrap_or_else(|_| Answer::unkept(Said::Timeout))
        })
    }
}

impl Inner {
    fn flights(&self) -> MutexGuard<'_, HashMap<Question, Flight>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The query for a question, begun unless it is under way; none where too many are.
    fn flight(self: &Arc<Self>, question: Question) -> Option<Flight> {
        let mut flights = self.flights();
        if let Some(flight) = flights.get(&question) {
            return Some(flight.clone());
        }
        if flights.len() >= self.max_open {
            return None;
        }
        let task = tokio::spawn(Arc::clone(self).fly(question.clone()));
        let flight = async { task.await.unwrap_or_else(|_| Answer::unkept(Said::Failed)) }.boxed().shared();
        flights.insert(question, flight.clone());
        Some(flight)
    }

    async fn fly(self: Arc<Self>, question: Question) -> Arc<Answer> {
        let _landing = Landing { inner: &self, question: &question };
        // Another flight may have landed since the asker looked.
        if let Some(answer) = self.cache.get(&question).await {
            return answer;
        }
        let watch = Stopwatch::start();
        let answer = timeout(self.patience, self.resolve(&question)).await.unwrap_or_else(|_| fault(Said::Timeout));
        self.observer.answered(&answer.said, watch.elapsed());
        let answer = Arc::new(answer);
        self.cache.put(question.clone(), Arc::clone(&answer)).await;
        answer
    }

    /// Asks for the name, and for what it is an alias of where the servers leave that to us.
    async fn resolve(&self, question: &Question) -> Answer {
        let Ok(mut name) = Name::from_labels(question.name.split('.').map(str::as_bytes)) else {
            return fault(Said::Failed);
        };
        let mut ttl = Duration::MAX;
        for _ in 0..=ALIASES {
            let response = match self.response(&Query::query(name.clone(), record_type(question.kind))).await {
                Ok(response) => response,
                Err(said) => return fault(said),
            };
            match read(&response, &name, question.kind, ttl) {
                Reading::Answer(answer) => return answer,
                Reading::Alias(target, least) => (name, ttl) = (target, least),
                Reading::Broken => break,
            }
        }
        fault(Said::Failed)
    }

    /// Asks one server after another until one says something of the name.
    async fn response(&self, query: &Query) -> Result<DnsResponse, Said> {
        let first = self.first.load(Ordering::Relaxed);
        for _ in 0..self.attempts {
            let mut said = Said::Timeout;
            for index in (first..self.servers.len()).chain(0..first) {
                match self.servers[index].ask(query).await {
                    Ok(response) => {
                        self.first.store(index, Ordering::Relaxed);
                        return Ok(response);
                    }
                    Err(fault) => said = telling(said, fault),
                }
            }
            if said != Said::Timeout {
                return Err(said);
            }
        }
        Err(Said::Timeout)
    }
}

/// Which of two faults says more: who refuses answered, and who is silent may not even be there.
fn telling(one: Said, other: Said) -> Said {
    let rank = |said: &Said| match said {
        Said::Refused => 2,
        Said::Failed => 1,
        _ => 0,
    };
    if rank(&other) > rank(&one) { other } else { one }
}

fn fault(said: Said) -> Answer {
    Answer { said, ttl: FAULT_KEPT }
}

/// Takes a query out of those under way, however it ends.
struct Landing<'a> {
    inner: &'a Inner,
    question: &'a Question,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        self.inner.flights().remove(self.question);
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("servers", &self.0.servers).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use hickory_resolver::system_conf::parse_resolv_conf;

    use super::*;

    #[test]
    fn a_resolv_conf_names_the_servers() {
        let file = "search victim.example\nnameserver 192.0.2.53\nnameserver 2001:db8::53\noptions attempts:9\n";
        let servers = listed(parse_resolv_conf(file)).unwrap();
        assert_eq!(servers, ["192.0.2.53:53".parse().unwrap(), "[2001:db8::53]:53".parse().unwrap()]);
    }

    #[test]
    fn a_resolv_conf_without_servers_is_an_error_in_words() {
        let error = listed(parse_resolv_conf("search victim.example\n")).unwrap_err();
        let words = "no DNS server could be read from /etc/resolv.conf: no nameservers found in config";
        assert_eq!(error.to_string(), words);
        let missing = std::io::Error::new(std::io::ErrorKind::NotFound, "no such file");
        assert!(listed(Err(missing.into())).is_err());
    }

    #[test]
    fn of_two_faults_the_more_telling_is_given() {
        assert_eq!(telling(Said::Timeout, Said::Failed), Said::Failed);
        assert_eq!(telling(Said::Refused, Said::Failed), Said::Refused);
    }
}
