//! What somebody most likely meant.

/// The one of `known` that `word` was most likely meant to be.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    const ENOUGH: f64 = 0.8;
    let folded = word.to_lowercase();
    known
        .iter()
        .map(|candidate| {
            let candidate_folded = candidate.to_lowercase();
            (strsim::jaro_winkler(&folded, &candidate_folded), *candidate)
        })
        .filter(|(likeness, _)| *likeness >= ENOUGH)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, candidate)| candidate)
}
