//! Which of what waits is meant.

use chancery_proto::admin::v1::SeenDrift;

use super::{
    list::PIN_DIGITS,
    waiting::{pin, what},
};
use crate::cli::{exit::Failure, name::id_of, render::hex, visible::visible};

/// What is meant of what waits at one server.
#[derive(Debug)]
pub(super) struct Choice<'c> {
    /// What, as `review list` calls it. Empty: everything that waits.
    pub(super) wanted: &'c [String],
    /// The first digits of a pin, where one thing was seen in several versions.
    pub(super) pin: Option<&'c str>,
}

impl Choice<'_> {
    fn takes(&self, drift: &SeenDrift) -> bool {
        let is_wanted = self.wanted.is_empty() || self.wanted.contains(&what(drift));
        let has_pin = |digits: &str| hex(pin(drift)).starts_with(digits);
        is_wanted && self.pin.is_none_or(has_pin)
    }

    /// What is meant, each thing once.
    pub(super) fn of<'p>(
        &self,
        pending: &'p [SeenDrift],
        server: &str,
    ) -> Result<Vec<&'p SeenDrift>, Failure> {
        let here = pending.iter().filter(|drift| drift.server == server);
        let chosen: Vec<_> = here.filter(|drift| self.takes(drift)).collect();
        let known = |wanted: &&String| chosen.iter().any(|drift| what(drift) == **wanted);
        if let Some(missing) = self.wanted.iter().find(|wanted| !known(wanted)) {
            let waiting = pending.iter().filter(|drift| drift.server == server);
            let waiting: Vec<_> = waiting.map(what).collect();
            return Err(Failure::Usage(format!(
                "found `{}`, expected what waits for a review at {}: {}",
                visible(missing),
                id_of(server),
                if waiting.is_empty() {
                    "nothing does".to_owned()
                } else {
                    visible(&waiting.join(", ")).into_owned()
                },
            )));
        }
        for (position, drift) in chosen.iter().enumerate() {
            let before = chosen.iter().take(position);
            if before.clone().any(|other| what(other) == what(drift)) {
                let pins = chosen.iter().filter(|other| what(other) == what(drift));
                let pins: Vec<_> = pins.map(|it| hex(pin(it))).collect();
                let pins = pins
                    .iter()
                    .map(|pin| pin.get(..PIN_DIGITS).unwrap_or_default());
                return Err(Failure::Usage(format!(
                    "`{}` was seen in several versions, expected which with --pin: {}",
                    visible(&what(drift)),
                    pins.collect::<Vec<_>>().join(", "),
                )));
            }
        }
        if chosen.is_empty() {
            let message = format!("nothing waits for a review at {}", id_of(server));
            return Err(Failure::Usage(message));
        }
        Ok(chosen)
    }
}
