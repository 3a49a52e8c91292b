// Every key with what it may still do.

import { arrange, byId, make, say, show } from "./dom.js";
import { tell } from "./server.js";
import { counted, knows, number, spell, word } from "./words.js";

const STATES = ["good", "resting", "limited", "refused", "off"];
const NEARLY = 0.8;
export const narrow = matchMedia("(max-width: 34rem)");
const cards = new Map();
const groups = new Map();

/** `names`: the keys whose row has changed; `rows`: all rows by name; `known`: the names in order, undefined
 * when the server cannot tell. */
export function drawPool(rows, known, names) {
  const order = known ?? [];
  for (const id of [...cards.keys()]) if (!rows.has(id)) cards.delete(id);
  for (const id of names) if (rows.has(id)) draw(rows.get(id));
  arrangeGroups(rows, order);
  const amounts = STATES.map((state) => [state, order.filter((id) => rows.get(id)?.state === state).length]);
  const parts = amounts.filter(([, n]) => n).map(([state, n]) => word(`pool.sum.${state}`, { n: number(n) }));
  say(byId("pool-sum"), order.length ? `${counted("pool.keys", order.length)}: ${parts.join(", ")}` : "");
  show(byId("pool-empty"), known?.length === 0);
  byId("desk").toggleAttribute("data-empty", known?.length === 0);
}

function arrangeGroups(rows, order) {
  const members = new Map();
  for (const id of order) {
    const row = rows.get(id);
    if (!row) continue;
    if (!members.has(row.provider)) members.set(row.provider, { title: row.title, cards: [] });
    members.get(row.provider).cards.push(cards.get(id).root);
  }
  for (const id of [...groups.keys()]) if (!members.has(id)) groups.delete(id);
  const wanted = [];
  for (const [provider, { title, cards: mine }] of members) {
    if (!groups.has(provider)) groups.set(provider, newGroup());
    const group = groups.get(provider);
    say(group.title, title);
    arrange(group.list, mine);
    wanted.push(group.root);
  }
  arrange(byId("pool"), wanted);
}

function newGroup() {
  const title = make("h3");
  const list = make("ul", { class: "keys" });
  return { title, list, root: make("section", { class: "provider" }, title, list) };
}

function newCard(id) {
  const card = {
    name: make("strong", { class: "id" }),
    label: make("span", { class: "dim" }),
    badge: badge(),
    left: make("span", { class: "dim left" }),
    why: make("p", { class: "why" }),
    told: make("p", { class: "told", role: "status" }),
    models: make("ul", { class: "models" }),
  };
  card.button = make("button", {
    type: "button",
    class: "quiet small",
    "aria-label": word("pool.check.of", { id }),
    onclick: () => check(id, card),
  }, word("pool.check"));
  const head = make("div", { class: "key-head" }, card.name, card.label, card.badge, card.left, card.button);
  card.root = make("li", { class: "key" }, head, card.why, card.told, card.models);
  return card;
}

function badge() {
  return make("span", { class: "badge" });
}

function setBadge(element, state) {
  element.dataset.state = state;
  say(element, word(`state.${state}`));
}

function draw(row) {
  if (!cards.has(row.id)) cards.set(row.id, newCard(row.id));
  const card = cards.get(row.id);
  say(card.name, row.id);
  say(card.label, [row.label, knows(`pool.source.${row.source}`) ? word(`pool.source.${row.source}`) : ""]
    .filter(Boolean).join(", "));
  card.root.dataset.state = row.state;
  setBadge(card.badge, row.state);
  setLeft(card.left, row.rest);
  const parts = [row.why, reason(row.rest)];
  if (row.shares.length) parts.push(word("pool.shares", { names: row.shares.join(", ") }));
  if (!row.models.length && row.state === "good") parts.push(word("pool.unused"));
  say(card.why, parts.filter(Boolean).join(" · "));
  card.models.replaceChildren(...row.models.map((model) => drawModel(row, model)));
}

function setLeft(element, rest) {
  delete element.dataset.until;
  if (!rest) say(element, "");
  else if (rest.due) say(element, word("rest.due"));
  else if (rest.until === null) say(element, word("rest.owner"));
  else {
    element.dataset.until = String(rest.until);
    element.dataset.say = "rest.left";
  }
}

function reason(rest) {
  if (!rest) return "";
  const known = `why.${rest.kind}`;
  if (!knows(known)) return rest.reason;
  const prefix = `${rest.kind.replaceAll("_", " ")}: `;
  const told = rest.reason.startsWith(prefix) ? rest.reason.slice(prefix.length) : rest.reason;
  return told ? `${word(known)} (${told})` : word(known);
}

function drawModel(row, model) {
  const name = model.model.startsWith(`${row.provider}/`) ? model.model.slice(row.provider.length + 1) : model.model;
  const head = make("div", { class: "model-head" },
    make("span", { class: "model-name" }, spoken(name)));
  if (model.state !== "good") {
    const mark = badge();
    const left = make("span", { class: "dim left" });
    setBadge(mark, model.state);
    setLeft(left, model.rest);
    head.append(mark, left);
  }
  const why = reason(model.rest);
  const limits = model.limits.map(drawLimit);
  return make("li", { class: "model" }, head, why ? make("p", { class: "why" }, why) : null, ...limits);
}

function spoken(name) {
  if (name === "*") return word("pool.all_models");
  return name.startsWith("group:") ? word("pool.group", { name: name.slice(6) }) : name;
}

function drawLimit(limit) {
  const share = limit.amount ? Math.min(1, limit.used / limit.amount) : 1;
  const window = `window.${limit.window}`;
  const values = {
    used: number(limit.used),
    amount: number(limit.amount),
    unit: word(`unit.${limit.unit}`),
    window: knows(window) ? word(window) : word("window.other", { window: limit.window }),
  };
  const text = word("limit.window", values).trim();
  const fill = make("span", { class: "fill" });
  fill.style.width = `${share * 100}%`;
  const bar = make("span", {
    class: "bar",
    role: "meter",
    "aria-label": text,
    "aria-valuemin": 0,
    "aria-valuemax": limit.amount,
    "aria-valuenow": Math.min(limit.used, limit.amount),
    "aria-valuetext": text,
    "data-level": share >= 1 ? "bad" : share >= NEARLY ? "warn" : "good",
  }, fill);
  const resets = make("span", { class: "dim resets" });
  if (limit.resets_at !== null && limit.used) {
    resets.dataset.until = String(limit.resets_at);
    resets.dataset.say = limit.window === "day" || limit.window === "month" ? "limit.resets.day" : "limit.resets";
  }
  return make("div", { class: "limit" }, bar, make("span", { class: "used", "aria-hidden": "true" }, text), resets);
}

/** Counts down. `now`: the server's time in seconds. */
export function tick(now) {
  for (const element of document.querySelectorAll("[data-until]")) {
    const left = Number(element.dataset.until) - now;
    const name = narrow.matches && element.dataset.say !== "rest.left" ? "limit.resets.short" : element.dataset.say;
    say(element, left > 0 ? word(name, { left: spell(left) }) : "");
  }
}

async function check(id, card) {
  card.button.disabled = true;
  say(card.told, word("pool.checking"));
  const { data, error } = await tell("/page/keys/check", { id });
  card.button.disabled = false;
  card.told.dataset.state = data?.check ?? "bad";
  say(card.told, error ? word("failed", { message: error }) : word(`check.${data.check}`, data));
}
