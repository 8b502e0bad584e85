//! Waiting for conditions: the only place of the harness that sleeps.

use std::time::{Duration, Instant};

/// For what takes milliseconds where nothing is wrong, on a machine that is busy.
pub const PATIENCE: Duration = Duration::from_secs(30);

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
const WATCH_INTERVAL: Duration = Duration::from_millis(500);

/// A condition that did not come true in time.
#[derive(Debug, thiserror::Error)]
#[error("waited {within:?} for {what}, in vain")]
pub struct TimedOut {
    /// What was waited for.
    pub what: String,
    /// For how long.
    pub within: Duration,
}

/// Asks `probe` until it has an answer.
///
/// `Ok(None)` means not yet; an error ends the wait.
pub async fn until<T, E: From<TimedOut>>(
    what: &str,
    within: Duration,
    mut probe: impl AsyncFnMut() -> Result<Option<T>, E>,
) -> Result<T, E> {
    poll(Pauses::new(what, within), &mut probe).await
}

/// As [`until`], but looks every millisecond: for measuring how long something takes.
pub async fn until_closely<T, E: From<TimedOut>>(
    what: &str,
    within: Duration,
    mut probe: impl AsyncFnMut() -> Result<Option<T>, E>,
) -> Result<T, E> {
    let pauses = Pauses {
        longest: FIRST_PAUSE,
        ..Pauses::new(what, within)
    };
    poll(pauses, &mut probe).await
}

async fn poll<T, E: From<TimedOut>>(
    mut pauses: Pauses<'_>,
    probe: &mut impl AsyncFnMut() -> Result<Option<T>, E>,
) -> Result<T, E> {
    loop {
        if let Some(answer) = probe().await? {
            return Ok(answer);
        }
        pauses.pause().await?;
    }
}

/// As [`until`], for where nothing asynchronous can run.
pub fn until_blocking<T, E: From<TimedOut>>(
    what: &str,
    within: Duration,
    mut probe: impl FnMut() -> Result<Option<T>, E>,
) -> Result<T, E> {
    let mut pauses = Pauses::new(what, within);
    loop {
        if let Some(answer) = probe()? {
            return Ok(answer);
        }
        std::thread::sleep(pauses.next()?);
    }
}

/// Returns the error once `check` has one. It is asked twice a second.
pub async fn for_failure<E>(mut check: impl FnMut() -> Result<(), E>) -> E {
    loop {
        if let Err(error) = check() {
            return error;
        }
        tokio::time::sleep(WATCH_INTERVAL).await;
    }
}

/// The pauses between the probes of one wait: short at first, then longer.
pub(crate) struct Pauses<'a> {
    what: &'a str,
    within: Duration,
    start: Instant,
    next: Duration,
    longest: Duration,
}

impl<'a> Pauses<'a> {
    pub(crate) fn new(what: &'a str, within: Duration) -> Self {
        Self {
            what,
            within,
            start: Instant::now(),
            next: FIRST_PAUSE,
            longest: LONGEST_PAUSE,
        }
    }

    pub(crate) async fn pause(&mut self) -> Result<(), TimedOut> {
        tokio::time::sleep(self.next()?).await;
        Ok(())
    }

    fn next(&mut self) -> Result<Duration, TimedOut> {
        if self.start.elapsed() >= self.within {
            return Err(TimedOut {
                what: self.what.to_owned(),
                within: self.within,
            });
        }
        let pause = self.next;
        self.next = (pause * 2).min(self.longest);
        Ok(pause)
    }
}
