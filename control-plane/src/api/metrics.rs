//! What monitoring asks: figures at `/metrics`, in the format of Open Metrics.

use axum::{
    Extension,
    body::Body,
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse as _, Response},
};
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use super::{ControlPlane, error};
use crate::{
    access::Caller, ledger::index::IndexError, registry::now, resource::Kind, store::StoreError,
};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
enum MetricsError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error(transparent)]
    Encoding(#[from] std::fmt::Error),
}

/// Answers with all figures, for whoever views every organization: a webhook's lag is of one.
pub async fn metrics(
    State(control_plane): State<ControlPlane>,
    Extension(caller): Extension<Caller>,
) -> Response {
    if let Err(status) = control_plane.may_watch(&caller).await {
        let mut response = status.into_http::<Body>();
        *response.status_mut() = http::StatusCode::FORBIDDEN;
        return response;
    }
    let figures = tokio::task::spawn_blocking(move || control_plane.figures()).await;
    match figures {
        Ok(Ok(text)) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Ok(Err(error)) => {
            tracing::error!(%error, "there are no figures for monitoring");
            (http::StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response()
        }
        Err(error) => error::task(&error).into_http::<Body>(),
    }
}

/// Which instances.
#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Condition {
    state: &'static str,
}

/// Which webhook.
#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Webhook {
    organization: String,
    webhook: String,
}

impl ControlPlane {
    /// All figures as text. Blocks on the disk.
    fn figures(&self) -> Result<String, MetricsError> {
        let mut registry = Registry::with_prefix("chancery");
        self.record_figures(&mut registry)?;
        self.instance_figures(&mut registry);
        self.webhook_figures(&mut registry)?;
        let mut figures = String::new();
        text::encode(&mut figures, &registry)?;
        Ok(figures)
    }

    fn record_figures(&self, registry: &mut Registry) -> Result<(), MetricsError> {
        let length = *self.ledger.length().borrow();
        let horizon = *self.index.horizon().borrow();
        let behind = length.saturating_sub(horizon.position);
        let indexed = horizon.time.filter(|_| behind > 0);
        let lag = indexed.map_or(0, |time| now().seconds.saturating_sub(time.seconds).max(0));
        count(registry, "records", "Records that are durable", length);
        gauge(
            registry,
            "index_lag_records",
            "Records that the index does not have yet",
            behind,
        );
        let name = "index_lag";
        let help = "Age of the last record in the index, where it does not have all";
        with_unit(registry, (name, help, Unit::Seconds), lag.unsigned_abs());
        let bytes = self.ledger.size_bytes();
        with_unit(
            registry,
            ("record_size", "Size of the record on disk", Unit::Bytes),
            bytes,
        );
        let gaps = self.index.gaps()?;
        count(
            registry,
            "gaps",
            "Records that say that entries are missing",
            gaps,
        );
        Ok(())
    }

    fn instance_figures(&self, registry: &mut Registry) {
        let instances = self.instances.list(|_, _| true);
        let published = self.registry.published().borrow().clone();
        let version = published
            .as_ref()
            .map(|snapshot| (snapshot.epoch, snapshot.version));
        gauge(
            registry,
            "snapshot_version",
            "Version of the newest published snapshot",
            version.map_or(0, |(_, version)| version),
        );
        let of = |state: &'static str, is: &dyn Fn(bool, bool) -> bool| {
            let matching = instances.iter().filter(|it| {
                let applied = it.applied.as_ref().map(|it| (it.epoch, it.version));
                is(it.live, applied == version)
            });
            (state, matching.count())
        };
        let states = Family::<Condition, Gauge>::default();
        for (state, count) in [
            of("converged", &|is_live, is_newest| is_live && is_newest),
            of("behind", &|is_live, is_newest| is_live && !is_newest),
            of("lost", &|is_live, _| !is_live),
        ] {
            states
                .get_or_create(&Condition { state })
                .set(integer(count));
        }
        let help = "Instances: those that enforce the newest snapshot, those that do not, and those lost of late";
        registry.register("instances", help, states);
        let refusing = instances
            .iter()
            .filter(|it| it.live && !it.nack_reason.is_empty());
        gauge(
            registry,
            "instances_refusing",
            "Live instances whose last answer was that they refuse a snapshot",
            u64::try_from(refusing.count()).unwrap_or(u64::MAX),
        );
        let dropped = instances.iter().map(|it| it.dropped_entries);
        gauge(
            registry,
            "dropped_entries",
            "Entries that the instances shown lost because their ring was full",
            dropped.fold(0, u64::saturating_add),
        );
    }

    fn webhook_figures(&self, registry: &mut Registry) -> Result<(), MetricsError> {
        let lags = Family::<Webhook, Gauge>::default();
        for organization in self.registry.names(Kind::Organization) {
            for status in self.webhooks.status(&organization)? {
                let labels = Webhook {
                    organization: organization.clone(),
                    webhook: status.webhook.id,
                };
                let lag = status.length.saturating_sub(status.state.position);
                let lag = i64::try_from(lag).unwrap_or(i64::MAX);
                lags.get_or_create(&labels).set(lag);
            }
        }
        let help = "Records that a webhook has not been told of yet";
        registry.register("webhook_lag_records", help, lags);
        Ok(())
    }
}

fn count(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let counter = Counter::<u64>::default();
    counter.inc_by(value);
    registry.register(name, help, counter);
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let gauge = Gauge::<i64>::default();
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    registry.register(name, help, gauge);
}

fn with_unit(registry: &mut Registry, (name, help, unit): (&str, &str, Unit), value: u64) {
    let gauge = Gauge::<i64>::default();
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    registry.register_with_unit(name, help, unit, gauge);
}

fn integer(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
