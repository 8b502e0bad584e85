//! A control plane that goes on from a backup: nodes take what it says, and the record says what it lacks.

#![cfg(test)]

use std::{fs, process::Command};

use chancery::ledger::{
    checkpoint::LogKeys,
    verify::{VerifyError, verify},
};
use chancery_proto::{
    admin::v1::{ListInstancesRequest, instance_service_client::InstanceServiceClient},
    audit::v1::{RecordFilter, entry::Event},
};
use chancery_tests::control_plane::ControlPlane;

fn rule(name: &str) -> String {
    format!(
        "apiVersion: chancery.dev/v1\nkind: Rule\nmetadata: {{name: {name}}}\n\
         spec: {{effect: deny, subjects: {{anyone: true}}, servers: [\"*\"], methods: [sampling/createMessage]}}\n"
    )
}

async fn published(control_plane: &ControlPlane) -> (u64, u64) {
    let channel = control_plane.connect().await.unwrap();
    let request = ListInstancesRequest::default();
    let mut client = InstanceServiceClient::new(channel);
    let listed = client.list_instances(request);
    let published = listed.await.unwrap().into_inner().published.unwrap();
    (published.epoch, published.version)
}

#[tokio::test]
async fn a_backup_goes_on_as_another_epoch() {
    let mut control_plane = ControlPlane::start().await.unwrap();
    control_plane.apply_yaml(&rule("first")).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup");
    let binary = control_plane.program().to_owned();
    let program = |arguments: &[&str]| {
        let output = Command::new(&binary).args(arguments).output();
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        said
    };
    let data = control_plane.data().display().to_string();
    program(&["store", "backup", &data, &backup.display().to_string()]);
    let mut keys = control_plane.succeed(&["audit", "key"]).await.unwrap();
    let early = control_plane
        .succeed(&["audit", "checkpoint"])
        .await
        .unwrap();
    // What the backup does not have.
    control_plane.apply_yaml(&rule("second")).await.unwrap();
    control_plane.apply_yaml(&rule("third")).await.unwrap();
    let late = control_plane
        .succeed(&["audit", "checkpoint"])
        .await
        .unwrap();
    let before = published(&control_plane).await;
    control_plane.kill();
    fs::remove_dir_all(control_plane.data().join("ledger")).unwrap();
    for file in fs::read_dir(control_plane.data()).unwrap() {
        let path = file.unwrap().path();
        if path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("store.sqlite")
        {
            fs::remove_file(path).unwrap();
        }
    }
    fs::rename(backup.join("ledger"), control_plane.data().join("ledger")).unwrap();
    let store = control_plane.data().join("store.sqlite");
    fs::copy(backup.join("store.sqlite"), store).unwrap();
    let said = program(&["store", "new-epoch", &data]);
    assert!(said.contains("goes on as"), "{said}");

    control_plane.restart().await.unwrap();
    control_plane.apply_yaml(&rule("fourth")).await.unwrap();
    let after = published(&control_plane).await;
    assert!(after > before, "{after:?} is above {before:?}");
    let records = control_plane
        .records(RecordFilter::default())
        .await
        .unwrap();
    let mut events = records.iter().filter_map(|it| it.entry.event.as_ref());
    assert!(events.any(|event| matches!(event, Event::Restoration(_))));

    keys.push_str(&control_plane.succeed(&["audit", "key"]).await.unwrap());
    let keys = LogKeys::parse(&keys).unwrap();
    control_plane.stop();
    let ledger = control_plane.data().join("ledger");
    let remembered = |note: &str| [keys.open(note.as_bytes()).unwrap()];
    verify(&ledger, &keys, &remembered(&early)).unwrap();
    match verify(&ledger, &keys, &remembered(&late)) {
        Err(VerifyError::Fault(fault)) => {
            assert!(
                fault.to_string().starts_with("truncated: record"),
                "{fault}"
            );
        }
        other => panic!("{other:?}"),
    }
}
