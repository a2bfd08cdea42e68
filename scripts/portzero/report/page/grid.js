// SPDX-License-Identifier: LGPL-2.1-or-later
// The filters and the grid.
"use strict";

// What a filter that is not set means, if not all there is.
const UNSET = { run: "last" };

const FILTERS = [
  ["call", "call", () => [...new Set(data.cases.map((_, number) => callOf(number)))]],
  ["protocol", "protocol", () => data.protocols.filter((name) => name !== "-")],
  ["family", "family", () => data.families.filter((name) => name !== "-")],
  ["entry", "entry", () => data.entries],
  ["verdict", "verdict", () => data.verdicts],
  ["release", "release", () => [...new Set(data.columns.map((one) => one.release))].filter(Boolean)],
  ["libc", "libc", () => [...new Set(data.columns.map((one) => one.libc))]],
  ["kernel", "kernel", () => [...new Set(data.columns.map((one) => one.kernel))]],
  ["run", "run", () => {
    const runs = [...new Set(data.columns.map((one) => one.run))].filter(Boolean);
    return runs.length ? [...runs, "all"] : [];
  }],
];
const CHECKS = [["changed", "only where columns differ"], ["alike", "columns that answer alike once"]];

function drawFilters() {
  const form = document.getElementById("filters");
  for (const [name, label, choices] of FILTERS) {
    const found = choices();
    if (found.length < 2) continue; // There is nothing to choose.
    form.append(h("label", {}, label,
      h("select", { name, onchange: (event) => go({ [name]: event.target.value }) },
        h("option", { value: "" }, UNSET[name] || "all"),
        found.map((choice) => h("option", { value: choice }, choice)))));
  }
  form.append(h("label", {}, "name or question",
    h("input", { type: "search", name: "search",
                 onchange: (event) => go({ search: event.target.value }) })));
  for (const [name, label] of CHECKS)
    form.append(h("label", { class: "check" },
      h("input", { type: "checkbox", name,
                   onchange: (event) => go({ [name]: event.target.checked }) }), label));
  form.append(h("button", { type: "reset" }, "show all"));
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    go(Object.fromEntries([...state().keys()].map((name) => [name, null])));
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    go({ search: form.elements.search.value });
  });
}

function followFilters(parts) {
  for (const field of document.getElementById("filters").elements)
    if (field.name && field.type === "checkbox") field.checked = parts.has(field.name);
    else if (field.name) field.value = parts.get(field.name) || "";
}

// Which columns, and of each case which questions, are to be seen.
function chosen(parts) {
  const only = parts.get("columns") ? new Set(parts.get("columns").split(",")) : null;
  const columns = data.columns.map((_, number) => number).filter((number) => {
    const column = data.columns[number];
    return ["release", "libc", "kernel"].every(
      (axis) => !parts.has(axis) || column[axis] === parts.get(axis))
      && (parts.get("run") === "all" || column.run === (parts.get("run") || ""))
      && (!only || only.has(column.name));
  });
  const entries = data.entries.map((_, number) => number).filter(
    (number) => !parts.has("entry") || data.entries[number] === parts.get("entry"));
  const wanted = (axis, names, value) => !value || names[axis] === value;
  const text = (parts.get("search") || "").toLowerCase();
  const rows = [];
  inOrder.forEach((number) => {
    const [name, question] = data.cases[number];
    if (parts.has("call") && callOf(number) !== parts.get("call")) return;
    if (text && !`${name} ${question}`.toLowerCase().includes(text)) return;
    const questions = questionsOf[number].filter((one) =>
      wanted(data.questions[FAMILY][one], data.families, parts.get("family"))
      && wanted(data.questions[PROTOCOL][one], data.protocols, parts.get("protocol")));
    if (!questions.length) return;
    const cells = columns.map((column) => entries.map(
      (entry) => summed(column, questions, entry)));
    if (parts.has("verdict") && !cells.flat().some(
      (cell) => cell && cell.verdict === parts.get("verdict"))) return;
    if (cells.flat().every((cell) => !cell)) return;
    const signature = (pair) => pair.map((cell) => (cell
      ? `${cell.verdict} ${cell.count === cell.told} ${cell.answers}` : "")).join("|");
    const asked = cells.filter((pair) => pair.some((cell) => cell));
    if (parts.has("changed") && asked.every((pair) => signature(pair) === signature(asked[0])))
      return;
    rows.push({ number, cells, signatures: cells.map(signature) });
  });
  return { columns, entries, rows };
}

// Columns that answer alike in all rows, together.
function together({ columns, rows }) {
  const groups = new Map();
  columns.forEach((column, place) => {
    const key = rows.map((row) => row.signatures[place]).join("\n");
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(place);
  });
  return [...groups.values()];
}

function cellButton(row, place, column, colours, entries) {
  const name = data.cases[row.number][0];
  const said = [];
  const spans = row.cells[place].map((cell, index) => {
    if (!cell) return h("span", { "aria-hidden": "true", class: "r" });
    const part = cell.count === cell.told ? "" : `, on ${cell.count} of ${cell.told} variants`;
    said.push(`${data.entries[entries[index]]}: ${cell.verdict} (${cell.reason})${part}`);
    const colour = cell.verdict === "skipped" ? "r" : colours(cell);
    return h("span", { "aria-hidden": "true",
                       class: colour + (ALARMING.has(cell.verdict) ? " alarming" : "") },
             SIGNS[cell.verdict] + (part ? "*" : ""));
  });
  if (!said.length) return h("td", {});
  const label = `${name} on ${data.columns[column].name}; ${said.join("; ")}`;
  return h("td", {}, h("button", {
    type: "button", tabindex: "-1",
    "data-cell": `${name}@${data.columns[column].name}` }, spans,
  h("i", { class: "said" }, label)));
}

// Within a row: green for what conforms, another colour for each other answer.
function colouring() {
  const seen = new Map();
  return (cell) => {
    if (cell.verdict === "conforms") return "r0";
    if (!seen.has(cell.answers)) seen.set(cell.answers, `r${1 + seen.size % COLOURS}`);
    return seen.get(cell.answers);
  };
}

// Several columns in few words, exactly those: "distro, stock on host, linux-stock".
function described(columns) {
  const put = (map, key, value) => map.set(key, [...(map.get(key) || []), value]);
  const kernels = new Map(), libcs = new Map(), places = new Map();
  for (const { release, libc, kernel, run } of columns)
    put(kernels, JSON.stringify([[run, manyReleases && release].filter(Boolean).join(" "), libc]),
        kernel);
  for (const [key, names] of kernels) {
    const [place, libc] = JSON.parse(key);
    put(libcs, JSON.stringify([place, names.join(", ")]), libc);
  }
  for (const [key, names] of libcs) {
    const [place, on] = JSON.parse(key);
    put(places, `${names.join(", ")} on ${on}`, place);
  }
  return [...places].map(([words, names]) => {
    const where = names.filter(Boolean).join(", ");
    return where ? `${where}: ${words}` : words;
  }).join("; ");
}

const letter = (number) => (number < 26 ? "" : letter(Math.floor(number / 26) - 1))
  + String.fromCharCode(65 + number % 26);

function columnHead({ release, libc, kernel, run }) {
  return h("th", { scope: "col" }, libc, h("small", {},
    [run, manyReleases && release, kernel].filter(Boolean).join(" ")));
}

function drawGrid(parts) {
  const found = chosen(parts);
  const alike = parts.has("alike");
  const groups = alike ? together(found) : found.columns.map((_, place) => [place]);
  const members = groups.map((places) => places.map((place) => data.columns[found.columns[place]]));
  const head = h("tr", {}, h("th", { scope: "col" }, "case"), members.map((columns, number) =>
    (alike ? h("th", { scope: "col" }, letter(number)) : columnHead(columns[0]))));
  document.getElementById("letters").replaceChildren(...(alike ? [facts(...members.map(
    (columns, number) => [letter(number), described(columns)]))] : []));
  const body = h("tbody");
  let last = null;
  for (const row of found.rows) {
    const [name, question] = data.cases[row.number];
    if (callOf(row.number) !== last) {
      last = callOf(row.number);
      body.append(h("tr", {}, h("th", { scope: "rowgroup", class: "call",
                                        colspan: groups.length + 1 }, last)));
    }
    const colours = colouring();
    body.append(h("tr", {}, h("th", { scope: "row", title: question }, name.split("/")[1]),
      groups.map(([place]) => cellButton(row, place, found.columns[place], colours,
                                         found.entries))));
  }
  const first = body.querySelector("button");
  if (first) first.tabIndex = 0;
  document.getElementById("table").replaceChildren(found.rows.length
    ? region("Grid of all cases; arrow keys move, Enter opens a cell", "grid-scroll",
             h("table", { class: "grid", "aria-labelledby": "grid-title" },
               h("thead", {}, head), body))
    : h("p", {}, "Nothing is left of the grid with these filters."));
  const all = data.cases.length;
  document.getElementById("shown").textContent =
    `${found.rows.length} of ${all} cases on ${found.columns.length} of ${data.columns.length} `
    + `columns${groups.length < found.columns.length
      ? `, of which ${groups.length} answer differently` : ""}. A cell: ${
      found.entries.map((entry) => (data.entries[entry] === "libc"
        ? "through the libc" : "by the raw system call")).join(", ")}.`;
}

// What a cell says, for those who point at it.
function sayOfCell(event) {
  const button = event.target.closest(".grid td button");
  if (button && !button.title) button.title = button.querySelector(".said").textContent;
}

// One cell takes the Tab key; the arrow keys move among them.
function moveInGrid(event) {
  const here = event.target.closest(".grid td button");
  if (!here) return;
  const cell = here.parentElement, row = cell.parentElement;
  const beside = (from, way) => {
    let next = from[way];
    while (next && !next.querySelector("td button")) next = next[way];
    return next;
  };
  let next = null;
  if (event.key === "ArrowRight") next = cell.nextElementSibling;
  else if (event.key === "ArrowLeft") next = cell.previousElementSibling;
  else if (event.key === "ArrowDown") next = beside(row, "nextElementSibling");
  else if (event.key === "ArrowUp") next = beside(row, "previousElementSibling");
  else if (event.key === "Home") next = row.cells[1];
  else if (event.key === "End") next = row.cells[row.cells.length - 1];
  else return;
  if (next && next.tagName === "TR") next = next.cells[cell.cellIndex];
  event.preventDefault();
  const button = next && next.querySelector("button");
  if (!button) return;
  here.tabIndex = -1;
  button.tabIndex = 0;
  button.focus();
}
