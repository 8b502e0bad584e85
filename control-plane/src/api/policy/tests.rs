use chancery_proto::admin::v1::{AdminRole, Binding, NearMiss};

use super::*;
use crate::access::Caller;

#[test]
fn a_workspace_s_rules_are_for_who_has_the_role_there() {
    let caller = Caller {
        certificate: vec!["ann".to_owned()],
        ..Caller::default()
    };
    let binding = Binding {
        name: "organizations/o/bindings/b".to_owned(),
        members: vec!["certificate:ann".to_owned()],
        roles: vec![AdminRole::Viewer.into()],
        workspace: "w".to_owned(),
        ..Binding::default()
    };
    let grants = Grants::of(&caller, &[], &[binding]);
    let near = |rule: &str| NearMiss {
        rule: rule.to_owned(),
        ..NearMiss::default()
    };
    let rules = [
        "organizations/o/rules/r",
        "organizations/o/workspaces/v/rules/r",
        "organizations/o/workspaces/w/rules/r",
    ];
    let mut explanation = Some(Explanation {
        near_misses: rules.map(near).to_vec(),
        ..Explanation::default()
    });
    keep_shown(&mut explanation, |rule| shows(&grants, Role::Viewer, rule));
    let shown = explanation.unwrap().near_misses;
    assert_eq!(shown, [near(rules[0]), near(rules[2])]);
}
