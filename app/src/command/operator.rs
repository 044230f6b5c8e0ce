//! What operators and their machines ask (`/healthz`, `/readyz`, `/metrics`), on an address of its own where one is named:
//! for nodes that serve nothing else, and to keep it off the address that people use.

use std::io;
use std::sync::{Arc, OnceLock};

use anyhow::Context;
use poem::Response;
use poem::endpoint::BoxEndpoint;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::print;
use super::serve::{self, Site};
use crate::config::Settings;
use crate::failure::Failure;

/// The server for operators. It ends when this is dropped.
pub(super) struct Operator {
    site: Arc<OnceLock<BoxEndpoint<'static, Response>>>,
    server: JoinHandle<io::Result<()>>,
    stop: DropGuard,
}

impl Operator {
    /// Begins to answer, at first only that the process is alive; `None` where no address is named.
    pub(super) fn start(settings: &Settings) -> Result<Option<Self>, Failure> {
        let Some(address) = settings.metrics_listen else { return Ok(None) };
        // Whoever asks how the process is doing is not to wait for those who look at dashboards.
        let serving = Handle::current();
        let listener = serve::listen(address, &serving).with_context(|| {
            format!("WATCHKEEPER_METRICS_LISTEN (--metrics-listen): nobody can listen on {address}")
        })?;
        let address = listener.local_addr()?;
        let (site, stop) = (Arc::new(OnceLock::new()), CancellationToken::new());
        let server = serve::start(listener, Site::new(Arc::clone(&site), settings), settings, &serving, stop.clone())?;
        print(&format!("Operators are answered on http://{address}\n"))?;
        Ok(Some(Self { site, server, stop: stop.drop_guard() }))
    }

    /// Answers everything from now on.
    pub(super) fn serve(&self, whole: BoxEndpoint<'static, Response>) {
        let _ = self.site.set(whole);
    }

    /// Stops answering.
    pub(super) async fn finish(self) -> Result<(), Failure> {
        serve::finish(self.stop.disarm(), self.server).await
    }
}
