//! Conditions on the arguments of a call.

use chancery_engine::{
    condition::ArgumentPath,
    decide::Verdict,
    json::Document,
    limits::Limits,
    message::Method,
    policy::Policy,
    rule::{Act, Given, Target},
    truth::Truth,
};
use chancery_proto::policy::v1::{self as pb, condition::Test};
use serde_json::Value;
use serde_json_path::JsonPath;

use crate::policy::{judge, policy_with, rule};

/// What another evaluator cannot rule out that a condition comes to.
#[derive(Clone, Debug)]
struct Can(Vec<Truth>);

/// A condition opens an allow only where it holds, and closes by a deny wherever it does not surely
/// fail; in shadow it would do just that, and does nothing. It comes to what another evaluator says
/// of the same path and values, and never holds where that one has nothing to test.
///
/// The first byte chooses the test, the second what goes with it; then come a line with the path
/// and a line with what values are compared with. The rest is the arguments.
pub fn condition(data: &[u8]) {
    let Some((&[kind, manner], rest)) = data.split_first_chunk::<2>() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(rest) else {
        return;
    };
    let mut lines = text.splitn(3, '\n');
    let (Some(path), Some(operand), Some(arguments)) = (lines.next(), lines.next(), lines.next())
    else {
        return;
    };
    let condition = read(kind, manner, path, operand);
    let limits = Limits::DEFAULT;
    let Ok(document) = Document::parse(arguments.as_bytes(), limits.max_body_bytes, &limits) else {
        return;
    };
    let anything = pb::Rule {
        tools: vec!["t".to_owned()],
        ..rule("anything", pb::Effect::Allow)
    };
    let opens = pb::Rule {
        name: format!("{}-too", anything.name),
        when: vec![condition.clone()],
        ..anything.clone()
    };
    let closes = pb::Rule {
        effect: pb::Effect::Deny.into(),
        ..opens.clone()
    };
    let in_shadow = pb::Rule {
        mode: pb::RuleMode::Shadow.into(),
        ..closes.clone()
    };
    let act = Act {
        method: Some(Method::ToolsCall),
        target: Target::Tool("t"),
        given: Given::Settled(Some(document.root())),
    };
    assert_eq!(with(vec![anything.clone()], act), (true, false));
    let Ok(opening) = policy_with(vec![opens]) else {
        assert!(policy_with(vec![closes]).is_err(), "half a condition");
        return;
    };
    let (holds, _) = judged(&opening, act);
    let (is_open, _) = with(vec![anything.clone(), closes], act);
    assert!(!(holds && is_open), "opens an allow and no deny");
    let (is_allowed, differs) = with(vec![anything, in_shadow], act);
    assert!(is_allowed, "a rule in shadow is enforced");
    assert_eq!(differs, !is_open, "in shadow it is another rule");

    let Ok(tree) = serde_json::from_str(arguments) else {
        // A number too large for serde.
        return;
    };
    let can = expected(&condition, &tree);
    let truth = match (holds, is_open) {
        (true, _) => Truth::Holds,
        (false, true) => Truth::Fails,
        (false, false) => Truth::Unknown,
    };
    assert!(can.0.contains(&truth), "{truth:?}, and not of {can:?}");
}

/// Whether a call is allowed, and whether rules in shadow would change that.
fn judged(policy: &Policy, act: Act<'_>) -> (bool, bool) {
    judge(policy, act).map_or((false, false), |judgement| {
        let is_allowed = judgement.verdict == Verdict::Allow;
        (is_allowed, !judgement.shadow_rules.is_empty())
    })
}

#[expect(clippy::expect_used, reason = "the same condition compiled before")]
fn with(rules: Vec<pb::Rule>, act: Act<'_>) -> (bool, bool) {
    judged(&policy_with(rules).expect("a policy"), act)
}

fn read(kind: u8, manner: u8, path: &str, operand: &str) -> pb::Condition {
    let texts = || operand.split('\t').map(str::to_owned);
    let values = || pb::Values {
        values: texts().collect(),
    };
    let mut bounds = texts();
    let mut bound = || bounds.next().unwrap_or_default();
    let test = match kind % 7 {
        0 => Test::Equals(operand.to_owned()),
        1 => Test::In(values()),
        2 => Test::Glob(values()),
        3 => Test::Regex(operand.to_owned()),
        4 => Test::Cidr(values()),
        5 => Test::Number(pb::Bounds {
            lt: bound(),
            le: bound(),
            gt: bound(),
            ge: bound(),
        }),
        _ => Test::Exists(operand.is_empty()),
    };
    pb::Condition {
        argument: path.to_owned(),
        test: Some(test),
        normalisation: i32::from(manner % 5),
        quantifier: i32::from(manner / 5 % 4),
        on_missing: i32::from(manner / 20 % 3),
    }
}

fn expected(condition: &pb::Condition, tree: &Value) -> Can {
    let (Ok(path), Ok(_), Some(test)) = (
        JsonPath::parse(&condition.argument),
        ArgumentPath::parse(&condition.argument),
        &condition.test,
    ) else {
        return Can::be_anything();
    };
    let values = path.query(tree).all();
    let mut can = match test {
        Test::Exists(expected) => Can::be(values.is_empty() != *expected),
        Test::Equals(_)
        | Test::In(_)
        | Test::Glob(_)
        | Test::Regex(_)
        | Test::Cidr(_)
        | Test::Number(_) => match (values.as_slice(), condition.on_missing()) {
            ([], pb::OnMissing::Unspecified) => Can::be(Truth::Unknown),
            ([], pb::OnMissing::Holds) => Can::be(true),
            ([], pb::OnMissing::Fails) => Can::be(false),
            (values, _) if values.len() > 1_000 => Can::be(Truth::Unknown),
            (values, _) => over(
                condition.quantifier(),
                values.iter().map(|value| tested(condition, test, value)),
            ),
        },
    };
    // What some reader may find elsewhere or round is unknown, and so is what is large.
    can.0.push(Truth::Unknown);
    can
}

fn over(quantifier: pb::Quantifier, values: impl Iterator<Item = Can>) -> Can {
    match quantifier {
        pb::Quantifier::Unspecified | pb::Quantifier::All => values.fold(Can::be(true), Can::and),
        pb::Quantifier::Any => values
            .map(Can::opposite)
            .fold(Can::be(true), Can::and)
            .opposite(),
        pb::Quantifier::None => values.map(Can::opposite).fold(Can::be(true), Can::and),
    }
}

/// What a test comes to of one value: exactly where that is plain, else by its type.
fn tested(condition: &pb::Condition, test: &Test, value: &Value) -> Can {
    let is_normalised = condition.normalisation() != pb::Normalisation::Unspecified;
    match (test, value) {
        (Test::Equals(scalar), _) if !is_normalised => one_of(&[scalar], value),
        (Test::In(scalars), _) if !is_normalised => {
            one_of(&scalars.values.iter().collect::<Vec<_>>(), value)
        }
        (Test::Number(bounds), Value::Number(number)) => number
            .as_i64()
            .and_then(|number| within(bounds, number))
            .map_or_else(Can::be_anything, Can::be),
        (
            Test::Equals(_) | Test::In(_) | Test::Glob(_) | Test::Regex(_) | Test::Cidr(_),
            Value::String(_),
        ) => Can::be_anything(),
        (
            Test::Equals(_)
            | Test::In(_)
            | Test::Glob(_)
            | Test::Regex(_)
            | Test::Cidr(_)
            | Test::Number(_)
            | Test::Exists(_),
            _,
        ) => Can::be(Truth::Unknown),
    }
}

/// Whether a number is within bounds; `None` where one is no integer.
fn within(bounds: &pb::Bounds, number: i64) -> Option<bool> {
    type Holds = fn(&i64, &i64) -> bool;
    let pb::Bounds { lt, le, gt, ge } = bounds;
    let bounds: [(_, Holds); 4] = [(lt, i64::lt), (le, i64::le), (gt, i64::gt), (ge, i64::ge)];
    bounds.into_iter().try_fold(true, |all, (bound, holds)| {
        if bound.is_empty() {
            return Some(all);
        }
        let bound: i64 = serde_json::from_str(bound).ok()?;
        Some(all && holds(&number, &bound))
    })
}

fn one_of(scalars: &[&String], value: &Value) -> Can {
    let scalars: Vec<Value> = scalars
        .iter()
        .filter_map(|scalar| serde_json::from_str(scalar).ok())
        .collect();
    let same_type = |scalar: &&Value| {
        matches!(
            (scalar, value),
            (Value::Null, Value::Null)
                | (Value::Bool(_), Value::Bool(_))
                | (Value::Number(_), Value::Number(_))
                | (Value::String(_), Value::String(_))
        )
    };
    match value {
        // Without rounding, which is not for serde to say.
        Value::Number(_) => Can::be_anything(),
        Value::Array(_) | Value::Object(_) => Can::be(Truth::Unknown),
        Value::Null | Value::Bool(_) | Value::String(_) => {
            let mut comparable = scalars.iter().filter(same_type).peekable();
            if comparable.peek().is_none() {
                Can::be(Truth::Unknown)
            } else {
                Can::be(comparable.any(|scalar| scalar == value))
            }
        }
    }
}

impl Can {
    fn be(truth: impl Into<Truth>) -> Self {
        Self(vec![truth.into()])
    }

    fn be_anything() -> Self {
        Self(vec![Truth::Holds, Truth::Fails, Truth::Unknown])
    }

    fn opposite(self) -> Self {
        Self(self.0.into_iter().map(|truth| !truth).collect())
    }

    /// What both come to together.
    fn and(self, other: Self) -> Self {
        let mut all = Vec::new();
        for right in other.0 {
            for left in &self.0 {
                let both = left.and(right);
                if !all.contains(&both) {
                    all.push(both);
                }
            }
        }
        Self(all)
    }
}
