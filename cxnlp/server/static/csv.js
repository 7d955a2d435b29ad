// CSV as people have it: comma, semicolon or tab; quotes; UTF-8, UTF-16 or Windows-1252.

const NAMES = ["text", "tekst", "bericht", "message", "klacht", "opmerking", "review", "inhoud"];

// Text of a file; null when it is no text.
export function decode(buffer) {
  const start = new Uint8Array(buffer.slice(0, 2));
  if ((start[0] === 0xff && start[1] === 0xfe) || (start[0] === 0xfe && start[1] === 0xff)) {
    return new TextDecoder(start[0] === 0xff ? "utf-16le" : "utf-16be").decode(buffer);
  }
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(buffer);
  } catch {
    text = new TextDecoder("windows-1252").decode(buffer);
  }
  return text.includes("\0") ? null : text;
}

// The separator that splits the header into most columns, outside quotes.
export function separatorOf(text) {
  const header = firstLine(text).replace(/"[^"]*"/g, "");
  const counts = [";", ",", "\t"].map((one) => [header.split(one).length, one]);
  return counts.reduce((best, one) => (one[0] > best[0] ? one : best))[1];
}

function firstLine(text) {
  let quoted = false;
  for (let i = 0; i < text.length; i += 1) {
    if (text[i] === '"') quoted = !quoted;
    else if (!quoted && (text[i] === "\n" || text[i] === "\r")) return text.slice(0, i);
  }
  return text;
}

// Rows of cells. A quote counts only where a cell begins, so that one inside a text is a quote.
export function parse(text, separator = separatorOf(text)) {
  const rows = [];
  let row = [];
  let cell = "";
  let quoted = false;
  const endCell = () => {
    row.push(cell);
    cell = "";
  };
  const endRow = () => {
    endCell();
    if (row.length > 1 || row[0].trim()) rows.push(row);
    row = [];
  };
  for (let i = 0; i < text.length; i += 1) {
    const c = text[i];
    if (quoted) {
      if (c !== '"') cell += c;
      else if (text[i + 1] === '"') {
        cell += '"';
        i += 1;
      } else quoted = false;
    } else if (c === '"' && cell === "") quoted = true;
    else if (c === separator) endCell();
    else if (c === "\n" || c === "\r") {
      if (c === "\r" && text[i + 1] === "\n") i += 1;
      endRow();
    } else cell += c;
  }
  if (cell || row.length) endRow();
  return rows;
}

// Position of the column that holds the messages, and whether its name says so.
export function guessColumn(header, rows) {
  const plain = header.map((name) => name.trim().toLowerCase());
  const named = NAMES.map((name) => plain.indexOf(name)).find((at) => at >= 0);
  if (named !== undefined) return { column: named, sure: true };
  const lengths = header.map((_, at) =>
    rows.slice(0, 200).reduce((sum, row) => sum + (row[at] ?? "").length, 0),
  );
  return { column: lengths.indexOf(Math.max(...lengths)), sure: header.length === 1 };
}

// A spreadsheet runs a cell that begins with one of these; a quote before it makes it text.
const FORMULA = /^[\s]*[=+\-@]|^[\t\r\n]/;
const NUMBER = /^[+-]?\d[\d.,]*$/;

export function cell(value, separator) {
  let text = String(value ?? "");
  if (FORMULA.test(text) && !NUMBER.test(text)) text = `'${text}`;
  const special = [separator, '"', "\n", "\r", "\t", ";", ","].some((one) => text.includes(one));
  return special ? `"${text.replaceAll('"', '""')}"` : text;
}

export function write(rows, separator) {
  const lines = rows.map((row) => row.map((value) => cell(value, separator)).join(separator));
  return `\uFEFF${lines.join("\r\n")}\r\n`;
}
