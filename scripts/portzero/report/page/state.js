// SPDX-License-Identifier: LGPL-2.1-or-later
// What the page shows is in its address: NAME=VALUE&... after the #.  Every
// change goes there first; the page then follows, so that back, forward and
// a link sent on all lead to the same.
"use strict";

const SECTIONS = new Set(["answer", "grid", "compare", "programs", "ran", "reading"]);

function state() {
  const text = location.hash.slice(1);
  return new URLSearchParams(SECTIONS.has(text) ? "" : text);
}

// The address of the present state with these changes; null takes a part off.
function address(changes) {
  const parts = state();
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "" || value === false) parts.delete(name);
    else parts.set(name, value === true ? "1" : value);
  }
  return `#${parts}`;
}

function go(changes) {
  const wanted = address(changes);
  if (wanted === (location.hash || "#")) return;
  if (wanted === "#") {
    history.pushState(null, "", location.pathname + location.search);
    show();
  } else location.hash = wanted;
}
