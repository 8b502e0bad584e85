//! Whether a rule is wholly covered by another, so that it changes nothing.
//!
//! What is said to cover does; not everything that does is found.

use chancery_proto::{
    admin::v1::Rule,
    policy::v1::{Effect, Obligations, RuleMode, Subjects},
};

use super::{
    Finding,
    site::{Site, fits, is_literal, workspace_of},
};

/// The rule that leaves this one nothing to do, if there is one.
pub(super) fn check(rule: &Rule, site: &Site<'_>, now_seconds: i64) -> Option<Finding> {
    if rule.mode() == RuleMode::Shadow {
        return None;
    }
    let is_live = |other: &&&Rule| {
        other.name != rule.name
            && other.mode() != RuleMode::Shadow
            && other
                .expire_time
                .is_none_or(|end| end.seconds > now_seconds)
    };
    let others = || site.rules.iter().filter(is_live);
    let denying = others()
        .filter(|other| other.effect() == Effect::Deny && rule.effect() == Effect::Allow)
        .find(|other| other.when.is_empty() && covers(other, rule));
    if let Some(other) = denying {
        let found = format!("`{}` denies all that it allows", other.name);
        return Some(Finding::warning(
            "effect",
            found,
            "the rule changes nothing",
        ));
    }
    let same = others().find(|other| {
        let is_as_wide =
            covers(other, rule) && is_implied(other, rule) && adds_nothing(rule, other);
        // Of two that are the same, the later name is the one too many.
        let is_mutual = covers(rule, other) && is_implied(rule, other) && adds_nothing(other, rule);
        other.effect() == rule.effect() && is_as_wide && (!is_mutual || other.name < rule.name)
    });
    same.map(|other| {
        let verb = match rule.effect() {
            Effect::Deny => "denies",
            Effect::Allow | Effect::RequireApproval | Effect::Unspecified => "allows",
        };
        let found = format!("`{}` {verb} all of it already", other.name);
        Finding::warning("effect", found, "the rule changes nothing")
    })
}

/// Whether `wide` applies to every call that `narrow` could be about, conditions aside.
fn covers(wide: &Rule, narrow: &Rule) -> bool {
    let level = workspace_of(&wide.name);
    (level.is_none() || level == workspace_of(&narrow.name))
        && subjects_cover(wide.subjects.as_ref(), narrow.subjects.as_ref())
        && globs_cover(&wide.servers, &narrow.servers)
        && capabilities_cover(wide, narrow)
        && filter_covers(&wide.environments, &narrow.environments)
        && filter_covers(&wide.agents, &narrow.agents)
        && ranges_cover(&wide.source_ranges, &narrow.source_ranges)
        && lasts_longer(wide, narrow)
}

/// Whether all conditions of `wide` hold wherever those of `narrow` do.
fn is_implied(wide: &Rule, narrow: &Rule) -> bool {
    wide.when
        .iter()
        .all(|condition| narrow.when.contains(condition))
}

/// Whether what `narrow` obliges to is what `wide` does already.
fn adds_nothing(narrow: &Rule, wide: &Rule) -> bool {
    // The levels are in the order of how strict they are.
    if narrow.audit > wide.audit || narrow.require_prompt && !wide.require_prompt {
        return false;
    }
    let Some(Obligations { redact, reveal }) = &narrow.obligations else {
        return true;
    };
    let wide = wide.obligations.clone().unwrap_or_default();
    redact.iter().all(|id| wide.redact.contains(id))
        && reveal.iter().all(|id| wide.reveal.contains(id))
}

fn lasts_longer(wide: &Rule, narrow: &Rule) -> bool {
    match (&wide.expire_time, &narrow.expire_time) {
        (None, _) => true,
        (Some(wide), Some(narrow)) => (wide.seconds, wide.nanos) >= (narrow.seconds, narrow.nanos),
        (Some(_), None) => false,
    }
}

fn subjects_cover(wide: Option<&Subjects>, narrow: Option<&Subjects>) -> bool {
    let (Some(wide), Some(narrow)) = (wide, narrow) else {
        return false;
    };
    if wide.anyone {
        return true;
    }
    let contains = |wide: &[String], narrow: &[String]| narrow.iter().all(|one| wide.contains(one));
    // Whoever has a user, a group or the like has a valid token; who is in a role may not.
    let has_token = wide.authenticated;
    !narrow.anyone
        && (has_token || !narrow.authenticated)
        && (has_token || contains(&wide.users, &narrow.users))
        && (has_token || contains(&wide.groups, &narrow.groups))
        && (has_token || contains(&wide.token_roles, &narrow.token_roles))
        && (has_token || contains(&wide.teams, &narrow.teams))
        && (has_token || contains(&wide.clients, &narrow.clients))
        && contains(&wide.roles, &narrow.roles)
        && contains(&wide.workspaces, &narrow.workspaces)
        && globs_cover(&wide.agents, &narrow.agents)
}

fn capabilities_cover(wide: &Rule, narrow: &Rule) -> bool {
    let names = |rule: &Rule| {
        !(rule.tools.is_empty() && rule.prompts.is_empty() && rule.resources.is_empty())
    };
    let methods_cover = if wide.methods.is_empty() {
        true
    } else if narrow.methods.is_empty() {
        wide.methods.iter().any(|glob| glob == "*")
    } else {
        globs_cover(&wide.methods, &narrow.methods)
    };
    // A rule without capabilities is about its methods, whatever they act on.
    let acts_cover = !names(wide)
        || names(narrow)
            && globs_cover(&wide.tools, &narrow.tools)
            && globs_cover(&wide.prompts, &narrow.prompts)
            && globs_cover(&wide.resources, &narrow.resources);
    methods_cover && acts_cover
}

/// A filter that is empty lets everything through.
fn filter_covers(wide: &[String], narrow: &[String]) -> bool {
    wide.is_empty() || !narrow.is_empty() && globs_cover(wide, narrow)
}

/// Ranges are compared as they are written.
fn ranges_cover(wide: &[String], narrow: &[String]) -> bool {
    wide.is_empty() || !narrow.is_empty() && narrow.iter().all(|range| wide.contains(range))
}

fn globs_cover(wide: &[String], narrow: &[String]) -> bool {
    narrow
        .iter()
        .all(|narrow| wide.iter().any(|wide| glob_covers(wide, narrow)))
}

/// Whether everything that `narrow` matches, `wide` does. Where `wide` has no `?`, the wildcards of
/// `narrow` can only stand where `wide` has a `*`, which takes whatever they stand for.
fn glob_covers(wide: &str, narrow: &str) -> bool {
    wide == narrow || (is_literal(narrow) || !wide.contains('?')) && fits(wide, narrow)
}

#[cfg(test)]
mod tests {
    use super::glob_covers;

    #[test]
    fn a_glob_covers_what_it_must() {
        for (wide, narrow, expected) in [
            ("*", "a?b*", true),
            ("get_*", "get_note", true),
            ("get_*", "get_*_x", true),
            ("get_*", "*", false),
            ("get_*", "ge*", false),
            ("get_?", "get_a", true),
            ("get_?", "get_*", false),
            ("get_?", "get_?", true),
            ("a", "a", true),
            ("a", "b", false),
        ] {
            assert_eq!(glob_covers(wide, narrow), expected, "{wide} {narrow}");
        }
    }
}
