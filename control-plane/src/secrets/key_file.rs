//! Store keys in a file that only its owner may read.
//!
//! One key a line, `ID CREATE_SECONDS KEY`: the last seals, every one opens. Lines that begin with
//! `#` say nothing.

use std::{
    fmt::{self, Write as _},
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use aes_siv::{KeyInit as _, siv::Aes256Siv};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chancery_engine::id::Hex;
use zeroize::Zeroizing;

use super::key_service::{KeyError, KeyService, StoreKey};

/// AES-256-SIV (RFC 5297) has two keys of 256 bits.
const KEY_BYTES: usize = 64;

/// Parts every domain of the bound data from another use of the same key.
const DOMAIN: &[u8] = b"chancery.data-key.v1";

const HEADING: &str = "\
# Store keys of a Chancery control plane: the last line seals, every line opens.
# Keep a copy where the store's backups are not: without it they do not open.
";

/// The keys of a file.
pub struct KeyFile {
    path: PathBuf,
    keys: Mutex<Vec<Key>>,
}

#[derive(Clone)]
struct Key {
    public: StoreKey,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

/// Shows nothing of the keys.
impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl KeyFile {
    /// Reads a file.
    ///
    /// # Errors
    /// Where it cannot be read, others can, or a line of it is no key.
    pub fn open(path: &Path) -> Result<Self, KeyError> {
        let mode = fs::metadata(path).map_err(at(path))?.mode() & 0o7777;
        if mode & 0o077 != 0 {
            let place = path.display().to_string();
            return Err(KeyError::Exposed { place, mode });
        }
        let text = Zeroizing::new(fs::read_to_string(path).map_err(at(path))?);
        let mut keys: Vec<Key> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let key = read(line).and_then(|key| {
                let is_known = keys.iter().any(|known| known.public.id == key.public.id);
                if is_known {
                    Err("an id that an earlier line has")
                } else {
                    Ok(key)
                }
            });
            keys.push(key.map_err(|found| KeyError::Line {
                place: path.display().to_string(),
                line: index.saturating_add(1),
                found,
            })?);
        }
        if keys.is_empty() {
            let place = path.display().to_string();
            return Err(KeyError::Empty { place });
        }
        Ok(Self {
            path: path.to_owned(),
            keys: Mutex::new(keys),
        })
    }

    /// Makes a file with one key. A file that is there already stays as it is.
    ///
    /// # Errors
    /// Where there is a file, or none can be made.
    pub fn create(path: &Path, now_seconds: u64) -> Result<Self, KeyError> {
        let keys = vec![Key::generate(now_seconds)?];
        write_new(path, &keys).map_err(at(path))?;
        Ok(Self {
            path: path.to_owned(),
            keys: Mutex::new(keys),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Key>> {
        // Keys are replaced as a whole, so a panic leaves none half-made.
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts another file in the place of the one there is, whole or not at all.
    fn replace(&self, keys: &[Key]) -> Result<(), KeyError> {
        let mut name = self.path.clone().into_os_string();
        name.push(".new");
        let new = PathBuf::from(name);
        let replaced = match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => write_new(&new, keys),
        };
        let replaced = replaced.and_then(|()| fs::rename(&new, &self.path));
        replaced
            .and_then(|()| sync_folder(&self.path))
            .map_err(at(&self.path))
    }
}

impl KeyService for KeyFile {
    fn keys(&self) -> Vec<StoreKey> {
        self.lock().iter().map(|key| key.public.clone()).collect()
    }

    fn wrap(&self, data_key: &[u8], context: &[u8]) -> Result<(String, Vec<u8>), KeyError> {
        let keys = self.lock();
        let place = || self.path.display().to_string();
        let key = keys
            .last()
            .ok_or_else(|| KeyError::Empty { place: place() })?;
        let id = key.public.id.clone();
        match key
            .cipher()
            .encrypt([DOMAIN, id.as_bytes(), context], data_key)
        {
            Ok(wrapped) => Ok((id, wrapped)),
            Err(aes_siv::Error) => Err(KeyError::Foreign { id }),
        }
    }

    fn unwrap(
        &self,
        id: &str,
        wrapped: &[u8],
        context: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let keys = self.lock();
        let key = keys.iter().find(|key| key.public.id == id);
        let key = key.ok_or_else(|| KeyError::Unknown { id: id.to_owned() })?;
        match key
            .cipher()
            .decrypt([DOMAIN, id.as_bytes(), context], wrapped)
        {
            Ok(data_key) => Ok(Zeroizing::new(data_key)),
            Err(aes_siv::Error) => Err(KeyError::Foreign { id: id.to_owned() }),
        }
    }

    fn rotate(&self, now_seconds: u64) -> Result<StoreKey, KeyError> {
        let mut keys = self.lock();
        let key = Key::generate(now_seconds)?;
        let public = key.public.clone();
        let mut more = keys.clone();
        more.push(key);
        self.replace(&more)?;
        *keys = more;
        Ok(public)
    }

    fn retire(&self, id: &str) -> Result<(), KeyError> {
        let mut keys = self.lock();
        if keys.last().is_some_and(|key| key.public.id == id) {
            return Err(KeyError::Current { id: id.to_owned() });
        }
        let mut fewer = keys.clone();
        fewer.retain(|key| key.public.id != id);
        self.replace(&fewer)?;
        *keys = fewer;
        Ok(())
    }
}

impl Key {
    fn generate(now_seconds: u64) -> Result<Self, KeyError> {
        let (mut id, mut bytes) = ([0; 4], Zeroizing::new([0; KEY_BYTES]));
        getrandom::getrandom(&mut id)?;
        getrandom::getrandom(&mut *bytes)?;
        Ok(Self {
            public: StoreKey {
                id: Hex(&id).to_string(),
                create_seconds: now_seconds,
            },
            bytes,
        })
    }

    fn cipher(&self) -> Aes256Siv {
        Aes256Siv::new((&*self.bytes).into())
    }
}

/// Reads a line; the error says what is wrong with it.
fn read(line: &str) -> Result<Key, &'static str> {
    let mut fields = line.split_whitespace();
    let (Some(id), Some(created), Some(text), None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err("another number of fields");
    };
    let create_seconds = created.parse().map_err(|_error| "no number of seconds")?;
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    match URL_SAFE_NO_PAD.decode_slice(text, &mut *bytes) {
        Ok(KEY_BYTES) => {}
        Ok(_) | Err(_) => return Err("a key that is not 64 bytes in base64url"),
    }
    Ok(Key {
        public: StoreKey {
            id: id.to_owned(),
            create_seconds,
        },
        bytes,
    })
}

fn write_new(path: &Path, keys: &[Key]) -> io::Result<()> {
    let mut text = Zeroizing::new(HEADING.to_owned());
    // Room for all of it at once, so that no copy is left where it grew.
    text.reserve(keys.len().saturating_mul(256));
    for Key { public, bytes } in keys {
        let key = Zeroizing::new(URL_SAFE_NO_PAD.encode(**bytes));
        let line = writeln!(text, "{} {} {}", public.id, public.create_seconds, *key);
        line.map_err(io::Error::other)?;
    }
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    sync_folder(path)
}

/// A name is durable once its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> KeyError {
    let place = path.display().to_string();
    |error| KeyError::Io { place, error }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn file() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.key");
        (folder, path)
    }

    #[test]
    fn what_one_key_wrapped_opens_after_a_rotation_until_it_is_retired() {
        let (_folder, path) = file();
        let keys = KeyFile::create(&path, 1).unwrap();
        let (first, wrapped) = keys.wrap(b"data key", b"here").unwrap();
        assert!(matches!(keys.retire(&first), Err(KeyError::Current { .. })));
        let second = keys.rotate(2).unwrap();
        drop(keys);
        let keys = KeyFile::open(&path).unwrap();
        assert_eq!(keys.keys().last(), Some(&second));
        assert_eq!(keys.wrap(b"data key", b"here").unwrap().0, second.id);
        assert_eq!(
            **keys.unwrap(&first, &wrapped, b"here").unwrap(),
            *b"data key"
        );
        for (id, context) in [(&first, &b"elsewhere"[..]), (&second.id, b"here")] {
            let opened = keys.unwrap(id, &wrapped, context);
            assert!(matches!(opened, Err(KeyError::Foreign { .. })));
        }
        keys.retire(&first).unwrap();
        let gone = KeyFile::open(&path)
            .unwrap()
            .unwrap(&first, &wrapped, b"here");
        assert!(matches!(gone, Err(KeyError::Unknown { .. })));
    }

    #[test]
    fn a_file_that_others_can_read_or_that_is_no_key_is_refused() {
        let (_folder, path) = file();
        let keys = KeyFile::create(&path, 1).unwrap();
        assert!(KeyFile::create(&path, 1).is_err());
        let text = fs::read_to_string(&path).unwrap();
        let key = text.split_whitespace().last().unwrap();
        assert!(!format!("{keys:?}").contains(key));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = KeyFile::open(&path).unwrap_err().to_string();
        assert!(
            refused.contains("640") && refused.contains("chmod 600"),
            "{refused}"
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let key = text.lines().last().unwrap();
        for (line, found) in [
            ("a 1", "fields"),
            ("a b c", "seconds"),
            ("a 1 c2hvcnQ", "64 bytes"),
            (key, "earlier line"),
        ] {
            fs::write(&path, format!("{text}{line}\n")).unwrap();
            let refused = KeyFile::open(&path).unwrap_err().to_string();
            assert!(
                refused.contains(found) && refused.contains(":4:"),
                "{refused}"
            );
        }
        fs::write(&path, HEADING).unwrap();
        assert!(matches!(KeyFile::open(&path), Err(KeyError::Empty { .. })));
    }
}
