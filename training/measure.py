"""What the corpus looks like: against what it should look like, and how varied it is."""

from __future__ import annotations

import random
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log, sqrt
from statistics import median

from cxnlp.labels import Taxonomy
from cxnlp.record import CHANNELS, SECTORS, Record
from training.splits import near_duplicates

TOKENS = 50_000  # sizes at which variety is compared, since it falls with size
BATCH_TOKENS = 8_000

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_TOPICS = re.compile(
    r"factu|rekening|betal|beloof|belofte|afspra|afgesproken|toegezegd|chatbot|\bbots?\b|robot|"
    r"aanbieding|verkoper|reclame|gebeld|belde|bezorg|pakket|pakje|lever|storing|kapot|defect|"
    r"monteur|technieker|vertraging|koerier|postbode|bestel|repar|herstel|\blekt|werkt (?:weer|niet)|"
    r"\bnota\b|incasso|aanmaning|opzeg|opgezegd|abonnement|callcenter|helpdesk",
    re.I,
)
_FILLER = re.compile(r"\b(?:e+h*m*|u+h+m*|eu+h+m*|hè|hé|ja+h?|nou|allee|zeg maar|zo van)\b", re.I)
_CLOSING = re.compile(
    r"\n\s*(?:met vriend|vriendelijke|mvg|m\.v\.g|gr\b|groet|hoogacht|alvast|bedankt|dank).*$",
    re.I | re.S,
)
_SLOPS = {
    "begins without a capital": re.compile(r"^\W*[a-zà-ÿ]"),
    "ends without a mark": re.compile(r"[^\W_]\s*$"),
    "small letter after a full stop": re.compile(r"[a-zà-ÿ]{2}[.!?]\s+[a-zà-ÿ]"),
    "no space after a mark": re.compile(r"[a-zà-ÿ](?:[,!?;][A-Za-zà-ÿ]|\.[A-Z][a-zà-ÿ])"),
    "space before a mark": re.compile(r"\w [,.!?](?!\.)"),
    "doubled marks": re.compile(r"[!?]{2}|\.\.|,,"),
    "letters drawn out": re.compile(r"([a-z])\1{2}", re.I),
    "d or t": re.compile(
        r"\b(?:ik (?:wordt|vindt|houdt|zendt|meldt|krijgt|heeft)"
        r"|(?:hij|zij|ze|het|dit|dat) (?:word|vind|houd|gebeurd|betekend|duurd)"
        r"|(?:is|was|heb|heeft|hebben|wordt|werd) (?:\w+ ){0,2}"
        r"(?:gebeurt|vertelt|betaalt|bestelt|belooft|gemelt|verandert|gebelt)"
        r"|word (?:niet|er|nog|je|u|ook|gewoon))\b",
        re.I,
    ),
    "chat abbreviation": re.compile(
        r"\b(?:idd|iig|mss|ff|wrs|grtjs|omg|wtf|ofzo|eig|egt|kwn|nvm|zsm|mvg|vlgs|ipv|ivm|vd)\b",
        re.I,
    ),
}


@dataclass(frozen=True, slots=True)
class Requirement:
    """One aspect of the corpus: what is wanted, what was found, whether that is enough."""

    aspect: str
    wanted: str
    found: str
    met: bool


def words(text: str) -> list[str]:
    """The words of a text in small letters, without marks."""
    return _WORD.findall(text.lower())


def length(text: str) -> int:
    """Words between spaces."""
    return len(text.split())


def slops(text: str) -> list[str]:
    """What in a text looks hastily typed, by name: a proxy, blind to most misspelt words."""
    body = _CLOSING.sub("", text)
    return [name for name, pattern in _SLOPS.items() if pattern.search(body)]


def spelling(text: str) -> str:
    """``flawless`` without any of `slops`, ``sloppy`` with two or more, else ``between``."""
    found = len(slops(text))
    return "flawless" if not found else "between" if found == 1 else "sloppy"


def requirements(
    records: Sequence[Record], taxonomy: Taxonomy, *, test: Sequence[Record] = (), pairs: int = 0
) -> list[Requirement]:
    """The corpus against what it must look like, a row an aspect.

    Parameters
    ----------
    records
        The whole corpus.
    taxonomy
        Its labels.
    test
        Its test split.
    pairs
        How many contrast pairs there are.
    """
    n = max(len(records), 1)
    causes = Counter(cause for r in records for cause in r.causes)
    emotions = Counter(r.emotion for r in records)
    channels = Counter(r.channel for r in records)
    sectors = Counter(r.sector for r in records)
    plain = [r for r in records if not r.causes]
    complaints = [r for r in records if r.causes]
    phone = [r for r in records if r.channel == "phone"]
    lengths = [length(r.text) for r in records] or [0]
    styles = Counter(spelling(r.text) for r in records)
    in_test = Counter(label for r in test for label in (*r.causes, r.emotion))

    def count(aspect: str, wanted: int, found: int) -> Requirement:
        return Requirement(aspect, f"{wanted:,}", f"{found:,}", found >= wanted)

    def share(aspect: str, wanted: float, part: float, of: int) -> Requirement:
        found = part / max(of, 1)
        return Requirement(aspect, f"{wanted:.0%}", f"{found:.1%}", found >= wanted)

    middle = median(lengths)
    return [
        count("messages", 10_000, len(records)),
        *(
            count(f"cause {c}", 1_300 if c in taxonomy.key_causes else 800, causes[c])
            for c in taxonomy.cause_names
        ),
        count("no cause", 2_200, len(plain)),
        count("no cause, on such a subject", 900, sum(bool(_TOPICS.search(r.text)) for r in plain)),
        share(
            "two or more causes, of complaints",
            0.35,
            sum(len(r.causes) > 1 for r in complaints),
            len(complaints),
        ),
        *(count(f"emotion {e}", 800, emotions[e]) for e in taxonomy.emotion_names),
        share("Flemish", 0.25, sum(r.region == "be" for r in records), n),
        *(count(f"channel {c}", 600, channels[c]) for c in CHANNELS),
        share("review and social", 0.35, channels["review"] + channels["social"], n),
        share(
            "phone with fillers", 0.5, sum(bool(_FILLER.search(r.text)) for r in phone), len(phone)
        ),
        *(count(f"sector {s}", 500, sectors[s]) for s in SECTORS),
        Requirement(
            "words, shortest to longest",
            "3 to 400",
            f"{min(lengths)} to {max(lengths)}",
            min(lengths) <= 3 and 300 <= max(lengths) <= 400,
        ),
        share("under 8 words", 0.10, sum(x < 8 for x in lengths), n),
        share("under 18 words", 0.25, sum(x < 18 for x in lengths), n),
        Requirement("median words", "35 to 50", f"{middle:g}", 35 <= middle <= 50),
        share("over 120 words", 0.10, sum(x > 120 for x in lengths), n),
        share("spelling flawless, by proxy", 0.3, styles["flawless"], n),
        share("spelling sloppy, by proxy", 0.3, styles["sloppy"], n),
        *(
            count(f"in test: {label}", 60, in_test[label])
            for label in (*taxonomy.cause_names, *taxonomy.emotion_names)
        ),
        count("contrast pairs", 400, pairs),
    ]


def diversity(records: Sequence[Record]) -> list[Requirement]:
    """How varied the writing is; figures without a norm are met by definition.

    distinct-2: Li et al. 2016; compression ratio: Shaib et al. 2024, "Standardizing the
    measurement of text diversity".

    Parameters
    ----------
    records
        The corpus.
    """
    texts = [r.text for r in records]
    tokens = [words(text) for text in texts]
    n = max(len(texts), 1)
    openings = Counter(tuple(t[:4]) for t in tokens)
    shared = share_with_a_run(tokens)
    similar = len(near_duplicates(texts))
    order = list(range(len(texts)))
    random.Random(0).shuffle(order)
    mixed = [tokens[i] for i in order]
    sample = _first(mixed, TOKENS)
    pairs = list(pairwise(sample))
    whole = _ttr(_first(mixed, BATCH_TOKENS))
    batches: dict[str, list[list[str]]] = {}
    for record, record_tokens in zip(records, tokens, strict=True):
        batches.setdefault(batch(record), []).append(record_tokens)
    sampled = {name: _first(rows, BATCH_TOKENS) for name, rows in batches.items()}
    by_batch = {name: _ttr(t) for name, t in sampled.items() if len(t) == BATCH_TOKENS}
    raw = "\n".join(texts[i] for i in order).encode("utf-8", "surrogatepass")
    grown = [len({w for t in mixed[: len(mixed) * q // 4] for w in t}) for q in (1, 2, 3, 4)]
    poorest = min(by_batch, key=lambda name: by_batch[name], default="")

    def told(aspect: str, found: str, wanted: str = "", met: bool = True) -> Requirement:
        return Requirement(aspect, wanted, found, met)

    return [
        told("openings of four words, distinct", f"{len(openings) / n:.1%}"),
        told(
            "share a run of six words with another",
            f"{shared:.1%}",
            "under 2%",
            shared < 0.02,
        ),
        told("pairs over .6 similar", str(similar), "0", similar == 0),
        told(f"distinct-2 at {len(sample):,} words", f"{len(set(pairs)) / max(len(pairs), 1):.3f}"),
        told(f"type-token ratio at {len(sample):,} words", f"{_ttr(sample):.3f}"),
        told(f"type-token ratio at {BATCH_TOKENS:,} words, whole", f"{whole:.3f}"),
        *(
            [told("the same, poorest batch", f"{by_batch[poorest]:.3f} ({poorest})")]
            if by_batch
            else []
        ),
        told("vocabulary at each quarter", ", ".join(f"{size:,}" for size in grown)),
        told("compression ratio", f"{len(raw) / max(len(zlib.compress(raw)), 1):.2f}"),
    ]


@dataclass(frozen=True)
class Runs:
    """Runs of words that several messages share: the run to positions of those messages."""

    where: dict[tuple[str, ...], list[int]]

    @property
    def messages(self) -> set[int]:
        """Every message that has one."""
        return {i for rows in self.where.values() for i in rows}


def share_with_a_run(tokens: Sequence[Sequence[str]], size: int = 6) -> float:
    """The share of messages that have a run of ``size`` words in common with another.

    It grows with the number of messages, since phrases of a language come back: compare it
    between sets of one size.
    """
    return len(shared_runs(tokens, size, 2).messages) / max(len(tokens), 1)


def shared_runs(tokens: Sequence[Sequence[str]], size: int, least: int) -> Runs:
    """Runs of ``size`` words that occur in at least ``least`` messages."""
    seen: dict[tuple[str, ...], list[int]] = {}
    for i, row in enumerate(tokens):
        for start in range(len(row) - size + 1):
            rows = seen.setdefault(tuple(row[start : start + size]), [])
            if not rows or rows[-1] != i:
                rows.append(i)
    return Runs({run: rows for run, rows in seen.items() if len(rows) >= least})


@dataclass(frozen=True, slots=True)
class Telling:
    """A word that points to a label: how often it is right, and how much of the label has it."""

    word: str
    precision: float
    recall: float


def telling_words(
    records: Sequence[Record],
    labels_of: Callable[[Record], Iterable[str]],
    label: str,
    top: int = 5,
) -> list[Telling]:
    """Words over-represented in the messages of a label.

    Only those that at least double the chance of the label are told, ranked by log-odds with an informative Dirichlet prior (Monroe et al. 2008).
    """
    within: Counter[str] = Counter()
    without: Counter[str] = Counter()
    n = 0
    for record in records:
        has = label in labels_of(record)
        n += has
        (within if has else without).update(set(words(record.text)))
    other = len(records) - n
    scored = []
    for word, hits in within.items():
        total = hits + without[word]
        if hits < 5 or hits / total < 2 * n / len(records):
            continue
        prior = 50 * total / len(records)  # as strong as fifty messages
        a, b = hits + prior, without[word] + prior
        odds = log(a / (n + 50 - a)) - log(b / (other + 50 - b))
        scored.append((odds / sqrt(1 / a + 1 / b), Telling(word, hits / total, hits / n)))
    return [telling for _, telling in sorted(scored, key=lambda s: (-s[0], s[1].word))[:top]]


def batch(record: Record) -> str:
    """The batch that a record came in: its id without the number at the end."""
    return record.id.rpartition("-")[0] or record.id


def _first(tokens: Iterable[list[str]], size: int) -> list[str]:
    taken: list[str] = []
    for row in tokens:
        taken += row
        if len(taken) >= size:
            return taken[:size]
    return taken


def _ttr(tokens: Sequence[str]) -> float:
    return len(set(tokens)) / max(len(tokens), 1)
