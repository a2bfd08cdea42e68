// SPDX-License-Identifier: LGPL-2.1-or-later
// Real programs: down the programs, across the columns; a cell opens to what
// the program said and showed at port 0 and, beside that, at another port.
"use strict";

const programColumns = [...new Set(data.programs.map((one) => one.column))];
const programAt = new Map(data.programs.map((one) => [`${one.program}@${one.column}`, one]));

function drawPrograms() {
  if (!data.programs.length) return;
  const programs = new Map(data.programs.map((one) => [one.program, one]));
  document.getElementById("program-table").replaceChildren(region("Table of programs", "scroll",
    h("table", { class: "programs" }, h("thead", {}, h("tr", {}, ["program", ...programColumns]
      .map((title) => h("th", { scope: "col" }, title)))),
    h("tbody", {}, [...programs.values()].map(({ program, what }) => h("tr", {},
      h("th", { scope: "row" }, program, what ? h("br") : null, what ? h("small", {}, what) : null),
      programColumns.map((column) => {
        const run = programAt.get(`${program}@${column}`);
        if (!run) return h("td", {});
        return h("td", {}, h("button", { type: "button",
          onclick: () => go({ program: `${program}@${column}`, cell: null, variant: null }) },
          h("span", { class: `sign ${run.verdict}` }, SIGNS[run.verdict] || "?"),
          ` ${run.verdict}`), run.zeroPictures.some(([, number]) => number) ? h("small", {},
          "with pictures") : null);
      })))))));
}

// What a picture shows, for those who do not see it.
function inWords(run, where, name, words) {
  return `Screenshot “${name}” of ${run.program} on ${run.column}, ${where}: ${
    words || "what it shows is told in the transcript"}`;
}

function figure(run, where, [name, number, words]) {
  if (!number) return h("p", {}, `Picture “${name}”: ${words}`);
  return h("figure", {}, h("img", { src: `data:image/png;base64,${data.pictures[number]}`,
    alt: inWords(run, where, name, words) }), h("figcaption", {}, name));
}

// One of the two sides: what was said at a port, and what was shown there.
function side(run, title, number, pictures) {
  if (number === undefined) return null;
  return h("section", { "aria-label": title }, h("h3", {}, title),
    pictures.map((one) => figure(run, title.toLowerCase(), one)),
    h("pre", { tabindex: "0", role: "region", "aria-label": `Transcript ${title.toLowerCase()}` },
      data.transcripts[number]));
}

// What opens from a cell of that table; returns whether there is such a cell.
function drawProgram(name) {
  const run = programAt.get(name);
  if (!run) return false;
  document.getElementById("cell-body").replaceChildren(
    h("header", {}, h("h2", { id: "cell-title" }, breakable(`${run.program} on ${run.column}`)),
      h("button", { type: "button", onclick: () => go({ program: null }) }, "Close")),
    facts(["what", run.what], ["verdict", run.verdict], ["why", run.why],
          ["this alone", h("code", {}, `./portzero programs ${run.program} --column ${run.column}`)]),
    h("div", { class: "sides" }, side(run, "At port 0", run.zero, run.zeroPictures),
      side(run, "At another port", run.control, run.controlPictures)));
  return true;
}
