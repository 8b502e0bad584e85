//! Snapshots, compiled at once and put together from chunks.

use chancery_engine::{
    limits::Limits,
    snapshot::{Loader, Progress, compile},
    trust::TrustKeys,
};
use chancery_proto::policy::v1::SignedManifest;
use sha2::{Digest as _, Sha256};

use crate::policy::manifest;

/// A snapshot put together from chunks is enforced exactly where it compiles, survives being stored,
/// and is never replaced by an older one or by one that does not compile.
///
/// The first byte says in which chunks sections come; the rest are pieces (see [`pieces`]): a
/// manifest of their own, then the sections. Each is also tried under a manifest that fits them.
pub fn snapshot(data: &[u8]) {
    let Some((chunk, rest)) = data.split_first() else {
        return;
    };
    let mut pieces = pieces(rest);
    if pieces.is_empty() {
        return;
    }
    let own = pieces.remove(0);
    let chunk_bytes = usize::from(*chunk).saturating_add(1);
    let mut loader = Loader::new(Limits::DEFAULT, TrustKeys::default());
    for manifest in [own, manifest(1, 1, &pieces), manifest(1, 2, &pieces)] {
        check(&mut loader, &manifest, &pieces, chunk_bytes);
    }
    let newest = manifest(u64::MAX, u64::MAX, &pieces);
    if compile(&newest, &pieces).is_ok() && loader.applied().is_none_or(|v| v.epoch < u64::MAX) {
        let progress = load(&mut loader, &newest, &pieces, chunk_bytes);
        assert!(
            matches!(progress, Some(Progress::Applied(_))),
            "{progress:?}"
        );
    }
}

fn check(loader: &mut Loader, manifest: &[u8], sections: &[Vec<u8>], chunk_bytes: usize) {
    let before = loader.applied();
    let compiled = compile(manifest, sections);
    let progress = load(loader, manifest, sections, chunk_bytes);
    match progress {
        Some(Progress::Applied(policy)) => {
            let version = policy.version();
            assert_eq!(compiled.ok().map(|policy| policy.version()), Some(version));
            assert_eq!(loader.applied(), Some(version));
            assert!(
                before.is_none_or(|before| version.is_newer_than(&before)),
                "older"
            );
        }
        Some(Progress::Waiting | Progress::Working) | None => {
            assert_eq!(loader.applied(), before, "replaced");
            loader.abandon();
        }
    }
    let Some(stored) = loader.stored() else {
        return;
    };
    let mut next = Loader::new(Limits::DEFAULT, TrustKeys::default());
    let restored = next.restore(&stored);
    assert!(matches!(restored, Ok(Progress::Applied(_))), "{restored:?}");
    assert_eq!(next.applied(), loader.applied());
}

/// How far it gets; `None` where it is refused.
fn load(
    loader: &mut Loader,
    manifest: &[u8],
    sections: &[Vec<u8>],
    chunk_bytes: usize,
) -> Option<Progress> {
    let signed = SignedManifest {
        manifest: manifest.to_vec(),
        signatures: Vec::new(),
    };
    let mut progress = {
        let offered = loader.offer(signed).ok()?;
        compiled(loader, offered, chunk_bytes)?
    };
    if let Progress::Applied(_) = progress {
        return Some(progress);
    }
    for section in sections {
        let digest = Sha256::digest(section);
        if loader
            .held_sections()
            .any(|held| held.as_bytes()[..] == digest[..])
        {
            continue;
        }
        let mut offset = 0_usize;
        loop {
            let end = offset.saturating_add(chunk_bytes).min(section.len());
            let chunk = section.get(offset..end)?;
            let taken = loader.chunk(&digest, offset as u64, chunk).ok()?;
            progress = compiled(loader, taken, chunk_bytes)?;
            if let Progress::Applied(_) = progress {
                return Some(progress);
            }
            offset = end;
            if offset >= section.len() {
                break;
            }
        }
    }
    Some(progress)
}

/// How far it gets once it is compiled, in slices of this size.
fn compiled(loader: &mut Loader, mut progress: Progress, units: usize) -> Option<Progress> {
    while let Progress::Working = progress {
        progress = loader.proceed(units).ok()?;
    }
    Some(progress)
}

/// Cuts bytes into pieces, each with two bytes of length before it, big-endian.
pub fn pieces(mut data: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    while let Some((length, rest)) = data.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
        let (piece, rest) = rest.split_at(length);
        pieces.push(piece.to_vec());
        data = rest;
    }
    pieces
}
