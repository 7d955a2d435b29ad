// What happens when something is clicked, dropped or typed.

import { Refused, facts as ask, predictOne, useKey } from "./api.js";
import { $, el, say, show } from "./dom.js";
import { render } from "./message.js";
import * as sheet from "./sheet.js";
import { EXAMPLES, speak, words } from "./words.js";

let known = null; // labels and limits of the model that answered last
let shown = null; // { text, record }

async function facts() {
  known ??= await ask();
  const { model } = known.labels;
  $("about").textContent = words().about(`${model.name} ${model.version}`);
  return known;
}

async function readOne() {
  const text = $("message").value;
  say($("one-problem"), "");
  if (!text.trim()) {
    show($("one-result"));
    say($("one-problem"), words().empty);
    $("message").focus();
    return;
  }
  $("one-status").textContent = words().busy;
  try {
    const record = await predictOne(text);
    // A new model may have been taken up since: its thresholds go with its scores.
    if (known && record.model && record.model.version !== known.labels.model.version) known = null;
    const { labels } = await facts();
    shown = { text, record };
    render(text, record, labels);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    show($("one-result"));
    $("one-status").textContent = "";
    say($("one-problem"), error.message);
  }
}

function examples() {
  const buttons = EXAMPLES.map((text, i) =>
    el(
      "button",
      {
        type: "button",
        class: "example",
        onclick: () => {
          $("message").value = text;
          readOne();
        },
      },
      words().exampleNames[i],
    ),
  );
  $("examples").replaceChildren(...buttons);
}

async function choose(language) {
  speak(language);
  examples();
  if (known) await facts();
  if (shown && !$("one-result").hidden) render(shown.text, shown.record, known.labels);
  await sheet.render(facts);
}

async function openFile(file) {
  if (file && (await sheet.open(file))) await sheet.label(facts);
}

$("one").addEventListener("submit", (event) => {
  event.preventDefault();
  readOne();
});
$("message").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) readOne();
});
for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => choose(button.dataset.language));
}
$("file").addEventListener("change", (event) => {
  openFile(event.target.files[0]);
  event.target.value = ""; // so that the same file can be chosen again
});
$("column").addEventListener("submit", (event) => {
  event.preventDefault();
  sheet.label(facts);
});
$("cancel").addEventListener("click", sheet.cancel);
for (const kind of ["dragover", "dragleave", "drop"]) {
  // On the whole page: a file dropped beside the box must not replace the page.
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop") openFile(event.dataTransfer.files[0]);
  });
}
document.addEventListener("look", (event) => {
  $("message").value = event.detail;
  $("message").focus();
  readOne();
});
document.addEventListener("key-needed", () => {
  $("key").hidden = false;
  $("key-value").focus();
});
$("key").addEventListener("submit", (event) => {
  event.preventDefault();
  useKey($("key-value").value);
  $("key").hidden = true;
  say($("one-problem"), "");
  say($("file-problem"), "");
  facts().catch((error) => say($("one-problem"), error.message));
});

choose("nl");
facts().catch((error) => say($("one-problem"), error.message));
