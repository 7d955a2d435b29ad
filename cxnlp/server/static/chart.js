// Cause by emotion as a table whose cells are shaded: a chart that can also be read aloud.

import { el } from "./dom.js";
import { nameOf, words } from "./words.js";

export function chart(rows, labels) {
  const w = words();
  const none = { name: null };
  const causes = [...labels.causes, none];
  const counts = new Map();
  for (const { record } of rows) {
    if (record.error) continue;
    const given = record.causes.length ? record.causes.map((one) => one.label) : [null];
    for (const cause of given) {
      const at = `${cause} ${record.emotion.label}`;
      counts.set(at, (counts.get(at) ?? 0) + 1);
    }
  }
  const count = (cause, emotion) => counts.get(`${cause.name} ${emotion.name}`) ?? 0;
  const most = Math.max(1, ...counts.values());
  const lines = causes.map((cause) => {
    const cells = labels.emotions.map((emotion) => {
      const n = count(cause, emotion);
      const cell = el("td", { class: n ? "number some" : "number" }, String(n));
      cell.style.setProperty("--share", `${Math.round((38 * n) / most)}%`);
      return cell;
    });
    const total = labels.emotions.reduce((sum, emotion) => sum + count(cause, emotion), 0);
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, cause.name === null ? w.noCause : nameOf(labels, cause.name)),
      ...cells,
      el("td", { class: "number total" }, String(total)),
    );
  });
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": w.chartTitle },
    el(
      "table",
      { id: "chart" },
      el("caption", {}, w.chartTitle, " ", el("span", { class: "quiet" }, w.chartHelp)),
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          el("th", { scope: "col" }, w.cause),
          ...labels.emotions.map((one) => el("th", { scope: "col", class: "number" }, nameOf(labels, one.name))),
          el("th", { scope: "col", class: "number" }, w.total),
        ),
      ),
      el("tbody", {}, ...lines),
    ),
  );
}
