//! Generates the Rust types from the `.proto` files, without protoc.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

const FILES: [&str; 26] = [
    "chancery/admin/v1/allowlist.proto",
    "chancery/admin/v1/apply.proto",
    "chancery/admin/v1/binding.proto",
    "chancery/admin/v1/block.proto",
    "chancery/admin/v1/credential.proto",
    "chancery/admin/v1/detector.proto",
    "chancery/admin/v1/identity_provider.proto",
    "chancery/admin/v1/instance.proto",
    "chancery/admin/v1/offer.proto",
    "chancery/admin/v1/organization.proto",
    "chancery/admin/v1/policy_service.proto",
    "chancery/admin/v1/proposal_service.proto",
    "chancery/admin/v1/quota.proto",
    "chancery/admin/v1/redaction_profile.proto",
    "chancery/admin/v1/registry_service.proto",
    "chancery/admin/v1/review_service.proto",
    "chancery/admin/v1/role.proto",
    "chancery/admin/v1/rule.proto",
    "chancery/admin/v1/server.proto",
    "chancery/admin/v1/snapshot_service.proto",
    "chancery/admin/v1/store_key.proto",
    "chancery/admin/v1/webhook_service.proto",
    "chancery/audit/v1/audit_service.proto",
    "chancery/audit/v1/log_service.proto",
    "chancery/node/v1/node.proto",
    "chancery/policy/v1/snapshot.proto",
];

/// Messages that hold secrets: `src/redacted.rs` shows them.
const SECRET: [&str; 9] = [
    ".chancery.admin.v1.ClientCredentials",
    ".chancery.admin.v1.TokenExchange",
    ".chancery.admin.v1.StaticHeader",
    ".chancery.admin.v1.SigningSecret",
    ".chancery.admin.v1.DiscoverServerRequest",
    ".chancery.admin.v1.RotateCredentialRequest",
    ".chancery.node.v1.CredentialRequest",
    ".chancery.node.v1.CredentialAnswer",
    ".chancery.node.v1.SealingKeys",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=chancery");
    let descriptors = protox::Compiler::new(["."])?
        .include_source_info(true)
        .include_imports(true)
        .open_files(FILES)?
        .file_descriptor_set();
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .build_transport(false)
        .bytes(".chancery.node.v1.SectionChunk.data")
        // Encoded alike each time, as etags and sections are digests of that.
        .btree_map(".chancery.admin.v1.Server.labels")
        .skip_debug(SECRET)
        .client_mod_attribute(".", r#"#[cfg(feature = "client")]"#)
        .server_mod_attribute(".", r#"#[cfg(feature = "server")]"#)
        .compile_fds(descriptors)?;
    Ok(())
}
