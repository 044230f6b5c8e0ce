//! File systems so small that a test can fill them.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// A file system of its own, with room for a few megabytes. It is gone when dropped.
pub(crate) struct SmallDisk(TempDir);

impl SmallDisk {
    /// # Panics
    /// Where no file system may be mounted here: it takes root.
    pub(crate) fn of_megabytes(megabytes: u32) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options = format!("size={megabytes}m,mode=0700");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(directory.path()).status();
        let is_mounted = mounted.is_ok_and(|status| status.success());
        assert!(is_mounted, "a small file system cannot be mounted for the test, which takes root");
        Self(directory)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the room that is left, until the file that is answered is dropped.
    pub(crate) fn fill(&self) -> Ballast {
        let path = self.path().join("ballast");
        fill(&path);
        Ballast(path)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, since a program that a failed test leaves behind may still be at it for a moment.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

/// A file that is only there to take room.
pub(crate) struct Ballast(std::path::PathBuf);

impl Drop for Ballast {
    fn drop(&mut self) {
        // Where it cannot be removed, the test finds no room.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Takes all the room that there is.
pub(crate) fn fill(file: &Path) {
    let (mut ballast, piece) = (File::create(file).unwrap(), vec![0; 1 << 16]);
    let mut room = piece.as_slice();
    while !room.is_empty() {
        // Smaller and smaller pieces, until not even a byte fits.
        if ballast.write_all(room).is_err() {
            room = &room[..room.len() / 2];
        }
    }
}
