// The words of the page, from the one file of its language.

let texts = {};
let plurals = new Intl.PluralRules("en");
let figures = new Intl.NumberFormat("en");

export async function learnWords() {
  const answer = await fetch("/page/texts.json");
  texts = await answer.json();
  plurals = new Intl.PluralRules(texts.language);
  figures = new Intl.NumberFormat(texts.language);
}

export const knows = (name) => Object.hasOwn(texts, name);
export const clients = () => texts.clients;
export const number = (value) => figures.format(value);

export function filled(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (Object.hasOwn(values, name) ? String(values[name]) : whole));
}

export function word(name, values = {}) {
  return filled(texts[name] ?? name, values);
}

export function counted(name, n) {
  const exact = `${name}.${plurals.select(n)}`;
  return word(knows(exact) ? exact : `${name}.other`, { n: number(n) });
}

/** Writes the texts that the page's markup names. */
export function label(root) {
  for (const element of root.querySelectorAll("[data-text]")) {
    element.textContent = word(element.dataset.text);
  }
}

/** A wait as people say it; never less than a second. */
export function spell(seconds) {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 60) return word("time.s", { s: whole });
  if (whole < 3600) return word("time.min", { min: Math.floor(whole / 60), s: whole % 60 });
  if (whole < 172800) {
    return word("time.h", { h: Math.floor(whole / 3600), min: Math.floor((whole % 3600) / 60) });
  }
  return word("time.d", { d: Math.floor(whole / 86400), h: Math.floor((whole % 86400) / 3600) });
}

export function spellMs(ms) {
  if (ms < 1000) return word("time.ms", { n: number(Math.round(ms)) });
  return word("time.seconds", { n: number(Math.round(ms / 100) / 10) });
}
