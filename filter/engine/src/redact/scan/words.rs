//! What words say about the value that they name: of a key, or before a value in a text.

mod listed;

use super::bytes::{LETTERS, at, before, part};
use listed::LISTED;

/// What words can say. A set.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Topics(pub(super) u64);

macro_rules! topics {
    ($($name:ident $bit:literal)*) => {
        impl Topics { $(pub(super) const $name: Self = Self(1 << $bit);)* }
    };
}

topics! {
    // What a value is.
    PHONE 0 CARD 1 IBAN 2 SSN 3 ITIN 4 NHS 5 NINO 6 NIF 7 CPF 8 SIN 9 AADHAAR 10 PASSPORT 11
    LICENCE 12 DOB 13 PERSON 14 IP 15 MAC 16 WALLET 17 PASSWORD 18 TOKEN 19 AUTH 20 COOKIE 21
    PERHAPS_PERSON 22 VERSION 23 HASH 24 OTHER_NUMBER 25 AWS 26 AZURE 27
    // What takes part in saying it.
    NAME 32 GIVEN 33 WHO 34 THING 35 NATIONAL 36 SOCIAL 37 SECURITY 38 INSURANCE 39 TAX 40
    NUMBER 41 CONTACT 42 DRIVER 43 LICENSE 44 BIRTH 45 SECRET 46 KEY 47 ACCESS 48 PAGE 49 META 50
    HOLDER 51 ACCOUNT 52 CLIENT 53 BEARER 54 ID 55 DATE 56 LOGIN 57 EMAIL 58 WHOLE 59
}

impl Topics {
    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether one of another set is in it.
    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether a key says `name` and not of what.
    pub(crate) fn is_bare_name(self) -> bool {
        const SAYS_OF_WHAT: Topics = Topics::PERSON.or(Topics::PERHAPS_PERSON).or(Topics::THING);
        self.has(Self::NAME) && !self.has(SAYS_OF_WHAT)
    }

    /// Whether it is about no person.
    pub(crate) fn is_of_thing(self) -> bool {
        self.has(Self::THING)
    }

    /// What a key says of the one beside it. Much has a full name, people have a last one.
    pub(crate) fn beside(self) -> Self {
        Self(if self.has(Self::WHOLE) { 0 } else { self.0 })
    }

    /// What a `name` is beside keys that say this.
    pub(crate) fn named(self) -> Self {
        const OF_OTHERS: Topics = Topics::CONTACT.or(Topics::HOLDER).or(Topics::WHO);
        const WHOSE: Topics = Topics::EMAIL
            .or(Topics::DOB)
            .or(Topics::SSN)
            .or(Topics::PHONE);
        match () {
            () if self.has(Self::PERSON) && !self.has(OF_OTHERS) => Self::PERSON,
            () if self.has(WHOSE.or(Self::PERSON)) => Self::PERHAPS_PERSON,
            () => Self::default(),
        }
    }

    /// Whether all of another set are in it.
    fn all(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// Most words of a label before a value that count, and how far before it they may stand.
const MAX_LABEL_WORDS: usize = 6;
const MAX_LABEL_BYTES: usize = 56;

/// What is said about a value.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Label {
    pub(super) topics: Topics,
    /// By the nearest word alone.
    pub(super) nearest: Topics,
}

/// What a key says about its value, in an object whose own key says `around`.
pub(crate) fn of_key(key: &[u8], around: Topics) -> Topics {
    type T = Topics;
    let mut topics = T::default();
    let mut last = T::default();
    each_word(key, |found| {
        topics.add(found);
        last = found;
    });
    // `number` of a passport, `name` of a patient, `first` of a name.
    if topics.has(T::NUMBER.or(T::NAME).or(T::GIVEN).or(T::DATE)) {
        topics.0 |= around.0 & INHERITED.0;
    }
    concluded(topics, last)
}

const INHERITED: Topics = Topics(
    Topics::WHO.0
        | Topics::HOLDER.0
        | Topics::CONTACT.0
        | Topics::LOGIN.0
        | Topics::NAME.0
        | Topics::BIRTH.0
        | Topics::DRIVER.0
        | Topics::LICENSE.0
        | Topics::PASSPORT.0
        | Topics::CARD.0
        | Topics::PHONE.0
        | Topics::NATIONAL.0,
);

/// What the words before a value say about it. Ends at another value and at the line's begin.
pub(super) fn label(bytes: &[u8], value: usize) -> Label {
    let floor = value.saturating_sub(MAX_LABEL_BYTES);
    let mut end = value;
    let mut label = Label::default();
    let mut words = 0_usize;
    while end > floor && words < MAX_LABEL_WORDS {
        let byte = before(bytes, end, 1);
        if !LETTERS.has(byte) {
            // `phone2: …`, `Phone 2: …`.
            let numbered = byte.is_ascii_digit()
                && (LETTERS.has(before(bytes, end, 2))
                    || before(bytes, end, 2) == b' ' && at(bytes, end) == b':');
            if matches!(byte, b'\n' | b'|' | b';' | b'{' | b'}' | b',') && words > 0
                || matches!(byte, b'\n' | b'}' | b';' | b']')
                || (byte.is_ascii_digit() && !numbered)
            {
                break;
            }
            end = end.saturating_sub(1);
            continue;
        }
        let mut start = end;
        while start > floor && LETTERS.has(before(bytes, start, 1)) {
            start = start.saturating_sub(1);
        }
        if before(bytes, start, 1).is_ascii_digit() && words > 0 {
            break;
        }
        let closes = before(bytes, start, 1) == b'/' && before(bytes, start, 2) == b'<';
        if !closes {
            let mut nearest = Topics::default();
            each_word(part(bytes, start..end), |found| {
                label.topics.add(found);
                nearest.add(found);
            });
            if words == 0 {
                label.nearest = nearest;
            }
            words = words.saturating_add(1);
        }
        end = start;
    }
    label.topics = concluded(label.topics, Topics::default());
    label
}

/// Splits at what is no letter and at humps, and looks each word up.
fn each_word(name: &[u8], mut found: impl FnMut(Topics)) {
    let mut start = 0;
    while start < name.len() {
        if !LETTERS.has(at(name, start)) {
            start = start.saturating_add(1);
            continue;
        }
        let mut end = start.saturating_add(1);
        while LETTERS.has(at(name, end)) && !is_hump(name, end) {
            end = end.saturating_add(1);
        }
        found(look_up(part(name, start..end)));
        start = end;
    }
}

fn is_hump(name: &[u8], index: usize) -> bool {
    let previous = before(name, index, 1);
    let next = at(name, index.saturating_add(1));
    at(name, index).is_ascii_uppercase()
        && (previous.is_ascii_lowercase()
            || previous.is_ascii_uppercase() && next.is_ascii_lowercase())
}

/// What words say together. `last` is what the last word of a key says.
fn concluded(mut topics: Topics, last: Topics) -> Topics {
    type T = Topics;
    let meta = last.has(T::META);
    let pairs = [
        (T::SOCIAL.or(T::SECURITY), T::SSN),
        (T::SOCIAL.or(T::INSURANCE), T::SIN),
        (T::NATIONAL.or(T::INSURANCE), T::NINO),
        (T::CONTACT.or(T::NUMBER), T::PHONE),
        (T::DRIVER.or(T::LICENSE), T::LICENCE),
        (T::DRIVER.or(T::NUMBER), T::LICENCE),
        (T::LICENSE.or(T::NUMBER), T::LICENCE),
        (T::BIRTH.or(T::DATE), T::DOB),
        (T::HOLDER.or(T::NAME), T::PERSON),
        (T::GIVEN.or(T::NAME), T::PERSON),
        (T::WHO.or(T::NAME), T::PERSON),
        (T::CONTACT.or(T::NAME), T::PERSON),
        (T::LOGIN.or(T::NAME), T::PERHAPS_PERSON),
        (T::KEY.or(T::ACCESS), T::TOKEN),
        (T::KEY.or(T::SECRET), T::TOKEN),
        (T::KEY.or(T::ACCOUNT), T::TOKEN),
        (T::CLIENT.or(T::SECRET), T::TOKEN),
    ];
    let said = topics;
    for (pair, conclusion) in pairs {
        if said.all(pair) {
            topics.add(conclusion);
        }
    }
    if said.has(T::SECRET) {
        topics.add(T::TOKEN);
    }
    if said.has(T::NATIONAL) && said.has(T::ID.or(T::NUMBER))
        || said.all(T::TAX.or(T::ID))
        || said.all(T::TAX.or(T::NUMBER))
    {
        topics.add(
            T::SSN
                .or(T::ITIN)
                .or(T::NIF)
                .or(T::CPF)
                .or(T::SIN)
                .or(T::AADHAAR)
                .or(T::NINO),
        );
    }
    if last.has(T::WHO.or(T::HOLDER).or(T::CONTACT)) && !topics.has(T::PERSON) {
        topics.add(T::PERHAPS_PERSON);
    }
    let mut not = T::default();
    if topics.has(T::THING) || meta && !last.has(T::NAME) {
        not.add(T::PERSON.or(T::PERHAPS_PERSON));
    }
    if topics.has(T::PAGE) || meta {
        not.add(T::TOKEN.or(T::PASSWORD).or(T::AUTH).or(T::COOKIE));
    }
    if last.has(T::META) && !last.has(T::NAME) {
        not.add(
            T::DOB
                .or(T::PASSPORT)
                .or(T::LICENCE)
                .or(T::PHONE)
                .or(T::CARD),
        );
    }
    Topics(topics.0 & !not.0)
}

/// Longest word that is looked up, in bytes.
const MAX_WORD: usize = 32;

/// A word as a number: of its letters in lower case, Latin ones without marks.
#[derive(Clone, Copy)]
struct Folded(u64);

impl Folded {
    const EMPTY: Self = Self(0xCBF2_9CE4_8422_2325);

    const fn then(self, letter: u8) -> Self {
        Self((self.0 ^ letter as u64).wrapping_mul(0x0000_0100_0000_01B3))
    }

    /// The slot to begin at, and what stands in it for this word alone.
    #[expect(clippy::cast_possible_truncation, reason = "the parts that are wanted")]
    const fn slot(self) -> (usize, u32) {
        let mixed = self.0 ^ (self.0 >> 29);
        ((mixed as usize) % SLOTS, (mixed >> 32) as u32 | 1)
    }
}

/// The first letter of a word, folded, and the rest.
const fn letter(word: &[u8]) -> Option<(u8, &[u8])> {
    match word {
        [0xC3, second, rest @ ..] => Some((unmarked(*second), rest)),
        [first, rest @ ..] => Some((first.to_ascii_lowercase(), rest)),
        [] => None,
    }
}

/// The letter that U+00C0 to U+00FF is with a mark, by the second byte of its UTF-8.
const fn unmarked(second: u8) -> u8 {
    match second | 0x20 {
        0xA0..=0xA6 => b'a',
        0xA7 => b'c',
        0xA8..=0xAB => b'e',
        0xAC..=0xAF => b'i',
        0xB1 => b'n',
        0xB2..=0xB6 | 0xB8 => b'o',
        0xB9..=0xBC => b'u',
        0xBD | 0xBF => b'y',
        _ => b's',
    }
}

fn look_up(word: &[u8]) -> Topics {
    if word.len() < 2 || word.len() > MAX_WORD || !may_be_listed(word) {
        return Topics::default();
    }
    let (mut folded, mut before, mut last, mut rest) = (Folded::EMPTY, Folded::EMPTY, 0, word);
    while let Some((next, after)) = letter(rest) {
        (before, folded, last, rest) = (folded, folded.then(next), next, after);
    }
    let listed = listed(folded);
    // Of a plural the singular is listed.
    let is_plural = last == b's' && word.len() > 3;
    listed
        .or_else(|| is_plural.then(|| self::listed(before)).flatten())
        .unwrap_or_default()
}

fn listed(word: Folded) -> Option<Topics> {
    let (mut slot, mark) = word.slot();
    loop {
        match MARKS.get(slot).copied() {
            None | Some(0) => return None,
            Some(held) if held == mark => {
                let row = ROWS.get(slot).copied().map(usize::from)?;
                return TOPICS.get(row).copied();
            }
            Some(_) => slot = slot.wrapping_add(1) % SLOTS,
        }
    }
}

/// Whether a listed word begins and ends alike, as most do not: spares looking them up.
fn may_be_listed(word: &[u8]) -> bool {
    let [first, second, ..] = *word else {
        return false;
    };
    let last = word.last().copied().unwrap_or(0);
    if !(first.is_ascii() && second.is_ascii() && last.is_ascii()) {
        return true;
    }
    let seconds = EDGES.get(edges(first, last)).copied().unwrap_or(0);
    seconds & 1 << (second & 31) != 0
}

/// Which slot of [`EDGES`] is that of a first and a last letter, in either case.
const fn edges(first: u8, last: u8) -> usize {
    (first & 31) as usize * 32 + (last & 31) as usize
}

/// By the first and the last letter of the words that are listed, and of their plurals: the second
/// letters, a bit each.
static EDGES: [u32; 32 * 32] = all_edges();

#[expect(
    clippy::indexing_slicing,
    reason = "only ever run by the compiler, which refuses what is out of bounds"
)]
const fn all_edges() -> [u32; 32 * 32] {
    let mut seconds = [0; 32 * 32];
    let mut row = 0;
    while row < LISTED.len() {
        let mut rest = LISTED[row].0.as_bytes();
        while let [first, second, ..] = *rest {
            let mut last = first;
            while let [letter, after @ ..] = rest {
                rest = after;
                if *letter == b' ' {
                    break;
                }
                last = *letter;
            }
            let bit = 1 << (second & 31);
            seconds[edges(first, last)] |= bit;
            seconds[edges(first, b's')] |= bit;
        }
        row += 1;
    }
    seconds
}

/// Nearly twice as many as words are listed, so that a miss ends soon.
const SLOTS: usize = 1280;

/// By slot: what tells the word, or 0.
static MARKS: [u32; SLOTS] = TABLE.0;
/// By slot: in which row of the list the word stands.
static ROWS: [u8; SLOTS] = TABLE.1;

/// By row of the list.
static TOPICS: [Topics; LISTED.len()] = topics();

#[expect(
    clippy::indexing_slicing,
    reason = "only ever run by the compiler, which refuses what is out of bounds"
)]
const fn topics() -> [Topics; LISTED.len()] {
    let mut topics = [Topics(0); LISTED.len()];
    let mut row = 0;
    while row < topics.len() {
        topics[row] = LISTED[row].1;
        row += 1;
    }
    topics
}

const TABLE: ([u32; SLOTS], [u8; SLOTS]) = table();

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "only ever run by the compiler, which refuses what is out of bounds"
)]
const fn table() -> ([u32; SLOTS], [u8; SLOTS]) {
    let (mut marks, mut rows) = ([0; SLOTS], [0; SLOTS]);
    let mut row = 0;
    while row < LISTED.len() {
        let mut rest = LISTED[row].0.as_bytes();
        while !rest.is_empty() {
            let mut word = Folded::EMPTY;
            while let Some((next, after)) = letter(rest) {
                rest = after;
                if next == b' ' {
                    break;
                }
                word = word.then(next);
            }
            let (mut slot, mark) = word.slot();
            while marks[slot] != 0 {
                assert!(marks[slot] != mark, "a word is listed twice");
                slot = (slot + 1) % SLOTS;
            }
            (marks[slot], rows[slot]) = (mark, row as u8);
        }
        row += 1;
    }
    (marks, rows)
}
