//! What a program prints, and whether anybody reads it.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::unix::pipe;
use tokio::process::ChildStdout;
use tokio::sync::{Mutex, OwnedMutexGuard, watch};

use crate::program::Gathered;

/// What a pipe takes whole or not at all (pipe(7)).
const PIECE: [u8; 4096] = [b'\n'; 4096];

type Stream = Lines<BufReader<ChildStdout>>;

/// The standard output of a program. It outlives the program.
#[derive(Clone)]
pub(crate) struct Console {
    printed: Gathered,
    stream: Arc<Mutex<Stream>>,
    is_read: watch::Sender<bool>,
    way_in: PathBuf,
}

/// A console that nobody reads and that takes nothing more, until this is dropped.
pub(crate) struct Unread {
    stream: Option<OwnedMutexGuard<Stream>>,
    is_read: watch::Sender<bool>,
}

impl Console {
    /// Reads what the process of this identifier prints.
    pub(crate) fn of(process: u32, stdout: ChildStdout) -> Self {
        let console = Self {
            printed: Gathered::default(),
            stream: Arc::new(Mutex::new(BufReader::new(stdout).lines())),
            is_read: watch::Sender::new(true),
            way_in: Path::new("/proc").join(process.to_string()).join("fd/1"),
        };
        tokio::spawn(read(console.clone()));
        console
    }

    /// All lines so far, but for those that only fill it.
    pub(crate) fn printed(&self) -> Vec<String> {
        self.printed.all()
    }

    /// Stops reading, and fills what lies between.
    pub(crate) async fn is_left_unread(&self) -> Unread {
        self.is_read.send_replace(false);
        let stream = Arc::clone(&self.stream).lock_owned().await;
        let other_end = pipe::OpenOptions::new().open_sender(&self.way_in).unwrap();
        // Opened anew, so that only this end does not wait for room: the program's does.
        let mut other_end = File::from(other_end.into_nonblocking_fd().unwrap());
        for piece in [&PIECE[..], &PIECE[..1]] {
            while other_end.write(piece).is_ok() {}
        }
        Unread { stream: Some(stream), is_read: self.is_read.clone() }
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        self.stream = None;
        self.is_read.send_replace(true);
    }
}

async fn read(console: Console) {
    let mut is_read = console.is_read.subscribe();
    loop {
        // The sender lives as long as this does.
        let _ = is_read.wait_for(|is_read| *is_read).await;
        let mut stream = console.stream.lock().await;
        tokio::select! {
            biased;
            _ = is_read.wait_for(|is_read| !is_read) => {}
            line = stream.next_line() => match line {
                Ok(Some(line)) if line.is_empty() => {}
                Ok(Some(line)) => console.printed.add(line),
                Ok(None) | Err(_) => return,
            }
        }
    }
}
