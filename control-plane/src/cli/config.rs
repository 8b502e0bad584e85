//! Reads the configuration of `chancery serve`, as strictly as resource documents.

use std::path::Path as FilePath;

use super::{
    check::{self, Finding},
    document, files,
    locate::{Malformed, Node, Position},
    path::Path,
    problem::Problem,
};
use crate::config::{Config, ConfigDocument};

/// Reads a file.
pub(crate) fn read(file: &FilePath) -> Result<Config, Vec<Problem>> {
    let (texts, problems) = files::read(&[file.to_owned()]);
    match (&*texts, &*problems) {
        ([text], []) => of_text(&text.file, &text.content),
        _ => Err(problems),
    }
}

fn of_text(file: &str, text: &str) -> Result<Config, Vec<Problem>> {
    let said = |at, field: String, message| Problem {
        file: file.to_owned(),
        at: Some(at),
        field,
        message,
        hint: None,
    };
    let root = || "configuration".to_owned();
    let nodes = Node::read_all(text).map_err(|Malformed { at, message }| {
        let message = format!("found broken YAML, expected a configuration: {message}");
        vec![said(at, root(), message)]
    })?;
    let [node] = &*nodes else {
        let message = format!("found {} documents, expected one", nodes.len());
        return Err(vec![said(Position::START, root(), message)]);
    };
    let schema = document::schema_of::<ConfigDocument>().to_value();
    let findings = check::check(node, &schema);
    if !findings.is_empty() {
        let problem = |Finding {
                           at,
                           path,
                           message,
                           hint,
                       }| Problem {
            hint,
            ..said(at, field_name(&path), message)
        };
        let mut problems: Vec<_> = findings.into_iter().map(problem).collect();
        problems.sort();
        return Err(problems);
    }
    let document: ConfigDocument = serde_json::from_str(&node.to_json()).map_err(|error| {
        let message = format!("found what the schema allows, and yet: {error}");
        vec![said(node.at, root(), message)]
    })?;
    document.read().map_err(|problems| {
        let problem = |invalid: chancery_engine::wire::Invalid| {
            let path = Path::parse(&invalid.field).unwrap_or_default();
            let message = format!("found {}, expected {}", invalid.found, invalid.expected);
            said(node.locate(&path), invalid.field, message)
        };
        problems.into_iter().map(problem).collect()
    })
}

fn field_name(path: &Path) -> String {
    if path.steps().is_empty() {
        "configuration".to_owned()
    } else {
        path.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::KeysFrom;

    const RIGHT: &str = "\
dataDir: /var/lib/chancery
admin:
  listen: 0.0.0.0:7400
  tls: {certificate: admin.pem, key: admin.key, clientCa: admins.pem}
node:
  listen: 0.0.0.0:7401
  tls: {certificate: node.pem, key: node.key, clientCa: nodes.pem}
oidc:
  issuer: https://idp.example.com
  audience: chancery
  jwksFile: jwks.json
  algorithms: [ES256]
administrators: ['certificate:spiffe://example.com/alice']
nodes:
  - certificate: spiffe://example.com/envoy/*
    organizations: [acme]
";

    #[test]
    fn a_configuration_is_read() {
        let config = of_text("chancery.yaml", RIGHT).unwrap();
        assert_eq!(config.admin.listen.port(), 7400);
        assert!(config.nodes[0].scope.covers("organizations/acme"));
        assert!(!config.nodes[0].scope.is_everything());
        assert_eq!(config.tokens.unwrap().rules.user_claim, "$.sub");
    }

    #[test]
    fn where_servers_are_asked_is_read() {
        let discovery = "discovery: {hosts: ['*.example.com'], scanIntervalSeconds: 60, \
                         proxy: 'proxy.example.com:3128'}\nadmin:";
        let text = RIGHT.replacen("admin:", discovery, 1);
        let discovery = of_text("chancery.yaml", &text).unwrap().discovery;
        assert!(discovery.hosts[0].matches("mcp.example.com"));
        assert_eq!(discovery.scan_interval.unwrap().as_secs(), 60);
        assert_eq!(discovery.proxy.unwrap().port_u16(), Some(3128));
        let text = text.replace("'proxy.example.com:3128'", "'not a proxy'");
        let problems = of_text("chancery.yaml", &text).unwrap_err();
        let problem = problems[0].to_string();
        assert!(
            problem.contains("discovery.proxy: found `not a proxy`"),
            "{problem}"
        );
    }

    #[test]
    fn the_registry_is_served_where_that_is_said() {
        let with = |registry: &str| {
            let text = RIGHT.replacen("node:", &format!("registry: {registry}\nnode:"), 1);
            of_text("chancery.yaml", &text)
        };
        assert_eq!(of_text("chancery.yaml", RIGHT).unwrap().registry, None);
        let registry = with("{listen: '127.0.0.1:7402'}")
            .unwrap()
            .registry
            .unwrap();
        assert_eq!((&*registry.organization, registry.tls), ("default", None));
        let tls =
            "{listen: '0.0.0.0:7402', organization: acme, tls: {certificate: r.pem, key: r.key}}";
        let registry = with(tls).unwrap().registry.unwrap();
        assert_eq!(registry.organization, "acme");
        assert_eq!(registry.tls.unwrap().key.to_str(), Some("r.key"));
        for (wrong, expected) in [
            (
                "{listen: '0.0.0.0:7402'}",
                "registry.tls: found nothing, expected a certificate and its key",
            ),
            (
                "{listen: localhost}",
                "registry.listen: found `localhost`, expected an IP address and a port",
            ),
            (
                "{listen: '127.0.0.1:7402', organization: a/b}",
                "registry.organization: found `a/b`, expected the id of an organization",
            ),
        ] {
            let problems = with(wrong).unwrap_err();
            let problem = problems[0].to_string();
            assert!(problem.contains(expected), "{problem}");
        }
    }

    #[test]
    fn keys_come_from_a_file_or_from_the_issuer() {
        let keys = |line: &str| {
            let text = RIGHT.replace("  jwksFile: jwks.json\n", line);
            of_text("chancery.yaml", &text)
                .unwrap()
                .tokens
                .unwrap()
                .keys
        };
        let file = keys("  jwksFile: jwks.json\n");
        assert_eq!(file, KeysFrom::File("jwks.json".into()));
        let url = "https://idp.example.com/keys";
        let at = keys(&format!("  jwksUrl: {url}\n"));
        assert_eq!(at, KeysFrom::Url(url.to_owned()));
        assert_eq!(keys(""), KeysFrom::Discovery);
    }

    #[test]
    fn the_configuration_in_the_readme_is_one() {
        let readme = include_str!("../../../README.md");
        let block = readme
            .split("```yaml\n")
            .find(|block| block.contains("\nadministrators:"))
            .and_then(|block| block.split("```").next());
        of_text("README.md", block.unwrap()).unwrap();
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (right, wrong, expected) in [
            (
                "dataDir:",
                "datadir:",
                "chancery.yaml:1:1: datadir: found the unknown field `datadir`, expected `dataDir`",
            ),
            (
                "listen: 0.0.0.0:7401",
                "listen: localhost",
                "chancery.yaml:6:11: node.listen: found `localhost`, expected an IP address and a port",
            ),
            (
                "key: node.key, clientCa: nodes.pem",
                "key: node.key",
                "chancery.yaml:7:3: node.tls.clientCa: found nothing, expected the CA of nodes'",
            ),
            (
                "certificate:spiffe://example.com/alice",
                "alice",
                "chancery.yaml:13:18: administrators[0]: found `alice`, expected `user:ID`",
            ),
            (
                "[acme]",
                "[acme, 'a/b']",
                "chancery.yaml:16:27: nodes[0].organizations[1]: found `a/b`",
            ),
            (
                "[ES256]",
                "[HS256]",
                "chancery.yaml:12:16: oidc.algorithms[0]: found `HS256`",
            ),
            (
                "jwksFile: jwks.json",
                "jwksFile: jwks.json\n  jwksUrl: https://idp.example.com/keys",
                "chancery.yaml:12:12: oidc.jwksUrl: found `jwksFile` beside it, expected one of both",
            ),
            (
                "jwksFile: jwks.json",
                "jwksUrl: http://idp.example.com/keys",
                "chancery.yaml:11:12: oidc.jwksUrl: found `http://idp.example.com/keys`, expected an `https` URL",
            ),
            (
                "issuer: https://idp.example.com\n  audience: chancery\n  jwksFile: jwks.json",
                "issuer: idp.example.com\n  audience: chancery",
                "chancery.yaml:9:11: oidc.issuer: found `idp.example.com`, expected an `https` URL",
            ),
        ] {
            let problems = of_text("chancery.yaml", &RIGHT.replace(right, wrong)).unwrap_err();
            let text: Vec<_> = problems.iter().map(ToString::to_string).collect();
            assert!(text.len() == 1 && text[0].starts_with(expected), "{text:?}");
        }
    }
}
