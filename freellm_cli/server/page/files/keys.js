// Adding a key. It leaves the page once, to its own server, and is forgotten here.

import { byId, make, say, show } from "./dom.js";
import { tell } from "./server.js";
import { word } from "./words.js";

let offers = new Map();

export function drawOffers(list) {
  const chosen = byId("key-provider").value;
  offers = new Map(list.map((offer) => [offer.id, offer]));
  const option = (offer) => make("option", { value: offer.id }, offer.title);
  const first = list.filter((offer) => offer.why).map(option);
  const rest = list.filter((offer) => !offer.why).map(option);
  byId("key-provider").replaceChildren(
    make("optgroup", { label: word("keys.provider.first") }, ...first),
    make("optgroup", { label: word("keys.provider.rest") }, ...rest),
  );
  if (offers.has(chosen)) byId("key-provider").value = chosen;
  about();
}

export function startKeys() {
  byId("key-provider").addEventListener("change", about);
  byId("key").addEventListener("submit", (event) => {
    event.preventDefault();
    add();
  });
  byId("go-keys").addEventListener("click", () => setTimeout(() => byId("key-provider").focus()));
}

function about() {
  const offer = offers.get(byId("key-provider").value);
  if (!offer) return;
  const parts = [];
  if (/^https?:\/\//.test(offer.key_url)) {
    const link = { href: offer.key_url, target: "_blank", rel: "noopener noreferrer" };
    parts.push(make("a", link, word("keys.get")), " · ");
  }
  if (offer.why) parts.push(offer.why);
  else parts.push(word(`keys.trains.${offer.trains}`));
  byId("key-about").replaceChildren(...parts);
  const fields = offer.needs.map((name) => make("label", { class: "grow" },
    make("span", {}, word("keys.setting", { name })),
    make("input", { name, required: true, autocomplete: "off", spellcheck: "false" })));
  const have = [...byId("key-settings").querySelectorAll("input")].map((input) => input.name);
  if (have.join() !== offer.needs.join()) byId("key-settings").replaceChildren(...fields);
  show(byId("key-settings"), fields.length > 0);
}

async function add() {
  const inputs = byId("key-settings").querySelectorAll("input");
  const body = {
    provider: byId("key-provider").value,
    key: byId("key-text").value,
    label: byId("key-label").value.trim(),
    settings: Object.fromEntries([...inputs].map((input) => [input.name, input.value.trim()])),
  };
  byId("key-text").value = "";
  byId("key-send").disabled = true;
  const told = byId("key-told");
  told.replaceChildren(make("p", { class: "told" }, word("keys.adding")));
  const { data, error } = await tell("/page/keys", body);
  byId("key-send").disabled = false;
  if (error) {
    told.replaceChildren(line("bad", word("failed", { message: error })));
    return;
  }
  const lines = [line(data.id ? "good" : "bad", word(data.id ? "keys.stored" : "keys.refused", data))];
  for (const notice of data.notices) lines.push(line("warn", notice));
  if (data.id) lines.push(line("", word(`keys.trains.${data.trains_on_prompts}`)));
  told.replaceChildren(...lines);
  if (data.id) byId("key-label").value = "";
}

function line(state, text) {
  return make("p", { class: "told", "data-state": state }, text);
}
