// Evidence as marks in the text. Spans may overlap: the text is cut wherever one begins or ends,
// and each piece carries every cause that it shows.

import { el } from "./dom.js";

// Positions come as code points; a string here counts an emoji as two.
export function pieces(text, causes) {
  const points = [...text];
  const cuts = new Set([0, points.length]);
  for (const cause of causes) {
    for (const span of cause.evidence) {
      cuts.add(Math.max(0, Math.min(span.start, points.length)));
      cuts.add(Math.max(0, Math.min(span.end, points.length)));
    }
  }
  const sorted = [...cuts].sort((a, b) => a - b);
  return sorted.slice(0, -1).map((start, i) => ({
    text: points.slice(start, sorted[i + 1]).join(""),
    labels: causes
      .filter((cause) => cause.evidence.some((span) => span.start <= start && start < span.end))
      .map((cause) => cause.label),
  }));
}

// `about(label)` gives { name, number, colour } of a cause.
export function marked(text, causes, about) {
  const found = pieces(text, causes);
  return found.map((piece, i) => {
    if (!piece.labels.length) return document.createTextNode(piece.text);
    const shown = piece.labels.map(about);
    const node = el("mark", { "data-causes": piece.labels.join(" ") }, piece.text);
    // A line under the words for each cause, and its number where a run ends.
    node.style.backgroundImage = shown
      .map((one) => `linear-gradient(${one.colour}, ${one.colour})`)
      .join(", ");
    node.style.backgroundSize = shown.map(() => "100% 3px").join(", ");
    node.style.backgroundPosition = shown.map((_, at) => `0 calc(100% - ${at * 4}px)`).join(", ");
    node.style.paddingBottom = `${shown.length * 4}px`;
    const next = found[i + 1]?.labels ?? [];
    const ending = shown.filter((_, at) => !next.includes(piece.labels[at]));
    if (ending.length) {
      node.append(
        el("sup", { "aria-hidden": "true" }, ending.map((one) => one.number).join(",")),
        el("span", { class: "unseen" }, ` (${ending.map((one) => one.name).join(", ")}) `),
      );
    }
    return node;
  });
}
