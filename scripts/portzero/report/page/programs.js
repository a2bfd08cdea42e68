// SPDX-License-Identifier: LGPL-2.1-or-later
// Real programs: down the programs, across the columns; a cell opens to what
// the program said at port 0 and at another port.
"use strict";

const programColumns = [...new Set(data.programs.map((one) => one.column))];
const programAt = new Map(data.programs.map((one) => [`${one.program}@${one.column}`, one]));

function drawPrograms() {
  if (!data.programs.length) return;
  const programs = new Map(data.programs.map((one) => [one.program, one]));
  document.getElementById("program-table").replaceChildren(region("Table of programs", "scroll",
    h("table", {}, h("thead", {}, h("tr", {}, ["program", ...programColumns].map(
      (title) => h("th", { scope: "col" }, title)))),
    h("tbody", {}, [...programs.values()].map(({ program, what }) => h("tr", {},
      h("th", { scope: "row" }, program, what ? h("br") : null, what ? h("small", {}, what) : null),
      programColumns.map((column) => {
        const run = programAt.get(`${program}@${column}`);
        if (!run) return h("td", {});
        return h("td", {}, h("button", { type: "button",
          onclick: () => go({ program: `${program}@${column}`, cell: null, variant: null }) },
          h("span", { class: `sign ${run.verdict}` }, SIGNS[run.verdict] || "?"),
          ` ${run.verdict}`));
      })))))));
}

// What opens from a cell of that table; returns whether there is such a cell.
function drawProgram(name) {
  const run = programAt.get(name);
  if (!run) return false;
  const said = (title, number) => (number === undefined ? [] : [h("h3", {}, title),
    h("pre", { tabindex: "0", role: "region", "aria-label": title }, data.transcripts[number])]);
  document.getElementById("cell-body").replaceChildren(
    h("header", {}, h("h2", { id: "cell-title" }, `${run.program} on ${run.column}`),
      h("button", { type: "button", onclick: () => go({ program: null }) }, "Close")),
    facts(["what", run.what], ["verdict", run.verdict], ["why", run.why],
          ["this alone", h("code", {}, `./portzero programs ${run.program} --column ${run.column}`)]),
    ...said("At port 0", run.zero), ...said("At another port", run.control));
  return true;
}
