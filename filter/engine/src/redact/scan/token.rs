//! What its own first letters give away: keys and tokens of vendors, JWTs, private keys.

use memchr::memmem;

use super::{
    bytes::{ALPHANUMERICS, ByteSet, at, before, byte_set, is_word, part, run, run_back},
    hunt::Hunt,
};
use crate::redact::Detector;

/// Which bytes a token is made of after its prefix.
type Charset = &'static ByteSet;

static WORD: Charset = byte_set!(|byte| is_word(byte));
static URL_SAFE: Charset = byte_set!(|byte| is_word(byte) || byte == b'-');
static BASE64: Charset =
    byte_set!(|byte| is_word(byte) || matches!(byte, b'-' | b'+' | b'/' | b'='));
static DOTTED: Charset = byte_set!(|byte| is_word(byte) || matches!(byte, b'-' | b'.'));

/// What a prefix stands for: what must follow it at once, the fewest bytes after that, and of which.
struct Vendor(Detector, &'static [u8], usize, Charset);

/// By what stands before an underscore.
fn before_underscore(prefix: &[u8], rest: &[u8]) -> Option<Vendor> {
    use Detector::{GithubToken, NpmToken, StripeKey, VendorToken};
    Some(match prefix {
        b"ghp" | b"gho" | b"ghu" | b"ghs" | b"ghr" => Vendor(GithubToken, b"_", 30, WORD),
        b"github" => Vendor(GithubToken, b"_pat_", 36, WORD),
        b"npm" => Vendor(NpmToken, b"_", 30, WORD),
        b"sk" | b"rk" if rest.starts_with(b"_live_") => Vendor(StripeKey, b"_live_", 10, WORD),
        b"sk" | b"rk" => Vendor(StripeKey, b"_test_", 10, WORD),
        b"whsec" => Vendor(StripeKey, b"_", 20, BASE64),
        b"dop" | b"doo" | b"dor" => Vendor(VendorToken, b"_v1_", 32, WORD),
        b"lin" => Vendor(VendorToken, b"_api_", 20, WORD),
        b"dckr" => Vendor(VendorToken, b"_pat_", 20, URL_SAFE),
        b"pscale" => Vendor(VendorToken, b"_", 20, DOTTED),
        b"ops" => Vendor(VendorToken, b"_eyJ", 20, BASE64),
        b"glsa" | b"glc" | b"hf" | b"shpat" | b"shpca" | b"shppa" | b"shpss" | b"ntn" | b"figd"
        | b"rubygems" | b"phx" | b"gsk" | b"r8" | b"sbp" | b"pcsk" | b"secret" | b"fo1"
        | b"fm2" | b"sntrys" | b"sntryu" | b"tvly" | b"re" | b"pat" | b"xkeysib" => {
            Vendor(VendorToken, b"_", 28, BASE64)
        }
        _ => return None,
    })
}

/// By what stands before a dash.
fn before_dash(prefix: &[u8], rest: &[u8]) -> Option<Vendor> {
    use Detector::{AnthropicKey, GcpApiKey, GitlabToken, OpenaiKey, SlackToken, VendorToken};
    Some(match prefix {
        b"glpat" | b"gldt" | b"glrt" | b"glptt" | b"glcbt" | b"glsoat" | b"glft" | b"glimt"
        | b"glagent" => Vendor(GitlabToken, b"-", 16, DOTTED),
        b"xoxb" | b"xoxp" | b"xoxa" | b"xoxr" | b"xoxs" | b"xoxe" | b"xoxc" | b"xoxd" | b"xapp" => {
            Vendor(SlackToken, b"-", 16, DOTTED)
        }
        b"sk" if rest.starts_with(b"-ant-") => Vendor(AnthropicKey, b"-ant-", 20, URL_SAFE),
        b"sk" => Vendor(OpenaiKey, b"-", 20, URL_SAFE),
        b"GOCSPX" => Vendor(GcpApiKey, b"-", 20, URL_SAFE),
        b"AGE" => Vendor(VendorToken, b"-SECRET-KEY-1", 20, WORD),
        b"pypi" | b"tskey" | b"nvapi" | b"xai" | b"PMAK" | b"pplx" | b"pul" | b"sq0atp"
        | b"sq0csp" | b"FLWSECK" | b"xkeysib" | b"key" | b"sgp" | b"tvly" | b"dapi" | b"pat" => {
            Vendor(VendorToken, b"-", 30, URL_SAFE)
        }
        _ => return None,
    })
}

/// How far into a token bytes may be of one kind.
const MAX_PLAIN_BYTES: usize = 64;

/// Whether bytes look drawn at random: of two kinds at least, where a word is of one.
fn is_drawn(token: &[u8]) -> bool {
    let kinds = [
        token.iter().any(u8::is_ascii_digit),
        token.iter().any(u8::is_ascii_uppercase),
        token.iter().any(u8::is_ascii_lowercase),
    ];
    kinds.iter().filter(|kind| **kind).count() >= 2
}

impl Hunt<'_> {
    fn vendor(&mut self, start: usize, mark: usize, vendor: &Vendor) -> Option<usize> {
        let Vendor(detector, infix, least, charset) = vendor;
        let bytes = self.bytes;
        let after = mark.saturating_add(infix.len());
        if part(bytes, mark..after) != *infix {
            return None;
        }
        // One that is drawn shows it early; so what is not costs no look at all that follows.
        let window = part(
            bytes,
            0..after.saturating_add(MAX_PLAIN_BYTES).min(bytes.len()),
        );
        let early = run(window, after, charset);
        if !is_drawn(part(bytes, after..early)) {
            return None;
        }
        let mut end = run(bytes, early, charset);
        while matches!(before(bytes, end, 1), b'-' | b'.') {
            end = end.saturating_sub(1);
        }
        let token = part(bytes, after..end);
        (token.len() >= *least && self.found(*detector, start..end)).then_some(end)
    }

    /// A whole value that its prefix gives away, whatever its field is called.
    pub(super) fn told_by_prefix(&mut self, start: usize, end: usize) -> Option<usize> {
        let count = self.finds.len();
        let first = part(self.bytes, start..start.saturating_add(12).min(end));
        let mark = first.iter().position(|byte| matches!(byte, b'_' | b'-'));
        let next = match (first, mark) {
            ([b'e', b'y', b'J', ..], _) => self.jwt(start.saturating_add(2)),
            ([b'A' | b'S', ..], _) => self.capital_token(start),
            (_, Some(mark)) if first.get(mark) == Some(&b'_') => {
                self.underscore(start.saturating_add(mark))
            }
            (_, Some(mark)) => self.dash(start.saturating_add(mark)),
            (_, None) => return None,
        };
        let told = self
            .finds
            .get(count)
            .is_some_and(|find| find.range == (start..end));
        if !told {
            self.finds.truncate(count);
        }
        told.then_some(next)
    }

    fn prefix(&self, mark: usize) -> (usize, &[u8]) {
        let start = run_back(self.bytes, mark, 9, ALPHANUMERICS);
        let joined = is_word(before(self.bytes, start, 1))
            || before(self.bytes, start, 1) == b'-' && at(self.bytes, mark) == b'-';
        if joined {
            (start, &[])
        } else {
            (start, part(self.bytes, start..mark))
        }
    }

    pub(super) fn underscore(&mut self, mark: usize) -> usize {
        let (start, prefix) = self.prefix(mark);
        let vendor = before_underscore(prefix, part(self.bytes, mark..mark.saturating_add(8)));
        vendor
            .and_then(|vendor| self.vendor(start, mark, &vendor))
            .unwrap_or_else(|| mark.saturating_add(1))
    }

    pub(super) fn dash(&mut self, mark: usize) -> usize {
        let bytes = self.bytes;
        if at(bytes, mark.saturating_add(1)) == b'-' && at(bytes, mark.saturating_add(2)) == b'-' {
            return self.fence(mark);
        }
        let (start, prefix) = self.prefix(mark);
        if let Some(vendor) = before_dash(prefix, part(bytes, mark..mark.saturating_add(8)))
            && let Some(next) = self.vendor(start, mark, &vendor)
        {
            return next;
        }
        if let Some(next) = self.dashed_hardware(mark) {
            return next;
        }
        self.option(mark).unwrap_or_else(|| mark.saturating_add(1))
    }

    /// Three dashes or more: a private key may begin here (RFC 7468).
    fn fence(&mut self, mark: usize) -> usize {
        const BEGIN: &[u8] = b"BEGIN ";
        let bytes = self.bytes;
        let after = run(bytes, mark, byte_set!(|byte| byte == b'-'));
        let rest = part(bytes, after..after.saturating_add(64).min(bytes.len()));
        if after.saturating_sub(mark) < 4 || !rest.starts_with(BEGIN) {
            return after;
        }
        let Some(close) = memmem::find(rest, b"---") else {
            return after;
        };
        let is_private = memmem::find(part(rest, 0..close), b"PRIVATE").is_some();
        let from = after.saturating_add(close);
        let tail = bytes.get(from..).unwrap_or_default();
        let end = if self.is_endless {
            None
        } else {
            memmem::find(tail, b"-----END")
        };
        self.is_endless |= end.is_none();
        let end = end.map(|end| {
            let label = from.saturating_add(end).saturating_add(8);
            let label = run(
                bytes,
                label,
                byte_set!(|byte| byte.is_ascii_uppercase() || matches!(byte, b' ' | b'0'..=b'9')),
            );
            run(bytes, label, byte_set!(|byte| byte == b'-'))
        });
        match (is_private, end) {
            (true, end) => {
                let end = end.unwrap_or(bytes.len());
                if self.found(Detector::PrivateKey, mark..end) {
                    end
                } else {
                    after
                }
            }
            // What is public is looked over as a whole: its letters are drawn at random.
            (false, Some(end)) => end,
            (false, None) => from,
        }
    }

    /// A three-part token whose first part begins at `eyJ`, of which the `J` stands at `mark`.
    pub(super) fn jwt(&mut self, mark: usize) -> usize {
        let bytes = self.bytes;
        let next = mark.saturating_add(1);
        let Some(start) = mark
            .checked_sub(2)
            .filter(|start| part(bytes, *start..next) == b"eyJ")
        else {
            return next;
        };
        if URL_SAFE.has(before(bytes, start, 1)) {
            return next;
        }
        let header = run(bytes, start, URL_SAFE);
        let payload = run(bytes, header.saturating_add(1), URL_SAFE);
        let signature = run(bytes, payload.saturating_add(1), URL_SAFE);
        let parted = at(bytes, header) == b'.' && at(bytes, payload) == b'.';
        let long = header.saturating_sub(start) >= 12 && payload.saturating_sub(header) > 8;
        if !parted || !long {
            return self.run_of(start, header);
        }
        // An encrypted one has five parts.
        let mut end = signature;
        for _ in 0..2 {
            if at(bytes, end) == b'.' && URL_SAFE.has(at(bytes, end.saturating_add(1))) {
                end = run(bytes, end.saturating_add(1), URL_SAFE);
            }
        }
        if self.found(Detector::Jwt, start..end) {
            end
        } else {
            next
        }
    }

    /// Goes on where the first digit of a run stands, if there is one, so that it is remembered.
    fn run_of(&self, start: usize, end: usize) -> usize {
        let digit = part(self.bytes, start..end)
            .iter()
            .position(u8::is_ascii_digit);
        digit.map_or(end, |digit| start.saturating_add(digit))
    }

    /// Words that begin with `A` or `S`.
    pub(super) fn capital_token(&mut self, start: usize) -> usize {
        let bytes = self.bytes;
        let next = start.saturating_add(1);
        if is_word(before(bytes, start, 1)) {
            return next;
        }
        let vendor = match part(bytes, start..start.saturating_add(4)) {
            b"AKIA" | b"ASIA" | b"ABIA" | b"ACCA" => {
                let end = run(
                    bytes,
                    start,
                    byte_set!(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()),
                );
                let whole = end.saturating_sub(start) == 20 && !is_word(at(bytes, end));
                if whole && self.found(Detector::AwsAccessKey, start..end) {
                    self.secret_after(end);
                    return end;
                }
                return next;
            }
            b"AIza" => Vendor(Detector::GcpApiKey, b"AIza", 30, URL_SAFE),
            b"ATAT" | b"ATCT" | b"ATBB" => Vendor(Detector::VendorToken, b"AT", 40, BASE64),
            [b'S', b'G', b'.', _] => Vendor(Detector::VendorToken, b"SG.", 30, DOTTED),
            [b'S', b'K', ..] | [b'A', b'C', ..] => {
                let end = run(bytes, start, ALPHANUMERICS);
                let digits = part(bytes, start.saturating_add(2)..end);
                let shaped = digits.len() == 32
                    && at(bytes, start) == b'S'
                    && digits
                        .iter()
                        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
                return if shaped && self.found(Detector::VendorToken, start..end) {
                    end
                } else {
                    next
                };
            }
            _ => return next,
        };
        self.vendor(start, start, &vendor).unwrap_or(next)
    }

    /// A secret of forty bytes that follows the id of its key.
    fn secret_after(&mut self, id_end: usize) {
        let bytes = self.bytes;
        let is_secret =
            byte_set!(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'));
        let window = id_end.saturating_add(4);
        let start = (id_end..=window).find(|index| is_secret.has(at(bytes, *index)));
        let Some(start) = start else { return };
        let end = run(bytes, start, is_secret);
        if end.saturating_sub(start) == 40 && is_drawn(part(bytes, start..end)) {
            self.found(Detector::AwsSecretKey, start..end);
        }
    }

    /// `…Q~…`: a client secret of Azure.
    pub(super) fn tilde(&mut self, mark: usize) -> usize {
        let bytes = self.bytes;
        let next = mark.saturating_add(1);
        let is_secret = byte_set!(|byte| is_word(byte) || matches!(byte, b'.' | b'-' | b'~'));
        if before(bytes, mark, 1) != b'Q' || !before(bytes, mark, 2).is_ascii_digit() {
            return next;
        }
        let start = mark.saturating_sub(5);
        let window = part(bytes, 0..mark.saturating_add(42).min(bytes.len()));
        let end = run(window, mark, is_secret);
        let shaped = part(bytes, start..mark)
            .iter()
            .all(|byte| is_secret.has(*byte))
            && !is_word(before(bytes, start, 1))
            && (30..=40).contains(&end.saturating_sub(mark));
        if shaped && self.found(Detector::AzureKey, start..end) {
            end
        } else {
            next
        }
    }

    /// `Bearer` or `Basic` and what follows, wherever it stands.
    pub(super) fn scheme(&mut self, start: usize) -> usize {
        let bytes = self.bytes;
        let next = start.saturating_add(1);
        let rest = part(bytes, start..start.saturating_add(7).min(bytes.len()));
        let after = match rest {
            b"Bearer " => start.saturating_add(7),
            _ if rest.starts_with(b"Basic ") => start.saturating_add(6),
            _ => return next,
        };
        let end = run(
            bytes,
            after,
            byte_set!(
                |byte| is_word(byte) || matches!(byte, b'-' | b'.' | b'~' | b'+' | b'/' | b'=')
            ),
        );
        let token = part(bytes, after..end);
        let shaped = token.len() >= 12
            && is_drawn(token)
            && (token.iter().any(u8::is_ascii_digit) || token.len() > 24);
        if shaped
            && !is_word(before(bytes, start, 1))
            && self.found(Detector::AuthHeader, after..end)
        {
            end
        } else {
            next
        }
    }

    /// Words with digits that begin with what gives them away.
    pub(super) fn prefixed(&mut self, start: usize, end: usize) -> Option<usize> {
        let bytes = self.bytes;
        let word = part(bytes, start..end);
        if word.len() == 36
            && word.starts_with(b"dapi")
            && part(word, 4..36).iter().all(u8::is_ascii_hexdigit)
        {
            return self.found(Detector::VendorToken, start..end).then_some(end);
        }
        let vault = [&b"hvs."[..], b"hvb.", b"hvr.", b"ya29."]
            .into_iter()
            .find(|prefix| {
                start
                    .checked_sub(prefix.len())
                    .is_some_and(|from| part(bytes, from..start) == *prefix)
            });
        let ya29 = word == b"ya29" && at(bytes, end) == b'.';
        let from = match vault {
            Some(prefix) => start.checked_sub(prefix.len())?,
            None if ya29 => start,
            None => return None,
        };
        let until = run(bytes, end, DOTTED);
        let long = until.saturating_sub(from) > 24;
        (long && self.found(Detector::VendorToken, from..until)).then_some(until)
    }
}
