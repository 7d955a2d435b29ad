// Calls of the server: with the key, within its limits, again when it is busy.

import { words } from "./words.js";

let key = "";
const bytes = (text) => new TextEncoder().encode(text).length;

// An error whose words are for the person at the page.
export class Refused extends Error {}

export function useKey(given) {
  key = given;
}

async function call(path, body, signal) {
  for (let attempt = 0; ; attempt += 1) {
    let answer;
    try {
      answer = await fetch(path, {
        method: body === undefined ? "GET" : "POST",
        headers: {
          ...(body === undefined ? {} : { "Content-Type": "application/json" }),
          ...(key ? { Authorization: `Bearer ${encodeURI(key)}` } : {}),
        },
        body,
        signal,
      });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refused(words().errors.network);
    }
    const content = await answer.json().catch(() => null);
    if (answer.ok && content) return content;
    if (answer.status === 503 && attempt < 20) {
      const seconds = Number(answer.headers.get("Retry-After")) || 1;
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
      if (signal?.aborted) throw new DOMException("", "AbortError");
      continue;
    }
    if (answer.status === 401) {
      document.dispatchEvent(new Event("key-needed"));
      throw new Refused(words().errors.key);
    }
    throw new Refused(words().errors.server(content?.message ?? `HTTP ${answer.status}`));
  }
}

// Labels with thresholds, and limits; asked once for each model.
export async function facts() {
  const [labels, version] = await Promise.all([call("/labels"), call("/version")]);
  return { labels, limits: version.limits };
}

export async function predictOne(text) {
  const answer = await call("/predict", JSON.stringify({ text, explain: true }));
  return answer.predictions[0];
}

// Label texts in calls within the limits; `onPart` gets the records as they come.
export async function predictMany(texts, limits, signal, onPart) {
  const most = Math.min(limits.messages_a_call, 500);
  const room = limits.bytes_a_body - 1000;
  let part = [];
  let size = 0;
  const send = async () => {
    const body = JSON.stringify({ messages: part });
    onPart((await call("/predict", body, signal)).predictions);
    part = [];
    size = 0;
  };
  for (const text of texts) {
    // One character too many gives the message its error, and the rest need not travel.
    const message = { text: cut(text, limits.characters_a_message + 1) };
    const weight = bytes(JSON.stringify(message)) + 1;
    if (part.length && (part.length >= most || size + weight > room)) await send();
    part.push(message);
    size += weight;
  }
  if (part.length) await send();
}

function cut(text, characters) {
  return text.length <= characters ? text : [...text].slice(0, characters).join("");
}
