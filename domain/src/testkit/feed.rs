//! An event feed within one process.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Poll, Waker};

use async_trait::async_trait;

use crate::event::Event;
use crate::id::WorkspaceId;
use crate::port::{EventFeed, EventStream};

/// How many events wait for one listener; beyond that the oldest are dropped.
const MAX_WAITING: usize = 256;

/// Tells the listeners of its own process; it needs no runtime. It ends, for them, when it is dropped.
#[derive(Debug, Default)]
pub struct MemoryFeed {
    mailboxes: Mutex<Vec<(WorkspaceId, Weak<Mutex<Mailbox>>)>>,
}

/// What waits for one listener.
#[derive(Debug, Default)]
struct Mailbox {
    events: VecDeque<Event>,
    waker: Option<Waker>,
    has_ended: bool,
}

impl Mailbox {
    fn put(&mut self, event: Event) {
        if self.events.len() == MAX_WAITING {
            self.events.pop_front();
        }
        self.events.push_back(event);
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryFeed {
    /// A feed that nobody listens to yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Drop for MemoryFeed {
    fn drop(&mut self) {
        for mailbox in lock(&self.mailboxes).iter().filter_map(|(_, mailbox)| mailbox.upgrade()) {
            let mut mailbox = lock(&mailbox);
            mailbox.has_ended = true;
            mailbox.wake();
        }
    }
}

#[async_trait]
impl EventFeed for MemoryFeed {
    async fn publish(&self, events: Vec<Event>) {
        let mut mailboxes = lock(&self.mailboxes);
        mailboxes.retain(|(_, mailbox)| mailbox.strong_count() > 0);
        for event in &events {
            for (_, mailbox) in mailboxes.iter().filter(|(workspace, _)| *workspace == event.workspace) {
                if let Some(mailbox) = mailbox.upgrade() {
                    lock(&mailbox).put(event.clone());
                }
            }
        }
    }

    async fn listen(&self, workspace: WorkspaceId) -> Box<dyn EventStream> {
        let mailbox = Arc::new(Mutex::new(Mailbox::default()));
        lock(&self.mailboxes).push((workspace, Arc::downgrade(&mailbox)));
        Box::new(Listener(mailbox))
    }
}

struct Listener(Arc<Mutex<Mailbox>>);

#[async_trait]
impl EventStream for Listener {
    async fn next(&mut self) -> Option<Event> {
        poll_fn(|context| {
            let mut mailbox = lock(&self.0);
            match mailbox.events.pop_front() {
                Some(event) => Poll::Ready(Some(event)),
                None if mailbox.has_ended => Poll::Ready(None),
                None => {
                    mailbox.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::event::Happening;
    use crate::id::MonitorId;
    use crate::status::{Flip, Status};
    use crate::time::Timestamp;

    fn event(workspace: u128, second: i64) -> Event {
        let at = Timestamp::from_secs(second);
        let flip = Flip { from: Status::Up, to: Status::Down, at, settled_by: at, reason: None };
        let (workspace, monitor) = (WorkspaceId::new(Uuid::from_u128(workspace)), MonitorId::new(Uuid::nil()));
        Event { workspace, monitor, happening: Happening::Flipped(flip) }
    }

    #[pollster::test]
    async fn a_listener_hears_its_own_workspace_and_the_end() {
        let feed = MemoryFeed::new();
        let mut stream = feed.listen(WorkspaceId::new(Uuid::from_u128(1))).await;
        feed.publish(vec![event(2, 1), event(1, 2)]).await;
        assert_eq!(stream.next().await, Some(event(1, 2)));
        drop(feed);
        assert_eq!(stream.next().await, None);
    }

    #[pollster::test]
    async fn a_listener_that_falls_behind_loses_the_oldest() {
        let feed = MemoryFeed::new();
        let mut stream = feed.listen(WorkspaceId::new(Uuid::from_u128(1))).await;
        let count = i64::try_from(MAX_WAITING).unwrap();
        feed.publish((0..=count).map(|second| event(1, second)).collect()).await;
        assert_eq!(stream.next().await, Some(event(1, 1)));
    }

    #[test]
    fn a_listener_that_waits_is_woken() {
        let feed = Arc::new(MemoryFeed::new());
        let mut stream = pollster::block_on(feed.listen(WorkspaceId::new(Uuid::from_u128(1))));
        let heard = std::thread::spawn(move || pollster::block_on(stream.next()));
        pollster::block_on(feed.publish(vec![event(1, 7)]));
        assert_eq!(heard.join().unwrap(), Some(event(1, 7)));
    }
}
