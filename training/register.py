"""The entry for the Dutch Algorithm Register (Algoritmeregister, publication standard 1.0).

What the model is comes from its report; what only the organisation that uses it can know is
marked ``[IN TE VULLEN: …]`` and listed, never made up. The texts are in Dutch, as the register
asks. Fields, order and limits follow the standard's schema, version 1.0
(github.com/MinBZK/Algoritmeregister, backend/app/schemas/config/v1_0.json).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxnlp.errors import InputError, TrainingError
from cxnlp.labels import Taxonomy
from training.card import winner_of

STANDARD = "1.0"
MARK = "[IN TE VULLEN: "
NAMES = ("algoritmeregister.json", "algoritmeregister.md")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the standard.

    Attributes
    ----------
    name
        Its key in JSON.
    title
        What the register calls it.
    limit
        Most characters; 0 for lists and choices.
    required
        Whether the register refuses an entry without it.
    choices
        The values that are allowed, where only some are.
    """

    name: str
    title: str
    limit: int = 0
    required: bool = False
    choices: tuple[str, ...] = ()


SECTIONS: dict[str, tuple[Field, ...]] = {
    "Algemene informatie": (
        Field("name", "Naam", 100, True),
        Field("description_short", "Korte omschrijving", 350, True),
        Field("organization", "Organisatie", 100, True),
        Field("category", "Thema"),
        Field(
            "status",
            "Status",
            required=True,
            choices=("In ontwikkeling", "In gebruik", "Buiten gebruik"),
        ),
        Field("begin_date", "Begindatum", 7),
        Field("end_date", "Einddatum", 7),
        Field("contact_email", "Contactgegevens", 500, True),
        Field("website", "Link naar publiekspagina", 500),
        Field(
            "publication_category",
            "Publicatiecategorie",
            required=True,
            choices=("Hoog-risico AI-systeem", "Impactvolle algoritmes", "Overige algoritmes"),
        ),
        Field("url", "Link naar bronregistratie", 500),
    ),
    "Verantwoord gebruik": (
        Field("goal", "Doel en impact", 2500),
        Field("proportionality", "Afwegingen", 2500),
        Field("human_intervention", "Menselijke tussenkomst", 2500),
        Field("risks", "Risicobeheer", 2500),
        Field("lawful_basis", "Wettelijke basis", 2500),
        Field("lawful_basis_grouping", "Verwijzingen wettelijke basis"),
        Field("process_index_url", "Link naar verwerkingsregister", 500),
        Field("impacttoetsen", "Toelichting op impacttoetsen", 2500),
        Field("impacttoetsen_grouping", "Impacttoetsen"),
    ),
    "Werking": (
        Field("source_data", "Gegevens", 2500),
        Field("source_data_grouping", "Verwijzingen gegevensbronnen"),
        Field("methods_and_models", "Technische werking", 5000),
        Field("provider", "Leverancier", 200),
        Field("publiccode", "Link naar broncode", 500),
    ),
    "Metadata": (
        Field("lang", "Taal", required=True, choices=("nld",)),
        Field("standard_version", "Versie publicatiestandaard", choices=(STANDARD,)),
        Field("source_id", "Bron-ID", 100),
        Field("tags", "Zoektermen", 2500),
    ),
}
FIELDS = tuple(field for fields in SECTIONS.values() for field in fields)
_OPTIONAL = ("end_date", "website", "url", "process_index_url", "source_id")


def entry(report: Mapping[str, Any], taxonomy: Taxonomy) -> dict[str, Any]:
    """Every field of the standard with what the model's report can say of it.

    Parameters
    ----------
    report
        Of a run; see `training.card.read_report`.
    taxonomy
        The model's labels.

    Returns
    -------
    dict
        Field to text, list or choice, in the order of the standard. `MARK` stands where the
        organisation must fill in its own facts; what may stay empty is empty.

    Raises
    ------
    TrainingError
        If a text is longer than the register takes.
    """
    values = {**dict.fromkeys(_OPTIONAL, ""), **_about_use(), **_about_model(report, taxonomy)}
    for field in FIELDS:
        value = values[field.name]
        if field.limit and len(value) > field.limit and not value.startswith(MARK):
            raise TrainingError(
                f"Field {field.name!r} has {len(value)} characters; the register takes "
                f"{field.limit}. Shorten its text in training/register.py, or the labels' names."
            )
    return {field.name: values[field.name] for field in FIELDS}


def _fill(what: str) -> str:
    return f"{MARK}{what}]"


def _about_use() -> dict[str, Any]:
    """What only the organisation knows, with what we can say in advance."""
    return {
        "organization": _fill("volledige naam van uw organisatie, zoals in de TOOI-waardelijst"),
        "category": [],
        "status": _fill("In ontwikkeling, In gebruik of Buiten gebruik"),
        "begin_date": _fill("jaar en maand van ingebruikname, zoals 2026-11"),
        "contact_email": _fill("e-mailadres of website waar mensen terechtkunnen met vragen"),
        "publication_category": _fill(
            "Hoog-risico AI-systeem, Impactvolle algoritmes of Overige algoritmes. Het model leest "
            "tekst en geen biometrische gegevens, en is daarom op zichzelf geen systeem voor "
            "emotieherkenning als bedoeld in artikel 3(39) van de AI-verordening. Uw gebruik "
            "bepaalt de categorie"
        ),
        "goal": (
            "Het algoritme leest berichten van klanten en inwoners en geeft aan waarover een "
            "bericht klaagt en hoe de toon is. Zo kunnen medewerkers berichten die haast hebben "
            "eerst lezen, en ziet de organisatie wat er vaak misgaat. Wie een bericht stuurt, "
            "merkt dat zijn bericht misschien eerder of later wordt gelezen. "
            + _fill("in welk proces u het gebruikt, en wat inwoners en bedrijven ervan merken")
        ),
        "proportionality": (
            "Voordeel: ook bij veel berichten worden ernstige klachten snel gezien, en het sorteren "
            "gaat bij elk bericht op dezelfde manier. Nadeel: het algoritme maakt fouten, en een "
            "toon aflezen aan tekst is onzeker. De software stuurt zelf geen berichten "
            "naar buiten. "
            + _fill("waarom dit in uw geval opweegt, en welke andere oplossingen u hebt bekeken")
        ),
        "human_intervention": (
            "Het algoritme is gemaakt om te sorteren en te tellen, met een mens die beslist. Het kan "
            "bij elk bericht de woorden tonen waarop een label rust. Waar het model twijfelt, geeft het "
            "'review': dat bericht is bedoeld om door een mens te worden gelezen. "
            + _fill("wie de berichten leest, wie labels controleert en hoe fouten worden hersteld")
        ),
        "lawful_basis": _fill(
            "de wet of taak waarop het proces berust, en de AVG-grondslag van de verwerking"
        ),
        "lawful_basis_grouping": [],
        "impacttoetsen": _fill(
            "welke toetsen (DPIA, IAMA) zijn gedaan, of waarom niet; in de berichten staan "
            "persoonsgegevens"
        ),
        "impacttoetsen_grouping": [],
        "provider": _fill("wie de software voor u levert of beheert, of 'Intern ontwikkeld'"),
        "publiccode": _fill("adres waar de broncode staat die u gebruikt, of leeg laten"),
    }


def _about_model(report: Mapping[str, Any], taxonomy: Taxonomy) -> dict[str, Any]:
    """What the report and the labels say."""
    best = winner_of(report)
    test, data = best["test"], report["data"]
    dutch = taxonomy.dutch_names
    causes = ", ".join(dutch[name] for name in taxonomy.cause_names)
    emotions = ", ".join(dutch[name] for name in taxonomy.emotion_names)
    macro, emotion = test["summary"]["macro_f1"], test["summary"]["emotion_accuracy"]
    weak = [c for c, f in sorted(test["causes"].items(), key=lambda item: item[1]["f1"])][:2]
    return {
        "name": "Klantberichten sorteren op oorzaak en emotie",
        "description_short": (
            "Dit algoritme leest Nederlandstalige berichten en geeft aan waarover iemand klaagt en "
            "welke emotie eruit spreekt. Medewerkers zien zo welke berichten het eerst aandacht "
            "vragen. Het is bedoeld om te sorteren en te tellen, niet om te beslissen."
        ),
        "risks": (
            "Fouten: op "
            f"{_count(test['n'])} testberichten is de F1 over de oorzaken gemiddeld "
            f"{_with_interval(macro)} en de emotie in {_share(emotion)} van de gevallen juist. Het "
            f"zwakst zijn {' en '.join(dutch.get(c, c) for c in weak)}. Op echte berichten liggen de "
            "cijfers lager. Daarom vraagt het model bij twijfel om een mens "
            f"({test['review_share']:.0%} van de testberichten). "
            "Ongelijke behandeling: namen, bedragen en nummers worden afgedekt voordat het model "
            "een tekst ziet; of het voor alle groepen schrijvers even goed werkt, is niet gemeten. "
            "Privacy: de software verstuurt geen tekst en bewaart er zelf geen. "
            "Misbruik: niet bedoeld om medewerkers, leerlingen of sollicitanten te beoordelen. "
            + _fill("hoe u de werking volgt op eigen berichten, hoe vaak, en wat u doet bij fouten")
        ),
        "source_data": (
            f"Bij het maken: {_count(data['train'] + data['dev'] + data['test'])} berichten met "
            "labels. Het corpus van cxnlp bestaat uit verzonnen Nederlandse en Vlaamse "
            "klantberichten (CC BY 4.0), zonder berichten van echte klanten. In gebruik: de tekst "
            "van het bericht. Daarin kunnen persoonsgegevens staan. "
            + _fill(
                "waar uw berichten vandaan komen, hoe lang u ze bewaart, en of u het model op "
                "eigen berichten hebt getraind"
            )
        ),
        "source_data_grouping": [],
        "methods_and_models": (
            f"Invoer: de tekst van één bericht. Uitvoer: nul of meer oorzaken ({causes}), één "
            f"emotie ({emotions}), voor elk een score van 0 tot 1, de woorden die het label dragen, "
            "en een besluit (accept, review, none of out_of_scope). "
            f"Model: {best['title']} (soort {best['kind']}), versie {report['version']}. De scores "
            "zijn gekalibreerd, en een oorzaak wordt gegeven vanaf een eigen drempel. Het model is "
            "met machine learning gemaakt en leert niet tijdens het gebruik: het verandert pas als "
            "iemand een nieuwe versie traint, meet en in gebruik neemt. "
            f"Gemeten op {_count(test['n'])} berichten die niet bij het trainen zijn gebruikt: F1 "
            f"over de oorzaken {_with_interval(macro)}, emotie juist {_share(emotion)} (95%-interval "
            f"{_share({'value': emotion['low']})} tot {_share({'value': emotion['high']})}). "
            "Alle cijfers per label staan in de modelkaart (README.md bij het model)."
        ),
        "lang": "nld",
        "standard_version": STANDARD,
        "tags": "klantcontact, klachten, berichten, tekstclassificatie, emotie, Nederlands",
    }


def _count(number: int) -> str:
    return f"{number:,}".replace(",", ".")


def _with_interval(figure: Mapping[str, Any]) -> str:
    """``0,75 (95%-interval 0,73 tot 0,77)``, or that it was not measured."""
    if figure["value"] is None:
        return "niet gemeten"
    value, low, high = (f"{figure[k]:.2f}".replace(".", ",") for k in ("value", "low", "high"))
    return f"{value} (95%-interval {low} tot {high})"


def _share(figure: Mapping[str, Any]) -> str:
    return "een onbekend deel" if figure["value"] is None else f"{figure['value']:.0%}"


def to_fill(values: Mapping[str, Any]) -> list[Field]:
    """The fields in which the organisation has something to fill in; lists that are empty too."""
    return [f for f in FIELDS if values[f.name] == [] or MARK in values[f.name]]


def to_markdown(values: Mapping[str, Any]) -> str:
    """The entry for people to read and complete, by section, in Dutch."""
    todo = to_fill(values)
    lines = [
        "# Algoritmeregister: concept van een registratie",
        f"Publicatiestandaard {STANDARD}. Wat over het model gaat, komt uit zijn meetrapport. Vul "
        f"aan wat met `{MARK.strip()} …]` is gemerkt; dat kan alleen uw organisatie weten. Velden "
        "met * zijn verplicht.",
        "Nog in te vullen: " + ", ".join(f.title + "*" * f.required for f in todo) + ".",
    ]
    for section, fields in SECTIONS.items():
        lines.append(f"## {section}")
        for field in fields:
            value = values[field.name]
            if value == []:
                value = "_Nog geen; voeg toe wat van toepassing is._"
            lines.append(f"### {field.title}{'*' * field.required} (`{field.name}`)")
            lines.append(value or "_Leeg laten als het niet van toepassing is._")
    return "\n\n".join(lines) + "\n"


def write(values: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write the entry as JSON and as Markdown into a folder and return the files.

    Raises
    ------
    InputError
        If one is there already: somebody may have filled it in. Or if it cannot be written.
    """
    paths = [folder / name for name in NAMES]
    for path in paths:
        if path.exists():
            raise InputError(
                f"{str(path)!r} is there already and may have been filled in; nothing is "
                f"overwritten. Give another folder with --output, or move it away."
            )
    texts = (json.dumps(values, indent=2, ensure_ascii=False) + "\n", to_markdown(values))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in zip(paths, texts, strict=True):
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"Cannot write to {str(folder)!r}: {error}. Give a folder that can be written with "
            f"--output."
        ) from error
    return paths
