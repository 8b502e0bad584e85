use chancery_proto::{
    admin::v1::{self as admin, detector::Matcher},
    policy::v1 as policy,
};

use crate::{
    registry::{
        Registry, RegistryError, Wish,
        tests::{apply, by, delete, rule, start},
    },
    resource::Resource,
};

fn profile(id: &str, detectors: &[&str], allowlists: &[&str]) -> Resource {
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    Resource::RedactionProfile(admin::RedactionProfile {
        name: format!("organizations/o/redactionProfiles/{id}"),
        choices: vec![policy::RedactionChoice {
            detectors: texts(detectors),
            action: policy::RedactionAction::Replace.into(),
            ..policy::RedactionChoice::default()
        }],
        allowlists: texts(allowlists),
        ..admin::RedactionProfile::default()
    })
}

fn detector(id: &str, regex: &str) -> Resource {
    Resource::Detector(admin::Detector {
        name: format!("organizations/o/detectors/{id}"),
        matcher: Some(Matcher::Regex(regex.to_owned())),
        ..admin::Detector::default()
    })
}

fn allowlist(id: &str, count: usize) -> Resource {
    Resource::Allowlist(admin::Allowlist {
        name: format!("organizations/o/allowlists/{id}"),
        values: (0..count).map(|value| value.to_string()).collect(),
        ..admin::Allowlist::default()
    })
}

fn redacting(redact: &[&str], reveal: &[&str]) -> Resource {
    let mut resource = rule("r", "x");
    if let Resource::Rule(message) = &mut resource {
        message.obligations = Some(policy::Obligations {
            redact: redact.iter().map(|&id| id.to_owned()).collect(),
            reveal: reveal.iter().map(|&id| id.to_owned()).collect(),
        });
    }
    resource
}

fn refused(registry: &Registry, resource: Resource) -> String {
    let refused = registry.change(vec![Wish::Apply(resource)], &by("ada"), true);
    let refused = refused.unwrap_err();
    if let RegistryError::Invalid(problems) = refused {
        let problems = problems.iter().map(|(_, problem)| problem.to_string());
        problems.collect()
    } else {
        refused.to_string()
    }
}

#[test]
fn what_is_named_is_there_or_built_in() {
    let (registry, _folder) = start();
    apply(
        &registry,
        [
            detector("ticket", "T-[0-9]+"),
            allowlist("ours", 1),
            profile("support", &["ticket", "personal", "jwt"], &["ours"]),
            redacting(&["default", "support"], &["email", "ticket"]),
        ],
    );
    for (resource, expected) in [
        (
            redacting(&["suport"], &[]),
            "obligations.redact[0]: found `suport`, expected the id of a redaction profile: \
             `default`, `support` (did you mean `support`?)",
        ),
        (
            redacting(&[], &["emial"]),
            "obligations.reveal[0]: found `emial`, expected the id of a detector: ",
        ),
        (
            profile("p", &["email", "payment_crad"], &[]),
            "choices[0].detectors[1]: found `payment_crad`, expected the id of a detector: ",
        ),
        (
            profile("p", &["email"], &["theirs"]),
            "allowlists[0]: found `theirs`, expected the id of an allowlist: `ours`",
        ),
        (detector("email", "x"), "name: found `email`"),
        (detector("d", "x*"), "regex: found `x*`, which matches"),
        (allowlist("ours", 1001), "values: found 1001"),
    ] {
        let found = refused(&registry, resource);
        assert!(found.starts_with(expected), "{found}");
    }
    let meant = refused(&registry, profile("p", &["payment_crad"], &[]));
    assert!(meant.ends_with("(did you mean `payment_card`?)"), "{meant}");
}

#[test]
fn what_is_named_stays() {
    let (registry, _folder) = start();
    let resources = [
        detector("ticket", "T-[0-9]+"),
        allowlist("ours", 1),
        profile("support", &["ticket"], &["ours"]),
        redacting(&["support"], &[]),
    ];
    apply(&registry, resources.clone());
    for used in resources.iter().take(3) {
        let wish = Wish::Delete {
            kind: used.kind(),
            name: used.name().to_owned(),
            etag: String::new(),
        };
        let refused = registry.change(vec![wish], &by("ada"), false);
        let refused = refused.unwrap_err();
        assert!(matches!(refused, RegistryError::InUse { .. }), "{refused}");
    }
    for unused in resources.iter().rev() {
        delete(&registry, unused);
    }
}

#[test]
fn a_default_of_ones_own_can_go() {
    let (registry, _folder) = start();
    let default = profile("default", &["email"], &[]);
    apply(&registry, [default.clone(), redacting(&["default"], &[])]);
    delete(&registry, &default);
}

#[test]
fn allowlists_are_bounded_together() {
    let (registry, _folder) = start();
    apply(
        &registry,
        [
            allowlist("a", 600),
            allowlist("b", 400),
            profile("p", &["email"], &["a", "b"]),
        ],
    );
    let found = refused(&registry, allowlist("b", 401));
    assert!(
        found.starts_with("values: found 1001 values and globs in the allowlists of"),
        "{found}"
    );
    apply(&registry, [allowlist("c", 1)]);
    let found = refused(&registry, profile("p", &["email"], &["a", "b", "c"]));
    assert!(found.starts_with("allowlists: found 1001"), "{found}");
}
