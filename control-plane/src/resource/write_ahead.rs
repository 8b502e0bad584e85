//! Which calls of a server's tools go on only once their decision is durable, where no rule says so.

use std::collections::BTreeMap;

use chancery_engine::wire::Invalid;
use chancery_proto::{
    admin::v1::{Server, ServerAudit},
    policy::v1::Pinning,
};

use super::invalid;

/// Whether calls wait for that, and the tools whose calls do not, in the order of their names' bytes.
///
/// # Errors
/// What is none of the levels.
pub(super) fn of(server: &Server) -> Result<(bool, Vec<String>), Invalid> {
    match ServerAudit::try_from(server.audit) {
        Ok(ServerAudit::Standard) => Ok((false, Vec::new())),
        Ok(ServerAudit::WriteAhead) => Ok((true, Vec::new())),
        Ok(ServerAudit::Unspecified | ServerAudit::ByReview) => Ok(by_review(server)),
        Err(_) => {
            let expected = "`by_review`, `standard` or `write_ahead`";
            Err(invalid("audit", server.audit.to_string(), expected))
        }
    }
}

/// A tool that nobody has reviewed as read-only may change something. Where nothing is pinned, nobody
/// has reviewed anything, and what a server says of its own tools is not believed.
fn by_review(server: &Server) -> (bool, Vec<String>) {
    if server.pinning() == Pinning::Unspecified {
        return (false, Vec::new());
    }
    let mut reads: BTreeMap<&str, bool> = BTreeMap::new();
    for tool in &server.tools {
        *reads.entry(&tool.name).or_insert(true) &= only_reads(&tool.definition);
    }
    let is_known_to_read = reads.values().all(|only_reads| *only_reads);
    if is_known_to_read && server.pinning() == Pinning::Enforce {
        // There is no other tool to call.
        return (false, Vec::new());
    }
    let reading = reads.into_iter().filter(|(_, only_reads)| *only_reads);
    (true, reading.map(|(name, _)| name.to_owned()).collect())
}

/// Whether a definition says that its tool changes nothing (MCP 2025-11-25, `ToolAnnotations`).
fn only_reads(definition: &str) -> bool {
    let definition: serde_json::Value = serde_json::from_str(definition).unwrap_or_default();
    let hint = definition.pointer("/annotations/readOnlyHint");
    hint.and_then(serde_json::Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chancery_proto::admin::v1::ToolDefinition;

    fn server(audit: ServerAudit, pinning: Pinning) -> Server {
        let tool = |(name, annotations): (&str, &str)| ToolDefinition {
            name: name.to_owned(),
            definition: format!(r#"{{"name":"{name}"{annotations}}}"#),
        };
        let reads = r#","annotations":{"readOnlyHint":true}"#;
        let tools = [
            ("list", reads),
            ("get", reads),
            ("wipe", ""),
            ("turn", reads),
            ("turn", r#","annotations":{"readOnlyHint":false}"#),
            ("odd", r#","annotations":{"readOnlyHint":"true"}"#),
        ];
        Server {
            audit: audit.into(),
            pinning: pinning.into(),
            tools: tools.map(tool).into(),
            ..Server::default()
        }
    }

    #[test]
    fn only_what_every_approved_definition_calls_read_only_goes_on_at_once() {
        let reviewed = (true, vec!["get".to_owned(), "list".to_owned()]);
        for pinning in [Pinning::Enforce, Pinning::Observe] {
            assert_eq!(
                of(&server(ServerAudit::Unspecified, pinning)),
                Ok(reviewed.clone())
            );
            assert_eq!(
                of(&server(ServerAudit::ByReview, pinning)),
                Ok(reviewed.clone())
            );
        }
        let off = Pinning::Unspecified;
        assert_eq!(
            of(&server(ServerAudit::ByReview, off)),
            Ok((false, Vec::new()))
        );
        assert_eq!(
            of(&server(ServerAudit::WriteAhead, off)),
            Ok((true, Vec::new()))
        );
        let enforce = Pinning::Enforce;
        let mut reading = server(ServerAudit::ByReview, enforce);
        reading.tools.truncate(2);
        assert_eq!(of(&reading), Ok((false, Vec::new())));
        assert_eq!(
            of(&server(ServerAudit::Standard, enforce)),
            Ok((false, Vec::new()))
        );
    }
}
