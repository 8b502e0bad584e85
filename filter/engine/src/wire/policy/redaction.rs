//! What is masked.

use chancery_proto::policy::v1 as pb;

use super::{
    super::{Invalid, shown},
    each,
};
use crate::redact::{Detector, Detectors, Redaction};

impl TryFrom<pb::Redaction> for Redaction {
    type Error = Invalid;

    fn try_from(message: pb::Redaction) -> Result<Self, Invalid> {
        let pb::Redaction {
            detectors: ids,
            arguments,
            results,
        } = message;
        if ids.is_empty() {
            return Err(Invalid::new("detectors", "none", known_detectors()));
        }
        if !arguments && !results {
            let expected = "`true` for `arguments`, `results` or both";
            return Err(Invalid::new("arguments", "neither direction", expected));
        }
        let parse = |id: String| {
            Detector::parse(&id).ok_or_else(|| Invalid::new("", shown(&id), known_detectors()))
        };
        let mut detectors = Detectors::default();
        for detector in each("detectors", ids, parse)? {
            detectors.insert(detector);
        }
        let when = |applies: bool| {
            if applies {
                detectors
            } else {
                Detectors::default()
            }
        };
        Ok(Self {
            arguments: when(arguments),
            results: when(results),
        })
    }
}

fn known_detectors() -> String {
    let ids: Vec<_> = Detector::ALL
        .iter()
        .map(|detector| format!("`{}`", detector.as_str()))
        .collect();
    format!("one or more of {}", ids.join(", "))
}
