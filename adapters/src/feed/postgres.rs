//! The feed of several nodes on one PostgreSQL: each tells its own listeners at once and the other nodes by NOTIFY.
//!
//! Two tasks do the work for as long as the feed lives. One sends what was published; while the database is away it
//! drops what it holds and waits, and the queue drops the oldest. The other listens, and connects again by itself.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;
use watchkeeper_domain::event::Event;
use watchkeeper_domain::id::WorkspaceId;
use watchkeeper_domain::port::{EventFeed, EventStream};

use super::local::LocalFeed;
use super::queue::Queue;
use super::wire;

/// The channel that nodes talk on.
pub const NOTIFY_CHANNEL: &str = "watchkeeper_events";

/// How many events wait to be sent to the other nodes.
pub const MAX_QUEUED_EVENTS: usize = 10_000;

/// PostgreSQL takes payloads of less than 8000 bytes (<https://www.postgresql.org/docs/15/sql-notify.html>).
pub(super) const MAX_PAYLOAD_BYTES: usize = 7_900;

/// How many events are sent in one statement.
const MAX_EVENTS_AT_ONCE: usize = 1_000;

/// How long nothing may be heard of the database before it is asked whether it is still there, and how long it may take
/// to answer: a host that vanishes does not close its connections, and who only listens would never notice.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);

/// The first wait after a failure; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// The longest wait after a failure.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// A feed that reaches every node on the database. It keeps one connection of the pool for listening.
#[derive(Debug)]
pub struct PostgresFeed {
    local: LocalFeed,
    queue: Arc<Queue>,
    listening: watch::Receiver<bool>,
    _sender: AbortOnDropHandle<()>,
    _listener: AbortOnDropHandle<()>,
}

impl PostgresFeed {
    /// A feed for a node, which needs a name that no other node has. It works for local listeners at once, and for those
    /// of other nodes as soon as the database answers.
    pub fn start(pool: PgPool, node: Uuid) -> Self {
        Self::bearing_silence(LONGEST_SILENCE, pool, node)
    }

    fn bearing_silence(silence: Duration, pool: PgPool, node: Uuid) -> Self {
        let (local, queue) = (LocalFeed::default(), Arc::new(Queue::new(MAX_QUEUED_EVENTS)));
        let (is_listening, listening) = watch::channel(false);
        Self {
            _sender: AbortOnDropHandle::new(tokio::spawn(send(pool.clone(), Arc::clone(&queue), node))),
            _listener: AbortOnDropHandle::new(tokio::spawn(listen(pool, local.clone(), node, silence, is_listening))),
            local,
            queue,
            listening,
        }
    }

    /// Waits until events of other nodes are heard.
    pub async fn listening(&self) {
        // It only fails when the listening task has ended, which it does with the feed.
        let _ = self.listening.clone().wait_for(|is_listening| *is_listening).await;
    }
}

#[async_trait]
impl EventFeed for PostgresFeed {
    async fn publish(&self, events: Vec<Event>) {
        self.queue.put(events.iter().filter_map(wire::write));
        self.local.tell(events);
    }

    async fn listen(&self, workspace: WorkspaceId) -> Box<dyn EventStream> {
        Box::new(self.local.subscribe(workspace))
    }
}

/// Sends payloads. They may be lost in a crash like the listeners' memory, so the commit does not wait for the disk.
const NOTIFY: &str = "
    SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, payload)
    FROM unnest($2::text[]) AS payload";

/// Sends what is published to the other nodes.
async fn send(pool: PgPool, queue: Arc<Queue>, node: Uuid) {
    let mut wait = FIRST_WAIT;
    loop {
        let payloads = payloads(node, &queue.take(MAX_EVENTS_AT_ONCE).await);
        let sent = sqlx::query(NOTIFY).bind(NOTIFY_CHANNEL).bind(&payloads).execute(&pool).await;
        match sent {
            Ok(_) => wait = FIRST_WAIT,
            Err(error) => {
                tracing::warn!(%error, "live events could not be sent to the other nodes");
                sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        }
    }
}

/// Passes on what other nodes send.
async fn listen(pool: PgPool, local: LocalFeed, node: Uuid, silence: Duration, is_listening: watch::Sender<bool>) {
    let mut wait = FIRST_WAIT;
    loop {
        let heard = hear(&pool, &local, node, silence, &is_listening).await;
        if is_listening.send_replace(false) {
            wait = FIRST_WAIT;
        }
        match heard {
            Ok(()) => tracing::info!("the connection for live events of other nodes was lost"),
            Err(error) => tracing::warn!(%error, "live events of other nodes cannot be heard"),
        }
        sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// Passes on what other nodes send until the connection is lost.
async fn hear(
    pool: &PgPool,
    local: &LocalFeed,
    node: Uuid,
    silence: Duration,
    is_listening: &watch::Sender<bool>,
) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.eager_reconnect(false);
    within(silence, listener.listen(NOTIFY_CHANNEL)).await?;
    is_listening.send_replace(true);
    loop {
        match timeout(silence, listener.try_recv()).await {
            Ok(Ok(Some(notification))) => local.tell(of_others(node, notification.payload())),
            Ok(lost) => return lost.map(|_| ()),
            Err(_) => {
                within(silence, sqlx::query("SELECT 1").execute(&mut listener)).await?;
            }
        }
    }
}

/// What the database answers, unless it does not in time.
async fn within<T>(bound: Duration, answer: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    timeout(bound, answer).await.unwrap_or_else(|_| Err(sqlx::Error::Io(io::ErrorKind::TimedOut.into())))
}

/// Events as payloads: the node, a space, and a JSON array of as many events as fit.
fn payloads(node: Uuid, events: &[String]) -> Vec<String> {
    let mut payloads: Vec<String> = Vec::new();
    for event in events {
        match payloads.last_mut() {
            Some(payload) if payload.len() + event.len() + 2 <= MAX_PAYLOAD_BYTES => {
                payload.push(',');
                payload.push_str(event);
            }
            _ => payloads.push(format!("{} [{event}", node.simple())),
        }
    }
    for payload in &mut payloads {
        payload.push(']');
    }
    payloads
}

/// The events of a payload, unless they are our own: those were told already.
fn of_others(node: Uuid, payload: &str) -> Vec<Event> {
    match payload.split_once(' ') {
        Some((sender, events)) if Uuid::try_parse(sender).is_ok_and(|sender| sender != node) => wire::read(events),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
    use sqlx::{Connection, PgConnection};
    use tokio::io::copy_bidirectional;
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::Notify;
    use watchkeeper_testdb::Database;

    use super::super::example::{checked, flipped, workspace};
    use super::*;

    const ONE: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);

    async fn node(database: &Database, name: Uuid) -> PostgresFeed {
        let pool = PgPoolOptions::new().max_connections(3).connect(database.url()).await.unwrap();
        let feed = PostgresFeed::start(pool, name);
        feed.listening().await;
        feed
    }

    #[test]
    fn many_events_share_few_payloads_and_none_is_too_long() {
        let events: Vec<Event> = (0..200).map(|slot| checked(1, slot)).collect();
        let texts: Vec<String> = events.iter().filter_map(wire::write).collect();
        let payloads = payloads(ONE, &texts);
        assert!(payloads.iter().all(|payload| payload.len() < 8_000));
        assert!(payloads.len() * 10 < events.len(), "{} payloads", payloads.len());
        let read: Vec<Event> = payloads.iter().flat_map(|payload| of_others(OTHER, payload)).collect();
        assert_eq!(read, events);
    }

    #[test]
    fn a_node_does_not_take_its_own_payload_for_news() {
        let payload = payloads(ONE, &[wire::write(&checked(1, 1)).unwrap()]).remove(0);
        assert_eq!(of_others(ONE, &payload), []);
        assert_eq!(of_others(OTHER, &payload), [checked(1, 1)]);
        assert_eq!(of_others(OTHER, "what somebody else sends"), []);
    }

    #[tokio::test]
    async fn every_node_hears_every_event_once() {
        let database = Database::fresh().await;
        let (one, other) = tokio::join!(node(&database, ONE), node(&database, OTHER));
        let (mut here, mut there) = (one.listen(workspace(1)).await, other.listen(workspace(1)).await);
        one.publish((0..100).map(|slot| checked(1, slot)).collect()).await;
        for slot in 0..100 {
            assert_eq!(here.next().await, Some(checked(1, slot)));
            assert_eq!(there.next().await, Some(checked(1, slot)));
        }
        other.publish(vec![flipped(1, 100)]).await;
        assert_eq!((here.next().await, there.next().await), (Some(flipped(1, 100)), Some(flipped(1, 100))));
    }

    #[tokio::test]
    async fn a_lost_connection_is_made_anew() {
        let database = Database::fresh().await;
        let other = node(&database, OTHER).await;
        let mut there = other.listen(workspace(1)).await;
        let mut listening = other.listening.clone();
        listening.mark_unchanged();
        database.end_connections().await;
        listening.changed().await.unwrap();
        other.listening().await;
        // A node that came later: what is sent over a connection that has just been ended may be lost.
        let one = node(&database, ONE).await;
        one.publish(vec![checked(1, 1)]).await;
        assert_eq!(there.next().await, Some(checked(1, 1)));
    }

    /// A way to a database that passes on what is said over it, until all present connections fall silent: they stay
    /// open, as they do when the host at the other end vanishes. Later ones are passed on again.
    async fn way_that_falls_silent(database: &Database, silence: Arc<Notify>) -> PgConnectOptions {
        let options: PgConnectOptions = database.url().parse().unwrap();
        let server = (options.get_host().to_owned(), options.get_port());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let (server, silence) = (server.clone(), Arc::clone(&silence));
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(server).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        () = silence.notified() => pending().await,
                    }
                });
            }
        });
        options.host("127.0.0.1").port(port)
    }

    #[tokio::test]
    async fn a_connection_that_falls_silent_is_made_anew() {
        let (database, silence) = (Database::fresh().await, Arc::new(Notify::new()));
        let way = way_that_falls_silent(&database, Arc::clone(&silence)).await;
        let (bound, one) = (Duration::from_millis(500), node(&database, ONE).await);
        let pool = PgPoolOptions::new().max_connections(3).acquire_timeout(bound).connect_lazy_with(way);
        let other = PostgresFeed::bearing_silence(bound, pool, OTHER);
        other.listening().await;
        let mut there = other.listen(workspace(1)).await;
        let mut listening = other.listening.clone();
        listening.mark_unchanged();
        silence.notify_waiters();
        listening.changed().await.unwrap();
        other.listening().await;
        one.publish(vec![checked(1, 1)]).await;
        assert_eq!(there.next().await, Some(checked(1, 1)));
    }

    #[tokio::test]
    async fn a_database_that_has_nothing_to_say_is_still_listened_to() {
        let database = Database::fresh().await;
        let pool = PgPoolOptions::new().max_connections(1).connect(database.url()).await.unwrap();
        let (listening, quiet) = watch::channel(false);
        let local = LocalFeed::default();
        let hearing = hear(&pool, &local, ONE, Duration::from_secs(2), &listening);
        let asked = async {
            let mut connection = PgConnection::connect(database.url()).await.unwrap();
            let asked =
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query = 'SELECT 1'";
            while sqlx::query_scalar::<_, i64>(asked).fetch_one(&mut connection).await.unwrap() == 0 {}
        };
        let asked = timeout(Duration::from_secs(30), asked);
        tokio::select! {
            ended = hearing => panic!("{ended:?}"),
            asked = asked => assert!(asked.is_ok() && *quiet.borrow()),
        }
    }

    #[tokio::test]
    async fn without_a_database_local_listeners_still_hear() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let pool = PgPoolOptions::new()
            .acquire_timeout(Duration::from_millis(100))
            .connect_lazy(&format!("postgres://nobody@{closed}/nothing"))
            .unwrap();
        let feed = PostgresFeed::start(pool, ONE);
        let mut here = feed.listen(workspace(1)).await;
        feed.publish(vec![checked(1, 1)]).await;
        assert_eq!(here.next().await, Some(checked(1, 1)));
    }
}
