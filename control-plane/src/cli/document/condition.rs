//! Conditions on the arguments of a call.

use chancery_proto::policy::v1::{self as policy, condition::Test};
use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use super::{
    Unreadable,
    scalar::{Exact, Scalar},
    unknown,
};

/// What the value of an argument must be: exactly one of `equals`, `in`, `glob`, `regex`, `cidr`,
/// `number` and `exists`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(transform = one_test)]
pub(super) struct Condition {
    /// A JSONPath (RFC 9535) from the arguments, such as `$.repo` or `$.labels[*]`.
    arg: ArgumentPath,
    /// Equal to this.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "given"
    )]
    equals: Option<Scalar>,
    /// Equal to one of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    r#in: Option<Vec<Scalar>>,
    /// A text that one of these globs (`*`, `?`) matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    glob: Option<OneOrMore>,
    /// A text that this regular expression matches somewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    regex: Option<String>,
    /// An address in one of these CIDR ranges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cidr: Option<OneOrMore>,
    /// A number within these bounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    number: Option<Bounds>,
    /// Whether there is any value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exists: Option<bool>,
    /// What is done to a text before it is tested: nothing where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    normalise: Option<Normalise>,
    /// Which of several values must pass: all, and at least one, where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quantifier: Option<Quantifier>,
    /// What a path without a value comes to. Where left out the condition cannot be evaluated then:
    /// it satisfies no rule that allows and every rule that denies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on_missing: Option<OnMissing>,
}

const TESTS: [&str; 7] = ["equals", "in", "glob", "regex", "cidr", "number", "exists"];

fn one_test(schema: &mut schemars::Schema) {
    let tests = TESTS.map(|test| serde_json::json!({"required": [test]}));
    schema.insert("oneOf".to_owned(), tests.to_vec().into());
}

/// `null` is a value like any other.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Scalar>, D::Error> {
    Scalar::deserialize(deserializer).map(Some)
}

/// A JSONPath.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(inline, title = "a JSONPath that begins with $", extend("pattern" = r"^\$"))]
struct ArgumentPath(String);

/// One text, or several.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl JsonSchema for OneOrMore {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "OneOrMore".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        json_schema!({
            "type": ["string", "array"],
            "minLength": 1,
            "items": {"type": "string"},
            "minItems": 1,
        })
    }
}

impl OneOrMore {
    fn into_message(self) -> policy::Values {
        let values = match self {
            Self::One(value) => vec![value],
            Self::More(values) => values,
        };
        policy::Values { values }
    }
}

impl From<policy::Values> for OneOrMore {
    fn from(policy::Values { mut values }: policy::Values) -> Self {
        match (values.pop(), values.is_empty()) {
            (Some(only), true) => Self::One(only),
            (last, _) => {
                values.extend(last);
                Self::More(values)
            }
        }
    }
}

/// Bounds of a number.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
struct Bounds {
    /// Less than.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lt: Option<Exact>,
    /// At most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    le: Option<Exact>,
    /// Greater than.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gt: Option<Exact>,
    /// At least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ge: Option<Exact>,
}

/// What is done to a text before it is tested. What cannot be normalised cannot be evaluated.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Normalise {
    Path,
    Url,
    Host,
    Casefold,
}

/// Which of several values must pass.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Quantifier {
    All,
    Any,
    None,
}

/// What a path without a value comes to.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum OnMissing {
    Holds,
    Fails,
}

impl Condition {
    pub(super) fn into_message(self) -> policy::Condition {
        let Self {
            arg,
            equals,
            r#in,
            glob,
            regex,
            cidr,
            number,
            exists,
            normalise,
            quantifier,
            on_missing,
        } = self;
        // The schema has made sure that there is one.
        let tests = [
            equals.map(|scalar| Test::Equals(scalar.into_json())),
            r#in.map(|scalars| {
                let values = scalars.into_iter().map(Scalar::into_json).collect();
                Test::In(policy::Values { values })
            }),
            glob.map(|globs| Test::Glob(globs.into_message())),
            regex.map(Test::Regex),
            cidr.map(|ranges| Test::Cidr(ranges.into_message())),
            number.map(|bounds| Test::Number(bounds.into_message())),
            exists.map(Test::Exists),
        ];
        let normalisation =
            normalise.map_or(
                policy::Normalisation::Unspecified,
                |normalise| match normalise {
                    Normalise::Path => policy::Normalisation::Path,
                    Normalise::Url => policy::Normalisation::Url,
                    Normalise::Host => policy::Normalisation::Host,
                    Normalise::Casefold => policy::Normalisation::Casefold,
                },
            );
        let quantifier =
            quantifier.map_or(
                policy::Quantifier::Unspecified,
                |quantifier| match quantifier {
                    Quantifier::All => policy::Quantifier::All,
                    Quantifier::Any => policy::Quantifier::Any,
                    Quantifier::None => policy::Quantifier::None,
                },
            );
        let on_missing =
            on_missing.map_or(
                policy::OnMissing::Unspecified,
                |on_missing| match on_missing {
                    OnMissing::Holds => policy::OnMissing::Holds,
                    OnMissing::Fails => policy::OnMissing::Fails,
                },
            );
        policy::Condition {
            argument: arg.0,
            test: tests.into_iter().flatten().next(),
            normalisation: normalisation.into(),
            quantifier: quantifier.into(),
            on_missing: on_missing.into(),
        }
    }

    pub(super) fn parse(rule: &str, message: policy::Condition) -> Result<Self, Unreadable> {
        let policy::Condition {
            argument,
            test,
            normalisation,
            quantifier,
            on_missing,
        } = message;
        let bare = Self {
            arg: ArgumentPath(argument),
            normalise: match policy::Normalisation::try_from(normalisation) {
                Ok(policy::Normalisation::Unspecified) => None,
                Ok(policy::Normalisation::Path) => Some(Normalise::Path),
                Ok(policy::Normalisation::Url) => Some(Normalise::Url),
                Ok(policy::Normalisation::Host) => Some(Normalise::Host),
                Ok(policy::Normalisation::Casefold) => Some(Normalise::Casefold),
                Err(_) => return Err(unknown(rule, "normalise", normalisation)),
            },
            quantifier: match policy::Quantifier::try_from(quantifier) {
                Ok(policy::Quantifier::Unspecified) => None,
                Ok(policy::Quantifier::All) => Some(Quantifier::All),
                Ok(policy::Quantifier::Any) => Some(Quantifier::Any),
                Ok(policy::Quantifier::None) => Some(Quantifier::None),
                Err(_) => return Err(unknown(rule, "quantifier", quantifier)),
            },
            on_missing: match policy::OnMissing::try_from(on_missing) {
                Ok(policy::OnMissing::Unspecified) => None,
                Ok(policy::OnMissing::Holds) => Some(OnMissing::Holds),
                Ok(policy::OnMissing::Fails) => Some(OnMissing::Fails),
                Err(_) => return Err(unknown(rule, "onMissing", on_missing)),
            },
            ..Self::default()
        };
        let found = match test {
            Some(test) => bare.with(test),
            None => Err("a condition of an unknown form".to_owned()),
        };
        found.map_err(|found| Unreadable {
            name: rule.to_owned(),
            field: "when",
            found,
        })
    }

    fn with(self, test: Test) -> Result<Self, String> {
        let scalar = |json: String| Scalar::parse(&json).ok_or_else(|| format!("the value {json}"));
        let mut condition = self;
        match test {
            Test::Equals(json) => condition.equals = Some(scalar(json)?),
            Test::In(policy::Values { values }) => {
                let values = values.into_iter().map(scalar);
                condition.r#in = Some(values.collect::<Result<_, _>>()?);
            }
            Test::Glob(globs) => condition.glob = Some(globs.into()),
            Test::Regex(regex) => condition.regex = Some(regex),
            Test::Cidr(ranges) => condition.cidr = Some(ranges.into()),
            Test::Number(bounds) => condition.number = Some(Bounds::parse(bounds)?),
            Test::Exists(exists) => condition.exists = Some(exists),
        }
        Ok(condition)
    }
}

impl Bounds {
    fn into_message(self) -> policy::Bounds {
        let Self { lt, le, gt, ge } = self;
        let text = |bound: Option<Exact>| bound.map(Exact::into_json).unwrap_or_default();
        policy::Bounds {
            lt: text(lt),
            le: text(le),
            gt: text(gt),
            ge: text(ge),
        }
    }

    fn parse(message: policy::Bounds) -> Result<Self, String> {
        let policy::Bounds { lt, le, gt, ge } = message;
        let bound = |text: String| match &*text {
            "" => Ok(None),
            _ => match Exact::parse(&text) {
                Some(bound) => Ok(Some(bound)),
                None => Err(format!("the bound {text}")),
            },
        };
        Ok(Self {
            lt: bound(lt)?,
            le: bound(le)?,
            gt: bound(gt)?,
            ge: bound(ge)?,
        })
    }
}
