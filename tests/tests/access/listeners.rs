//! What the control plane listens with.

use std::fs;

use chancery_tests::{
    control_plane::ROOT,
    pki::Authority,
    wait::{self, TimedOut},
};

use crate::site::site;

#[tokio::test]
async fn certificates_are_replaced_while_it_runs_and_bad_ones_are_not() {
    let site = site().await;
    let pid = rustix::process::Pid::from_raw(i32::try_from(site.id()).unwrap()).unwrap();
    let hang_up = || rustix::process::kill_process(pid, rustix::process::Signal::HUP);
    let logged = async |what: &str| {
        let found = async || Ok(site.log().contains(what).then_some(()));
        wait::until::<(), TimedOut>(what, wait::PATIENCE, found).await
    };
    let server = site.pki.server().unwrap();
    hang_up().unwrap();
    logged("a certificate was replaced").await.unwrap();
    let root = site.pki.client(Authority::Admins, ROOT).unwrap();
    site.connect(site.admin(), Some(&root)).await.unwrap();
    fs::write(&server.certificate, "nonsense").unwrap();
    hang_up().unwrap();
    logged("a certificate is not replaced; the one before serves on")
        .await
        .unwrap();
    site.connect(site.admin(), Some(&root)).await.unwrap();
}

#[tokio::test]
async fn it_does_not_run_without_knowing_its_callers() {
    let site = site().await;
    let refused = site
        .bare_command(&["serve", "--data-dir", "elsewhere"])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr.contains("it is not said who may call") && stderr.contains("--config FILE"));
    let open = ["serve", "--data-dir", "elsewhere", "--insecure-development"];
    let mut open = site.bare_command(&open);
    let refused = open.args(["--listen", "0.0.0.0:0"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
}
