// A question from the page, through the same pool as any other.

import { byId, make, say, show } from "./dom.js";
import { eventsOf, post, refusal } from "./server.js";
import { spellMs, word } from "./words.js";

let stopper = null;

export function drawModels(models) {
  byId("play-model").placeholder = models.default;
  byId("play-models").replaceChildren(...models.names.map((name) => make("option", { value: name })));
}

export function startPlay() {
  byId("play-answer").setAttribute("aria-label", word("play.answer"));
  byId("play").addEventListener("submit", (event) => {
    event.preventDefault();
    ask();
  });
  byId("play-prompt").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("play").requestSubmit();
  });
  byId("play-stop").addEventListener("click", () => stopper?.abort());
}

function busy(is) {
  byId("play-send").disabled = is;
  show(byId("play-stop"), is);
  if (!is && document.activeElement === document.body) byId("play-prompt").focus();
}

async function ask() {
  if (stopper) return;
  const told = { first: 0, who: "", began: performance.now() };
  stopper = new AbortController();
  busy(true);
  show(byId("play-result"), true);
  byId("play-result").dataset.state = "good";
  say(byId("play-who"), word("play.waiting"));
  byId("play-answer").textContent = "";
  try {
    await listen(told);
  } catch (error) {
    if (stopper.signal.aborted) end("good", told.who, word("play.stopped"));
    else end("bad", told.who, word("failed", { message: error.said ?? word("not_reached") }));
  } finally {
    stopper = null;
    busy(false);
  }
}

async function listen(told) {
  const model = byId("play-model").value.trim() || byId("play-model").placeholder;
  const messages = [{ role: "user", content: byId("play-prompt").value }];
  const answer = await post("/page/ask", { model, messages, stream: true }, stopper.signal);
  if (!answer.ok) throw Object.assign(new Error(), { said: (await refusal(answer)).message });
  const key = answer.headers.get("x-freellm-credential");
  const by = answer.headers.get("x-freellm-model");
  const attempts = Number(answer.headers.get("x-freellm-attempts") ?? 1);
  if (by) told.who = word("play.who", { model: by, key });
  for await (const data of eventsOf(answer)) {
    if (data === "[DONE]") break;
    const chunk = JSON.parse(data);
    if (chunk.error) {
      end("bad", told.who, word("play.cut", { message: chunk.error.message }));
      return;
    }
    told.who ||= chunk.model;
    add(chunk.choices?.[0]?.delta?.content ?? "", told);
  }
  if (!told.first) say(byId("play-answer"), word("play.nothing"));
  const total = spellMs(performance.now() - told.began);
  const facts = [word("play.time", { first: spellMs(told.first || performance.now() - told.began), total })];
  if (attempts > 1) facts.push(word("play.attempts", { n: attempts }));
  end("good", told.who, ...facts);
}

function add(text, told) {
  if (!text) return;
  if (!told.first) {
    told.first = performance.now() - told.began;
    say(byId("play-who"), told.who);
  }
  byId("play-answer").append(text);
}

function end(state, ...facts) {
  byId("play-answer").normalize();
  byId("play-result").dataset.state = state;
  say(byId("play-who"), facts.filter(Boolean).join(" · "));
}
