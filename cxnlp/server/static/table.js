// A table of messages that can be sorted by its heads, a page at a time.

import { el } from "./dom.js";
import { nameOf, words } from "./words.js";

const PAGE = 50;
const SHOWN = 300; // characters of a message in the table
const order = new Intl.Collator("nl", { numeric: true });

export function table(rows, labels) {
  const w = words();
  const name = (label) => nameOf(labels, label);
  const columns = [
    ["row", w.row, (row) => row.id],
    ["text", w.message, (row) => row.text],
    ["causes", w.causes, (row) => (row.record.causes ?? []).map((one) => name(one.label)).join(", ")],
    ["emotion", w.emotion, (row) => (row.record.emotion ? name(row.record.emotion.label) : "")],
    ["decision", w.decision, (row) => row.record.error ?? w.decisions[row.record.decision][0]],
  ];
  let sorted = rows;
  let sort = { column: -1, down: false };
  let page = 0;

  const body = el("tbody");
  const where = el("span", { role: "status" });
  const turn = (by) => () => {
    page += by;
    fill();
  };
  const previous = el("button", { type: "button", onclick: turn(-1) }, w.previous);
  const next = el("button", { type: "button", onclick: turn(1) }, w.next);

  function fill() {
    const from = page * PAGE;
    const part = sorted.slice(from, from + PAGE);
    body.replaceChildren(...part.map((row) => line(row, columns)));
    previous.disabled = page === 0;
    next.disabled = from + PAGE >= sorted.length;
    where.textContent = w.pages(from + 1, from + part.length, sorted.length);
  }

  const heads = columns.map(([key, title, value], at) => {
    const head = el("th", { scope: "col", "data-column": key });
    const by = () => {
      sort = { column: at, down: sort.column === at && !sort.down };
      const way = sort.down ? -1 : 1;
      // Equal rows keep the order of the file.
      sorted = [...rows].sort((a, b) => way * order.compare(value(a), value(b)) || a.at - b.at);
      heads.forEach((one, i) => {
        if (i === at) one.setAttribute("aria-sort", sort.down ? "descending" : "ascending");
        else one.removeAttribute("aria-sort");
      });
      page = 0;
      fill();
    };
    head.append(el("button", { type: "button", onclick: by }, title));
    return head;
  });
  fill();
  return el(
    "div",
    { class: "messages" },
    el(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": w.tableTitle },
      el(
        "table",
        { id: "messages" },
        el("caption", {}, w.tableTitle, " ", el("span", { class: "quiet" }, w.sortHelp)),
        el("thead", {}, el("tr", {}, ...heads, el("td"))),
        body,
      ),
    ),
    el("p", { class: "row" }, previous, where, next),
  );
}

function line(row, columns) {
  const w = words();
  const text = row.text.length > SHOWN ? `${row.text.slice(0, SHOWN)}…` : row.text;
  const look = () => document.dispatchEvent(new CustomEvent("look", { detail: row.text }));
  return el(
    "tr",
    { class: row.record.error ? "error" : row.record.decision },
    el("th", { scope: "row" }, row.id),
    el("td", { class: "text", lang: "nl" }, text),
    ...columns.slice(2, 4).map(([, , value]) => el("td", {}, value(row))),
    el("td", {}, row.record.error ? `${w.failed}: ${row.record.error}` : columns[4][2](row)),
    el("td", {}, el("button", { type: "button", onclick: look, "aria-label": w.lookAt(row.id) }, w.look)),
  );
}
