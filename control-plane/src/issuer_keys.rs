//! Keeps the keys that issuers publish: reads them when they are due or one is missed, keeps them
//! through restarts, and hands them to whoever verifies with them.
//!
//! A key that its issuer no longer publishes is gone with the next reading, at the latest after 24
//! hours; while the issuer cannot be asked its last keys stay, for 48 hours.

pub mod due;
pub mod fetch;
mod keeper;

use std::{error::Error, sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot, watch};

use self::keeper::Keeper;
use crate::{
    egress::Egress,
    store::{IssuerKeySet, KeySource},
};

/// Missed keys that have not been looked at yet; more are answered with no.
const MAX_QUEUED: usize = 1_024;

/// Holds issuers' keys for those who verify with them.
pub trait KeyHolder: Send + Sync + 'static {
    /// Why keys are not taken.
    type Error: Error + Send + Sync + 'static;

    /// Whose keys are not written down and have to be read from the issuer.
    fn key_sources(&self) -> Vec<KeySource>;

    /// The keys that were last read from there, if any.
    fn key_set(&self, source: &KeySource) -> Option<IssuerKeySet>;

    /// Takes keys in the place of those before. Whether they differ. Blocks on the store.
    ///
    /// # Errors
    /// Where they are no good; nothing is changed then.
    fn put_key_set(&self, set: IssuerKeySet) -> Result<bool, Self::Error>;

    /// Forgets the keys of providers that are gone, or come from elsewhere now. Blocks on the store.
    ///
    /// # Errors
    /// Where the store does not.
    fn forget_stray_keys(&self) -> Result<(), Self::Error>;
}

/// Why a key that was missed is not there.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyMissing {
    /// The issuer, or the provider, has none of that name.
    #[error("its issuer does not publish it")]
    Unpublished,
    /// Nobody can say.
    #[error(
        "its issuer's keys cannot be read now, and the log of the control plane says why; those read before still count"
    )]
    Unreadable,
    /// A stranger can miss any number of keys.
    #[error("its issuer has been asked for others just now; try again in 5 s")]
    Busy,
    /// It may be there later.
    #[error("its issuer did not say in time; try again")]
    Slow,
}

/// A key that a token names and that is not known.
#[derive(Debug)]
struct Missed {
    identity_provider: String,
    key_id: String,
    answer: oneshot::Sender<Result<(), KeyMissing>>,
}

/// Asks for keys that are missed.
#[derive(Clone, Debug)]
pub struct IssuerKeys(mpsc::Sender<Missed>);

impl IssuerKeys {
    /// Starts to keep the keys of a holder's providers, until the last handle is gone. With every
    /// change it is looked whether the providers are still the same.
    pub fn start<H: KeyHolder, T: Send + Sync + 'static>(
        holder: Arc<H>,
        changes: watch::Receiver<T>,
        egress: Egress,
    ) -> Self {
        let (asked, asking) = mpsc::channel(MAX_QUEUED);
        tokio::spawn(Keeper::new(holder, egress).run(asking, changes));
        Self(asked)
    }

    /// Makes sure that a provider's issuer publishes a key, which is then with the holder. What takes
    /// longer than `within` goes on, and is answered with an error.
    ///
    /// # Errors
    /// Where the key is not there.
    pub async fn find(
        &self,
        identity_provider: &str,
        key_id: &str,
        within: Duration,
    ) -> Result<(), KeyMissing> {
        let (answer, answered) = oneshot::channel();
        let missed = Missed {
            identity_provider: identity_provider.to_owned(),
            key_id: key_id.to_owned(),
            answer,
        };
        self.0.try_send(missed).map_err(|_full| KeyMissing::Busy)?;
        let answered = tokio::time::timeout(within, answered).await;
        let answered = answered.map_err(|_elapsed| KeyMissing::Slow)?;
        answered.map_err(|_gone| KeyMissing::Unreadable)?
    }
}
