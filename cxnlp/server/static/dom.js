// Nodes are made one by one and text goes in as text: nothing here ever reads HTML.

export const $ = (id) => document.getElementById(id);

// el("td", { class: "x", onclick: f }, "text", node, …)
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function show(node, ...children) {
  node.replaceChildren(...children);
  node.hidden = children.length === 0;
}

export function say(node, text) {
  node.textContent = text;
  node.hidden = !text;
}
