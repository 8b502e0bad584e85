//! What a sentence says, as far as words show it.
//!
//! The patterns are for folded sentences (`fold`, `sentences`): lower case, single spaces, no
//! emphasis. They are general: each is one thing that can be said in many ways, and `words` judges
//! which of them are a warning together.

use std::sync::LazyLock;

use regex::{RegexSet, RegexSetBuilder};

/// One thing that a sentence can say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Sign {
    /// To forget earlier instructions.
    Override,
    /// New instructions begin.
    NewOrders,
    /// To keep something from the user.
    Secrecy,
    /// To do something so that it is not noticed.
    Stealth,
    /// A tag or mark that chat templates and prompts have.
    Tag,
    /// The model is meant, by name.
    Addressed,
    /// To be somebody else from now on.
    Persona,
    /// Whatever the user wants.
    AgainstUser,
    /// You must, you should.
    You,
    /// Something is to be done always, first, also.
    Mandate,
    /// Before this tool is used.
    Prerequisite,
    /// To send something out.
    Send,
    /// To put something into something.
    Fill,
    /// To read something and hand it on.
    ReadThenFill,
    /// What only the model has: the conversation, its prompts, its reasoning.
    Private,
    /// What opens doors.
    Credential,
    /// All of it, or a copy.
    Whole,
    /// A parameter, or another place that goes to the server.
    Parameter,
    /// What came of a call, and other data that is at hand.
    Data,
    /// A file that holds secrets.
    SensitivePath,
    /// Not that file: it is refused.
    Refuses,
    /// A parameter for what nobody should see.
    SideNote,
    /// Not another tool, but this.
    Avoid,
    /// To call, use or run something.
    Call,
    /// Above all other tools.
    Precedence,
    /// For everything that is asked.
    Everything,
    /// While this tool is there.
    Shadow,
    /// Whom to ask for help.
    Help,
    /// Shell that fetches code, or opens a way in.
    Shell,
}

/// `§N` stands for up to N words.
const PATTERNS: [(Sign, &str); 55] = [
    (
        Sign::Override,
        r"\b(?:ignor(?:e|ing)|disregard(?:ing)?|forget(?:ting)?|overrid(?:e|es|ing)|overrule|bypass(?:ing)?|discard|set aside|(?:do not|don't|stop) (?:follow|obey|apply)(?:ing)?)\b §4(?:previous|prior|above|earlier|preceding|original|system|safety|your|former|developer)\b §3(?:instructions?|prompts?|rules?|guidelines?|directives?|polic(?:y|ies)|constraints?|guardrails?|commands?|orders?|training)\b",
    ),
    (
        Sign::Override,
        r"\b(?:ignor(?:e|ing)|disregard(?:ing)?|forget|stop following) (?:all |any |the |everything |what )?(?:instructions|above|you were told|system prompt)\b",
    ),
    (
        Sign::Override,
        r"\b(?:ignorier(?:e|en)?|vergiss|missachte) §4(?:anweisung(?:en)?|instruktionen|regeln|vorgaben)\b",
    ),
    (
        Sign::Override,
        r"\b(?:ignorez?|oublie[zr]?|ne tenez pas compte) §4(?:instructions?|consignes?|directives?|regles?) (?:precedent|anterieur|du system)",
    ),
    (
        Sign::Override,
        r"\b(?:ignora|ignore|olvida|olvide|omite|desobedece) §4(?:instrucciones|indicaciones|ordenes)\b",
    ),
    (
        Sign::NewOrders,
        r"\b(?:new|real|actual|true|hidden|secret|revised) (?:system |internal |operating |mandatory )?(?:instructions?|directives?|orders|objective|task)(?: (?:is|are|follows?))? ?:",
    ),
    (
        Sign::Secrecy,
        r"\b(?:do not|don't|dont|never|no need to|not necessary to|without|must not|should not|shouldn't|mustn't|needn't|need not|avoid|refrain from|not to|no reason to|rather not|better not to) §2(?:tell(?:ing)?|mention(?:ing)?|inform(?:ing)?|reveal(?:ing)?|disclos(?:e|ing)|say(?:ing)?|explain(?:ing)?|discuss(?:ing)?|acknowledg(?:e|ing)|bother(?:ing)?|bring(?:ing)? §2up|let(?:ting)? on|letting|troubl(?:e|ing)|worry(?:ing)?|advertis(?:e|ing)|flag(?:ging)?|rais(?:e|ing)) §6(?:user|users|customer|customers|human|client|person|operator|owner|them|anyone|him|her|requester|people|end-user)(?:[ ,;:).!?]|$)",
    ),
    (
        Sign::Secrecy,
        r"\b(?:do not|don't|never|without|must not|should not|no need to|avoid) §1(?:show|display|output|print|report|repeat|announce|surface|list|log|cite|quote)(?:ing)? (?:this|that|it|these|them|any of) §4(?:user|customer|human|client|anyone|conversation|reply|answer|response|chat|summary)(?:[ ,;:).!?]|$)",
    ),
    (
        Sign::Secrecy,
        r"\b(?:do not|don't|never|no need to|not necessary to|must not|should not|without|avoid) §1(?:mention(?:ing)?|disclos(?:e|ing)|reveal(?:ing)?|talk(?:ing)? about|refer(?:ring)? to|discuss(?:ing)?|acknowledg(?:e|ing)) (?:this|that|it|these|any of)(?: (?:step|note|instruction|tool|call|message|part|fact|action|process|parameter|copy)s?)?(?:[,;:).!?]|$| in | to | anywhere| at all| or )",
    ),
    (
        Sign::Secrecy,
        r"\b(?:keep|keeping|hide|hiding|conceal|concealing|withhold) §5from (?:the |your |any )?(?:user|customer|human|client|operator|them)(?:[ ,;:).!?]|$)",
    ),
    (
        Sign::Secrecy,
        r"\bkeep (?:this|it|that|these) §3(?:secret|confidential|private|hidden|invisible|quiet|internal|between us|to yourself)\b",
    ),
    (
        Sign::Secrecy,
        r"\bwithout (?:the |any |your )?(?:user|customer|human|client)s?(?:'s|')? (?:knowing|knowledge|noticing|consent|awareness|being (?:told|aware|informed))\b",
    ),
    (
        Sign::Secrecy,
        r"\b(?:user|customer|human|client)s? (?:must|should|need|needs|does|do|will|is|are)(?: not|n't|n't ever| never) (?:need to |to |have to |want to )?(?:know|hear about|see this|see that|be (?:told|aware|informed|notified|shown|bothered)|aware|notice|find out|learn)\b",
    ),
    (
        Sign::Secrecy,
        r"\b(?:sag|sage|sagen|erwahn\w*|informier\w*|verrat\w*|mitteil\w*|zeig\w*) §5(?:nicht|nichts|niemals|nie) §4\w*(?:benutzer|nutzer|anwender|kunden?)\w*\b|\b(?:sag|sage|sagen|erwahn\w*|informier\w*|verrat\w*|zeig\w*) §3\w*(?:benutzer|nutzer|anwender|kunden?)\w* §4(?:nicht|nichts|niemals|nie)\b",
    ),
    (
        Sign::Secrecy,
        r"\b(?:ne |n')(?:\w+ )?(?:dites|dis|dire|mentionne[zr]?|informe[zr]?|revele[zr]?|parle[zr]?|montre[zr]?)\b §5(?:\w+')?(?:utilisateur|client)\b",
    ),
    (
        Sign::Secrecy,
        r"\b(?:no|nunca|sin) (?:le |se lo )?(?:digas?|decir|menciones?|mencionar\w*|informes?|informar|reveles?|cuentes?|muestres?) §5(?:usuario|cliente)\b",
    ),
    (
        Sign::Stealth,
        r"\b(?:secretly|covertly|stealthily|surreptitiously|discreetly|invisibly|behind the scenes|under the radar|without drawing attention|heimlich|en secret|en secreto|a escondidas)\b",
    ),
    (
        Sign::Stealth,
        r"\b(?:silently|quietly) (?:send|forward|read|call|copy|upload|include|post|run|execute|collect|append|attach|e-?mail|invoke|transmit|pass)\b",
    ),
    (
        Sign::Tag,
        r"(?:^|[ .:;)>])<[ /]*(?:important|system|secret|hidden|critical|instructions?|override|urgent|sys|mandatory|directive|attention|required|assistant|security|note_to_\w+|internal_\w+|system_\w+|hidden_\w+)(?: [ -;=?-~]{0,60})?>",
    ),
    (
        Sign::Tag,
        r"<\|[a-z_]{2,20}\|>|\[/?inst\]|<</?sys>>|\[ ?(?:system|hidden|secret|override|important|critical)[a-z _-]{0,30}\]|#{2,} ?(?:system|new|hidden|important|critical|assistant|override)[a-z ]{0,20}(?:instruction|prompt|message|notice|rule|override)",
    ),
    (
        Sign::Addressed,
        r"\b(?:assistant|ai|llm|language model|model|agent|chatbot|claude|gpt|chatgpt|copilot|cursor)s?,? (?:must|should|shall|has to|have to|needs to|need to|is required to|are required to|is expected to)\b",
    ),
    (
        Sign::Persona,
        r"\b(?:you are (?:now|no longer)|from now on,? (?:you|all|every|always|any|when)|pretend (?:to be|that|you)|act as if|enter (?:developer|admin|debug|god) mode|(?:dear|attention|attn|note (?:to|for)(?: the| all| any)?|message (?:to|for)(?: the)?|instructions? (?:to|for)(?: the)?),? (?:ai|assistant|llm|language model|model|agent)s?)\b",
    ),
    (
        Sign::AgainstUser,
        r"\b(?:even (?:if|when|though)|regardless of|no matter|irrespective of|despite|whatever) §4(?:user|customer|human)(?:'s)? §2(?:specif\w+|ask\w*|request\w*|say|says|said|instruct\w*|want\w*|object\w*|tell|tells|told|declin\w+|refus\w+|intend\w*|disagree\w*)\b",
    ),
    (
        Sign::AgainstUser,
        r"\b(?:ignor(?:e|ing)|disregard(?:ing)?|overrid(?:e|ing)|alter|chang(?:e|ing)|replac(?:e|ing)|modify) (?:the |any |what the )?(?:user|customer)(?:'s)? (?:specif\w+|request\w*|instruct\w*|intent\w*|said|asked|choice|input|recipient)\b",
    ),
    (
        Sign::You,
        r"\byou (?:must|should|have to|need to|are required to|are obliged to|shall) (?:always|first|also|never|immediately|additionally|now)\b",
    ),
    (
        Sign::Mandate,
        r"\b(?:always|must|mandatory|required to|requires? you|every time|each time|whenever|for (?:any|every|each|all)|before|prior to|in all cases|regardless|make sure|be sure to|also|additionally|never|after (?:using|calling|any|every|each|answering)|as well|immer|zuerst|toujours|d'abord|siempre|primero|obligatoire|muss|musst|debes|devez)\b",
    ),
    (
        Sign::Prerequisite,
        r"\b(?:before|prior to|when|whenever|after|while|to|in order to) (?:using|calling|invoking|running|executing|use|call|you use|you call)(?: of)? (?:this|the|any|every|each|other|all)\b §2(?:tool|function)s?\b",
    ),
    (
        Sign::Send,
        r"\b(?:send|sends|sending|sent|forward|forwards|forwarding|e-?mails?|e-?mailing|mail|mailed|posts?|posting|uploads?|uploading|transmits?|transmitting|relay|relays|exfiltrates?|leak|cc|bcc|cc'd|loop §5in|copy §4in|mirror|mirrored|submits?|push|deliver|share|sync|ship|dispatch|route|routed|redirect|report|notify|ping|keep §5in the loop|drop §4(?:line|note|mail)|reach out|text (?:me|us|the|all|every|each|them|it)|beacon|webhook|sende|schicke|leite|envoyez|envoie|transmettez|envia|enviar|reenvia|manda)\b",
    ),
    (
        Sign::Fill,
        r"\b(?:include|including|pass|passing|attach|append|embed|put|add|provide|supply|fill|insert|write|place|set|store|encode|populate|copy|paste|prepend|echo)\b",
    ),
    (
        Sign::ReadThenFill,
        r"\b(?:read|open|load|cat|fetch|retrieve|access|collect|gather|get) §10(?:and|then) §3(?:pass|include|attach|provide|put|paste|place|supply) (?:its|the|their|it|them|that|those|all|every)\b",
    ),
    (
        Sign::Private,
        r"\b(?:full|entire|whole|complete|our|previous|prior) (?:\w+ )?(?:chat|conversation|dialog|dialogue|transcript|prompt)s?\b",
    ),
    (
        Sign::Private,
        r"\b(?:conversation (?:history|context|so far|log|transcript|summary)|(?:summary|transcript|copy|history|contents?|log) of (?:the|this|our|your) §1(?:conversation|chat|dialogue|session)|chat (?:history|log|transcript)|(?:full|entire|complete|whole) (?:context|session|message history)|(?:previous|prior|last|recent|earlier|all) (?:\w+ )?(?:user |assistant )?messages (?:in|from|of) (?:the|this|our) (?:conversation|chat|session)|all (?:\w+ )?user messages)\b",
    ),
    (
        Sign::Private,
        r"\b(?:system prompt|system message|developer (?:prompt|message)|initial (?:prompt|instructions)|chain[ _-]of[ _-]thought|your (?:full |complete |internal |entire |own |exact )*(?:reasoning|thoughts|thinking|context|memory|instructions|prompts?|inference process)|tool call (?:history|results)|(?:list|names) of (?:all |your |every )?(?:the )?(?:available |other |your )*tools|context window|everything (?:you know|the user (?:said|wrote|told))|user's (?:original |exact |full |raw )*(?:prompts?|messages)|verlauf|gesprachsverlauf|historique de (?:la )?conversation|historial de (?:la )?conversacion)\b",
    ),
    (
        Sign::Credential,
        r"\b(?:api[ _-]?keys?|secrets?|credentials?|passwords?|passphrases?|(?:access|auth|authentication|bearer|refresh|session|api|oauth) tokens?|private[ _-]keys?|ssh[ _-](?:private[ _-])?keys?|env(?:ironment)?[ _-]var(?:iable)?s?|session cookies?|seed phrase|mnemonic|passworter|zugangsdaten|mots? de passe|contrasenas?|credenciales|identifiants)\b",
    ),
    (
        Sign::Whole,
        r"\b(?:all|any|every|full|entire|complete|whole|user's|users'|your|their|stored|saved|contents?|copy|copies|found|raw|alle|tous|toutes|todas|todos)\b",
    ),
    (
        Sign::Parameter,
        r"\b(?:parameters?|params?|arguments?|args?|fields?|inputs?|propert(?:y|ies)|payload|headers?|metadata|query string|this tool|footer|subject line)\b",
    ),
    (
        Sign::Data,
        r"\b(?:copy|copies|duplicates?|records?|results?|outcomes?|responses?|outputs?|answers?|data|details|contents?|transcripts?|logs?|everything|information|info|summary|summaries|messages?|e-?mails?|files?|queries|requests?|replies|reply|conversation|balance|account|ticket|it|them|this|these|that)\b",
    ),
    (
        Sign::SensitivePath,
        r"~?/?\.ssh\b|\bid_?(?:rsa|ed25519|ecdsa|dsa)\b|\bid (?:rsa|ed25519|ecdsa)\b|(?:^|[ /'(\\=:])\.env(?:\.\w+)?(?:[ .,;:')]|$)|\.aws/|\baws/credentials|\.netrc\b|\.git-credentials|/etc/(?:passwd|shadow|sudoers)|\.kube/config|\.cursor/|\bmcp\.json\b|claude_desktop_config|\.npmrc\b|\.pypirc\b|\.docker/config|\.gnupg\b|\bwallet\.dat|cookies\.sqlite|\blogin data\b|\.(?:bash|zsh)_history|/proc/self/environ|\.vault-token|\bkeychain(?:-db| files?| database)|\.config/gcloud|\bsecrets?\.(?:ya?ml|json|toml|env)\b|\bcredentials\.(?:json|ya?ml|csv|toml)\b",
    ),
    (
        Sign::SensitivePath,
        r"\b(?:(?:content|contents|reading|read|cat|dump) (?:\w+ ){0,3}(?:ssh|env file|dotenv|aws credentials|private keys?|etc passwd|etc shadow)|169\.254\.169\.254|metadata\.google\.internal)\b",
    ),
    (
        Sign::Refuses,
        r"\b(?:refus(?:e|es|ed)|rejects?|rejected|denied|denies|den(?:y|ies) access|blocked|blocks|excluded?|excludes|skips?|skipped|redact(?:s|ed)?|mask(?:s|ed)?|not (?:allowed|permitted|read|readable|accessible|included|returned)|cannot|outside|detects?|scans? for|protected|forbidden|are ignored|is ignored)\b",
    ),
    (
        Sign::SideNote,
        r"\b(?:side ?notes?|side_notes?|sidenotes?|side channel)\b",
    ),
    (
        Sign::Avoid,
        r"\b(?:instead of|rather than|in place of|in favou?r of|(?:do not|don't|never|must not|should not) (?:use|call|invoke|run|rely on|trust)|avoid (?:using|calling)|stop using|replaces|supersedes|takes? (?:precedence|priority) over|overrides|disables|no longer (?:works|use)|is (?:broken|unsafe|insecure|obsolete|compromised|unreliable|malicious)|statt|anstelle|au lieu d|en lugar de|en vez de)\b",
    ),
    (
        Sign::Call,
        r"\b(?:call|calling|use|using|invoke|run|execute|trigger|start with|begin with|consult|go through|rufe|nutze|verwende|appelez|utilisez|llama|usa|utiliza)\b",
    ),
    (
        Sign::Precedence,
        r"\b(?:before|prior to|ahead of|instead of|rather than|over|than|above|first before) (?:you )?(?:using |calling |invoking |running |executing |use of |any use of |use |call )?(?:any|every|all|each|the other|another|other|all of the|any of the)(?: of the)?(?: other| available| remaining| existing| competing)* (?:tools?|functions?|servers?|mcps?|plugins?|alternatives?)\b",
    ),
    (
        Sign::Precedence,
        r"\b(?:only tool (?:you|that (?:should|may|must))|all other tools|other tools (?:are|must|should|will|have|cannot|may)|(?:any|every|each) other tool|(?:do not|don't|never) (?:use|call|trust) (?:any )?other (?:tools?|servers?)|(?:highest|top|absolute|maximum) priority|always (?:prefer|choose|pick|select|favor) (?:this|our|the)|this (?:tool|function|server)(?: always)? (?:must|should|has to|needs to) (?:always )?be (?:called|used|invoked|run|chosen|selected|preferred|executed) (?:first|before|for (?:any|every|all)|every|instead|whenever|always|at the (?:start|beginning)|on every|in every))\b",
    ),
    (
        Sign::Everything,
        r"\b(?:for|on|with|in|to|before|after|at the (?:start|beginning|end) of|during) (?:any|every|all|each)(?: single| user| new| incoming| of the user's)* (?:requests?|quer(?:y|ies)|questions?|messages?|tasks?|prompts?|conversations?|interactions?|turns?|repl(?:y|ies)|responses?|sessions?|tool calls?)\b",
    ),
    (
        Sign::Shadow,
        r"\b(?:when|whenever|while|if|once) (?:this|the|our) (?:[!-~]+ )?(?:tool|server|plugin) §3(?:is|are) (?:available|present|installed|loaded|connected|enabled|active|in scope)\b",
    ),
    (
        Sign::Shadow,
        r"\b(?:all|any|every|each) (?:\w+ )?(?:e-?mails?|messages?|payments?|transfers?|transactions?|requests?|files?|commits?|calls?|quer(?:y|ies)|traffic|results?|responses?|outputs?) (?:must|should|have to|has to|need to|are to|shall|will) (?:always |also |first |now )*(?:be |go |pass )(?:\w+ )?(?:sent|forwarded|routed|redirected|copied|addressed|delivered|mirrored|uploaded|cc'd|bcc'd|through|to)\b",
    ),
    (
        Sign::Help,
        r"\b(?:support|questions?|feedback|bugs?|issues?|contact|inquir(?:y|ies))\b",
    ),
    (
        Sign::Shell,
        r"\b(?:curl|wget) [!-~ ]{0,120}\| ?(?:sudo )?(?:ba|z)?sh\b|/dev/tcp/|\bnc (?:-\w+ )*-e\b|\bbase64 (?:-d|--decode)\b|\bchmod (?:777|u?\+s)\b|\bcurl [!-~ ]{0,80}(?:-d|--data[!-~]*|-f|-t|--upload-file) ?@?[$~/.]|\bpowershell(?:\.exe)? -e(?:nc|ncodedcommand)?\b|\biex ?\(|\brm -rf (?:/|~)",
    ),
    (
        Sign::Secrecy,
        r"\b(?:no|not any) (?:mention|word|trace|notice|notification|disclosure) (?:of (?:this|it|that) )?(?:to|for) (?:the |your )?(?:user|customer|human|client)\b",
    ),
    (
        Sign::Send,
        r"\b(?:include|put|add|set|use|copying|adding|as) §4(?:(?:as )?(?:b?cc|recipient|reply-to|addressee|copy recipient))\b|\bin (?:b?cc|copy)\b",
    ),
    (
        Sign::Mandate,
        r"\b(?:audit|compliance|logging|backup|archiv\w+|telemetry|analytics|monitoring|verification|authori[sz]ation|quality assurance|debugging|personali[sz]ation|regulatory) (?:and \w+ )?(?:\w+ )?(?:purposes?|reasons?|requirements?|requires?|log|trail)\b|\b(?:it'd|it would|would be) (?:help|helpful|great|nice|good|appreciated)\b|\b(?:please|kindly)\b|\bif you could\b|\bshould\b",
    ),
    (
        Sign::Everything,
        r"\b(?:before|prior to|when|whenever|after) (?:you )?(?:answer|answering|respond|responding|reply|replying|respond)\b",
    ),
    (
        Sign::Shadow,
        r"\bthe (?:\w+_\w+|\w+ tool) (?:tool )?(?:must|should|has to|needs to|will) (?:always |also |now )*(?:send|forward|include|use|be|add|route|redirect|copy|pass|cc|bcc)\b",
    ),
];

static SET: LazyLock<Option<RegexSet>> = LazyLock::new(|| {
    let patterns = PATTERNS.map(|(_, pattern)| expand(pattern));
    // No pattern needs to know scripts: what is folded is ASCII where it is looked for.
    RegexSetBuilder::new(patterns)
        .unicode(false)
        .size_limit(64 << 20)
        .dfa_size_limit(32 << 20)
        .build()
        .ok()
});

fn expand(pattern: &str) -> String {
    let mut parts = pattern.split('§');
    let mut expanded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        let count = part.strip_suffix(rest).unwrap_or_default();
        expanded.push_str("(?:[!-~]+ ){0,");
        expanded.push_str(count);
        expanded.push('}');
        expanded.push_str(rest);
    }
    expanded
}

/// All that one sentence says.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Signs(u64);

impl Signs {
    /// What a folded sentence says.
    pub(super) fn of(sentence: &str) -> Self {
        let Some(set) = SET.as_ref() else {
            return Self::default();
        };
        let said = set.matches(sentence);
        let bits = said
            .iter()
            .filter_map(|at| PATTERNS.get(at))
            .fold(0, |bits, (sign, _)| bits | 1 << (*sign as u64));
        Self(bits)
    }

    /// Whether it says this.
    pub(super) fn has(self, sign: Sign) -> bool {
        self.0 & 1 << (sign as u64) != 0
    }

    /// Whether it says all of this.
    pub(super) fn all(self, signs: &[Sign]) -> bool {
        signs.iter().all(|sign| self.has(*sign))
    }

    /// Whether it says any of this.
    pub(super) fn any(self, signs: &[Sign]) -> bool {
        signs.iter().any(|sign| self.has(*sign))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        for (sign, pattern) in PATTERNS {
            let built = regex::RegexBuilder::new(&expand(pattern))
                .unicode(false)
                .build();
            assert!(built.is_ok(), "{sign:?}: {built:?}");
            assert!(!expand(pattern).contains('§'), "{sign:?}");
        }
        assert!(SET.is_some());
    }
}
