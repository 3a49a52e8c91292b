// All that the page asks of its server. Nothing else is ever asked.

import { word } from "./words.js";

const meta = (name) => document.querySelector(`meta[name="${name}"]`).content;
const TOKEN = "freellm-token";
const RELOADED = "freellm-reloaded";
const LONGEST_PAUSE_MS = 10000;
const SILENT_MS = 45000;

export const isLocked = meta("freellm-locked") === "yes";

export const tokens = {
  get: () => sessionStorage.getItem(TOKEN) ?? "",
  keep: (token) => sessionStorage.setItem(TOKEN, token),
  forget: () => sessionStorage.removeItem(TOKEN),
};

function headers() {
  const found = { "x-freellm-page": meta("freellm-pass") };
  if (tokens.get()) found.authorization = `Bearer ${tokens.get()}`;
  return found;
}

/** What the server says to a question that it refuses, as { status, code, message }. */
export async function refusal(answer) {
  let told = {};
  try {
    told = (await answer.json()).error ?? {};
  } catch {
    // An answer of no words.
  }
  if (told.code === "stale_page") reload();
  return { status: answer.status, code: told.code, message: told.message ?? String(answer.status) };
}

/** The server was started anew and knows this page no more. At most once in ten seconds. */
function reload() {
  const last = Number(sessionStorage.getItem(RELOADED) ?? 0);
  if (Date.now() - last < 10000) return;
  sessionStorage.setItem(RELOADED, String(Date.now()));
  location.reload();
}

export function post(path, body, signal) {
  const options = { method: "POST", headers: headers(), body: JSON.stringify(body), signal };
  return fetch(path, { ...options, cache: "no-store" });
}

/** { data } or { error: text }. */
export async function tell(path, body) {
  try {
    const answer = await post(path, body);
    if (answer.ok) return { data: await answer.json() };
    return { error: (await refusal(answer)).message };
  } catch {
    return { error: word("not_reached") };
  }
}

/** The data of each event of a stream, as text. */
export async function* eventsOf(answer, heard = () => {}) {
  const reader = answer.body.getReader();
  const decoder = new TextDecoder();
  let held = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heard();
      held += decoder.decode(value, { stream: true });
      const lines = held.split("\n");
      held = lines.pop();
      for (const line of lines) if (line.startsWith("data: ")) yield line.slice(6);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** Follows the server for as long as the page is open. `told(event)`; `link(state)`: waiting, live, lost,
 * stopped, locked. Returns when the token is refused. */
export async function follow(told, link) {
  let pause = 500;
  for (;;) {
    const stop = new AbortController();
    let silence = 0;
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(() => stop.abort(), SILENT_MS);
    };
    let state = "lost";
    try {
      heard();
      const answer = await fetch("/page/events", { headers: headers(), cache: "no-store", signal: stop.signal });
      if (answer.ok) {
        for await (const data of eventsOf(answer, heard)) {
          told(JSON.parse(data));
          link("live");
          pause = 500;
        }
        state = "stopped";
      } else if ((await refusal(answer)).status === 401) {
        link("locked");
        return;
      }
    } catch {
      state = "lost";
    } finally {
      clearTimeout(silence);
    }
    link(state);
    await new Promise((wake) => setTimeout(wake, pause));
    pause = Math.min(LONGEST_PAUSE_MS, pause * 2);
  }
}
