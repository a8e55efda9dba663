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

/// What an entry takes besides key and value: moka's table, queues and timer, and what the allocator rounds up. Measured as the
/// growth of resident memory with 100,000 entries on 64-bit Linux, and rounded up.
const OVERHEAD: usize = 450;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::Kind;

    fn question(n: usize) -> Question {
        Question::new(&format!("n{n}.sender.example"), Kind::Txt).unwrap()
    }

    fn answer(ttl: Duration) -> Arc<Answer> {
        let text = Data::Txt([b'x'; 400].into());
        Arc::new(Answer { said: Said::Records(vec![text]), ttl })
    }

    #[tokio::test]
    async fn memory_is_bounded_whatever_comes() {
        let cache = Cache::new(100_000);
        for n in 0..5_000 {
            cache.put(question(n), answer(Duration::from_secs(60))).await;
        }
        cache.0.run_pending_tasks().await;
        assert!((50_000..=100_000).contains(&cache.0.weighted_size()), "{}", cache.0.weighted_size());
    }

    #[tokio::test]
    async fn a_later_answer_holds_by_its_own_time() {
        let cache = Cache::new(100_000);
        cache.put(question(1), answer(Duration::from_millis(1))).await;
        cache.put(question(1), answer(Duration::from_secs(60))).await;
        cache.put(question(2), answer(Duration::from_millis(1))).await;
        cache.put(question(3), answer(Duration::ZERO)).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(cache.get(&question(1)).await.is_some());
        assert!(cache.get(&question(2)).await.is_none());
        assert!(cache.get(&question(3)).await.is_none());
    }
}
