//! How far a probe has come, and how long each phase took.
//!
//! The hooks that know (resolver, connector, TLS) belong to the one client of all probes. They are polled by the task
//! that probes, so a task-local tells them whose phase it is.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::TryFutureExt;
use futures_util::future::InspectOk;
use tokio::time::Instant;
use tower::{Layer, Service};
use watchkeeper_domain::report::Timings;

tokio::task_local! {
    static TRACE: Trace;
}

/// What a probe is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Waiting for room to look up the name: our own doing, and no phase of the target's.
    Queue,
    /// Looking up the name.
    Resolve,
    /// Opening the connection.
    Connect,
    /// The TLS handshake.
    Handshake,
    /// The request has left, or is leaving.
    Ask,
    /// The head of the answer is there.
    Transfer,
}

impl Stage {
    /// As in "no answer, while ...".
    pub(super) fn in_words(self) -> &'static str {
        match self {
            Self::Queue => "waiting for room to look up the name",
            Self::Resolve => "resolving the name",
            Self::Connect => "connecting",
            Self::Handshake => "in the TLS handshake",
            Self::Ask => "waiting for the answer",
            Self::Transfer => "reading the answer",
        }
    }
}

struct Trace {
    /// Nothing before the first request.
    stage: Cell<Option<Stage>>,
    since: Cell<Instant>,
    timings: Cell<Timings>,
    /// The addresses that the connector was given for the present hop.
    dialled: RefCell<Vec<IpAddr>>,
}

impl Trace {
    /// Adds the time since the last change to the phase that it was spent in.
    fn enter(&self, stage: Option<Stage>) {
        let now = Instant::now();
        let spent = now - self.since.replace(now);
        let Some(past) = self.stage.replace(stage) else { return };
        let mut timings = self.timings.get();
        let phase = match past {
            Stage::Queue => return,
            Stage::Resolve => &mut timings.dns,
            Stage::Connect => &mut timings.connect,
            Stage::Handshake => &mut timings.tls,
            Stage::Ask => &mut timings.first_byte,
            Stage::Transfer => &mut timings.transfer,
        };
        *phase = Some(phase.unwrap_or(Duration::ZERO) + spent);
        self.timings.set(timings);
    }
}

/// Runs a probe with a trace of its own.
pub(super) async fn scope<F: Future>(probe: F) -> F::Output {
    let trace = Trace {
        stage: Cell::default(),
        since: Cell::new(Instant::now()),
        timings: Cell::default(),
        dialled: RefCell::default(),
    };
    TRACE.scope(trace, probe).await
}

/// A request begins: with looking up its name, unless the URL holds an address.
pub(super) fn begin(literal: Option<IpAddr>) {
    let _ = TRACE.try_with(|trace| {
        trace.stage.set(Some(if literal.is_some() { Stage::Connect } else { Stage::Queue }));
        trace.since.set(Instant::now());
        *trace.dialled.borrow_mut() = literal.into_iter().collect();
    });
}

/// The present phase is over and another begins. Outside of a probe this does nothing.
pub(super) fn enter(stage: Stage) {
    let _ = TRACE.try_with(|trace| trace.enter(Some(stage)));
}

/// The name is resolved, and these addresses are dialled.
pub(super) fn resolved(addresses: &[SocketAddr]) {
    let _ = TRACE.try_with(|trace| {
        trace.enter(Some(Stage::Connect));
        *trace.dialled.borrow_mut() = addresses.iter().map(SocketAddr::ip).collect();
    });
}

/// What the probe is at.
pub(super) fn stage() -> Stage {
    TRACE.try_with(|trace| trace.stage.get()).ok().flatten().unwrap_or(Stage::Resolve)
}

/// The addresses that are dialled for the present request.
pub(super) fn dialled() -> Vec<IpAddr> {
    TRACE.try_with(|trace| trace.dialled.borrow().clone()).unwrap_or_default()
}

/// The probe is over: how long each phase took, and the first of the addresses dialled last.
pub(super) fn finish() -> (Timings, Option<IpAddr>) {
    TRACE
        .try_with(|trace| {
            trace.enter(None);
            (trace.timings.get(), trace.dialled.borrow().first().copied())
        })
        .unwrap_or_default()
}

/// Notes when a connection stands, TLS and all.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoteConnected;

impl<S> Layer<S> for NoteConnected {
    type Service = NotingConnector<S>;

    fn layer(&self, connector: S) -> Self::Service {
        NotingConnector(connector)
    }
}

/// A connector that notes when a connection stands.
#[derive(Clone, Debug)]
pub(super) struct NotingConnector<S>(S);

impl<S: Service<R>, R> Service<R> for NotingConnector<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = InspectOk<S::Future, fn(&S::Response)>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        self.0.call(request).inspect_ok(|_| enter(Stage::Ask))
    }
}
