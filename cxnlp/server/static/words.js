// Every word that the page says, in two languages.

const WORDS = {
  nl: {
    title: "cxnlp: waarom een klant ontevreden is",
    skip: "Naar het bericht",
    tagline: "Waarom een klant ontevreden is, en hoe dat voelt.",
    key: "Deze server vraagt een sleutel",
    keyButton: "Gebruik deze sleutel",
    oneTitle: "Eén bericht",
    messageLabel: "Plak hier een bericht van een klant",
    messageHelp: "De tekst wordt niet bewaard. Ctrl+Enter werkt ook.",
    oneButton: "Duid dit bericht",
    examples: "Of neem een voorbeeld:",
    exampleNames: ["monteur", "factuur", "dank"],
    fileTitle: "Een bestand vol berichten",
    fileButton: "Kies een CSV-bestand",
    dropHere: "of sleep het hierheen",
    fileHelp:
      "Komma of puntkomma, met een kopregel; het bestand blijft op deze computer en alleen de " +
      "berichten gaan naar deze server.",
    columnLabel: "Kolom met de berichten",
    fileGo: "Duid alle berichten",
    cancel: "Stop",
    footer: "Een model sorteert; een mens beslist.",
    about: (model) => `Model ${model}.`,
    empty: "Er staat nog geen bericht.",
    busy: "Bezig …",
    cause: "Oorzaak",
    causes: "Oorzaken",
    emotion: "Emotie",
    noCause: "geen",
    score: "Score",
    threshold: "Drempel",
    found: "Gevonden",
    yes: "ja",
    no: "nee",
    scoresTitle: "Scores tegen hun drempels",
    emotionsTitle: "Scores van de emoties",
    whyTitle: "Waarom",
    textTitle: "Het bericht, met wat de oorzaken laat zien",
    noMarks: "Geen woorden die een oorzaak laten zien.",
    decision: "Besluit",
    decisions: {
      accept: ["Zeker genoeg", "Er zijn oorzaken gevonden, en het model is er zeker genoeg van."],
      review: ["Laat iemand kijken", "Het model twijfelt: dit bericht moet iemand zelf lezen."],
      none: ["Geen klacht", "Dit bericht klaagt nergens over."],
      out_of_scope: ["Niet te duiden", "Dit is geen Nederlands bericht, of er staat niets in."],
    },
    done: (causes, emotion, decision) =>
      `Klaar. Oorzaken: ${causes}. Emotie: ${emotion}. Besluit: ${decision}.`,
    message: "Bericht",
    row: "Nr.",
    look: "Bekijk",
    lookAt: (id) => `Bekijk bericht ${id}`,
    tableTitle: "Alle berichten",
    sortHelp: "Klik op een kolomkop om te sorteren.",
    chartTitle: "Oorzaak en emotie",
    chartHelp: "Aantal berichten met elke oorzaak, naar emotie. Een bericht kan meer oorzaken hebben.",
    total: "Totaal",
    pages: (from, to, n) => `${from} tot ${to} van ${n}`,
    previous: "Vorige",
    next: "Volgende",
    download: "Download het resultaat (CSV)",
    failed: "fout",
    progress: (done, n) => `${done} van ${n} berichten`,
    fileDone: (n, bad, review) =>
      `Klaar: ${n} berichten, ${review} om na te kijken` + (bad ? `, ${bad} met een fout.` : "."),
    cancelled: (done, n) => `Gestopt na ${done} van ${n} berichten.`,
    errors: {
      network: "De server is niet bereikbaar. Draait hij nog?",
      key: "Deze server vraagt een sleutel; vul hem bovenaan in.",
      server: (text) => `De server weigert: ${text}`,
      large: (mb) => `Het bestand is te groot voor de pagina: meer dan ${mb} MB. Gebruik op de opdrachtregel: cxnlp predict --input`,
      rows: (n) => `Het bestand heeft meer dan ${n} rijen. Gebruik op de opdrachtregel: cxnlp predict --input`,
      noRows: "In dit bestand staan geen berichten onder een kopregel.",
      noText: "Dit is geen tekstbestand. Bewaar het in Excel als CSV.",
    },
    reasons: [
      [/^unsure: emotion, (\w+) scored only ([\d.]+)$/, (n, m) => `Twijfel over de emotie: ${n(m[1])} scoort maar ${m[2]}`],
      [/^unsure: (\w+) scored ([\d.]+), threshold ([\d.]+)$/, (n, m) => `Twijfel: ${n(m[1])} scoort ${m[2]}, de drempel is ${m[3]}`],
      [/^empty: there is no text$/, () => "Er staat geen tekst"],
      [/^empty: there are no letters$/, () => "Er staan geen letters"],
      [/^no_message: /, () => "Er staan alleen namen, nummers of links"],
      [/^not_dutch: looks like .*\((\w+)\)$/, (n, m) => `Dit lijkt een andere taal (${m[1]})`],
      [/^not_dutch: /, () => "Dit is geen Nederlands"],
      [/^truncated: only the first (\d+)/, (n, m) => `Alleen de eerste ${m[1]} tekens zijn gelezen`],
    ],
  },
  en: {
    title: "cxnlp: why a customer is unhappy",
    skip: "To the message",
    tagline: "Why a customer is unhappy, and how it feels.",
    key: "This server asks for a key",
    keyButton: "Use this key",
    oneTitle: "One message",
    messageLabel: "Paste a customer's message in Dutch",
    messageHelp: "The text is not kept. Ctrl+Enter works too.",
    oneButton: "Read this message",
    examples: "Or take an example:",
    exampleNames: ["engineer", "invoice", "thanks"],
    fileTitle: "A file of messages",
    fileButton: "Choose a CSV file",
    dropHere: "or drop it here",
    fileHelp:
      "Comma or semicolon, with a header row; the file stays on this computer and only the " +
      "messages go to this server.",
    columnLabel: "Column that holds the messages",
    fileGo: "Read all messages",
    cancel: "Stop",
    footer: "A model sorts; a person decides.",
    about: (model) => `Model ${model}.`,
    empty: "There is no message yet.",
    busy: "Working …",
    cause: "Cause",
    causes: "Causes",
    emotion: "Emotion",
    noCause: "none",
    score: "Score",
    threshold: "Threshold",
    found: "Found",
    yes: "yes",
    no: "no",
    scoresTitle: "Scores against their thresholds",
    emotionsTitle: "Scores of the emotions",
    whyTitle: "Why",
    textTitle: "The message, with what shows the causes",
    noMarks: "No words that show a cause.",
    decision: "Decision",
    decisions: {
      accept: ["Sure enough", "Causes were found, and the model is sure enough of them."],
      review: ["Have someone look", "The model is in doubt: a person should read this message."],
      none: ["No complaint", "This message complains of nothing."],
      out_of_scope: ["Cannot be read", "This is no Dutch message, or it is empty."],
    },
    done: (causes, emotion, decision) =>
      `Done. Causes: ${causes}. Emotion: ${emotion}. Decision: ${decision}.`,
    message: "Message",
    row: "No.",
    look: "View",
    lookAt: (id) => `View message ${id}`,
    tableTitle: "All messages",
    sortHelp: "Click a column's head to sort.",
    chartTitle: "Cause and emotion",
    chartHelp: "Number of messages with each cause, by emotion. A message can have several causes.",
    total: "Total",
    pages: (from, to, n) => `${from} to ${to} of ${n}`,
    previous: "Previous",
    next: "Next",
    download: "Download the results (CSV)",
    failed: "error",
    progress: (done, n) => `${done} of ${n} messages`,
    fileDone: (n, bad, review) =>
      `Done: ${n} messages, ${review} to review` + (bad ? `, ${bad} with an error.` : "."),
    cancelled: (done, n) => `Stopped after ${done} of ${n} messages.`,
    errors: {
      network: "The server cannot be reached. Is it still running?",
      key: "This server asks for a key; enter it above.",
      server: (text) => `The server refuses: ${text}`,
      large: (mb) => `The file is too large for the page: over ${mb} MB. Use the command line: cxnlp predict --input`,
      rows: (n) => `The file has more than ${n} rows. Use the command line: cxnlp predict --input`,
      noRows: "This file holds no messages under a header row.",
      noText: "This is no text file. Save it as CSV in Excel.",
    },
    reasons: [],
  },
};

export const EXAMPLES = [
  "Dinsdag zou de monteur tussen 8 en 12 komen, niemand gezien. En als ik bel krijg ik alleen een bandje 😡 Ik heb er een vrije dag voor opgenomen!",
  "Voor de derde keer een verkeerde factuur. Ik heb in maart opgezegd en toch schrijven jullie weer af. Belachelijk, ik wil mijn geld terug.",
  "Keurig geholpen door een vriendelijke medewerker, binnen vijf minuten opgelost. Dank jullie wel!",
];

let language = "nl";

export const words = () => WORDS[language];
export const current = () => language;

export function speak(chosen) {
  language = chosen;
  document.documentElement.lang = chosen;
  document.title = words().title;
  for (const node of document.querySelectorAll("[data-word]")) {
    node.textContent = words()[node.dataset.word];
  }
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === chosen));
  }
}

export function number(value) {
  const format = { minimumFractionDigits: 2, maximumFractionDigits: 2 };
  return new Intl.NumberFormat(language, format).format(value);
}

// Labels have a Dutch name and a name in data; the latter is English.
export function nameOf(labels, label) {
  const known = [...labels.causes, ...labels.emotions].find((one) => one.name === label);
  return language === "nl" && known ? known.dutch : label.replaceAll("_", " ");
}

export function reason(labels, text) {
  for (const [pattern, say] of words().reasons) {
    const match = pattern.exec(text);
    if (match) return say((label) => nameOf(labels, label), match);
  }
  return text;
}
