// SPDX-License-Identifier: LGPL-2.1-or-later
// The data of the page, as report/model.py writes it, and what is read off it.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const SIGNS = { conforms: "✓", deviates: "✗", differs: "~", unexpected: "!!", fixed: "fixed",
                skipped: "–", broken: "broken", refuses: "no", harmed: "harmed" };
const ALARMING = new Set(["unexpected", "fixed", "broken"]);
const COLOURS = 5; // Classes r1 to r5: answers other than the conforming one.
const [CASE, STEP, FAMILY, PROTOCOL, ENTRY] = [0, 1, 2, 3, 4]; // Axes of data.questions.
// Places in an outcome.
const ZERO = 0, CONTROL = 1, STANDARD = 2, CONTROL_STANDARD = 3, VERDICT = 4, WHY = 5,
  DEVIATION = 6, RESPONSIBLE = 7, CALL = 8;

const caseNumber = new Map(data.cases.map(([name], number) => [name, number]));
const columnNumber = new Map(data.columns.map((column, number) => [column.name, number]));
const callOf = (number) => data.cases[number][0].split("/")[0];
// The cases call by call, as they stand in the suite.
const calls = [...new Set(data.cases.map((_, number) => callOf(number)))];
const inOrder = calls.flatMap((call) => [...data.cases.keys()].filter(
  (number) => callOf(number) === call));
const manyReleases = new Set(data.columns.map((column) => column.release)).size > 1;
// The questions of each case.
const questionsOf = data.cases.map(() => []);
data.questions[CASE].forEach((one, number) => questionsOf[one].push(number));

const outcome = (column, question) => {
  const number = data.columns[column].answers[question];
  return number < 0 ? null : data.outcomes[number];
};
const verdictOf = (found) => data.verdicts[found[VERDICT]];

// What was answered, as a short text that is the same for the same answer,
// whatever ports the kernel chose.
function answer(found) {
  return found[ZERO] < 0 ? verdictOf(found) + found[WHY] : String(data.stable[found[ZERO]]);
}

function short(value) {
  if (!value) return "nothing";
  return value.errno || value.address || String(value.return);
}

// What an outcome shows, in words: the answer or, if it is not as expected or
// there is none, why.
function reasonOf(found) {
  return found[ZERO] < 0 || ALARMING.has(verdictOf(found)) ? data.texts[found[WHY]]
    : short(data.values[found[ZERO]]);
}

function named(question) {
  const [step, family, protocol, entry] = [
    data.steps[data.questions[STEP][question]], data.families[data.questions[FAMILY][question]],
    data.protocols[data.questions[PROTOCOL][question]], data.entries[data.questions[ENTRY][question]]];
  return { step, family, protocol, entry,
           words: [family, protocol].filter((word) => word && word !== "-").join(" ") || "once" };
}

// What a cell shows of some questions at one column, by one entry: the worst
// verdict, on how many of them, of how many that could be tried; `reason` is one
// answer with that verdict, `answers` are all that do not conform, each once:
// the same for columns that answer the same.  What was skipped counts only
// where nothing else was observed.
function summed(column, questions, entry) {
  const counts = new Map();
  const reasons = new Map();
  const answers = new Set();
  for (const question of questions) {
    if (data.questions[ENTRY][question] !== entry) continue;
    const found = outcome(column, question);
    if (!found) continue;
    const kind = verdictOf(found);
    counts.set(kind, (counts.get(kind) || 0) + 1);
    if (!reasons.has(kind)) reasons.set(kind, reasonOf(found));
    if (kind !== "conforms" && kind !== "skipped") answers.add(answer(found));
  }
  if (counts.size > 1) counts.delete("skipped");
  const verdict = data.verdicts.find((kind) => counts.has(kind));
  if (!verdict) return null;
  const told = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return { verdict, count: counts.get(verdict), told, reason: reasons.get(verdict),
           answers: [...answers].sort().join() };
}

// Make an element: h("td", {class: "r0", onclick: f}, "text", another).
function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

function region(label, name, ...children) {
  return h("div", { class: name, role: "region", tabindex: "0", "aria-label": label }, ...children);
}
