//! Why the program ends early, and with which exit code.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | it did what it was asked to, or was told to stop |
//! | 1 | something failed: the store, the network port, another process holds the SQLite file |
//! | 2 | a configuration value cannot be right; the line on standard error names it |

use std::process::ExitCode;

/// Why the program ends early. It is told in one line.
#[derive(Debug)]
pub enum Failure {
    /// A value of the configuration cannot be right: somebody has to change it.
    Configuration(anyhow::Error),
    /// Something else failed.
    Other(anyhow::Error),
}

impl Failure {
    /// A value of the configuration that cannot be right.
    pub fn configuration(error: impl Into<anyhow::Error>) -> Self {
        Self::Configuration(error.into())
    }

    /// What went wrong, with its causes, in one line.
    pub fn line(&self) -> String {
        let (Self::Configuration(error) | Self::Other(error)) = self;
        format!("watchkeeper: {error:#}").replace(['\n', '\r'], " ")
    }

    /// What the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Configuration(_) => ExitCode::from(2),
            Self::Other(_) => ExitCode::FAILURE,
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_failure_is_one_line_with_its_causes() {
        let cause: Result<(), _> = Err(anyhow::anyhow!("no such\nfile"));
        let failure = Failure::configuration(cause.context("the secret cannot be read").unwrap_err());
        assert_eq!(failure.line(), "watchkeeper: the secret cannot be read: no such file");
    }
}
