//! Which database: `DATABASE_URL`.

use std::path::PathBuf;

use secrecy::SecretString;

/// Where everything is stored.
#[derive(Clone, Debug)]
pub enum Database {
    /// An embedded SQLite file, held by one process.
    Sqlite {
        /// The file; made when it is not there.
        file: PathBuf,
    },
    /// A PostgreSQL server, shared by any number of nodes.
    Postgres {
        /// How to reach it; it may hold a password.
        url: SecretString,
    },
}

impl Database {
    /// Parses a URL. The message of an error never repeats it, since it may hold a password.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once(':').ok_or(EXPECTED)?;
        match scheme {
            "sqlite" => {
                let file = rest.strip_prefix("//").unwrap_or(rest);
                // Other programs need to be told to make the file; here that goes without saying.
                let file = file.strip_suffix("?mode=rwc").unwrap_or(file);
                if file.is_empty() || file.starts_with(":memory:") || file.contains('?') {
                    return Err(
                        "a SQLite URL names a file and nothing else, such as sqlite://data/watchkeeper.db".into()
                    );
                }
                Ok(Self::Sqlite { file: PathBuf::from(file) })
            }
            "postgres" | "postgresql" => match url::Url::parse(text) {
                Ok(url) if url.has_host() => Ok(Self::Postgres { url: SecretString::from(text) }),
                _ => Err("a PostgreSQL URL looks like postgres://user:password@host/name".into()),
            },
            _ => Err(EXPECTED.into()),
        }
    }
}

const EXPECTED: &str = "the URL must begin with sqlite:// or postgres://";
