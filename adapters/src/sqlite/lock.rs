//! One process holds a database file, and says so in a lock file beside it.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Who holds a database file, as far as its lock file tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder(Option<u32>);

impl Holder {
    /// The process identifier, where it could be read.
    pub fn process_id(&self) -> Option<u32> {
        self.0
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(id) => write!(f, "process {id}"),
            None => f.write_str("another process"),
        }
    }
}

/// The lock, held until it is dropped or its process ends, however that happens.
#[derive(Debug)]
pub(super) struct LockFile(#[expect(dead_code, reason = "the open file is the lock")] File);

/// What came of asking for the lock.
pub(super) enum Locking {
    Taken(LockFile),
    Held(Holder),
}

impl LockFile {
    /// Takes the lock of a database file.
    pub(super) fn take(database: &Path) -> io::Result<Locking> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        private(&mut options);
        let mut file = options.open(path_of(&resolved(database)?))?;
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0)?;
                file.rewind()?;
                writeln!(file, "{}", std::process::id())?;
                file.flush()?;
                Ok(Locking::Taken(Self(file)))
            }
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                file.take(32).read_to_string(&mut text)?;
                Ok(Locking::Held(Holder(text.trim().parse().ok())))
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Lets nobody else read a file that is made with these options.
pub(super) fn private(options: &mut OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    #[cfg(not(unix))]
    let _ = options;
}

/// The file itself, by whatever path it is reached: two names must not be two locks. It need not be there yet.
fn resolved(database: &Path) -> io::Result<PathBuf> {
    match database.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let directory = database.parent().filter(|parent| !parent.as_os_str().is_empty());
            let directory = directory.unwrap_or(Path::new(".")).canonicalize()?;
            Ok(database.file_name().map_or_else(|| directory.clone(), |name| directory.join(name)))
        }
        path => path,
    }
}

fn path_of(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}
