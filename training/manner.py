"""How well composed reviews and posts can be told from real ones by manner alone.

The yardstick: a classifier sees function words, marks, digits, lengths and the shapes of the
other words, never a subject, a name or a number, and is scored by cross-validated area under
the ROC curve. At .5 nobody can tell; what it leans on is what to write against.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxnlp.errors import TrainingError
from cxnlp.record import Record
from training.measure import share_with_a_run, words

PUBLIC = ("review", "social")
FOLDS = 5
DRAWS = 5  # subsamples of the corpus, since one says little

FUNCTION_WORDS = frozenset(
    """
    de het een 't n deze dit die dat dezelfde hetzelfde zo'n zulke elke elk ieder iedere alle al
    alles iets niets niks iemand niemand men ander andere anderen veel meer meest meeste weinig
    minder paar enkele sommige genoeg beide ik mij me mijn m'n mijzelf mezelf jij je jou jouw u uw
    hij hem zijn z'n zij ze haar wij we ons onze jullie hun hen ge gij uzelf zich zichzelf elkaar
    mekaar wie wat welke welk waar wanneer hoe waarom er hier daar hierin hierop hierover hiervoor
    hiermee hiervan daarin daarop daarover daarvoor daarmee daarvan daardoor daarna daarom daarbij
    waarin waarop waarvoor waarmee waarvan waardoor waarna waarbij ervan ervoor erop erin ermee
    erbij eraan erover eruit erna in op aan van voor met bij naar uit door over om onder tussen
    tegen tot na sinds sedert tijdens via zonder binnen buiten boven achter naast per volgens
    wegens vanwege ondanks behalve rond vanaf vanuit qua tegenover langs te ten ter en of maar want
    dus noch doch echter toch als dan toen terwijl omdat doordat zodat zodra indien mits tenzij
    hoewel alhoewel ofwel oftewel ook niet geen nooit altijd nog pas weer steeds telkens vaak soms
    meestal zelden eens ooit nu straks vandaag gisteren morgen net zojuist eerst daarnet later
    eerder vroeger nadien ondertussen inmiddels intussen meteen direct onmiddellijk gelijk plots
    opeens ineens heel zeer erg echt wel zo te veel best nogal redelijk vrij behoorlijk helemaal
    totaal absoluut compleet volledig bijna haast ongeveer circa minstens zeker misschien blijkbaar
    kennelijk eigenlijk gewoon even eventjes maar hoor toch dan eens ja nee neen nou allee alee zelfs
    alleen enkel slechts vooral juist precies helaas gelukkig uiteindelijk vervolgens verder
    bovendien daarnaast trouwens overigens zowel ook natuurlijk ben bent is was waren geweest wezen
    heb hebt heeft had hadden gehad hebben word wordt worden werd werden geworden zal zult zullen
    zou zouden kan kun kunt kunnen kon konden gekund moet moeten moest moesten mag mogen mocht
    mochten wil wilt willen wilde wilden wou wouden ga gaat gaan ging gingen gegaan doe doet doen
    deed deden gedaan laat laten liet lieten gelaten kom komt komen kwam kwamen gekomen blijf
    blijft blijven bleef bleven gebleven krijg krijgt krijgen kreeg kregen gekregen weet weten wist
    hoef hoeft hoeven een twee drie vier vijf zes zeven acht negen tien elf twaalf half halve
    anderhalf eerste tweede derde keer keren maal zelf eigen weg terug mee af heen los samen
    """.split()  # noqa: SIM905
)

_TOKEN = re.compile(
    r"(?P<word>[^\W\d_]+(?:['’][^\W\d_]+)*)|(?P<number>\d+)|(?P<space>\s+)|(?P<mark>.)", re.S
)
_EMOJI = re.compile(r"[\u2600-\u27bf\U0001f300-\U0001faff]")
_SENTENCE = re.compile(r"[.!?…]+(?:\s+|$)|\n+")
_MARKS = {
    "€": "€",
    "“": '"',
    "”": '"',
    "„": '"',
    "‘": "'",
    "’": "'",
    "–": "-",
    "—": "-",
    "…": "...",
}


@dataclass(frozen=True, slots=True)
class Trait:
    """One feature the classifier leans on: its mean in real and in composed messages."""

    name: str
    weight: float
    real: float
    composed: float


@dataclass(frozen=True)
class Manner:
    """How well composed public messages are told from real ones.

    Attributes
    ----------
    n
        Messages of each kind.
    auc
        Mean cross-validated AUC over several subsamples, in [0, 1]; .5 cannot be told apart.
    spread
        Standard deviation of that over the subsamples.
    auc_without_length
        The same when the counts of words and sentences are hidden.
    auc_matched
        The same when each subsample has the lengths of the real messages.
    shared_real, shared_composed
        Share of the ``n`` messages of a kind that have six words in a row in common with another
        of them, the mean over the subsamples.
    towards_real, towards_composed
        The traits each way that add most to the gap, strongest first.
    """

    n: int
    auc: float
    spread: float
    auc_without_length: float
    auc_matched: float
    shared_real: float
    shared_composed: float
    towards_real: tuple[Trait, ...]
    towards_composed: tuple[Trait, ...]

    def to_text(self) -> str:
        """A few lines for a terminal."""
        lines = [
            f"manner: AUC {self.auc:.3f} (±{self.spread:.3f}) on {self.n} real and {self.n} composed",
            f"  without length {self.auc_without_length:.3f}, at the same lengths "
            f"{self.auc_matched:.3f}; .5 cannot be told apart",
            f"  six words in a row shared: {self.shared_real:.1%} of real, "
            f"{self.shared_composed:.1%} of composed",
        ]
        for title, traits in (
            ("real ones have more of", self.towards_real),
            ("composed ones have more of", self.towards_composed),
        ):
            lines.append(f"  {title} (real against composed):")
            lines += [f"    {t.name}: {t.real:.3g} against {t.composed:.3g}" for t in traits]
        return "\n".join(lines) + "\n"


def mask(text: str) -> str:
    """A text without its subject: other than function words become ``w``, ``Ww`` or ``WW``.

    Digits become 9, an emoji ``☺``; marks, spaces and capitals stay.

    >>> mask("Gisteren 2 uur gewacht!! Nooit meer Bol")
    'Gisteren 9 w w!! Nooit meer Ww'
    """
    return "".join(_mask(match) for match in _TOKEN.finditer(text))


def _mask(match: re.Match[str]) -> str:
    token = match[0]
    if match["word"]:
        if token.lower().replace("’", "'") in FUNCTION_WORDS:
            return token
        if len(token) > 1 and token.isupper():
            return "WW"
        return "Ww" if token[0].isupper() else "w"
    if match["number"]:
        return "9" * min(len(token), 4)
    if match["space"]:
        return "\n" if "\n" in token else " "
    return "☺" if _EMOJI.match(token) else _MARKS.get(token, token)


def traits(text: str) -> dict[str, float]:
    """Readable figures of manner of one message."""
    tokens = [m[0] for m in _TOKEN.finditer(text) if m["word"]]
    n = max(len(tokens), 1)
    found = [part for part in _SENTENCE.split(text) if part.strip()]
    sentences = max(len(found), 1)
    marks = {
        "commas": ",",
        "full stops": ".",
        "exclamation marks": "!",
        "question marks": "?",
        "colons": ":",
        "brackets": "(",
        "dashes": " - ",
        "slashes": "/",
        "quotes": '"',
        "euro signs": "€",
    }
    values = {f"{name} per 100 words": 100 * text.count(mark) / n for name, mark in marks.items()}
    return {
        **values,
        "words (log)": float(np.log1p(len(tokens))),
        "sentences (log)": float(np.log1p(sentences)),
        "words a sentence (log)": float(np.log(n / sentences)),
        "letters a word": sum(map(len, tokens)) / n,
        "words of ten letters or more, share": sum(len(t) >= 10 for t in tokens) / n,
        "function words, share": sum(t.lower() in FUNCTION_WORDS for t in tokens) / n,
        "distinct words, share": len({t.lower() for t in tokens}) / n,
        "capitals per 100 words": 100 * sum(t[0].isupper() for t in tokens) / n,
        "words in capitals per 100 words": 100
        * sum(t.isupper() and len(t) > 1 for t in tokens)
        / n,
        "numbers per 100 words": 100 * len(re.findall(r"\d+", text)) / n,
        "has «...»": float(".." in text or "…" in text),
        "has «!!»": float("!!" in text),
        "has an emoji": float(bool(_EMOJI.search(text))),
        "has a line break": float("\n" in text.strip()),
        "begins without a capital": float(bool(re.match(r"\W*[a-zà-ÿ]", text))),
        "ends without a mark": float(bool(re.search(r"[^\W_]\s*$", text))),
        "no space after a mark": float(bool(re.search(r"[a-z][,.!?][A-Za-z]{2}", text))),
        "space before a mark": float(bool(re.search(r"\w [,.!?]", text))),
    }


def read_real(path: Path) -> list[str]:
    """Texts of real reviews and posts of a JSONL file; without a channel a line counts as one."""
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
        texts = [row["text"] for row in rows if row.get("channel", PUBLIC[0]) in PUBLIC]
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise TrainingError(
            f"Cannot read real messages from {path.name}: {error!r}; expected JSON lines with "
            "'text' and 'channel'."
        ) from error
    return texts


def compare(records: Sequence[Record], real: Path | Sequence[str], *, top: int = 15) -> Manner:
    """Tell the public messages of a corpus from real ones, by manner alone.

    Parameters
    ----------
    records
        The corpus; only its reviews and posts are used.
    real
        A file of real messages, or their texts. Nothing of them is kept.
    top
        Traits to give each way.

    Raises
    ------
    TrainingError
        If there are fewer than 25 of either.
    """
    genuine = read_real(real) if isinstance(real, Path) else list(real)
    composed = [r.text for r in records if r.channel in PUBLIC]
    if min(len(genuine), len(composed)) < 25:
        raise TrainingError(
            f"Manner needs 25 real and 25 composed public messages; got {len(genuine)} and "
            f"{len(composed)}."
        )
    random = np.random.default_rng(0)
    n = min(len(genuine), len(composed))
    table = _Table([*genuine, *composed])
    real_rows = [np.sort(random.choice(len(genuine), n, replace=False)) for _ in range(DRAWS)]
    others = len(genuine) + np.arange(len(composed))
    drawn = [random.choice(others, n, replace=False) for _ in range(DRAWS)]
    matched = [_match(table.lengths, rows, others, random) for rows in real_rows]

    def auc(choice: Sequence[NDArray[np.int64]], *, length: bool) -> list[float]:
        return [
            table.auc(rows, other, length=length)
            for rows, other in zip(real_rows, choice, strict=True)
        ]

    tokens = [words(text) for text in (*genuine, *composed)]

    def shared(choice: Sequence[NDArray[np.int64]]) -> float:
        return float(np.mean([share_with_a_run([tokens[i] for i in some]) for some in choice]))

    main = auc(drawn, length=True)
    strongest = table.strongest(len(genuine))
    return Manner(
        n=n,
        auc=float(np.mean(main)),
        spread=float(np.std(main)),
        auc_without_length=float(np.mean(auc(drawn, length=False))),
        auc_matched=float(np.mean(auc(matched, length=True))),
        shared_real=shared(real_rows),
        shared_composed=shared(drawn),
        towards_real=tuple(t for t in strongest if t.weight > 0)[:top],
        towards_composed=tuple(t for t in reversed(strongest) if t.weight < 0)[:top],
    )


def _match(
    lengths: NDArray[np.float64],
    rows: NDArray[np.int64],
    others: NDArray[np.int64],
    random: np.random.Generator,
) -> NDArray[np.int64]:
    """For each row, in random order, the other of the nearest length that is still free."""
    free = random.permutation(others)
    chosen = []
    for row in random.permutation(rows):
        nearest = int(np.abs(np.log1p(lengths[free]) - np.log1p(lengths[row])).argmin())
        chosen.append(free[nearest])
        free = np.delete(free, nearest)
    return np.array(chosen)


class _Table:
    """Features of all messages: word runs and character n-grams of the masked text, traits."""

    def __init__(self, texts: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        masked = [mask(text) for text in texts]
        dense = [traits(text) for text in texts]
        self.names = list(dense[0])
        self.dense = np.array([[row[name] for name in self.names] for row in dense])
        self.lengths = np.array([len(text.split()) for text in texts], dtype=float)
        words = TfidfVectorizer(
            token_pattern=r"\w+(?:'\w+)*|[^\w\s]", ngram_range=(1, 3), min_df=3, sublinear_tf=True
        )
        self.words = words.fit_transform(masked)
        self.runs = words.get_feature_names_out().tolist()
        self.chars = TfidfVectorizer(
            analyzer="char", ngram_range=(2, 5), min_df=3, sublinear_tf=True, lowercase=False
        ).fit_transform(masked)

    def _features(
        self,
        rows: NDArray[np.int64],
        train: NDArray[np.int64],
        *,
        length: bool,
        chars: bool = True,
    ) -> Any:
        """The features of some rows, figures scaled by those of the training rows."""
        from scipy.sparse import csr_matrix, hstack

        columns = [k for k, name in enumerate(self.names) if length or "(log)" not in name]
        values = self.dense[:, columns]
        centre, scale = values[train].mean(0), values[train].std(0) + 1e-9
        standard = np.clip((values[rows] - centre) / scale, -3, 3) / 5
        blocks = [self.words[rows], *([self.chars[rows]] if chars else []), csr_matrix(standard)]
        return hstack(blocks).tocsr()

    def auc(self, real: NDArray[np.int64], other: NDArray[np.int64], *, length: bool) -> float:
        """Cross-validated AUC; each fold's model is fitted on the others."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import roc_auc_score
        from sklearn.model_selection import StratifiedKFold

        rows = np.concatenate([real, other])
        truth = np.repeat([1, 0], [len(real), len(other)])
        scores = np.zeros(len(rows))
        for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(rows, truth):
            model = LogisticRegression(C=5, solver="liblinear", random_state=0)
            seen = self._features(rows[train], rows[train], length=length)
            unseen = self._features(rows[test], rows[train], length=length)
            scores[test] = model.fit(seen, truth[train]).decision_function(unseen)
        return float(roc_auc_score(truth, scores))

    def strongest(self, n_real: int) -> list[Trait]:
        """Traits from most real to most composed, by what each adds to the gap in score.

        A linear model over the readable features (runs of words, figures of manner) scores real
        messages higher by the sum of weight times difference of means: each term is a weight.
        """
        from sklearn.linear_model import LogisticRegression

        every = np.arange(len(self.lengths))
        truth = (every < n_real).astype(int)
        features = self._features(every, every, length=True, chars=False)
        model = LogisticRegression(C=5, max_iter=1000, class_weight="balanced")
        model.fit(features, truth)

        def means(values: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
            real, composed = (np.asarray(values[truth == s].mean(0)).ravel() for s in (1, 0))
            return real, composed

        real, composed = means(features)
        gap = real - composed
        # A trait whose weight goes against its gap only corrects another one: not told.
        added = np.maximum(model.coef_[0] * gap, 0) * np.sign(gap)
        means_shown = [
            np.concatenate(both)
            for both in zip(means(self.words > 0), means(self.dense), strict=True)
        ]
        names = [f"share with «{run}»" for run in self.runs] + self.names
        found = [
            Trait(name, float(weight), float(r), float(c))
            for name, weight, r, c in zip(names, added, *means_shown, strict=True)
        ]
        return sorted(found, key=lambda trait: (-trait.weight, trait.name))
