//! Conditions on arguments.

use chancery_proto::policy::v1::{self as pb, condition::Test as Wire};

use super::{
    super::{Invalid, shown},
    each,
};
use crate::{
    address::AddressRange,
    condition::{
        ArgumentPath, Bounds, Condition, Normalisation, Pattern, Quantifier, Requirement, Scalar,
        Test,
    },
    glob::Glob,
};

/// Most conditions of one rule.
const MAX_CONDITIONS: usize = 16;
/// Most values that one condition compares with.
const MAX_VALUES: usize = 1_000;

const TESTS: &str = "one of `equals`, `in`, `glob`, `regex`, `cidr`, `number`, `exists`";

pub(super) fn conditions(conditions: Vec<pb::Condition>) -> Result<Vec<Condition>, Invalid> {
    if conditions.len() > MAX_CONDITIONS {
        let expected = format!("at most {MAX_CONDITIONS} conditions");
        return Err(Invalid::new("when", conditions.len(), expected));
    }
    each("when", conditions, Condition::try_from)
}

/// Address ranges, not more than are looked through in no time.
pub(super) fn ranges(field: &str, texts: Vec<String>) -> Result<Vec<AddressRange>, Invalid> {
    few(field, &texts)?;
    each(field, texts, |text| {
        text.parse().map_err(|error| {
            let found = format!("{}, which {error}", shown(&text));
            Invalid::new("", found, "a CIDR range such as `10.0.0.0/8`")
        })
    })
}

fn few(field: &str, texts: &[String]) -> Result<(), Invalid> {
    if texts.len() <= MAX_VALUES {
        return Ok(());
    }
    let expected = format!("at most {MAX_VALUES} values");
    Err(Invalid::new(field, texts.len(), expected))
}

impl TryFrom<pb::Condition> for Condition {
    type Error = Invalid;

    fn try_from(message: pb::Condition) -> Result<Self, Invalid> {
        let pb::Condition {
            argument,
            normalisation,
            quantifier,
            on_missing,
            test,
        } = message;
        let path = ArgumentPath::parse(&argument).map_err(|error| {
            let found = format!("{}, which {error}", shown(&argument));
            Invalid::new("argument", found, "a JSONPath such as `$.repo`")
        })?;
        let normalisation = normalisation_of(normalisation)?;
        let test = test.ok_or_else(|| Invalid::new("test", "nothing", TESTS))?;
        if let Wire::Exists(expected) = test {
            let is_bare = normalisation.is_none() && quantifier == 0 && on_missing == 0;
            if !is_bare {
                let expected = "no `normalise`, `quantifier` or `on_missing` beside it";
                return Err(Invalid::new(
                    "exists",
                    "more than whether it exists",
                    expected,
                ));
            }
            return Ok(Self {
                argument: path,
                requirement: Requirement::Exists(expected),
            });
        }
        Ok(Self {
            argument: path,
            requirement: Requirement::Pass {
                test: test_of(test, normalisation)?,
                normalisation,
                quantifier: quantifier_of(quantifier)?,
                on_missing: on_missing_of(on_missing)?,
            },
        })
    }
}

fn normalisation_of(normalisation: i32) -> Result<Option<Normalisation>, Invalid> {
    match pb::Normalisation::try_from(normalisation) {
        Ok(pb::Normalisation::Unspecified) => Ok(None),
        Ok(pb::Normalisation::Path) => Ok(Some(Normalisation::Path)),
        Ok(pb::Normalisation::Url) => Ok(Some(Normalisation::Url)),
        Ok(pb::Normalisation::Host) => Ok(Some(Normalisation::Host)),
        Ok(pb::Normalisation::Casefold) => Ok(Some(Normalisation::Casefold)),
        Err(_) => {
            let expected = "`path`, `url`, `host`, `casefold` or nothing";
            Err(Invalid::new("normalisation", normalisation, expected))
        }
    }
}

fn quantifier_of(quantifier: i32) -> Result<Quantifier, Invalid> {
    match pb::Quantifier::try_from(quantifier) {
        Ok(pb::Quantifier::Unspecified | pb::Quantifier::All) => Ok(Quantifier::All),
        Ok(pb::Quantifier::Any) => Ok(Quantifier::Any),
        Ok(pb::Quantifier::None) => Ok(Quantifier::None),
        Err(_) => Err(Invalid::new(
            "quantifier",
            quantifier,
            "`all`, `any` or `none`",
        )),
    }
}

fn on_missing_of(on_missing: i32) -> Result<Option<bool>, Invalid> {
    match pb::OnMissing::try_from(on_missing) {
        Ok(pb::OnMissing::Unspecified) => Ok(None),
        Ok(pb::OnMissing::Holds) => Ok(Some(true)),
        Ok(pb::OnMissing::Fails) => Ok(Some(false)),
        Err(_) => Err(Invalid::new(
            "on_missing",
            on_missing,
            "`holds`, `fails` or nothing",
        )),
    }
}

fn test_of(test: Wire, normalisation: Option<Normalisation>) -> Result<Test, Invalid> {
    Ok(match test {
        Wire::Equals(lexeme) => {
            let scalar = scalar(&lexeme, normalisation);
            let scalar = scalar.map_err(|error| Invalid {
                field: "equals".to_owned(),
                ..error
            })?;
            Test::OneOf([scalar].into_iter().collect())
        }
        Wire::In(pb::Values { values }) => {
            some("in", &values)?;
            let scalars = each("in", values, |text| scalar(&text, normalisation))?;
            Test::OneOf(scalars.into_iter().collect())
        }
        Wire::Glob(pb::Values { values }) => {
            some("glob", &values)?;
            Test::Glob(each("glob", values, |pattern| {
                glob(&pattern, normalisation)
            })?)
        }
        Wire::Regex(pattern) => Test::Matches(regex(&pattern, normalisation)?),
        Wire::Cidr(pb::Values { values }) => {
            normalised_as("cidr", normalisation, Some(Normalisation::Host))?;
            some("cidr", &values)?;
            Test::InRange(ranges("cidr", values)?)
        }
        Wire::Number(pb::Bounds { lt, le, gt, ge }) => {
            normalised_as("number", normalisation, None)?;
            Test::Number(Bounds::new([&lt, &le, &gt, &ge]).map_err(|error| {
                let found = format!("bounds of which one {error}");
                Invalid::new(
                    "number",
                    found,
                    "at least one of `lt`, `le`, `gt`, `ge`, each a number",
                )
            })?)
        }
        // Has no test, so it came to something before.
        Wire::Exists(_) => return Err(Invalid::new("test", "`exists`", TESTS)),
    })
}

/// Whether a value is tested as such in the one normal form that the test knows, if any.
fn normalised_as(
    field: &str,
    found: Option<Normalisation>,
    known: Option<Normalisation>,
) -> Result<(), Invalid> {
    match found {
        Some(normalisation) if found != known => {
            let found = format!("{normalisation}, for `{field}`");
            let expected = known.map_or_else(
                || "nothing".to_owned(),
                |known| format!("{known}, or nothing"),
            );
            Err(Invalid::new("normalisation", found, expected))
        }
        Some(_) | None => Ok(()),
    }
}

fn some(field: &str, values: &[String]) -> Result<(), Invalid> {
    if values.is_empty() {
        return Err(Invalid::new(field, "none", "at least one value"));
    }
    few(field, values)
}

/// A scalar in the form that values are compared in.
fn scalar(text: &str, normalisation: Option<Normalisation>) -> Result<Scalar, Invalid> {
    let scalar = Scalar::parse(text).map_err(|error| {
        let found = format!("{}, which {error}", shown(text));
        Invalid::new("", found, "a string, number, `true`, `false` or `null`")
    })?;
    let Some(normalisation) = normalisation else {
        return Ok(scalar);
    };
    let normal = match &scalar {
        Scalar::String(text) => normalisation.normal_form(text),
        Scalar::Null | Scalar::Bool(_) | Scalar::Number(_) => None,
    };
    normal
        .map(|normal| Scalar::String(normal.into()))
        .ok_or_else(|| {
            let expected = format!("a string that is {normalisation} in one way alone");
            Invalid::new("", shown(text), expected)
        })
}

fn glob(pattern: &str, normalisation: Option<Normalisation>) -> Result<Glob, Invalid> {
    let glob = Glob::over_text(pattern).map_err(|error| {
        let found = format!("{}, which {error}", shown(pattern));
        Invalid::new("", found, "a text or glob")
    })?;
    match normalisation {
        Some(normalisation) if !normalisation.could_yield(pattern) => {
            let expected = format!("a glob that {normalisation} in normal form could match");
            Err(Invalid::new("", shown(pattern), expected))
        }
        Some(_) | None => Ok(glob),
    }
}

fn regex(pattern: &str, normalisation: Option<Normalisation>) -> Result<Pattern, Invalid> {
    let regex = Pattern::parse(pattern).map_err(|error| {
        let found = format!("{}, which {error}", shown(pattern));
        Invalid::new("regex", found, "a regular expression")
    })?;
    match normalisation {
        Some(normalisation) if !normalisation.could_satisfy(pattern) => {
            let expected = format!("a regular expression that {normalisation} could match");
            Err(Invalid::new("regex", shown(pattern), expected))
        }
        Some(_) | None => Ok(regex),
    }
}
