//! How much may be called.

use std::num::NonZeroU32;

use chancery_proto::policy::v1 as pb;

use super::{super::Invalid, each, globs, named, set_of, subject::SUBJECTS};
use crate::{
    quota::{Per, Quota, Rate},
    subject::Subjects,
};

/// Shortest and longest period, in milliseconds.
const PERIOD_MS: std::ops::RangeInclusive<i64> = 1_000..=31 * 86_400_000;

impl TryFrom<pb::Quota> for Quota {
    type Error = Invalid;

    fn try_from(message: pb::Quota) -> Result<Self, Invalid> {
        let pb::Quota {
            name,
            subjects,
            servers,
            tools,
            calls,
            period,
            per,
        } = message;
        let name = named(name, ["organizations", "quotas"])?;
        let subjects = subjects.ok_or_else(|| Invalid::new("subjects", "nothing", SUBJECTS))?;
        let subjects = Subjects::try_from(subjects).map_err(|error| error.within("subjects"))?;
        if servers.is_empty() {
            let expected = "at least one server id or glob";
            return Err(Invalid::new("servers", "none", expected));
        }
        let calls = NonZeroU32::new(calls)
            .ok_or_else(|| Invalid::new("calls", calls, "at least 1 call"))?;
        let period_ms = period_ms(period)?;
        Ok(Self {
            name,
            subjects,
            servers: globs("servers", servers)?,
            tools: globs("tools", tools)?,
            rate: Rate { calls, period_ms },
            per: set_of(each("per", per, key)?),
        })
    }
}

fn period_ms(period: Option<prost_types::Duration>) -> Result<NonZeroU32, Invalid> {
    let invalid = |found: String| Invalid::new("period", found, "1 s to 31 days, such as `60s`");
    let Some(prost_types::Duration { seconds, nanos }) = period else {
        return Err(invalid("nothing".to_owned()));
    };
    let milliseconds = seconds
        .checked_mul(1_000)
        .and_then(|whole| whole.checked_add(i64::from(nanos / 1_000_000)));
    milliseconds
        .filter(|milliseconds| PERIOD_MS.contains(milliseconds) && nanos >= 0)
        .and_then(|milliseconds| u32::try_from(milliseconds).ok())
        .and_then(NonZeroU32::new)
        .ok_or_else(|| invalid(format!("{seconds} s and {nanos} ns")))
}

fn key(key: i32) -> Result<Per, Invalid> {
    match pb::QuotaKey::try_from(key) {
        Ok(pb::QuotaKey::Principal) => Ok(Per::Principal),
        Ok(pb::QuotaKey::Tool) => Ok(Per::Tool),
        Ok(pb::QuotaKey::Server) => Ok(Per::Server),
        Ok(pb::QuotaKey::Unspecified) | Err(_) => {
            Err(Invalid::new("", key, "`principal`, `tool` or `server`"))
        }
    }
}
