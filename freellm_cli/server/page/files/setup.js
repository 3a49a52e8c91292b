// What to type into each client.

import { byId, make, say } from "./dom.js";
import { isLocked } from "./server.js";
import { clients, filled, word } from "./words.js";

export function startSetup() {
  const list = byId("setup-client");
  list.replaceChildren(...clients().map((client, place) => make("option", { value: place }, client.name)));
  list.addEventListener("change", draw);
  say(byId("setup-key"), word(isLocked ? "setup.token_key" : "setup.any_key"));
  draw();
}

function draw() {
  const client = clients()[Number(byId("setup-client").value)];
  const values = { root: location.origin, key: isLocked ? "YOUR-TOKEN" : "any" };
  say(byId("setup-where"), filled(client.where, values));
  say(byId("setup-told"), "");
  byId("setup-lines").replaceChildren(...client.lines.map((line) => block(filled(line, values), client.name)));
}

function block(text, name) {
  const code = make("code", {}, text);
  const copy = { type: "button", class: "quiet small", onclick: () => put(text, code) };
  return make("div", { class: "lines" },
    make("pre", { tabindex: 0, role: "region", "aria-label": name }, code),
    make("button", copy, word("setup.copy")));
}

async function put(text, code) {
  try {
    await navigator.clipboard.writeText(text);
    say(byId("setup-told"), word("setup.copied"));
  } catch {
    getSelection().selectAllChildren(code);
    say(byId("setup-told"), word("setup.not_copied"));
  }
}
