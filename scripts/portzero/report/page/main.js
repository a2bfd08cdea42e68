// SPDX-License-Identifier: LGPL-2.1-or-later
// Draws the page, and draws it again when its address changes.
"use strict";

let gridShown = null; // The state for which the grid was drawn.

function show() {
  const parts = state();
  followFilters(parts);
  const own = new URLSearchParams(parts);
  for (const name of ["cell", "variant", "compare", "every", "program"]) own.delete(name);
  if (gridShown !== String(own)) {
    drawGrid(parts);
    gridShown = String(own);
  }
  drawComparison(parts);
  drawCell(parts);
}

drawFilters();
drawCompareForm();
drawPrograms();
document.getElementById("table").addEventListener("click", (event) => {
  const button = event.target.closest("button[data-cell]");
  if (button) go({ cell: button.dataset.cell, variant: null, program: null });
});
document.getElementById("table").addEventListener("keydown", moveInGrid);
document.getElementById("table").addEventListener("pointerover", sayOfCell);
document.getElementById("cell").addEventListener("cancel", (event) => {
  event.preventDefault();
  go({ cell: null, variant: null, program: null });
});
window.addEventListener("hashchange", show);
window.addEventListener("popstate", show);
show();
