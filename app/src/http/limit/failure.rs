//! Failed log-ins by account, so that a password cannot be guessed from many addresses either.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How many log-ins may fail within the window.
const MAX_FAILURES: usize = 10;
/// How long a failed log-in counts.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// How many accounts are remembered; beyond that the oldest is forgotten.
const MAX_ACCOUNTS: usize = 100_000;

/// The failed log-ins of late, by the hash of the account's e-mail: it does not matter whether there is such an account.
#[derive(Default)]
pub(super) struct Failures {
    hasher: RandomState,
    by_account: Mutex<HashMap<u64, VecDeque<Instant>>>,
}

/// A log-in that is being tried.
#[must_use]
pub(in crate::http) struct Attempt<'a> {
    failures: &'a Failures,
    account: u64,
    at: Instant,
}

impl Failures {
    /// Counts an attempt, or answers how long to wait until one is let in. Counting comes first, so that many at once do not
    /// slip through.
    pub(super) fn begin(&self, email: &str) -> Result<Attempt<'_>, Duration> {
        let account = self.hasher.hash_one(email.trim().to_lowercase());
        let at = Instant::now();
        let mut by_account = self.lock();
        if by_account.len() >= MAX_ACCOUNTS && !by_account.contains_key(&account) {
            by_account.retain(|_, failures| failures.back().is_some_and(|last| at.duration_since(*last) < WINDOW));
            if by_account.len() >= MAX_ACCOUNTS {
                forget_oldest(&mut by_account);
            }
        }
        let failures = by_account.entry(account).or_default();
        while failures.front().is_some_and(|first| at.duration_since(*first) >= WINDOW) {
            failures.pop_front();
        }
        match failures.front() {
            Some(first) if failures.len() >= MAX_FAILURES => Err(WINDOW.saturating_sub(at.duration_since(*first))),
            _ => {
                failures.push_back(at);
                Ok(Attempt { failures: self, account, at })
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, VecDeque<Instant>>> {
        self.by_account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets the account whose last failure is the longest ago.
fn forget_oldest(by_account: &mut HashMap<u64, VecDeque<Instant>>) {
    let oldest = by_account.iter().min_by_key(|(_, failures)| failures.back().copied()).map(|(account, _)| *account);
    if let Some(oldest) = oldest {
        by_account.remove(&oldest);
    }
}

impl Attempt<'_> {
    /// Takes the attempt back: the password was right, or nobody could tell.
    pub(in crate::http) fn forgive(self) {
        let mut by_account = self.failures.lock();
        if let Some(failures) = by_account.get_mut(&self.account) {
            if let Some(position) = failures.iter().position(|at| *at == self.at) {
                failures.remove(position);
            }
            if failures.is_empty() {
                by_account.remove(&self.account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn ten_failures_close_an_account_for_a_quarter_of_an_hour() {
        let failures = Failures::default();
        for _ in 0..MAX_FAILURES {
            assert!(failures.begin("ada@example.org").is_ok());
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(failures.begin(" ADA@example.org ").err(), Some(WINDOW - Duration::from_secs(10)));
        assert!(failures.begin("bob@example.org").is_ok());
        tokio::time::advance(WINDOW - Duration::from_secs(10)).await;
        assert!(failures.begin("ada@example.org").is_ok());
        assert!(failures.begin("ada@example.org").is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn beyond_the_most_accounts_only_the_oldest_is_forgotten() {
        let failures = Failures::default();
        for email in ["ada@example.org", "bob@example.org"] {
            while failures.begin(email).is_ok() {}
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        for number in 2..=MAX_ACCOUNTS {
            assert!(failures.begin(&format!("{number}@example.org")).is_ok());
        }
        assert_eq!(failures.lock().len(), MAX_ACCOUNTS);
        assert!(failures.begin("bob@example.org").is_err(), "who is known takes nobody's place");
        assert!(failures.begin("ada@example.org").is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn what_succeeds_does_not_count() {
        let failures = Failures::default();
        for _ in 0..3 * MAX_FAILURES {
            failures.begin("ada@example.org").unwrap().forgive();
        }
        assert!(failures.lock().is_empty());
    }
}
