// Puts the page together: words first, then the server's picture, then what changes in it.

import { byId, say, show } from "./dom.js";
import { drawOffers, startKeys } from "./keys.js";
import { drawModels, startPlay } from "./play.js";
import { drawPool, narrow, tick } from "./pool.js";
import { drawRecent } from "./recent.js";
import { follow, tokens } from "./server.js";
import { startSetup } from "./setup.js";
import { label, learnWords, word } from "./words.js";

const parts = new Map();
let ahead = 0; // of the server's clock before this one, seconds

const countDown = () => tick(Date.now() / 1000 + ahead);

function rowsOf(kind) {
  const found = new Map();
  for (const [name, part] of parts) {
    if (name.startsWith(`${kind}/`)) found.set(name.slice(kind.length + 1), part);
  }
  return found;
}

function told(event) {
  ahead = event.now - Date.now() / 1000;
  if (event.whole) for (const name of [...parts.keys()]) if (!(name in event.set)) parts.delete(name);
  for (const name of event.gone) parts.delete(name);
  for (const [name, part] of Object.entries(event.set)) parts.set(name, part);
  const names = [...Object.keys(event.set), ...event.gone];
  const changed = (kind) => names.some((name) => name === kind || name.startsWith(`${kind}/`));
  if (event.whole) show(byId("desk"), true);
  if (changed("providers")) drawOffers(parts.get("providers") ?? []);
  if (changed("models") && parts.has("models")) drawModels(parts.get("models"));
  if (event.whole || changed("key") || changed("order")) {
    const keys = names.filter((name) => name.startsWith("key/")).map((name) => name.slice(4));
    drawPool(rowsOf("key"), parts.get("order"), keys);
    countDown();
  }
  if (event.whole || changed("recent") || changed("server")) {
    drawRecent(rowsOf("recent"), parts.get("server")?.answering ?? 0);
  }
  say(byId("problem"), parts.get("problem") ?? "");
  show(byId("problem"), parts.has("problem"));
}

function link(state) {
  byId("link").dataset.state = state;
  say(byId("link"), state === "locked" ? "" : word(`link.${state}`));
}

// A token that the server refuses is asked for anew; one that it takes stays for this tab.
async function stayConnected() {
  for (;;) {
    await follow((event) => {
      show(byId("lock"), false);
      told(event);
    }, link);
    const refused = tokens.get();
    tokens.forget();
    show(byId("desk"), false);
    show(byId("lock"), true);
    say(byId("lock-told"), refused ? word("lock.wrong") : "");
    byId("lock-token").focus();
    await new Promise((done) => byId("lock").addEventListener("submit", (event) => {
      event.preventDefault();
      tokens.keep(byId("lock-token").value.trim());
      byId("lock-token").value = "";
      done();
    }, { once: true }));
  }
}

function startTheme() {
  const root = document.documentElement;
  const write = () => say(byId("theme"), word(`theme.${root.dataset.theme ?? "auto"}`));
  byId("theme").addEventListener("click", () => {
    const next = { auto: "light", light: "dark", dark: "auto" }[root.dataset.theme ?? "auto"];
    if (next === "auto") delete root.dataset.theme;
    else root.dataset.theme = next;
    try {
      if (next === "auto") localStorage.removeItem("freellm-theme");
      else localStorage.setItem("freellm-theme", next);
    } catch {
      // It lasts as long as the page, then.
    }
    write();
  });
  write();
}

await learnWords();
label(document);
link("waiting");
startTheme();
startSetup();
startPlay();
startKeys();
setInterval(countDown, 1000);
narrow.addEventListener("change", countDown);
stayConnected();
