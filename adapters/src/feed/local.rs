use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Receiver, Sender};
use watchkeeper_domain::event::Event;
use watchkeeper_domain::id::WorkspaceId;
use watchkeeper_domain::port::{EventFeed, EventStream};

/// How many events wait for a listener; who falls behind further loses the oldest.
pub const MAX_WAITING_EVENTS: usize = 256;

/// The feed of one process: for the node that shares its store with nobody.
#[derive(Clone, Debug, Default)]
pub struct LocalFeed {
    listened_to: Arc<ListenedTo>,
}

/// The workspaces that somebody listens to. Telling the others costs nothing.
#[derive(Debug, Default)]
struct ListenedTo(Mutex<HashMap<WorkspaceId, Sender<Event>>>);

impl ListenedTo {
    /// No holder of the lock can panic half-way, so what a poisoned one protects is sound.
    fn lock(&self) -> MutexGuard<'_, HashMap<WorkspaceId, Sender<Event>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LocalFeed {
    /// Tells everybody here.
    pub(super) fn tell(&self, events: Vec<Event>) {
        let listened_to = self.listened_to.lock();
        if listened_to.is_empty() {
            return;
        }
        for event in events {
            if let Some(sender) = listened_to.get(&event.workspace) {
                // Without a listener the event is of no use to anyone.
                let _ = sender.send(event);
            }
        }
    }

    /// Listens here.
    pub(super) fn subscribe(&self, workspace: WorkspaceId) -> LocalStream {
        let mut listened_to = self.listened_to.lock();
        let sender = listened_to.entry(workspace).or_insert_with(|| broadcast::channel(MAX_WAITING_EVENTS).0);
        LocalStream { receiver: sender.subscribe(), workspace, listened_to: Arc::clone(&self.listened_to) }
    }
}

#[async_trait]
impl EventFeed for LocalFeed {
    async fn publish(&self, events: Vec<Event>) {
        self.tell(events);
    }

    async fn listen(&self, workspace: WorkspaceId) -> Box<dyn EventStream> {
        Box::new(self.subscribe(workspace))
    }
}

/// What one listener hears.
#[derive(Debug)]
pub(super) struct LocalStream {
    receiver: Receiver<Event>,
    workspace: WorkspaceId,
    listened_to: Arc<ListenedTo>,
}

#[async_trait]
impl EventStream for LocalStream {
    async fn next(&mut self) -> Option<Event> {
        loop {
            match self.receiver.recv().await {
                Ok(event) => return Some(event),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

impl Drop for LocalStream {
    /// The last listener of a workspace leaves nothing behind.
    fn drop(&mut self) {
        let mut listened_to = self.listened_to.lock();
        if listened_to.get(&self.workspace).is_some_and(|sender| sender.receiver_count() <= 1) {
            listened_to.remove(&self.workspace);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::example::{checked, flipped, workspace};
    use super::*;

    #[tokio::test]
    async fn a_listener_hears_its_workspace_and_no_other() {
        let feed = LocalFeed::default();
        let mut stream = feed.listen(workspace(1)).await;
        feed.publish(vec![checked(2, 1), checked(1, 2), flipped(1, 3)]).await;
        assert_eq!(stream.next().await, Some(checked(1, 2)));
        assert_eq!(stream.next().await, Some(flipped(1, 3)));
    }

    #[tokio::test]
    async fn every_listener_hears_everything() {
        let feed = LocalFeed::default();
        let (mut one, mut other) = (feed.listen(workspace(1)).await, feed.listen(workspace(1)).await);
        feed.publish(vec![checked(1, 1)]).await;
        assert_eq!((one.next().await, other.next().await), (Some(checked(1, 1)), Some(checked(1, 1))));
    }

    #[tokio::test]
    async fn who_falls_behind_loses_the_oldest_and_goes_on() {
        let feed = LocalFeed::default();
        let mut stream = feed.listen(workspace(1)).await;
        let more = i64::try_from(MAX_WAITING_EVENTS).unwrap() + 10;
        for n in 0..more {
            feed.publish(vec![checked(1, n)]).await;
        }
        assert_eq!(stream.next().await, Some(checked(1, 10)));
        assert_eq!(stream.next().await, Some(checked(1, 11)));
    }

    #[tokio::test]
    async fn the_last_listener_leaves_nothing_behind() {
        let feed = LocalFeed::default();
        let (one, other) = (feed.listen(workspace(1)).await, feed.listen(workspace(1)).await);
        drop(one);
        assert_eq!(feed.listened_to.lock().len(), 1);
        drop(other);
        assert_eq!(feed.listened_to.lock().len(), 0);
    }
}
