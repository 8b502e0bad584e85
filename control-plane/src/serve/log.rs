//! What the record needs beside what is written to it: signed heads and anchors, an end to old records, its way
//! to a collector, and a word on who did not come back and on what never ended.

use std::{path::Path, sync::Arc, time::Duration};

use tokio::sync::watch;

use crate::{
    api::ControlPlane,
    config::LogSettings,
    egress::Egress,
    intents,
    ledger::{Ledger, anchor},
    otlp::{OtlpConfig, Sender},
    registry::now,
};

/// How often old records are looked for.
const DROPPED_EVERY: Duration = Duration::from_hours(1);

/// An instance that does not come back within this, once the control plane is up, is lost: one that lives
/// connects again within seconds.
const BACK_WITHIN: Duration = Duration::from_secs(15);

/// Does all of it until the control plane ends.
pub(super) fn tend(
    control_plane: &ControlPlane,
    (settings, otlp): (LogSettings, Option<OtlpConfig>),
    (egress, data_dir): (Egress, &Path),
    draining: &watch::Receiver<bool>,
) {
    let LogSettings {
        key: _,
        anchors,
        retention,
    } = settings;
    let checkpoints = Arc::clone(&control_plane.checkpoints);
    tokio::spawn(Arc::clone(&checkpoints).run(draining.clone()));
    let anchored = anchor::keep(anchors, checkpoints, egress.clone(), draining.clone());
    tokio::spawn(anchored);
    tokio::spawn(note_absent(control_plane.clone()));
    let ledger = &control_plane.ledger;
    let instances = Arc::clone(&control_plane.instances);
    tokio::spawn(intents::close(
        Arc::clone(ledger),
        instances,
        draining.clone(),
    ));
    if let Some(retention) = retention {
        let ledger = Arc::clone(ledger);
        tokio::spawn(drop_old(ledger, retention, draining.clone()));
    }
    if let Some(config) = otlp {
        let sender = Sender::new(config, egress, Arc::clone(ledger), data_dir);
        tokio::spawn(Arc::new(sender).run(draining.clone()));
    }
}

/// Records as lost who was here before this control plane was, and does not come back.
async fn note_absent(control_plane: ControlPlane) {
    tokio::time::sleep(BACK_WITHIN).await;
    let ControlPlane {
        ledger, instances, ..
    } = control_plane;
    for (source, height) in ledger.unfinished() {
        // Whoever came back and went again is recorded already.
        if !instances.was_here(source)
            && let Err(error) = ledger.note_lost(source, *height).await
        {
            tracing::error!(%error, "a lost instance is not recorded");
        }
    }
}

/// Drops records whose time is over, now and once an hour.
async fn drop_old(ledger: Arc<Ledger>, retention: Duration, mut draining: watch::Receiver<bool>) {
    let mut due = tokio::time::interval(DROPPED_EVERY);
    loop {
        tokio::select! {
            _ = due.tick() => {}
            _ = draining.wait_for(|draining| *draining) => return,
        }
        let ledger = Arc::clone(&ledger);
        match tokio::task::spawn_blocking(move || ledger.drop_older(retention, now())).await {
            Ok(Ok(None)) => {}
            Ok(Ok(Some(dropped))) => {
                tracing::info!(from = dropped.from, to = dropped.to, "dropped old records");
            }
            Ok(Err(error)) => tracing::error!(%error, "old records are not dropped"),
            Err(error) => tracing::error!(%error, "old records are not dropped"),
        }
    }
}
