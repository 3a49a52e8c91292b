// Who answered the last requests, and how fast.

import { arrange, byId, make, say, show } from "./dom.js";
import { counted, number, spellMs, word } from "./words.js";

const SHOWN = 12;
const lines = new Map();

export function drawRecent(rows, answering) {
  const latest = [...rows.keys()].sort((one, other) => Number(other) - Number(one)).slice(0, SHOWN);
  for (const name of [...lines.keys()]) if (!latest.includes(name)) lines.delete(name);
  for (const name of latest) if (!lines.has(name)) lines.set(name, draw(rows.get(name)));
  arrange(byId("recent"), latest.map((name) => lines.get(name)));
  show(byId("recent-empty"), !latest.length);
  say(byId("recent-sum"), answering ? counted("recent.answering", answering) : "");
}

function draw(row) {
  const at = new Date(row.at * 1000);
  const time = make("time", { datetime: at.toISOString(), class: "dim" },
    at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" }));
  const good = row.answered && row.status < 400;
  const who = good ? row.answered : failed(row);
  const facts = [];
  if (good && row.credential) facts.push(row.credential);
  if (good && row.first_ms !== null) facts.push(word("recent.first", { time: spellMs(row.first_ms) }));
  facts.push(word("recent.total", { time: spellMs(row.ms) }));
  if (good && row.tokens) facts.push(counted("recent.tokens", row.tokens));
  if (row.attempts > 1) facts.push(word("recent.attempts", { n: number(row.attempts) }));
  if (row.asked && row.asked !== row.answered) facts.push(word("recent.asked", { model: row.asked }));
  return make("li", { "data-state": good ? "good" : "bad" }, time,
    make("span", { class: "who" }, who), make("span", { class: "dim facts" }, facts.join(" · ")));
}

function failed(row) {
  if (row.status === 499) return word("recent.left");
  const text = word("recent.failed", { status: row.status });
  return row.error && row.status >= 400 ? `${text}: ${row.error}` : text;
}
