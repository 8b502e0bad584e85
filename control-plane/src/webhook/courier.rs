//! Tells one webhook what is on the record, one thing after another.

use std::{sync::Arc, time::Duration};

use chancery_engine::id::Hex;
use chancery_proto::admin::v1 as admin;
use http::StatusCode;
use sha2::{Digest as _, Sha256};

use super::{
    Key, WebhookError, Webhooks, backoff,
    event::Event,
    notification::Notification,
    sending::{Message, Undelivered, refusal},
};
use crate::{
    ledger::{Follower, Positioned},
    registry::now,
    store::{Told, WebhookState},
};

/// How long a notification is tried.
const GIVEN_UP_AFTER_SECONDS: i64 = 24 * 60 * 60;

/// Records that are passed over before the store learns how far it is: so many are read again after a
/// restart at most.
const KEPT_EVERY: u64 = 10_000;

/// How long to wait for more records before they are read.
const GATHERED_FOR: Duration = Duration::from_millis(200);

/// How long to wait before the store or the record is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Tells one webhook.
#[derive(Debug)]
pub(super) struct Courier {
    webhooks: Arc<Webhooks>,
    organization: String,
    id: String,
}

/// Something that a webhook is to be told.
#[derive(Debug)]
struct Pending {
    message_id: String,
    position: u64,
    /// When the record took it in.
    received_seconds: i64,
    notification: Notification,
}

/// How far it is.
#[derive(Debug)]
struct Progress {
    /// As the store has it, but for `position`, which it learns now and then.
    state: WebhookState,
    /// The position that the store has.
    kept: u64,
    /// How often in a row the receiver failed.
    failures: u32,
}

impl Courier {
    pub(super) fn new(webhooks: Arc<Webhooks>, (organization, id): Key) -> Self {
        Self {
            webhooks,
            organization,
            id,
        }
    }

    /// Goes on until it is aborted: it is in the middle of nothing that the next one could not do again.
    pub(super) async fn run(self) {
        loop {
            match self.follow().await {
                Ok(()) => return,
                Err(error) => {
                    let (organization, webhook) = (&self.organization, &self.id);
                    tracing::error!(organization, webhook, %error, "a webhook is not told for now");
                    tokio::time::sleep(AGAIN_AFTER).await;
                }
            }
        }
    }

    /// Follows the record to its end, which is when the control plane ends.
    async fn follow(&self) -> Result<(), WebhookError> {
        self.webhooks.keep().await?;
        let state = self.blocking(Self::load).await??;
        let mut state = state.ok_or(WebhookError::NotKept)?;
        let mut length = self.webhooks.ledger.length();
        // A record from a backup may be shorter than it was.
        state.position = state.position.min(*length.borrow());
        let mut follower = Follower::new(state.position);
        let mut progress = Progress {
            kept: state.position,
            state,
            failures: 0,
        };
        loop {
            length.mark_unchanged();
            let before = follower.position();
            let read = move |courier: &Self| courier.read(follower);
            let (next, pending) = self.blocking(read).await??;
            follower = next;
            for pending in pending {
                self.tell(&mut progress, pending).await?;
            }
            self.note(&mut progress, follower.position());
            if follower.position() != before {
                if follower.position().saturating_sub(progress.kept) >= KEPT_EVERY {
                    self.put(&mut progress, None).await?;
                }
                continue;
            }
            if length.changed().await.is_err() {
                return Ok(());
            }
            tokio::time::sleep(GATHERED_FOR).await;
        }
    }

    /// Runs something that blocks.
    async fn blocking<T: Send + 'static>(
        &self,
        what: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, WebhookError> {
        let courier = Self {
            webhooks: Arc::clone(&self.webhooks),
            organization: self.organization.clone(),
            id: self.id.clone(),
        };
        Ok(tokio::task::spawn_blocking(move || what(&courier)).await?)
    }

    fn key(&self) -> (&str, &str) {
        (&self.organization, &self.id)
    }

    fn load(&self) -> Result<Option<WebhookState>, WebhookError> {
        Ok(self.webhooks.store.webhook(self.key())?)
    }

    /// What is next on the record, as far as this organization is told of it.
    fn read(&self, mut follower: Follower) -> Result<(Follower, Vec<Pending>), WebhookError> {
        let found = follower.read(&self.webhooks.ledger)?;
        let pending = found.iter().filter_map(|found| self.pending(found));
        let pending = pending.collect();
        Ok((follower, pending))
    }

    fn pending(&self, found: &Positioned) -> Option<Pending> {
        let notification = Notification::of(&self.organization, found, &*self.webhooks)?;
        let mut digest = Sha256::new();
        for part in [self.organization.as_bytes(), self.id.as_bytes()] {
            digest.update(part);
            digest.update([0]);
        }
        digest.update(found.position.to_be_bytes());
        digest.update(&found.record.entry);
        let digest = digest.finalize();
        let short = digest.first_chunk::<16>().map_or(&[][..], |bytes| bytes);
        Some(Pending {
            message_id: format!("msg_{}", Hex(short)),
            position: found.position,
            received_seconds: found.record.receive_time.unwrap_or_default().seconds,
            notification,
        })
    }

    /// Tries until the receiver has taken it, or it is too old.
    async fn tell(&self, progress: &mut Progress, pending: Pending) -> Result<(), WebhookError> {
        let after = pending.position.saturating_add(1);
        let event = pending.notification.event;
        let found = self.webhooks.find(&self.organization, &self.id);
        if found.is_some_and(|(webhook, _)| !wants(&webhook, event)) {
            return Ok(());
        }
        match self.told(&pending).await? {
            Told::NotYet => {}
            Told::Already => return Ok(()),
            Told::TooMuch => return self.give_up(progress, after, "too many in a day").await,
        }
        loop {
            let Some((webhook, etag)) = self.webhooks.find(&self.organization, &self.id) else {
                // It is removed, and this courier is being aborted.
                return std::future::pending().await;
            };
            if !wants(&webhook, event) {
                return Ok(());
            }
            if is_too_old(pending.received_seconds, now().seconds) {
                return self.give_up(progress, after, "a day old").await;
            }
            if progress.state.stopped_etag == etag {
                self.changed_from(&etag).await;
                continue;
            }
            let sent = async {
                let message = Message {
                    id: pending.message_id.clone(),
                    body: pending.notification.body()?,
                };
                let organization = &self.organization;
                self.webhooks.send(organization, &webhook, &message).await
            };
            match outcome(sent.await) {
                Ok(()) => return self.delivered(progress, &pending).await,
                Err((error, is_gone)) => {
                    self.failed(progress, error, is_gone.then_some(&etag))
                        .await?;
                }
            }
            let pause = backoff::after(progress.failures, random());
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                // Somebody may have mended it.
                () = self.changed_from(&etag) => progress.failures = 0,
            }
        }
    }

    async fn told(&self, pending: &Pending) -> Result<Told, WebhookError> {
        let Some(subject) = pending.notification.once else {
            return Ok(Told::NotYet);
        };
        let now_seconds = now().seconds.unsigned_abs();
        let told = move |it: &Self| it.webhooks.store.told(it.key(), &subject, now_seconds);
        Ok(self.blocking(told).await??)
    }

    async fn delivered(
        &self,
        progress: &mut Progress,
        pending: &Pending,
    ) -> Result<(), WebhookError> {
        let now_seconds = now().seconds.unsigned_abs();
        if progress.failures > 0 {
            let (organization, webhook) = self.key();
            tracing::info!(organization, webhook, "a webhook takes notifications again");
        }
        progress.failures = 0;
        progress.state.deliver_seconds = now_seconds;
        progress.state.error.clear();
        progress.state.stopped_etag.clear();
        self.note(progress, pending.position.saturating_add(1));
        let told = pending.notification.once;
        let told = told.map(|subject| (subject, now_seconds));
        self.put(progress, told).await
    }

    async fn failed(
        &self,
        progress: &mut Progress,
        error: String,
        stopped: Option<&String>,
    ) -> Result<(), WebhookError> {
        let (organization, webhook) = self.key();
        progress.failures = progress.failures.saturating_add(1);
        if progress.failures == 1 {
            tracing::warn!(
                organization,
                webhook,
                error,
                "a webhook does not take a notification"
            );
        }
        if let Some(etag) = stopped {
            tracing::warn!(
                organization,
                webhook,
                "it is told nothing until its Organization changes"
            );
            progress.state.stopped_etag.clone_from(etag);
        }
        progress.state.error = error;
        progress.state.error_seconds = now().seconds.unsigned_abs();
        self.put(progress, None).await
    }

    async fn give_up(
        &self,
        progress: &mut Progress,
        position: u64,
        why: &str,
    ) -> Result<(), WebhookError> {
        let (organization, webhook) = self.key();
        tracing::warn!(
            organization,
            webhook,
            position,
            why,
            "a notification is given up"
        );
        progress.state.given_up = progress.state.given_up.saturating_add(1);
        self.note(progress, position);
        self.put(progress, None).await
    }

    /// Says how far it is to whoever lists webhooks.
    fn note(&self, progress: &mut Progress, position: u64) {
        progress.state.position = position;
        let key = (self.organization.clone(), self.id.clone());
        self.webhooks.positions().insert(key, position);
    }

    async fn put(
        &self,
        progress: &mut Progress,
        told: Option<([u8; 32], u64)>,
    ) -> Result<(), WebhookError> {
        let state = progress.state.clone();
        progress.kept = state.position;
        let put = move |it: &Self| {
            let told = told.as_ref().map(|(subject, seconds)| (subject, *seconds));
            it.webhooks.store.put_webhook(it.key(), &state, told)
        };
        Ok(self.blocking(put).await??)
    }

    /// Returns once its organization is not what it was.
    async fn changed_from(&self, etag: &str) {
        let mut changes = self.webhooks.registry.published();
        loop {
            let found = self.webhooks.find(&self.organization, &self.id);
            if found.is_none_or(|(_, now)| now != etag) {
                return;
            }
            if changes.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }
}

/// Whether nobody is told any more of what the record took in then.
fn is_too_old(received_seconds: i64, now_seconds: i64) -> bool {
    now_seconds.saturating_sub(received_seconds) > GIVEN_UP_AFTER_SECONDS
}

/// Whether a webhook is told of an event.
fn wants(webhook: &admin::Webhook, event: Event) -> bool {
    let mut events = webhook.events.iter();
    events.len() == 0 || events.any(|it| it == event.as_str())
}

/// Why a message was not taken, if it was not, and whether the receiver wants no more.
fn outcome(sent: Result<StatusCode, Undelivered>) -> Result<(), (String, bool)> {
    match sent {
        Err(error) => Err((error.to_string(), false)),
        Ok(status) => match refusal(status) {
            None => Ok(()),
            Some(error) => Err((error, status == StatusCode::GONE)),
        },
    }
}

/// Without random numbers all come back at once, which is no failure.
fn random() -> u32 {
    let mut bytes = [0xff; 4];
    match getrandom::getrandom(&mut bytes) {
        Ok(()) | Err(_) => u32::from_be_bytes(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_recorded_a_day_ago_is_told_and_what_is_older_is_not() {
        let day = 24 * 60 * 60;
        assert!(!is_too_old(1_000, 1_000 + day));
        assert!(is_too_old(1_000, 1_001 + day));
        // A clock that was set back makes nothing old.
        assert!(!is_too_old(1_000, 0));
    }

    #[test]
    fn a_webhook_without_events_is_told_of_all() {
        let mut webhook = admin::Webhook::default();
        assert!(wants(&webhook, Event::RecordGap));
        webhook.events = vec!["drift.sighted".to_owned()];
        assert!(wants(&webhook, Event::DriftSighted) && !wants(&webhook, Event::RecordGap));
    }

    #[test]
    fn only_success_is_taken_and_only_410_is_gone() {
        assert_eq!(outcome(Ok(StatusCode::ACCEPTED)), Ok(()));
        for (status, is_gone) in [(301, false), (404, false), (410, true), (503, false)] {
            let (error, found) = outcome(Ok(StatusCode::from_u16(status).unwrap())).unwrap_err();
            assert!(error.contains(&status.to_string()), "{error}");
            assert_eq!(found, is_gone, "{status}");
        }
        let secret = Undelivered::NoSecret("signs".to_owned());
        assert!(!outcome(Err(secret)).unwrap_err().1);
    }
}
