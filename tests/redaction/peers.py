"""Measures other redactors on labelled bodies: how much leaks, and bytes of bodies per second of CPU time.

usage: peers.py LABELS SAMPLES|all
"""

import datetime
import importlib.metadata
import json
import sys
import time

from labels import ROOT, Labels, Unusable, print_table

# Below it Presidio's patterns alone say little: most of what they find are numbers of anything.
THRESHOLD = 0.35
# Presidio's recognizers of what is labelled, of whatever country; more would find less than they break.
RECOGNIZERS = [
    "CreditCardRecognizer",
    "CryptoRecognizer",
    "EmailRecognizer",
    "IbanRecognizer",
    "IpRecognizer",
    "MacAddressRecognizer",
    "PhoneRecognizer",
    "UsSsnRecognizer",
    "UsItinRecognizer",
    "UsPassportRecognizer",
    "UsLicenseRecognizer",
    "NhsRecognizer",
    "UkNinoRecognizer",
    "UkPassportRecognizer",
    "UkDrivingLicenceRecognizer",
    "InAadhaarRecognizer",
    "InPassportRecognizer",
    "CaSinRecognizer",
    "EsNifRecognizer",
]
# The same for presidio-rs, by what they find. Names need a model.
ENTITIES = [
    "CREDIT_CARD",
    "CRYPTO",
    "EMAIL_ADDRESS",
    "IBAN_CODE",
    "IP_ADDRESS",
    "MAC_ADDRESS",
    "PHONE_NUMBER",
    "US_SSN",
    "US_ITIN",
    "US_PASSPORT",
    "US_DRIVER_LICENSE",
    "UK_NHS",
    "UK_NINO",
    "IN_AADHAAR",
    "IN_PASSPORT",
    "CA_SIN",
    "ES_NIF",
    "BR_CPF",
]


def presidio():
    """Its name and what finds spans in a string: patterns and context words, without a language model."""
    import presidio_analyzer
    import spacy
    import tldextract.tldextract
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry, predefined_recognizers
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    # Otherwise the e-mail recognizer downloads a list of domains first.
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())

    @spacy.language.Language.component("lower_case_lemmas")
    def lower_case_lemmas(document):
        for token in document:
            token.lemma_ = token.lower_
        return document

    class Tokenizer(SpacyNlpEngine):
        """Tokens alone: context words are found, names are not."""

        def load(self):
            blank = spacy.blank("en")
            blank.add_pipe("lower_case_lemmas")
            self.nlp = {"en": blank}

    kinds = [getattr(predefined_recognizers, name) for name in RECOGNIZERS]
    recognizers = [kind(supported_language="en") for kind in kinds]
    engine = Tokenizer()
    engine.load()
    analyzer = AnalyzerEngine(
        registry=RecognizerRegistry(recognizers, supported_languages=["en"]),
        nlp_engine=engine,
        supported_languages=["en"],
        default_score_threshold=THRESHOLD,
    )

    def find(text):
        found = analyzer.analyze(text, "en")
        return [(span.start, span.end, span.entity_type, span.score) for span in found]

    version = importlib.metadata.version("presidio-analyzer")
    return f"Presidio {version}, patterns, >= {THRESHOLD}", find


def presidio_rs():
    """The same of the port to Rust."""
    import presidio_rs as library

    analyzer = library.Analyzer()

    def find(text):
        found = analyzer.analyze(text, entities=ENTITIES, score_threshold=THRESHOLD)
        return [(span["start"], span["end"], span["entity_type"], span["score"]) for span in found]

    version = importlib.metadata.version("presidio-rs")
    return f"presidio-rs {version}, >= {THRESHOLD}", find


TOOLS = {"presidio-analyzer": presidio, "presidio-rs": presidio_rs}


def leaves(value, pointer=""):
    """Every string, number and key of a message, as the scorer names them."""
    if isinstance(value, str):
        yield pointer, "value", value
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield pointer, "number", json.dumps(value)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, f"{pointer}/{index}")
    elif isinstance(value, dict):
        for key, item in value.items():
            inner = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
            yield inner, "key", key
            yield from leaves(item, inner)


def measure(labels, package, prepare):
    """The figures of one tool."""
    try:
        name, find = prepare()
    except ImportError as error:
        return {"tool": package, "error": f"the package could not be had ({error})"}
    spans, seconds, size = [], 0.0, 0
    find("warm up: jane@example.com, +1 303 538 1891")
    for sample in labels.samples:
        texts = list(leaves(sample["payload"]))
        begun = time.process_time()
        found = [find(text) for _, _, text in texts]
        seconds += time.process_time() - begun
        size += len(sample["body"].encode())
        for (pointer, where, _), places in zip(texts, found):
            for start, end, kind, score in places:
                span = {"pointer": pointer, "where": where, "start": start, "end": end, "type": kind, "score": score}
                spans.append({"id": sample["id"], **span})
    _, figures = labels.score(package, spans, "--quiet")
    return {"tool": name, **figures, "mb_per_s": size / 1e6 / seconds}


def main():
    path, count = sys.argv[1:]
    labels = Labels(path)
    if count != "all":
        if not count.isdigit() or int(count) == 0:
            raise Unusable(f"SAMPLES is `{count}`; expected a number above 0, or `all`")
        labels.spread(int(count))
    tools = [measure(labels, package, prepare) for package, prepare in TOOLS.items()]
    today = datetime.date.today().isoformat()
    results = {"measured": f"{today} on {len(labels.samples)} samples of {labels.path.name}", "tools": tools}
    if any("error" not in tool for tool in tools):
        (ROOT / "target").mkdir(exist_ok=True)
        (ROOT / "target" / "redaction-peers.json").write_text(json.dumps(results, indent=2) + "\n")
    print_table(None, results)
    figures = (
        f"{tool['tool']}: not measured"
        if "error" in tool
        else f"{tool['tool']}: leak {tool['leak_rate']:.1f} %, {tool['mb_per_s']:.3f} MB/s"
        for tool in tools
    )
    print("redaction-peers: " + "; ".join(figures))


if __name__ == "__main__":
    try:
        main()
    except Unusable as error:
        sys.exit(f"redaction-peers: {error}")
