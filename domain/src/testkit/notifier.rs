//! A notifier that only remembers.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::notice::{ChannelKind, NotDelivered, Notice};
use crate::port::Notifier;

/// Remembers what it delivered. It can be told to fail first.
#[derive(Debug, Default)]
pub struct RecordingNotifier {
    delivered: Mutex<Vec<Notice>>,
    failures: Mutex<VecDeque<NotDelivered>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl RecordingNotifier {
    /// A notifier that has delivered nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the next attempt fail that no earlier call has made fail already.
    pub fn fail_next(&self, failure: NotDelivered) {
        lock(&self.failures).push_back(failure);
    }

    /// What it has delivered, the oldest first.
    pub fn delivered(&self) -> Vec<Notice> {
        lock(&self.delivered).clone()
    }
}

#[async_trait]
impl Notifier for RecordingNotifier {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Console
    }

    async fn deliver(&self, notice: &Notice) -> Result<(), NotDelivered> {
        if let Some(failure) = lock(&self.failures).pop_front() {
            return Err(failure);
        }
        lock(&self.delivered).push(notice.clone());
        Ok(())
    }
}
