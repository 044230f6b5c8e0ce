//! A prober that answers from a script.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::port::{ProbeRequest, Prober};
use crate::report::{Ending, Evidence, Reason, ReasonKind, Report, Timings};

/// Answers probes from a script for each URL: the reports in their order, the last one for ever. A URL without a script
/// does not resolve.
#[derive(Debug, Default)]
pub struct FakeProber {
    scripts: Mutex<HashMap<String, VecDeque<Report>>>,
}

impl FakeProber {
    /// A prober to whom no URL answers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a report at the end of a URL's script. The URL is written as [`crate::monitor::Target::url`] gives it.
    pub fn then(&self, url: &str, report: Report) -> &Self {
        self.scripts().entry(url.to_owned()).or_default().push_back(report);
        self
    }

    /// Forgets a URL's script and puts one report in its place.
    pub fn from_now_on(&self, url: &str, report: Report) {
        self.scripts().insert(url.to_owned(), VecDeque::from([report]));
    }

    fn scripts(&self) -> std::sync::MutexGuard<'_, HashMap<String, VecDeque<Report>>> {
        self.scripts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Prober for FakeProber {
    async fn probe<'a>(&self, request: ProbeRequest<'a>) -> Report {
        let mut scripts = self.scripts();
        match scripts.get_mut(request.target.url()) {
            Some(script) if script.len() > 1 => script.pop_front(),
            Some(script) => script.front().cloned(),
            None => None,
        }
        .unwrap_or_else(unresolved)
    }
}

fn unresolved() -> Report {
    Report {
        ending: Ending::Failed { http_status: None, reason: Reason::new(ReasonKind::Dns, "there is no such name") },
        latency: Duration::from_millis(1),
        timings: Timings::default(),
        evidence: Evidence::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::fixture;

    #[pollster::test]
    async fn a_script_is_played_and_its_last_report_stays() {
        let prober = FakeProber::new();
        let target = fixture::target("https://example.org/");
        let request = || ProbeRequest { target: &target, timeout: Duration::from_secs(1) };
        assert!(matches!(prober.probe(request()).await.ending, Ending::Failed { .. }));
        prober.then(target.url(), fixture::answer(200)).then(target.url(), fixture::answer(503));
        let mut seen = Vec::new();
        for _ in 0..3 {
            seen.push(prober.probe(request()).await.ending);
        }
        let answered = |http_status| Ending::Answered { http_status };
        assert_eq!(seen, [answered(200), answered(503), answered(503)]);
    }
}
