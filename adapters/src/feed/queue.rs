//! Events on their way to the database: put in without waiting, and the oldest dropped where there are too many.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

/// A bounded queue of texts with one taker.
#[derive(Debug)]
pub(super) struct Queue {
    most: usize,
    waiting: Mutex<VecDeque<String>>,
    filled: Notify,
}

impl Queue {
    pub(super) fn new(most: usize) -> Self {
        Self { most, waiting: Mutex::default(), filled: Notify::new() }
    }

    /// Puts texts in, and drops the oldest beyond the bound.
    pub(super) fn put(&self, texts: impl Iterator<Item = String>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extend(texts);
        let beyond = waiting.len().saturating_sub(self.most);
        waiting.drain(..beyond);
        drop(waiting);
        self.filled.notify_one();
    }

    /// Waits until something is there and takes the oldest, at most so many.
    pub(super) async fn take(&self, most: usize) -> Vec<String> {
        loop {
            {
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                if !waiting.is_empty() {
                    let count = most.min(waiting.len());
                    return waiting.drain(..count).collect();
                }
            }
            self.filled.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(range: std::ops::Range<u32>) -> impl Iterator<Item = String> {
        range.map(|n| n.to_string())
    }

    #[tokio::test]
    async fn the_oldest_beyond_the_bound_are_dropped() {
        let queue = Queue::new(3);
        queue.put(texts(0..2));
        queue.put(texts(2..5));
        assert_eq!(queue.take(2).await, ["2", "3"]);
        assert_eq!(queue.take(2).await, ["4"]);
    }

    #[tokio::test]
    async fn the_taker_waits_until_something_is_there() {
        let queue = Queue::new(3);
        let put = async {
            tokio::task::yield_now().await;
            queue.put(texts(7..8));
        };
        assert_eq!(tokio::join!(queue.take(2), put).0, ["7"]);
    }
}
