// The answer for one message.

import { $, el, say, show } from "./dom.js";
import { marked } from "./marks.js";
import { nameOf, number, reason, words } from "./words.js";

export const colourOf = (labels, cause) =>
  `var(--c${labels.causes.findIndex((one) => one.name === cause) % 9})`;

export function render(text, record, labels) {
  const w = words();
  if (record.error) {
    show($("one-result"));
    say($("one-problem"), w.errors.server(record.error));
    return;
  }
  const name = (label) => nameOf(labels, label);
  const [verdict, meaning] = w.decisions[record.decision];
  const causes = record.causes.map((one) => name(one.label)).join(", ") || w.noCause;
  show(
    $("one-result"),
    el(
      "div",
      { class: `verdict ${record.decision}` },
      el("p", { class: "badge" }, el("span", { class: "unseen" }, `${w.decision}: `), verdict),
      el("p", {}, meaning),
    ),
    el(
      "dl",
      { class: "findings" },
      el("div", {}, el("dt", {}, w.causes), causeList(record, labels)),
      el(
        "div",
        {},
        el("dt", {}, w.emotion),
        el(
          "dd",
          { class: "emotion", "data-emotion": record.emotion.label },
          name(record.emotion.label),
          " ",
          el("span", { class: "quiet" }, number(record.emotion.score)),
        ),
      ),
    ),
    marks(text, record, labels),
    ...why(record, labels),
    el(
      "div",
      { class: "columns" },
      scores(w.scoresTitle, w.cause, labels.causes, record.scores.causes, labels),
      scores(w.emotionsTitle, w.emotion, labels.emotions, record.scores.emotions, labels),
    ),
  );
  $("one-status").textContent = w.done(causes, name(record.emotion.label), verdict);
}

function causeList(record, labels) {
  if (!record.causes.length) return el("dd", {}, words().noCause);
  return el(
    "dd",
    {},
    el(
      "ul",
      { class: "causes" },
      ...record.causes.map((cause, i) => {
        const item = el(
          "li",
          { "data-cause": cause.label },
          el("span", { class: "tag", "aria-hidden": "true" }, String(i + 1)),
          nameOf(labels, cause.label),
          " ",
          el("span", { class: "quiet" }, number(cause.score)),
        );
        item.style.setProperty("--colour", colourOf(labels, cause.label));
        return item;
      }),
    ),
  );
}

function marks(text, record, labels) {
  const about = (label) => ({
    name: nameOf(labels, label),
    number: record.causes.findIndex((cause) => cause.label === label) + 1,
    colour: colourOf(labels, label),
  });
  const any = record.causes.some((cause) => cause.evidence.length);
  return el(
    "figure",
    {},
    el("figcaption", {}, words().textTitle),
    el("blockquote", { id: "marked", lang: "nl" }, ...marked(text, record.causes, about)),
    any ? null : el("p", { class: "quiet" }, words().noMarks),
  );
}

function why(record, labels) {
  if (!record.reasons.length) return [];
  const items = record.reasons.map((text) => el("li", {}, reason(labels, text)));
  return [el("h3", {}, words().whyTitle), el("ul", { class: "why" }, ...items)];
}

// Bars for the eye, the same numbers as text beside them.
function scores(title, kind, known, values, labels) {
  const w = words();
  const limits = known.some((one) => one.threshold !== undefined);
  const rows = known.map((one) => {
    const value = values[one.name] ?? 0;
    const over = !limits || value >= one.threshold;
    const bar = el("span", { class: over ? "bar over" : "bar" }, el("span", { class: "fill" }));
    bar.style.setProperty("--score", `${value * 100}%`);
    if (limits) {
      bar.append(el("span", { class: "limit" }));
      bar.style.setProperty("--limit", `${one.threshold * 100}%`);
      bar.style.setProperty("--colour", colourOf(labels, one.name));
    }
    return el(
      "tr",
      { class: limits && over ? "found" : null },
      el("th", { scope: "row" }, nameOf(labels, one.name)),
      el("td", { "aria-hidden": "true" }, bar),
      el("td", { class: "number" }, number(value)),
      ...(limits
        ? [
            el("td", { class: "number" }, number(one.threshold)),
            el("td", {}, over ? w.yes : w.no),
          ]
        : []),
    );
  });
  const heads = [
    el("th", { scope: "col" }, kind),
    el("td", { class: "bars", "aria-hidden": "true" }),
    el("th", { scope: "col", class: "number" }, w.score),
  ];
  if (limits) {
    heads.push(
      el("th", { scope: "col", class: "number" }, w.threshold),
      el("th", { scope: "col" }, w.found),
    );
  }
  return el(
    "table",
    { class: "scores" },
    el("caption", {}, title),
    el("thead", {}, el("tr", {}, ...heads)),
    el("tbody", {}, ...rows),
  );
}
