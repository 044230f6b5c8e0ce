//! Looking up names: a bounded number at once, and one lookup for all who ask for the same name meanwhile.
//!
//! The system's resolver takes a thread for each lookup and cannot be interrupted: one that nobody waits for any more
//! keeps its thread, and its room here, until the name servers answer or the resolver gives up. So names whose servers
//! are silent can take all the room. Who waits for room then waits for us, not for the target (`Stage::Queue`); and one
//! name does not take more of it for being asked by many.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::trace::{self, Stage};

/// How many names are looked up at once: this leaves half of the runtime's threads to others, however slow the name
/// servers are.
pub const MAX_LOOKUPS: usize = 256;

/// How long a lookup may be joined. Who asks later begins another, so that a confirmation does not hang on the very
/// lookup that failed, and a name whose servers are silent takes no more room than one lookup each time this has passed.
const JOINED_FOR: Duration = Duration::from_secs(5);

/// What asks for the addresses of a name, each with the port 0, and blocks until it has them.
pub(super) type Ask = dyn Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// Asks the system's resolver.
pub(super) fn ask_the_system(name: &str) -> io::Result<Vec<SocketAddr>> {
    (name, 0).to_socket_addrs().map(Vec::from_iter)
}

/// The addresses of a name, shared by all who asked for it.
type Found = Result<Arc<[SocketAddr]>, Unresolved>;

/// Why a name was not resolved, shared by all who asked for it. What it was made of is its source.
#[derive(Clone, Debug)]
pub(super) struct Unresolved(Arc<io::Error>);

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name does not resolve")
    }
}

impl Error for Unresolved {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

/// A lookup under way.
struct Lookup {
    began: Instant,
    /// Nothing until the answer is there.
    found: watch::Receiver<Option<Found>>,
}

/// Looks up names.
#[derive(Clone)]
pub(super) struct Lookups {
    ask: Arc<Ask>,
    room: Arc<Semaphore>,
    /// The youngest lookup of each name that is being looked up.
    under_way: Arc<Mutex<HashMap<String, Lookup>>>,
}

impl Lookups {
    /// Lookups of which so many run at once.
    pub(super) fn new(ask: Arc<Ask>, most: usize) -> Self {
        Self { ask, room: Arc::new(Semaphore::new(most)), under_way: Arc::default() }
    }

    /// The addresses of a name, from an answer that comes while this waits: none is kept for later.
    pub(super) async fn find(&self, name: &str) -> Found {
        let joined = self.join(&self.lock(), name);
        let mut found = match joined {
            Some(found) => found,
            None => {
                let room = Arc::clone(&self.room).acquire_owned().await.map_err(abandoned)?;
                self.join_or_begin(name, room)
            }
        };
        trace::enter(Stage::Resolve);
        let found = found.wait_for(Option::is_some).await.map_err(abandoned)?;
        found.clone().unwrap_or_else(|| Err(abandoned("no answer")))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Lookup>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(&self, under_way: &HashMap<String, Lookup>, name: &str) -> Option<watch::Receiver<Option<Found>>> {
        let lookup = under_way.get(name).filter(|lookup| lookup.began.elapsed() < JOINED_FOR)?;
        Some(lookup.found.clone())
    }

    /// Joins a lookup that somebody began while this one waited for room, or begins one.
    fn join_or_begin(&self, name: &str, room: OwnedSemaphorePermit) -> watch::Receiver<Option<Found>> {
        let mut under_way = self.lock();
        if let Some(found) = self.join(&under_way, name) {
            return found;
        }
        let (tell, found) = watch::channel(None);
        under_way.insert(name.to_owned(), Lookup { began: Instant::now(), found: found.clone() });
        let (lookups, name, ours) = (self.clone(), name.to_owned(), found.clone());
        spawn_blocking(move || {
            let found = (lookups.ask)(&name).map(Arc::from).map_err(|error| Unresolved(Arc::new(error)));
            drop(room);
            let mut under_way = lookups.lock();
            if under_way.get(&name).is_some_and(|lookup| lookup.found.same_channel(&ours)) {
                under_way.remove(&name);
            }
            drop(under_way);
            tell.send_replace(Some(found));
        });
        found
    }
}

impl fmt::Debug for Lookups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookups").field("room", &self.room.available_permits()).finish_non_exhaustive()
    }
}

/// A lookup that ended without an answer, which happens when the runtime ends.
fn abandoned(why: impl Into<Box<dyn Error + Send + Sync>>) -> Unresolved {
    Unresolved(Arc::new(io::Error::other(why)))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use futures_util::future::{join_all, poll_immediate};

    use super::*;

    /// Lookups that are counted, in which the first one hangs until the sender is dropped.
    fn hanging_once(most: usize) -> (Lookups, watch::Receiver<usize>, mpsc::Sender<()>) {
        let (count, asked) = watch::channel(0);
        let (release, held) = mpsc::channel();
        let held = Mutex::new(held);
        let ask = move |_: &str| {
            let mut is_first = false;
            count.send_modify(|count| {
                is_first = *count == 0;
                *count += 1;
            });
            if is_first {
                held.lock().unwrap().recv().unwrap_err();
            }
            Ok(vec![SocketAddr::from(([127, 0, 0, 1], 0))])
        };
        (Lookups::new(Arc::new(ask), most), asked, release)
    }

    /// Waits until the first lookup has begun, so that it is the one that hangs.
    async fn has_begun(asked: &mut watch::Receiver<usize>) {
        asked.wait_for(|count| *count > 0).await.unwrap();
    }

    #[tokio::test]
    async fn all_who_ask_for_a_name_meanwhile_share_one_lookup() {
        let (lookups, asked, release) = hanging_once(1);
        let all = join_all((0..10).map(|_| lookups.find("example.org")));
        let (found, ()) = tokio::join!(all, async { drop(release) });
        assert!(found.iter().all(|found| found.is_ok()));
        assert_eq!(*asked.borrow(), 1);
        lookups.find("example.org").await.unwrap();
        assert_eq!(*asked.borrow(), 2, "the answer is not kept");
    }

    #[tokio::test]
    async fn a_silent_name_leaves_room_to_others_however_many_ask_for_it() {
        let (lookups, mut asked, _release) = hanging_once(2);
        for _ in 0..10 {
            assert!(poll_immediate(lookups.find("silent.example")).await.is_none());
        }
        has_begun(&mut asked).await;
        assert!(lookups.find("example.org").await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_lookup_that_hangs_is_not_joined_for_long() {
        let (lookups, mut asked, _release) = hanging_once(2);
        assert!(poll_immediate(lookups.find("example.org")).await.is_none());
        has_begun(&mut asked).await;
        tokio::time::advance(JOINED_FOR).await;
        assert!(lookups.find("example.org").await.is_ok());
        assert_eq!(*asked.borrow(), 2);
    }

    #[tokio::test]
    async fn what_the_system_said_is_told_to_all() {
        let ask = |_: &str| Err(io::Error::from_raw_os_error(24));
        let error = Lookups::new(Arc::new(ask), 1).find("example.org").await.unwrap_err();
        let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        assert_eq!(source.and_then(io::Error::raw_os_error), Some(24));
    }
}
