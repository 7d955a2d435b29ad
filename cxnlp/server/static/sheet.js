// A file of messages: read, labelled in parts, shown as a table and a chart, given back.

import { Refused, predictMany } from "./api.js";
import { decode, guessColumn, parse, separatorOf, write } from "./csv.js";
import { chart } from "./chart.js";
import { $, el, say, show } from "./dom.js";
import { table } from "./table.js";
import { words } from "./words.js";

const MEGABYTES = 50;
const ROWS = 50_000;

let file = null; // { name, separator, header, rows, column }
let records = [];
let stop = null;

export async function open(chosen) {
  stop?.abort();
  say($("file-problem"), "");
  $("file-status").textContent = "";
  show($("file-result"));
  $("column").hidden = true;
  file = null;
  const w = words();
  if (chosen.size > MEGABYTES * 1e6) return say($("file-problem"), w.errors.large(MEGABYTES));
  const text = decode(await chosen.arrayBuffer());
  if (text === null) return say($("file-problem"), w.errors.noText);
  const separator = separatorOf(text);
  const [header, ...rows] = parse(text, separator);
  if (!rows.length) return say($("file-problem"), w.errors.noRows);
  if (rows.length > ROWS) return say($("file-problem"), w.errors.rows(ROWS));
  const { column, sure } = guessColumn(header, rows);
  file = { name: chosen.name, separator, header, rows, column };
  $("file-name").textContent = chosen.name;
  const options = header.map((name, at) => el("option", { value: at }, name || String(at + 1)));
  $("column-name").replaceChildren(...options);
  $("column-name").value = String(column);
  $("column").hidden = false;
  return sure;
}

export async function label(facts) {
  if (!file) return;
  file.column = Number($("column-name").value);
  records = [];
  say($("file-problem"), "");
  show($("file-result"));
  const texts = file.rows.map((row) => row[file.column] ?? "");
  const bar = $("progress-bar");
  const progress = () => {
    bar.value = records.length / texts.length;
    $("file-status").textContent = words().progress(records.length, texts.length);
  };
  stop = new AbortController();
  const { signal } = stop;
  $("progress").hidden = false;
  progress();
  try {
    const { limits } = await facts();
    await predictMany(texts, limits, signal, (part) => {
      records.push(...part);
      progress();
    });
    if (!signal.aborted) finish();
  } catch (error) {
    if (error.name === "AbortError") {
      $("file-status").textContent = words().cancelled(records.length, texts.length);
    } else if (error instanceof Refused) say($("file-problem"), error.message);
    else throw error;
  } finally {
    $("progress").hidden = true;
  }
  if (records.length) await render(facts);
}

export function cancel() {
  stop?.abort();
}

function finish() {
  const bad = records.filter((one) => one.error).length;
  const review = records.filter((one) => one.decision === "review").length;
  $("file-status").textContent = words().fileDone(records.length, bad, review);
}

export async function render(facts) {
  if (!file || !records.length) return;
  const { labels } = await facts();
  const id = file.header.findIndex((name) => ["id", "nr", "nummer"].includes(name.trim().toLowerCase()));
  const rows = records.map((record, at) => ({
    at,
    id: id >= 0 ? file.rows[at][id] : String(at + 1),
    text: file.rows[at][file.column] ?? "",
    record,
  }));
  show(
    $("file-result"),
    el(
      "p",
      {},
      el("button", { type: "button", id: "download", class: "main", onclick: download }, words().download),
    ),
    chart(rows, labels),
    table(rows, labels),
  );
  if (records.length === file.rows.length) finish();
}

function download() {
  const added = ["causes", "emotion", "decision", "emotion_score", "cause_scores", "reasons", "error"];
  const body = records.map((record, at) => [
    ...file.header.map((_, column) => file.rows[at][column] ?? ""),
    ...(record.error
      ? ["", "", "", "", "", "", record.error]
      : [
          record.causes.map((one) => one.label).join("|"),
          record.emotion.label,
          record.decision,
          record.emotion.score,
          record.causes.map((one) => one.score).join("|"),
          record.reasons.join("|"),
          "",
        ]),
  ]);
  const content = write([[...file.header, ...added], ...body], file.separator);
  const url = URL.createObjectURL(new Blob([content], { type: "text/csv;charset=utf-8" }));
  const link = el("a", { href: url, download: `${file.name.replace(/\.\w+$/, "")}-cxnlp.csv` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
