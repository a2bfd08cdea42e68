// SPDX-License-Identifier: LGPL-2.1-or-later
// What opens from a cell: the observations, byte by byte beside the control's.
"use strict";

// The fields of a socket address, by its first two bytes: name, bytes.
const LAYOUTS = {
  "0200": [["family", 2], ["port", 2], ["address", 4], ["zero", 8]],
  "0a00": [["family", 2], ["port", 2], ["flow label", 4], ["address", 16], ["scope", 4]],
};

function fields(bytes) {
  const layout = LAYOUTS[bytes.slice(0, 4)] || [["bytes", bytes.length / 2]];
  const found = [];
  let at = 0;
  for (const [name, size] of layout) {
    if (at < bytes.length) found.push([name, bytes.slice(at, at + 2 * size)]);
    at += 2 * size;
  }
  return found;
}

const spaced = (bytes) => (bytes ? bytes.match(/../g).join(" ") : "–");

// A table of an observation's values: what the standard answers, what was
// observed at port 0, the same two at the control.
function valuesTable(found) {
  const sides = [["standard, port 0", found[STANDARD]], ["observed, port 0", found[ZERO]],
                 ["observed, control", found[CONTROL]],
                 ["standard, control", found[CONTROL_STANDARD]]]
    .map(([title, number]) => [title, number < 0 ? null : data.values[number]]);
  const text = (value, name) => {
    if (!value) return "–";
    if (name === "touched") return value.touched < 0 ? "no" : `from byte ${value.touched}`;
    return value[name] === undefined || value[name] === "" ? "–" : String(value[name]);
  };
  const rows = [["return", "result"], ["errno", "errno"], ["length", "length"],
                ["address", "address"], ["touched", "touched behind its end"]]
    .filter(([name]) => sides.some(([, value]) => value && value[name] !== undefined))
    .map(([name, title]) => [title, sides.map(([, value]) => text(value, name))]);
  const split = sides.map(([, value]) => (value && value.bytes ? fields(value.bytes) : []));
  const most = split.reduce((longest, one) => (one.length > longest.length ? one : longest), []);
  most.forEach(([name], place) => rows.push([`bytes: ${name}`, split.map(
    (one) => (one[place] ? spaced(one[place][1]) : "–"))]));
  // Unlike: beside what the standard says or, where it says nothing, the control.
  const measure = found[STANDARD] < 0 ? 2 : 0;
  return region("Values of the observation", "scroll", h("table", { class: "bytes" },
    h("thead", {}, h("tr", {}, h("td", {}), sides.map(([title, value]) => h("th", { scope: "col" },
      title, !value && title.startsWith("standard") ? h("br") : null,
      !value && title.startsWith("standard") ? h("small", {}, "left open") : null)))),
    h("tbody", {}, rows.map(([title, texts]) => h("tr", {}, h("th", { scope: "row" }, title),
      texts.map((one, place) => h("td", {
        class: place === 1 && one !== texts[measure] ? "unlike" : null }, one)))))));
}

// A name that may be broken behind each slash, before it is broken anywhere.
const breakable = (name) => name.split("/").flatMap(
  (part, place) => (place ? ["/", h("wbr"), part] : [part]));

function facts(...pairs) {
  return h("dl", { class: "facts" }, pairs.filter(([, text]) => text).flatMap(
    ([title, text]) => [h("dt", {}, title), h("dd", {}, text)]));
}

const variantName = (question) => {
  const { entry, family, protocol, step } = named(question);
  return [entry, family, protocol, step].join(",");
};

// From what must be looked at to what says nothing.
function urgency(found) {
  return verdictOf(found) === "skipped" ? data.verdicts.length : found[VERDICT];
}

// Those variants that got the same answer and verdict, together.
function variantGroups(column, questions) {
  const groups = new Map();
  for (const question of questions) {
    const found = outcome(column, question);
    if (!found) continue;
    const { entry, step } = named(question);
    const key = [entry, step, found[VERDICT], answer(found), reasonOf(found)].join("\n");
    if (!groups.has(key)) groups.set(key, { entry, step, found, questions: [] });
    groups.get(key).questions.push(question);
  }
  return [...groups.values()].sort((one, other) => urgency(one.found) - urgency(other.found));
}

function groupRow(group, current) {
  const { entry, step, found } = group;
  const kind = verdictOf(found);
  const cell = { role: "cell" };
  return h("tr", { role: "row" },
    h("td", cell, h("span", { class: `sign ${kind}` }, SIGNS[kind]), ` ${kind}`),
    h("td", cell, entry), h("td", cell, step || "–"), h("td", cell, reasonOf(found)),
    h("td", { role: "cell", class: "variants" }, group.questions.map((question) => h("button", {
      type: "button", "aria-pressed": String(question === current),
      onclick: () => go({ variant: variantName(question) }) }, named(question).words))));
}

function drawCell(parts) {
  const dialog = document.getElementById("cell");
  if (drawProgram(parts.get("program"))) {
    if (!dialog.open) dialog.showModal();
    return;
  }
  const [name, columnName] = (parts.get("cell") || "").split(/@(.*)/s);
  const number = caseNumber.get(name), column = columnNumber.get(columnName);
  const questions = number === undefined || column === undefined ? []
    : questionsOf[number].filter((one) => outcome(column, one));
  if (!questions.length) { // Nothing of the kind was asked.
    if (dialog.open) dialog.close();
    return;
  }
  const groups = variantGroups(column, questions);
  const current = questions.find((one) => variantName(one) === parts.get("variant"))
    ?? groups[0].questions[0];
  const [, question, basis] = data.cases[number];
  const found = outcome(column, current);
  const about = named(current);
  const [key, why] = [data.texts[found[DEVIATION]], data.texts[found[WHY]]];
  const deviation = data.deviations[key];
  document.getElementById("cell-body").replaceChildren(
    h("header", {}, h("h2", { id: "cell-title" }, breakable(`${name} on ${columnName}`)),
      h("button", { type: "button", onclick: () => go({ cell: null, variant: null }) }, "Close")),
    facts(["the question", question], ["the standard", basis],
          ["this cell alone", data.columns[column].command
      && h("code", {}, `${data.columns[column].command} ${name}`)]),
    h("h3", {}, "Answers"),
    // On a phone its rows are no rows for CSS; so what they are is said.
    region("Answers by variant", "scroll", h("table", { class: "answers", role: "table" },
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" },
        ["verdict", "entry", "step", "answer", "on"].map(
          (title) => h("th", { role: "columnheader", scope: "col" }, title)))),
      h("tbody", { role: "rowgroup" }, groups.map((group) => groupRow(group, current))))),
    h("h3", {}, `${about.words}, ${about.entry === "libc" ? "through the libc"
      : "by the raw system call"}${about.step ? `, step “${about.step}”` : ""}`),
    facts(["verdict", verdictOf(found)], ["observed", data.calls[found[CALL]]],
          ["why", deviation ? "" : why],
          ["deviation", deviation && `${key}: ${deviation[1]}`],
          ["responsible", deviation && deviation[0]], ["source", deviation && deviation[2]]),
    found[ZERO] < 0 ? h("p", {}, "There is no observation.") : valuesTable(found));
  if (!dialog.open) dialog.showModal();
}
