//! What fails around the program, and how it comes back: a server, a network, a disk, a node. Each test says what was missed
//! and how long it took until every monitor was checked again.

mod account;
mod clock;
mod disk;
mod network;
mod node;
mod postgres;
mod rolling;
mod scene;
mod sqlite;

use std::time::Duration;

use crate::metrics::Shown;
use crate::program::{Program, Setup};

pub(crate) use scene::{Scene, Watched};

/// The line of a node that finds its store gone.
const STORE_FAILS: &str = "the store fails; trying again until it is back";

/// How long the server keeps a transaction for a node that says nothing more: nodes ask for this themselves
/// (`idle_in_transaction_session_timeout`).
const TRANSACTION_IS_KEPT: Duration = Duration::from_secs(10);

/// A node, and where it answers.
pub(crate) struct Node {
    program: Program,
    url: String,
}

impl Node {
    /// Starts one that also answers people, and waits until its store is there.
    pub(crate) async fn serving(setup: &Setup) -> Self {
        Self::listening(setup.start(&["serve"])).await
    }

    /// Starts one that answers people and checks nothing, and waits until its store is there.
    async fn answering(setup: &Setup) -> Self {
        Self::listening(setup.start(&["serve", "--no-engine"])).await
    }

    async fn listening(mut program: Program) -> Self {
        let url = program.url().await;
        program.ready(&url).await;
        Self { program, url }
    }

    /// Starts one that only works, and waits until its store is there.
    pub(crate) async fn working(setup: &Setup) -> Self {
        Self::at_work(setup.clone().with("WATCHKEEPER_METRICS_LISTEN", "127.0.0.1:0").start(&["work"])).await
    }

    async fn at_work(mut program: Program) -> Self {
        let url = program.url_for_operators().await;
        program.ready(&url).await;
        Self { program, url }
    }

    /// The sum of what it shows under a name.
    pub(crate) async fn shows(&self, name: &str) -> f64 {
        Shown::at(&self.url).await.sum(name, "")
    }

    /// Asks it to end, which it does well.
    pub(crate) async fn ends(self) {
        assert_eq!(self.program.terminate().await.code(), Some(0));
    }
}
