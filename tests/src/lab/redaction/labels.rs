//! Labelled bodies from a file, without their labels.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read},
    path::Path,
};

use flate2::read::GzDecoder;

use super::{super::LabError, probe::Body};

/// All bodies of a file; `None` where there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<Vec<Body>>, LabError> {
    if !path.is_file() {
        return Ok(None);
    }
    let file = File::open(path)?;
    let is_packed = path.extension().is_some_and(|extension| extension == "gz");
    let reader: Box<dyn Read> = if is_packed {
        Box::new(GzDecoder::new(file))
    } else {
        Box::new(file)
    };
    let mut bodies = Vec::new();
    for (index, line) in BufReader::new(reader).lines().enumerate() {
        let body = serde_json::from_str(&line?);
        bodies.push(body.map_err(|error| {
            LabError::Bench(format!(
                "{}, line {}: {error}; expected an object with `content_type` and `body`",
                path.display(),
                index + 1,
            ))
        })?);
    }
    Ok(Some(bodies))
}
