// Working in lists: keys, cells that become their fields, and panels that open where one is.
// Without it each of them is a page of its own.
"use strict";

(() => {
const FRAGMENT = { "X-Requested-With": "fragment" };
const SINGLE_KEYS = "backoffice-single-keys";

// What is asked for is a part of a page; whoever may not have it is led to the whole page.
async function fragment(address, options = {}) {
  const answer = await fetch(address, { ...options, headers: { ...FRAGMENT, ...options.headers } });
  if (answer.redirected || answer.status === 401 || answer.status === 403) return null;
  return { status: answer.status, body: parsed(await answer.text()) };
}

function parsed(text) {
  const { body } = new DOMParser().parseFromString(text, "text/html");
  body.querySelectorAll("noscript").forEach((each) => each.remove());
  return body;
}

function element(name, attributes = {}) {
  return Object.assign(document.createElement(name), attributes);
}

// What was done in place is told in place, with the way to take it back.
const told = element("p", { className: "toast" });
told.setAttribute("aria-live", "polite");
document.body.append(told);

function tell(text, history) {
  const link = element("a", { href: history, textContent: "History and undo" });
  told.replaceChildren(text, link);
  clearTimeout(tell.waiting);
  tell.waiting = setTimeout(() => told.replaceChildren(), 10000);
}

// Panels: a page within this one.
async function openPanel(link) {
  let found = null;
  try {
    found = await fragment(link.href);
  } catch {
    // The link itself may be luckier.
  }
  if (!found || found.status !== 200) return location.assign(link.href);
  const panel = element("dialog", { className: "panel" });
  const shut = element("button", { type: "button", className: "quiet shut", textContent: "Close" });
  panel.append(...found.body.childNodes, shut);
  const heading = panel.querySelector("h1");
  if (heading) panel.setAttribute("aria-label", heading.textContent);
  panel.addEventListener("close", () => {
    panel.remove();
    link.focus();
  });
  panel.addEventListener("click", (event) => {
    const closing = event.target.closest("[data-close]") || event.target === shut;
    if (event.target === panel || closing) {
      event.preventDefault();
      panel.close();
    }
  });
  panel.querySelectorAll(".columns").forEach(orderInPlace);
  panel.querySelectorAll("[data-single-keys]").forEach(switchKeys);
  document.body.append(panel);
  panel.showModal();
}

function orderInPlace(form) {
  form.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (!button || !["up", "down"].includes(button.name)) return;
    event.preventDefault();
    const row = button.closest("li");
    const up = button.name === "up";
    const other = up ? row.previousElementSibling : row.nextElementSibling;
    if (other) (up ? other.before(row) : other.after(row));
    button.focus();
  });
}

// Keys of one letter can be switched off: who speaks to a browser presses them by chance.
function keysAreOn() {
  return localStorage.getItem(SINGLE_KEYS) !== "off";
}

function switchKeys(box) {
  box.closest(".single-keys").hidden = false;
  box.checked = keysAreOn();
  box.addEventListener("change", () => {
    localStorage.setItem(SINGLE_KEYS, box.checked ? "on" : "off");
  });
}

// Cells.
function editColumns(table) {
  return [...table.querySelectorAll("thead th")].map((each) => each.dataset.edits || "");
}

function editLink(row) {
  return row.querySelector('a[href*="edit?pk="]');
}

function fieldOf(cell) {
  const row = cell.parentElement;
  const table = cell.closest("table[data-cells]");
  if (!table || !editLink(row)) return "";
  return editColumns(table)[[...row.children].indexOf(cell)] || "";
}

function cellAddress(cell) {
  const table = cell.closest("table[data-cells]");
  const key = new URL(editLink(cell.parentElement).href).searchParams.get("pk");
  const query = new URLSearchParams({
    pk: key,
    field: fieldOf(cell),
    cols: table.dataset.columns,
    list: location.search.slice(1),
  });
  return `${table.dataset.cells}?${query}`;
}

// A pencil in each cell of the row at which somebody is: a list has hundreds of cells.
function offerCells(row) {
  if (row.dataset.offered || !editLink(row)) return;
  row.dataset.offered = "1";
  for (const cell of row.querySelectorAll("td[data-label]")) {
    if (!fieldOf(cell)) continue;
    const pencil = element("button", { type: "button", className: "cell-pencil" });
    pencil.append(editLink(row).querySelector("svg").cloneNode(true));
    pencil.setAttribute("aria-label", `Edit ${cell.dataset.label} here`);
    pencil.tabIndex = -1;
    pencil.addEventListener("click", () => editCell(cell));
    cell.append(pencil);
  }
}

async function editCell(cell) {
  if (!fieldOf(cell) || cell.classList.contains("edited")) return;
  cell.classList.add("edited");
  const address = cellAddress(cell);
  let found = null;
  try {
    found = await fragment(address);
  } catch {
    // As below.
  }
  const form = found && found.body.querySelector("form[data-cell]");
  if (!form || found.status !== 200) return location.assign(address);
  // Over the cell, which stays: nothing moves. Near the end of a list it opens upwards.
  const all = rows();
  const place = all.indexOf(cell.parentElement);
  const upwards = place > 3 && place > all.length - 4;
  const box = element("div", { className: "cell-editor" });
  box.classList.toggle("above", upwards);
  box.classList.toggle("leftwards", cell.offsetLeft > cell.closest("table").clientWidth / 2);
  const editor = { cell, address, form: null, box };
  cell.append(box);
  fill(editor, form);
}

// The fields stand in the cell, their form does not: a form within that of the list is none.
function fill(editor, form) {
  for (const each of form.querySelectorAll("[id]")) each.id = `cell-${each.id}`;
  for (const each of form.querySelectorAll("[for]")) each.htmlFor = `cell-${each.htmlFor}`;
  for (const each of form.querySelectorAll("[aria-describedby]")) {
    const ids = each.getAttribute("aria-describedby").split(" ");
    each.setAttribute("aria-describedby", ids.map((id) => `cell-${id}`).join(" "));
  }
  for (const each of form.querySelectorAll(".field > label")) each.classList.add("hidden");
  if (editor.form) editor.form.remove();
  editor.form = element("form", { id: "cell-form", method: "post", hidden: true, noValidate: true });
  document.body.append(editor.form);
  editor.box.replaceChildren(...form.childNodes);
  for (const each of editor.box.querySelectorAll("input, select, textarea, button")) {
    each.setAttribute("form", "cell-form");
  }
  editor.box.querySelectorAll("select[data-lookup]").forEach(findWhileTyping);
  editor.form.addEventListener("submit", (event) => {
    event.preventDefault();
    saveCell(editor);
  });
  editor.box.onclick = (event) => {
    if (event.target.closest("[data-close]")) {
      event.preventDefault();
      leaveCell(editor);
    }
  };
  editor.box.onkeydown = (event) => {
    if (event.key === "Escape") leaveCell(editor);
    const several = event.target.tagName === "TEXTAREA" && (event.ctrlKey || event.metaKey);
    if (event.key === "Enter" && (several || event.target.tagName === "SELECT")) {
      event.preventDefault();
      editor.form.requestSubmit();
    }
    event.stopPropagation();
  };
  const first = editor.box.querySelector("[aria-invalid], .field input:not([type=hidden]), .field select, .field textarea");
  if (first) first.focus();
  if (first && first.select) first.select();
}

function leaveCell(editor) {
  editor.form.remove();
  editor.cell.classList.remove("edited");
  editor.box.remove();
  focusCell(editor.cell);
}

async function saveCell(editor) {
  const body = new URLSearchParams(new FormData(editor.form));
  const headers = { Accept: "application/json, text/html" };
  let answer = null;
  try {
    answer = await fetch(editor.address, { method: "POST", body, headers: { ...FRAGMENT, ...headers } });
  } catch {
    return complain(editor, "This could not be sent. Try again.");
  }
  const kind = answer.headers.get("content-type") || "";
  if (answer.ok && kind.includes("json")) return showSaved(editor, await answer.json());
  if (kind.includes("html")) {
    const form = parsed(await answer.text()).querySelector("form[data-cell]");
    if (form) return fill(editor, form);
  } else {
    const refusal = kind.includes("json") ? (await answer.json()).detail || {} : {};
    if (refusal.code !== "not_fresh") {
      return complain(editor, refusal.message || "This could not be saved.");
    }
  }
  location.assign(editor.address);
}

function complain(editor, text) {
  editor.box.querySelectorAll(".error.general").forEach((each) => each.remove());
  const said = element("p", { className: "error general", textContent: text });
  said.setAttribute("role", "alert");
  editor.box.append(said);
}

function showSaved(editor, answer) {
  const row = editor.cell.parentElement;
  const place = [...row.children].indexOf(editor.cell);
  editor.form.remove();
  if (answer.row === null) return location.reload();
  const made = element("template");
  made.innerHTML = answer.row;
  const cells = [...made.content.children];
  const old = row.querySelectorAll("td[data-label]");
  old[0].before(...cells);
  for (const each of old) each.remove();
  delete row.dataset.offered;
  const cell = row.children[place];
  cell.classList.add("saved");
  tell(answer.text, answer.history);
  focusCell(cell);
}

// Keys: where somebody is, is where the focus is.
function rows() {
  return [...document.querySelectorAll("table[data-cells] tbody tr")];
}

function focusCell(cell) {
  cell.tabIndex = -1;
  cell.focus();
  offerCells(cell.parentElement);
}

function currentRow() {
  const found = document.activeElement && document.activeElement.closest("table[data-cells] tbody tr");
  return found || null;
}

function currentCell(row) {
  const cell = document.activeElement.closest("td[data-label]");
  return cell && cell.parentElement === row ? cell : null;
}

function go(steps) {
  const all = rows();
  const row = currentRow();
  const next = row ? all[all.indexOf(row) + steps] : all[steps > 0 ? 0 : all.length - 1];
  if (!next) return;
  const cell = row && currentCell(row);
  const place = cell && !document.activeElement.matches("a") ? [...row.children].indexOf(cell) : -1;
  if (place >= 0) return focusCell(next.children[place]);
  const link = next.querySelector("a.record");
  if (link) link.focus();
  else focusCell(next.querySelector("td[data-label]"));
  offerCells(next);
}

function aside(steps) {
  const row = currentRow();
  if (!row) return;
  const cells = [...row.querySelectorAll("td[data-label]")];
  const at = cells.indexOf(currentCell(row));
  const next = cells[Math.min(Math.max(at + steps, 0), cells.length - 1)];
  if (next) focusCell(next);
}

function follow(selector, within = document) {
  const link = within && within.querySelector(selector);
  if (link) link.click();
}

const KEYS = {
  "/": () => document.getElementById("q") && document.getElementById("q").focus(),
  j: () => go(1),
  k: () => go(-1),
  l: () => aside(1),
  h: () => aside(-1),
  x: () => follow("input[name=pks]", currentRow()),
  e: () => follow('a[href*="edit?pk="]', currentRow()),
  i: () => currentRow() && currentCell(currentRow()) && editCell(currentCell(currentRow())),
  n: () => follow("a[rel=next]"),
  p: () => follow("a[rel=prev]"),
  "?": () => follow("[data-keys]"),
  Enter: () => !document.activeElement.matches("a, button, input") && follow("a.record", currentRow()),
};

function pressed(event) {
  const typing = event.target.closest("input:not([type=checkbox]), select, textarea, dialog, [contenteditable]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const deed = KEYS[event.key];
  if (!deed || (event.key === "Enter" && event.target.matches("a, button, input, summary"))) return;
  if (event.key !== "Enter" && !keysAreOn()) return;
  if (event.key !== "Enter") event.preventDefault();
  deed();
}

document.querySelectorAll(".columns").forEach(orderInPlace);
document.querySelectorAll("[data-single-keys]").forEach(switchKeys);
document.addEventListener("keydown", pressed);
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-dialog]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  openPanel(link);
});
document.querySelectorAll("table[data-cells] tbody").forEach((body) => {
  for (const kind of ["pointerover", "focusin", "click"]) {
    body.addEventListener(kind, (event) => {
      const row = event.target.closest("tr");
      if (row) offerCells(row);
    });
  }
  body.addEventListener("dblclick", (event) => {
    const cell = event.target.closest("td[data-label]");
    if (cell && !event.target.closest("a, button, input, select, textarea")) editCell(cell);
  });
});
})();
