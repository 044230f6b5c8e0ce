//! The console notifier: one line for each notice, on standard output or wherever one likes.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use watchkeeper_domain::notice::{ChannelKind, NotDelivered, Notice};
use watchkeeper_domain::port::Notifier;
use watchkeeper_domain::status::Status;

use crate::rfc3339;

/// How long the console may take for a line, with those that wait before it.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Writes one line for each notice.
///
/// Whoever reads the other end may have stopped reading. Then one line is stuck in one thread, and attempts fail until it
/// is through: no copies of a notice queue up behind it.
#[derive(Debug)]
pub struct ConsoleNotifier<W> {
    writer: Arc<Mutex<W>>,
}

impl ConsoleNotifier<io::Stdout> {
    /// A notifier on standard output.
    pub fn stdout() -> Self {
        Self::new(io::stdout())
    }
}

impl<W: Write + Send + 'static> ConsoleNotifier<W> {
    /// A notifier on a writer.
    pub fn new(writer: W) -> Self {
        Self { writer: Arc::new(Mutex::new(writer)) }
    }
}

#[async_trait]
impl<W: Write + Send + 'static> Notifier for ConsoleNotifier<W> {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Console
    }

    async fn deliver(&self, notice: &Notice) -> Result<(), NotDelivered> {
        let line = line(notice);
        let write = async {
            // It is held until the line is through, also by a thread that nobody waits for any more.
            let mut writer = Arc::clone(&self.writer).lock_owned().await;
            spawn_blocking(move || writer.write_all(line.as_bytes()).and_then(|()| writer.flush())).await
        };
        match timeout(PATIENCE, write).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(error))) => Err(not_delivered(&error)),
            Ok(Err(error)) => Err(not_delivered(&error)),
            Err(_) => Err(NotDelivered { detail: "nobody reads the console".into(), is_final: false }),
        }
    }
}

fn not_delivered(error: &dyn std::error::Error) -> NotDelivered {
    NotDelivered { detail: format!("the console could not be written to: {error}"), is_final: false }
}

/// The line: `"Shop" https://shop.example/ UP -> DOWN since 2026-11-22T19:14:37.000000Z: connection refused`.
fn line(notice: &Notice) -> String {
    let why = match (&notice.reason, notice.to) {
        (Some(reason), _) => format!(": {}", harmless(&reason.detail)),
        (None, Status::Up) => ": it answers as expected".to_owned(),
        (None, _) => String::new(),
    };
    format!(
        "{name:?} {url} {from} -> {to} since {since}{why}\n",
        // Debug puts the name in quotes and escapes quotes and whatever does not show.
        name = notice.monitor_name,
        url = harmless(&without_query(&notice.target_url)),
        from = word(notice.from),
        to = word(notice.to),
        since = rfc3339::format(notice.since),
    )
}

/// The URL, with dots for what it asks for beside the path: that may be a key, and consoles are kept in logs.
fn without_query(url: &str) -> Cow<'_, str> {
    match url.split_once('?') {
        Some((asked, _)) => Cow::Owned(format!("{asked}?...")),
        None => Cow::Borrowed(url),
    }
}

/// The text with everything escaped that a terminal could take for something else than text: nobody forges a line.
fn harmless(text: &str) -> String {
    let quoted = format!("{text:?}");
    quoted[1..quoted.len() - 1].replace("\\\"", "\"").replace("\\'", "'")
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Pending => "PENDING",
        Status::Up => "UP",
        Status::Degraded => "DEGRADED",
        Status::Down => "DOWN",
        Status::Paused => "PAUSED",
        Status::Maintenance => "MAINTENANCE",
        Status::Unknown => "UNKNOWN",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use uuid::Uuid;
    use watchkeeper_domain::id::{ChannelId, IncidentId, MonitorId, NoticeId, WorkspaceId};
    use watchkeeper_domain::report::{Reason, ReasonKind};
    use watchkeeper_domain::time::Timestamp;

    use super::*;

    fn notice(name: &str, to: Status, reason: Option<&str>) -> Notice {
        let id = Uuid::from_u128(1);
        Notice {
            id: NoticeId::new(id),
            workspace: WorkspaceId::new(id),
            channel: ChannelId::new(id),
            channel_kind: ChannelKind::Console,
            monitor: MonitorId::new(id),
            incident: IncidentId::new(id),
            monitor_name: name.to_owned(),
            target_url: "https://shop.example/".to_owned(),
            from: if to == Status::Up { Status::Down } else { Status::Up },
            to,
            since: Timestamp::from_micros(1_763_838_877_120_000),
            reason: reason.map(|detail| Reason::new(ReasonKind::Connect, detail)),
            created_at: Timestamp::from_micros(1_763_838_887_000_000),
        }
    }

    async fn written(notices: &[Notice]) -> String {
        let notifier = ConsoleNotifier::new(Vec::new());
        for notice in notices {
            notifier.deliver(notice).await.unwrap();
        }
        String::from_utf8(notifier.writer.lock().await.clone()).unwrap()
    }

    #[tokio::test]
    async fn a_notice_is_one_line_with_all_that_is_told() {
        let down = notice("Shop", Status::Down, Some("connection refused by 192.0.2.1:443"));
        let up = notice("Shop", Status::Up, None);
        assert_eq!(
            written(&[down, up]).await,
            "\"Shop\" https://shop.example/ UP -> DOWN since 2025-11-22T19:14:37.120000Z: \
             connection refused by 192.0.2.1:443\n\
             \"Shop\" https://shop.example/ DOWN -> UP since 2025-11-22T19:14:37.120000Z: it answers as expected\n"
        );
    }

    #[tokio::test]
    async fn neither_a_name_nor_a_reason_forges_a_line() {
        let name = "x\" http://y/ DOWN -> UP\n\"Bank\" \u{1b}[2J\u{202e}ä";
        let line = written(&[notice(name, Status::Down, Some("said \"no\"\r\nand\tleft\0"))]).await;
        assert_eq!(line.matches('\n').count(), 1);
        assert!(line.starts_with(r#""x\" http://y/ DOWN -> UP\n\"Bank\" \u{1b}[2J\u{202e}ä" https"#), "{line}");
        assert!(line.ends_with(": said \"no\"\\r\\nand\\tleft\\0\n"), "{line}");
    }

    #[tokio::test]
    async fn a_closed_console_is_tried_again_later() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let refused = ConsoleNotifier::new(Closed).deliver(&notice("Shop", Status::Down, None)).await.unwrap_err();
        assert_eq!(
            (refused.detail.as_str(), refused.is_final),
            ("the console could not be written to: broken pipe", false)
        );
    }

    /// Takes nothing until it is let go on; then it says what it took.
    struct Blocked {
        go_on: mpsc::Receiver<()>,
        taken: mpsc::Sender<String>,
    }

    impl Write for Blocked {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.go_on.recv().map_err(io::Error::other)?;
            self.taken.send(String::from_utf8_lossy(bytes).into_owned()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_console_that_nobody_reads_holds_one_line_and_fails_the_others() {
        let ((go, go_on), (taken, took)) = (mpsc::channel(), mpsc::channel());
        let console = ConsoleNotifier::new(Blocked { go_on, taken });
        let shop = notice("Shop", Status::Down, None);
        // Paused time stands still while a thread is at work, so it is moved on by hand.
        let mut first = console.deliver(&shop);
        assert!(futures_util::poll!(&mut first).is_pending());
        tokio::time::advance(PATIENCE).await;
        let refused = first.await.unwrap_err();
        assert_eq!((refused.detail.as_str(), refused.is_final), ("nobody reads the console", false));
        let mut again = console.deliver(&shop);
        assert!(futures_util::poll!(&mut again).is_pending());
        tokio::time::advance(PATIENCE).await;
        again.await.unwrap_err();

        go.send(()).unwrap();
        go.send(()).unwrap();
        console.deliver(&notice("Bank", Status::Down, None)).await.unwrap();
        let lines: Vec<_> = took.try_iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
        assert_eq!(lines, ["\"Shop\"", "\"Bank\""], "the second attempt left nothing behind");
    }

    #[test]
    fn what_a_url_asks_for_beside_its_path_is_not_shown() {
        assert_eq!(without_query("https://shop.example/a?key=1&b=?"), "https://shop.example/a?...");
        assert_eq!(without_query("https://shop.example/a"), "https://shop.example/a");
    }
}
