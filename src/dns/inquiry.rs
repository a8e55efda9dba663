//! The questions of one message: its budget, and every answer that it got.

use std::{sync::Arc, time::Duration};

use super::{Answer, Dns, Question, Said};
use crate::clock::Stopwatch;

/// What one message may cost.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Time for all questions together.
    pub time: Duration,
    /// Questions, those that a cache answers included. SPF alone may need 1 + 10 x (1 + 10) of one identity (RFC 7208, 4.6.4).
    pub lookups: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { time: Duration::from_secs(5), lookups: 60 }
    }
}

/// A question and its answer.
#[derive(Debug, Clone)]
pub struct Asked {
    /// What was asked.
    pub question: Question,
    /// What was answered.
    pub answer: Arc<Answer>,
}

/// The questions that are asked because of one message.
pub struct Inquiry<'a> {
    dns: &'a dyn Dns,
    budget: Budget,
    begun: Option<Stopwatch>,
    asked: Vec<Asked>,
}

impl<'a> Inquiry<'a> {
    /// Begins; the time of the budget runs from the first question on.
    pub fn new(dns: &'a dyn Dns, budget: Budget) -> Self {
        Self { dns, budget, begun: None, asked: Vec::new() }
    }

    /// Whether anybody can be asked.
    pub fn is_on(&self) -> bool {
        self.dns.is_on()
    }

    /// Asks, unless it was asked before or the budget is gone. A question to nobody is none, and not one that was left open.
    pub async fn ask(&mut self, question: Question) -> Arc<Answer> {
        if !self.is_on() {
            return Answer::unkept(Said::Off);
        }
        if let Some(known) = self.answer(&question) {
            return Arc::clone(known);
        }
        let spent = self.begun.get_or_insert_with(Stopwatch::start).elapsed();
        let left = self.budget.time.checked_sub(spent).filter(|left| !left.is_zero());
        let answer = match left {
            Some(left) if self.asked.len() < self.budget.lookups => self.dns.ask(question.clone(), left).await,
            _ => Answer::unkept(Said::OverBudget),
        };
        self.asked.push(Asked { question, answer: Arc::clone(&answer) });
        answer
    }

    /// The answer to a question that was asked already.
    pub fn answer(&self, question: &Question) -> Option<&Arc<Answer>> {
        self.asked.iter().find(|asked| asked.question == *question).map(|asked| &asked.answer)
    }

    /// Every answer so far, in the order of the questions.
    pub fn asked(&self) -> &[Asked] {
        &self.asked
    }

    /// Ends, and gives the answers away.
    pub fn into_asked(self) -> Vec<Asked> {
        self.asked
    }
}
