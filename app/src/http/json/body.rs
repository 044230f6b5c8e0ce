//! Bodies of requests: read only where an operation takes one, after all that can be said without it; bounded in length and
//! number, so that what is kept of requests that are still coming in is bounded too.

use std::time::Duration;

use poem::error::ReadBodyError;
use poem::http::header::CONTENT_LENGTH;
use poem::{Request, RequestBody, Result};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::http::problem::{Kind, Problem};

/// The longest body that is read: a few times the longest one that makes sense.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// How many bodies are read at once: 64 MiB of them at the most.
const MAX_BODIES: usize = 1024;
/// When it is worth trying again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// The places for bodies that are being read.
pub(in crate::http) struct Bodies(Semaphore);

impl Bodies {
    /// All places are free.
    pub(in crate::http) fn new() -> Self {
        Self(Semaphore::new(MAX_BODIES))
    }

    /// Takes a place, to be held for as long as the body is.
    ///
    /// # Errors
    /// `TooBusy`, where none is free.
    pub(super) fn place(&self) -> Result<SemaphorePermit<'_>, Problem> {
        self.0.try_acquire().map_err(|_| Problem::new(Kind::TooBusy).retry_after(RETRY_AFTER))
    }
}

/// Reads the body, which is never longer than [`MAX_BODY_BYTES`], whatever its length is said to be.
///
/// # Errors
/// `BodyTooLarge`, or `BadRequest` where it broke off.
pub(super) async fn read(request: &Request, body: &mut RequestBody) -> Result<Vec<u8>> {
    let said = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if said.is_some_and(|length: usize| length > MAX_BODY_BYTES) {
        return Err(Problem::new(Kind::BodyTooLarge).into());
    }
    let bytes = body.take()?.into_bytes_limit(MAX_BODY_BYTES).await.map_err(|error| match error {
        ReadBodyError::PayloadTooLarge => Problem::new(Kind::BodyTooLarge),
        _ => Problem::new(Kind::BadRequest).detail("The body broke off."),
    })?;
    Ok(bytes.into())
}
