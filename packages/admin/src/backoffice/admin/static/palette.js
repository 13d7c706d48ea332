// The palette: whatever may be opened, found by typing. Without it the link leads to a page.
"use strict";

(() => {
const opener = document.querySelector("[data-palette]");
if (!opener) return;
const PAUSE = 150;
const apple = /Mac|iPhone|iPad/.test(navigator.platform);
if (apple) opener.querySelector("kbd").textContent = "⌘ K";

const dialog = document.createElement("dialog");
dialog.className = "palette";
dialog.setAttribute("aria-label", "Search");
const input = Object.assign(document.createElement("input"), {
  type: "search",
  placeholder: "Pages, things to do, records",
  autocomplete: "off",
});
input.setAttribute("aria-label", "Pages, things to do, records");
const found = document.createElement("div");
const told = Object.assign(document.createElement("p"), { className: "hidden" });
told.setAttribute("role", "status");
dialog.append(input, found, told);
document.body.append(dialog);

let waiting = 0;
let asked = 0;
let asking = null;
let shown = null;

const links = () => [...found.querySelectorAll("a")];

async function look() {
  const text = input.value.trim();
  const turn = ++asked;
  if (asking) asking.abort();
  asking = new AbortController();
  try {
    const answer = await fetch(`${opener.dataset.palette}?${new URLSearchParams({ q: text })}`, {
      headers: { "X-Requested-With": "fragment" },
      signal: asking.signal,
    });
    if (turn !== asked) return;
    if (answer.status === 401) return location.assign(opener.href);
    if (!answer.ok) throw new Error(answer.status);
    show(await answer.text(), text);
  } catch (error) {
    if (error.name === "AbortError" || turn !== asked) return;
    shown = null;
    told.textContent = "It cannot be searched now. Enter tries it on a page of its own.";
    told.className = "empty";
    found.replaceChildren();
  }
}

function show(text, about) {
  const { body } = new DOMParser().parseFromString(text, "text/html");
  found.replaceChildren(...body.childNodes);
  const count = links().length;
  told.className = "hidden";
  told.textContent = count === 1 ? "1 found" : `${count} found`;
  shown = about;
}

function open() {
  if (dialog.open) return input.select();
  // One window at a time, and none above a menu that is open.
  if (document.querySelector("dialog[open]")) return;
  dialog.showModal();
  input.select();
  if (shown !== input.value.trim()) look();
}

function step(by) {
  const all = [input, ...links()];
  const place = all.indexOf(document.activeElement);
  const next = all[(place + by + all.length) % all.length];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

input.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(look, PAUSE);
});
dialog.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    step(event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Escape") {
    // A browser would empty the field first.
    event.preventDefault();
    dialog.close();
  } else if (event.key === "Enter" && event.target === input) {
    event.preventDefault();
    const text = input.value.trim();
    const [first] = links();
    // What is not shown yet is looked for by the page.
    if (first && shown === text) first.click();
    else if (text) location.assign(`${opener.dataset.palette}?${new URLSearchParams({ q: text })}`);
  } else if (event.key.length === 1 && event.target !== input && !event.ctrlKey && !event.metaKey) {
    input.focus();
  }
});
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});
opener.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  open();
});
document.addEventListener("keydown", (event) => {
  const held = event.ctrlKey !== event.metaKey && !event.altKey && !event.shiftKey;
  if (held && event.key.toLowerCase() === "k") {
    event.preventDefault();
    if (dialog.open) dialog.close();
    else open();
  }
});
})();
