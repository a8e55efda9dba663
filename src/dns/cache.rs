//! Answers of real servers, kept as long as they hold.
//!
//! Takes answers with their time to live, gives them back until it is over. Bounded by bytes: when it is full, what is seldom asked
//! for goes first.

use std::{
    mem::size_of,
    sync::Arc,
    time::{Duration, Instant},
};

use moka::Expiry;

use super::{Answer, Data, Question, Said};

/// Answers by question.
#[derive(Debug)]
pub(super) struct Cache(moka::future::Cache<Question, Arc<Answer>>);

impl Cache {
    /// An empty one that never holds more than so many bytes.
    pub(super) fn new(bytes: u64) -> Self {
        let cache = moka::future::Cache::builder().max_capacity(bytes).weigher(weight).expire_after(TimeToLive);
        Self(cache.build())
    }

    /// What is known.
    pub(super) async fn get(&self, question: &Question) -> Option<Arc<Answer>> {
        self.0.get(question).await
    }

    /// Keeps an answer, if it may be kept.
    pub(super) async fn put(&self, question: Question, answer: Arc<Answer>) {
        if !answer.ttl.is_zero() {
            self.0.insert(question, answer).await;
        }
    }
}

struct TimeToLive;

impl Expiry<Question, Arc<Answer>> for TimeToLive {
    fn expire_after_create(&self, _: &Question, answer: &Arc<Answer>, _: Instant) -> Option<Duration> {
        Some(answer.ttl)
    }

    fn expire_after_update(
        &self,
        _: &Question,
        answer: &Arc<Answer>,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(answer.ttl)
    }
}

/// What moka holds an entry besides key and value: its table, its queues, its timer, and what the allocator rounds up.
const OVERHEAD: usize = 400;

/// The bytes of an entry.
fn weight(question: &Question, answer: &Arc<Answer>) -> u32 {
    let records = match &answer.said {
        Said::Records(records) => records.capacity() * size_of::<Data>() + records.iter().map(heap).sum::<usize>(),
        _ => 0,
    };
    let bytes = OVERHEAD + size_of::<Question>() + question.name.len() + size_of::<Answer>() + records;
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

fn heap(data: &Data) -> usize {
    match data {
        Data::Address(_) => 0,
        Data::Mx { exchange, .. } => exchange.len(),
        Data::Txt(text) => text.len(),
        Data::Ptr(name) => name.len(),
    }
}
