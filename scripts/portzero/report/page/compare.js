// SPDX-License-Identifier: LGPL-2.1-or-later
// Two columns beside each other.
"use strict";

const AT_ONCE = 300; // Rows of a comparison that are drawn before asked for.

function drawCompareForm() {
  const form = document.getElementById("compared");
  const choose = (name) => h("label", {}, name, h("select", { name, onchange: () => {
    const [first, second] = [form.elements.first.value, form.elements.second.value];
    go({ compare: first && second ? `${first}..${second}` : null, every: null });
  } }, h("option", { value: "" }, "choose a column"),
  data.columns.map(({ name: column }) => h("option", { value: column }, column))));
  form.append(choose("first"), choose("second"));
  form.addEventListener("submit", (event) => event.preventDefault());
}

// The questions that both columns answered, and those not the same way; how many
// only one could be asked.
function comparedQuestions(first, second) {
  const differing = [];
  let both = 0, alone = 0;
  const tried = (found) => found && verdictOf(found) !== "skipped";
  data.questions[CASE].forEach((_, question) => {
    const one = outcome(first, question), other = outcome(second, question);
    if (tried(one) && tried(other)) {
      both++;
      if (answer(one) !== answer(other)) differing.push([question, one, other]);
    } else if (tried(one) || tried(other)) alone++;
  });
  return { differing, both, alone };
}

function drawComparison(parts) {
  const place = document.getElementById("differences");
  const names = (parts.get("compare") || "").split("..");
  const [first, second] = names.map((name) => columnNumber.get(name));
  if (first === undefined || second === undefined) {
    place.replaceChildren(h("p", {}, "Choose two columns to see what they answer differently."));
    return;
  }
  const form = document.getElementById("compared");
  [form.elements.first.value, form.elements.second.value] = names;
  const { differing: found, both, alone } = comparedQuestions(first, second);
  const cell = (outcomeOf) => {
    const kind = verdictOf(outcomeOf);
    return h("td", {}, h("span", { class: `sign ${kind}`, title: kind }, SIGNS[kind]), " ",
             reasonOf(outcomeOf));
  };
  const drawn = parts.has("every") ? found : found.slice(0, AT_ONCE);
  place.replaceChildren(
    h("p", { role: "status" }, `${found.length} of ${both} answers differ.${
      alone ? ` ${alone} questions could be asked of one of them only.` : ""}`),
    found.length ? region("Answers that differ", "scroll", h("table", {}, h("thead", {}, h("tr", {},
      ["case", "on", ...names].map((title) => h("th", { scope: "col" }, title)))),
      h("tbody", {}, drawn.map(([question, one, other]) => {
        const { words, entry, step } = named(question);
        const name = data.cases[data.questions[CASE][question]][0];
        return h("tr", {}, h("th", { scope: "row" }, h("a", {
          href: address({ cell: `${name}@${names[1]}`, variant: variantName(question) }) }, name)),
          h("td", {}, [words, entry, step].filter(Boolean).join(", ")), cell(one), cell(other));
      })))) : "",
    drawn.length < found.length ? h("button", { type: "button", onclick: () => go({ every: true }) },
      `show the other ${found.length - drawn.length}`) : "");
}
