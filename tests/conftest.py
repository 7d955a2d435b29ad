"""A tiny real model, trained once a session in about a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cxnlp
from cxnlp import Classifier
from cxnlp.bundle import Bundle, save
from cxnlp.labels import DEFAULT
from cxnlp.record import Record
from cxnlp.text import prepare

# One line: causes, emotion, message. Enough of each for a model that is right on the obvious.
_MESSAGES = """
broken_promise | frustration | Dinsdag zou de monteur komen, niemand gezien
broken_promise | frustration | De monteur zou gisteren komen en weer niemand gezien
broken_promise | disappointment | Jullie beloofden terug te bellen en dat is niet gebeurd
broken_promise | anger | Afspraak voor woensdag, niemand kwam opdagen, belachelijk
broken_promise | disappointment | Er was beloofd dat ik teruggebeld zou worden, nooit gebeurd
broken_promise,delivery | impatience | Pakket zou maandag geleverd worden, het is nu vrijdag, waar blijft het
broken_promise,delivery | frustration | De levering was toegezegd voor dinsdag en is er nog steeds niet
broken_promise,billing | anger | De toegezegde terugbetaling is nooit gekomen, schandalig
ignored_rejection | anger | Ik heb drie keer nee gezegd en jullie blijven bellen met aanbiedingen
ignored_rejection | frustration | Opgezegd en toch blijven jullie mij bellen en mailen
ignored_rejection | frustration | Ik sta in het bel-me-niet register en word toch weer gebeld
ignored_rejection | anger | Nee is nee, stop met die aanbiedingen, schandalig
ignored_rejection | frustration | Al twee keer afgemeld voor de nieuwsbrief en nog steeds mail
ignored_rejection | anger | Ik wil geen aanbieding, heb ik al gezegd, en jullie blijven bellen
no_human_contact | frustration | Jullie chatbot stuurt me steeds in een cirkel, ik krijg geen mens te spreken
no_human_contact | frustration | Er is nergens een telefoonnummer te vinden, alleen een chatbot
no_human_contact | anger | Alleen een robot aan de lijn, belachelijk dat je geen mens krijgt
no_human_contact | frustration | Een uur in de wacht en dan word de verbinding verbroken
no_human_contact | disappointment | Het kantoor is gesloten en alles moet via de app, jammer
no_human_contact | anxiety | Ik krijg niemand aan de telefoon en maak me zorgen
billing | anger | Jullie hebben dubbel afgeschreven, oplichters
billing | neutral | De factuur van maart klopt niet, er staat een verkeerd bedrag op
billing | frustration | Weer een verkeerde factuur, er is te veel afgeschreven
billing | anxiety | Ik krijg een incasso voor een rekening die ik betaald heb, ik ben bang voor de deurwaarder
billing | impatience | Waar blijft mijn geld, ik wacht nu zes weken op de terugbetaling
billing | anger | Prijsverhoging zonder overleg, schandalig, ik wil mijn geld terug
billing,broken_promise | disappointment | Afgesproken prijs was lager, de rekening is hoger dan beloofd
unanswered | frustration | Drie mails gestuurd en nog steeds geen antwoord
unanswered | impatience | Krijg ik vandaag nog antwoord op mijn mail
unanswered | frustration | Van het kastje naar de muur gestuurd, steeds hetzelfde verhaal vertellen
unanswered | disappointment | Geen reactie op mijn klacht, jammer
unanswered,no_human_contact | frustration | Geen antwoord op mails en geen mens aan de telefoon
disrespect | anger | De medewerker was onbeschoft en hing op, belachelijk
disrespect | anger | Ik werd uitgescholden aan de telefoon, onbeschoft
disrespect | disappointment | De verkoper deed neerbuigend tegen mijn moeder, teleurstellend
disrespect | anger | Ik werd behandeld alsof ik dom ben, onbeschofte medewerker
delivery | disappointment | Het pakket kwam beschadigd aan, jammer
delivery | impatience | Waar blijft mijn bestelling, hij is al een week te laat
delivery | frustration | Weer een onderdeel te weinig in de doos
delivery | neutral | Volgens de app is het pakket bezorgd maar ik heb het niet ontvangen
delivery | anger | Pakket over de schutting gegooid door de bezorger, schandalig
product_fault | frustration | Mijn internet ligt er weer uit, voor de zoveelste keer storing
product_fault | disappointment | De wasmachine was na een maand kapot, slechte kwaliteit
product_fault | neutral | De app werkt niet sinds de laatste update
product_fault | impatience | Al drie dagen storing, wanneer werkt het internet weer
product_fault | anxiety | De ketel lekt en ik ben bang dat het gas ontsnapt
product_fault,delivery | disappointment | Kapot aangekomen en het werkt niet, slechte kwaliteit
other | disappointment | Slechte service, nooit meer
other | disappointment | Veel te duur voor wat je krijgt, jammer
other | neutral | Ik mis een functie om te sorteren in de app
other | anger | Waardeloze klantenservice, wat een bedrijf
- | gratitude | Top geholpen door een vriendelijke medewerker, bedankt
- | gratitude | Heel blij met de snelle levering, dank jullie wel
- | gratitude | De monteur kwam keurig op tijd, bedankt voor de goede hulp
- | gratitude | Super service en snel geholpen, dankjewel
- | neutral | Is de winkel zondag open?
- | neutral | Kan ik mijn adres wijzigen via de website?
- | neutral | Hoe laat gaat de winkel open op maandag?
- | neutral | Graag wil ik twee stoelen bestellen
- | neutral | Wat kost een abonnement voor twee personen?
- | impatience | Kunnen jullie vandaag nog laten weten of de winkel open is?
- | anxiety | Ik maak me zorgen of de verhuizing goed gaat, kan dat?
"""


def records() -> list[Record]:
    """The messages as records."""
    lines = [line.split(" | ") for line in _MESSAGES.strip().splitlines()]
    return [
        Record(
            str(i),
            text,
            () if causes == "-" else DEFAULT.check_causes(causes.split(",")),
            DEFAULT.check_emotion(emotion),
        )
        for i, (causes, emotion, text) in enumerate(lines)
    ]


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small model that is right about the obvious."""
    from training.candidates.wordgrams import fit
    from training.metrics import Scored, Truth
    from training.tune import fit_calibration, fit_rule

    rows = records()
    truth = Truth.of(rows, DEFAULT)
    texts = [prepare(row.text).text for row in rows]
    params = {"min_df": 1, "char_sizes": (3, 4), "gap": 1}
    held_out = np.zeros((len(rows), len(DEFAULT.causes) + len(DEFAULT.emotions)), np.float32)
    for fold in range(3):
        seen, unseen = (np.flatnonzero((np.arange(len(rows)) % 3 == fold) == x) for x in (0, 1))
        half = fit([texts[i] for i in seen], truth.take(seen), DEFAULT, params, 13)
        held_out[unseen] = half.logits([texts[i] for i in unseen])
    fitted = fit(texts, truth, DEFAULT, params, 13)
    calibration = fit_calibration(held_out, truth, 9, 7)
    scored = Scored(*calibration.apply(held_out))
    bundle = Bundle(
        name="tiny",
        version="0.0.1",
        taxonomy=DEFAULT,
        scorer=fitted.scorer,
        calibration=calibration,
        rule=fit_rule(scored, truth, DEFAULT, review_share=0.25),
        heldout={
            cause: scored.causes[truth.causes[:, i] == 1, i].astype(np.float32)
            for i, cause in enumerate(DEFAULT.cause_names)
        },
        info={"trained_on": {"messages": len(rows)}},
    )
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save(bundle, folder, extra={"README.md": "# A model for tests\n"})
    return folder


@pytest.fixture(scope="session")
def tiny_model(tiny_bundle: Path) -> Classifier:
    """The model in `tiny_bundle`."""
    return cxnlp.load(tiny_bundle)


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the working folder while the test runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def spark() -> Any:
    """A Spark session on two cores, one for all tests of a process."""
    from training.spark_session import has_java, session

    if not has_java():
        pytest.skip("Spark runs on Java, and there is no java on this machine")
    # Of the JVM only its simple compiler and collector, which start in half the time.
    quick = {
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.driver.host": "localhost",
        "spark.sql.shuffle.partitions": "2",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    return session("local[2]", quick)
