//! The secret that tokens are signed with: made once and kept in the data directory, where none is configured.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, ensure};
use secrecy::{ExposeSecret, SecretString};

use crate::config::MIN_JWT_SECRET_BYTES;

/// What the file is called.
pub const FILE_NAME: &str = "jwt-secret";

/// Reads the kept secret, or keeps the one that `make` makes. Whoever comes second reads what the first one kept, also
/// when both come at once.
///
/// # Errors
/// Where the file cannot be read or written, or holds too little.
pub fn keep(directory: &Path, make: impl FnOnce() -> SecretString) -> anyhow::Result<SecretString> {
    let path = directory.join(FILE_NAME);
    if let Some(kept) = read(&path)? {
        return Ok(kept);
    }
    write(directory, &path, &make()).with_context(|| format!("{} cannot be written", Named(&path)))?;
    read(&path)?.with_context(|| format!("{} has vanished", Named(&path)))
}

fn read(path: &Path) -> anyhow::Result<Option<SecretString>> {
    match fs::read_to_string(path) {
        Ok(text) => {
            let text = text.trim_end();
            ensure!(
                text.len() >= MIN_JWT_SECRET_BYTES,
                "{} has fewer than {MIN_JWT_SECRET_BYTES} bytes; remove the file to have one made",
                Named(path)
            );
            Ok(Some(SecretString::from(text)))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", Named(path))),
    }
}

/// The file, by the variables that lead to it or stand in for it.
struct Named<'a>(&'a Path);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.0.display();
        write!(f, "WATCHKEEPER_JWT_SECRET is not set, and the token secret {path} in WATCHKEEPER_DATA_DIR")
    }
}

/// Writes the file aside, for its owner alone, and puts it in its place whole, unless somebody else was faster.
fn write(directory: &Path, path: &Path, secret: &SecretString) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)?;

    // A file of this name that a crash left behind belongs to nobody.
    let aside = directory.join(format!("{FILE_NAME}.{}-{:?}", std::process::id(), std::thread::current().id()));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&aside)?;
    writeln!(file, "{}", secret.expose_secret())?;
    file.sync_all()?;
    // Unlike a renaming, a link never takes the place of a secret that another process has just kept.
    let linked = match fs::hard_link(&aside, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    };
    fs::remove_file(&aside)?;
    linked?;
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(letter: &str) -> SecretString {
        SecretString::from(letter.repeat(MIN_JWT_SECRET_BYTES))
    }

    #[test]
    fn a_secret_is_made_once_and_found_again() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        let first = keep(&data, || made("a")).unwrap();
        let second = keep(&data, || made("b")).unwrap();
        assert_eq!(first.expose_secret(), made("a").expose_secret());
        assert_eq!(second.expose_secret(), made("a").expose_secret());
        assert_eq!(fs::read_dir(&data).unwrap().count(), 1, "nothing is left aside");
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        keep(directory.path(), || made("a")).unwrap();
        let mode = fs::metadata(directory.path().join(FILE_NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn those_who_come_at_once_get_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let kept: Vec<String> = std::thread::scope(|scope| {
            let keepers: Vec<_> = ["a", "b", "c", "d"]
                .map(|letter| {
                    scope.spawn(|| keep(directory.path(), || made(letter)).unwrap().expose_secret().to_owned())
                })
                .into_iter()
                .collect();
            keepers.into_iter().map(|keeper| keeper.join().unwrap()).collect()
        });
        assert!(kept.iter().all(|secret| *secret == kept[0]));
    }

    #[test]
    fn a_file_that_holds_too_little_is_named() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FILE_NAME), "short\n").unwrap();
        let error = keep(directory.path(), || made("a")).unwrap_err().to_string();
        assert!(error.contains(FILE_NAME) && !error.contains("short\n"), "{error}");
        assert!(error.contains("WATCHKEEPER_JWT_SECRET"), "{error}");
    }

    #[test]
    fn a_file_that_cannot_be_read_or_written_is_named_with_its_variables() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join(FILE_NAME)).unwrap();
        let unreadable = keep(directory.path(), || made("a")).unwrap_err().to_string();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        let unwritable = keep(&file, || made("a")).unwrap_err().to_string();
        for error in [unreadable, unwritable] {
            for name in ["WATCHKEEPER_JWT_SECRET", "WATCHKEEPER_DATA_DIR", FILE_NAME] {
                assert!(error.contains(name), "{name}: {error}");
            }
        }
    }
}
