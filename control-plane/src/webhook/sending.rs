//! One message to one receiver: signed, posted, and what came of it.

use chancery_engine::id::Hex;
use chancery_proto::admin::v1 as admin;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::{
    Webhooks,
    event::Event,
    notification::{Data, Notification},
    signature::{SigningKey, Unfit},
};
use crate::{
    egress::EgressError,
    registry::now,
    secrets::{Purpose, SecretsError},
};

/// Why a message was not sent, or not answered. Nothing of it says the receiver's URL, which may be secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Undelivered {
    /// The URL.
    #[error("its URL {0}")]
    Place(&'static str),
    /// The receiver.
    #[error(transparent)]
    Egress(EgressError),
    /// The secret.
    #[error("its credential `{0}` has no secret")]
    NoSecret(String),
    /// The secret.
    #[error("the secret of its credential cannot sign: found {0}")]
    Unfit(#[from] Unfit),
    /// The sealed part of the store.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// A task of ours.
    #[error(transparent)]
    Task(#[from] tokio::task::JoinError),
    /// The message.
    #[error("the message cannot be made: {0}")]
    Message(#[from] serde_json::Error),
    /// A header.
    #[error("the message cannot be made: {0}")]
    Header(#[from] http::header::InvalidHeaderValue),
    /// The system has no random numbers.
    #[error("no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

impl From<EgressError> for Undelivered {
    fn from(error: EgressError) -> Self {
        if let EgressError::Url { url: _, why } = &error {
            Self::Place(why)
        } else {
            Self::Egress(error)
        }
    }
}

/// What is sent.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// The same for the same event and webhook, however often it is sent.
    pub(super) id: String,
    /// JSON.
    pub(super) body: Vec<u8>,
}

impl Webhooks {
    /// Sends a webhook a test, whatever it is told otherwise. `None`: there is no such webhook.
    pub async fn test(
        &self,
        organization: &str,
        id: &str,
    ) -> Option<Result<StatusCode, Undelivered>> {
        let (webhook, _) = self.find(organization, id)?;
        let sent = async {
            let mut random = [0; 16];
            getrandom::getrandom(&mut random)?;
            let test = Notification {
                event: Event::Test,
                time: now(),
                data: Data {
                    organization: organization.to_owned(),
                    ..Data::default()
                },
                once: None,
            };
            let message = Message {
                id: format!("msg_{}", Hex(&random)),
                body: test.body()?,
            };
            self.send(organization, &webhook, &message).await
        };
        Some(sent.await)
    }

    /// Signs a message and posts it.
    pub(super) async fn send(
        &self,
        organization: &str,
        webhook: &admin::Webhook,
        message: &Message,
    ) -> Result<StatusCode, Undelivered> {
        let Message { id, body } = message;
        let key = self.signing_key(organization, &webhook.credential).await?;
        let timestamp_seconds = now().seconds;
        let signature = key.sign(id, timestamp_seconds, body);
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("webhook-id", id.clone()),
            ("webhook-timestamp", timestamp_seconds.to_string()),
            ("webhook-signature", signature),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::try_from(value)?);
        }
        let posted = self.egress.post_json(&webhook.url, headers, body.clone());
        Ok(posted.await?)
    }

    /// Read anew each time, so that a rotation counts at once.
    async fn signing_key(&self, organization: &str, id: &str) -> Result<SigningKey, Undelivered> {
        let name = format!("{organization}/credentials/{id}");
        let secrets = self.registry.secrets().clone();
        let read = move || secrets.read(Purpose::Credential, &name);
        let kept = tokio::task::spawn_blocking(read).await??;
        let newest = kept.first();
        let (_, secret) = newest.ok_or_else(|| Undelivered::NoSecret(id.to_owned()))?;
        Ok(SigningKey::read(secret)?)
    }
}

/// Why an answer is not that the message was taken; `None` where it is.
pub fn refusal(status: StatusCode) -> Option<String> {
    (!status.is_success()).then(|| format!("it answered {status}"))
}
