// What makes the pages handier. All of them work without it, but for the panel of filters.
"use strict";

function element(name, attributes = {}, children = []) {
  const found = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) found[key] = value;
  found.append(...children);
  return found;
}

// Lists: choose all on the page, and see how many are chosen.
function chooseAll(box) {
  const form = box.form;
  const boxes = [...form.querySelectorAll("input[name=pks]")];
  const told = form.querySelector(".chosen");
  const tell = () => {
    const chosen = boxes.filter((each) => each.checked).length;
    told.textContent = chosen ? `${chosen} chosen` : "";
    box.checked = chosen === boxes.length;
    box.indeterminate = chosen > 0 && chosen < boxes.length;
  };
  box.addEventListener("change", () => {
    for (const each of boxes) each.checked = box.checked;
    tell();
  });
  for (const each of boxes) each.addEventListener("change", tell);
  tell();
}

// References: find a record by typing. What is chosen stays chosen, whatever the look-up answers.
function findWhileTyping(select) {
  const search = element("input", {
    type: "search",
    className: "find",
    placeholder: "Type to find…",
    autocomplete: "off",
  });
  const named = select.labels && select.labels[0];
  search.setAttribute("aria-label", `Find ${named ? named.textContent.trim().toLowerCase() : select.id}`);
  select.before(search);
  const more = element("button", { type: "button", className: "quiet", textContent: "Show more", hidden: true });
  select.after(more);
  let waiting = 0;
  let asked = 0;
  let next = null;
  const look = async (further) => {
    const turn = ++asked;
    const found = await lookUp(select.dataset.lookup, search.value, further ? next : null);
    if (found === null || turn !== asked) return;
    offer(select, found.items, further);
    next = found.next;
    more.hidden = !next;
  };
  if (select.closest(".facet")) search.addEventListener("focus", () => look(false), { once: true });
  more.addEventListener("click", () => look(true));
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => look(false), 200);
  });
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault();
  });
}

async function lookUp(address, text, after) {
  const query = new URLSearchParams(after ? { q: text, after } : { q: text });
  try {
    const answer = await fetch(`${address}?${query}`, { headers: { Accept: "application/json" } });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

function offer(select, items, further) {
  const kept = [...select.options].filter((each) => further || each.selected || each.value === "");
  const values = new Set(kept.map((each) => each.value));
  const found = items.filter((each) => !values.has(each.key));
  select.replaceChildren(...kept, ...found.map((each) => new Option(each.label, each.key)));
}

// Filters: conditions that all have to hold, written into one parameter of the address.
const INPUTS = { number: "number", date: "date", datetime: "datetime-local", time: "time" };

function filterPanel(panel) {
  const fields = JSON.parse(panel.querySelector("script").textContent);
  const rules = panel.querySelector(".rules");
  const form = panel.querySelector("form");
  panel.querySelector(".more").addEventListener("click", () => rules.append(rule(fields)));
  form.addEventListener("submit", () => {
    const written = [...rules.children].map(written_).filter(Boolean);
    form.elements.filter.value = written.join(" AND ");
    form.elements.filter.disabled = written.length === 0;
  });
  const present = conditions(panel.dataset.filter, fields);
  for (const each of present) rules.append(rule(fields, each));
  if (!present.length) rules.append(rule(fields));
  panel.hidden = false;
}

function rule(fields, present = null) {
  const row = element("div", { className: "rule" });
  const field = element("select", {}, fields.map((each) => new Option(each.label, each.name)));
  const operator = element("select");
  const values = element("span", { className: "values" });
  const gone = element("button", { type: "button", textContent: "Remove" });
  field.setAttribute("aria-label", "Field");
  operator.setAttribute("aria-label", "Condition");
  gone.addEventListener("click", () => row.remove());
  const chosen = () => fields.find((each) => each.name === field.value);
  const kind = () => chosen().filters.find((each) => each.name === operator.value);
  const refill = () => values.replaceChildren(...inputs(chosen(), kind()));
  const reoperate = () => {
    operator.replaceChildren(
      ...chosen().filters.map((each) => new Option(each.label, each.name)),
    );
    refill();
  };
  field.addEventListener("change", reoperate);
  operator.addEventListener("change", refill);
  if (present) field.value = present.field;
  reoperate();
  if (present) {
    operator.value = present.operator;
    refill();
    valued(values).forEach((each, index) => {
      const value = present.values[index];
      if (value === undefined) return;
      each.value = value;
      if (each.dataset.lookup && each.value !== value) {
        each.append(new Option(`#${value}`, value, true, true));
      }
    });
  }
  row.append(field, operator, values, gone);
  return row;
}

function inputs(field, kind) {
  if (kind.data_type === "none") return [];
  if (field.lookup) return [lookedUp(field)];
  const choices = kind.choices || field.choices;
  const make = () => {
    const made = choices
      ? element("select", {}, choices.map(([value, label]) => new Option(label, value)))
      : element("input", { type: INPUTS[kind.data_type] || "text", step: "any" });
    made.setAttribute("aria-label", "Value");
    return made;
  };
  return kind.has_value2 ? [make(), make()] : [make()];
}

function valued(values) {
  return [...values.querySelectorAll("select, input:not([type=search])")];
}

// A record is found by typing; what a filter has is known by its name.
function lookedUp(field) {
  const select = element("select", {}, [new Option("", "")]);
  for (const [key, name] of Object.entries(field.names)) select.append(new Option(name, key));
  select.dataset.lookup = field.lookup;
  select.setAttribute("aria-label", "Value");
  const box = element("span", { className: "looked-up" }, [select]);
  findWhileTyping(select);
  select.previousElementSibling.addEventListener("focus", (event) => {
    event.target.dispatchEvent(new Event("input"));
  }, { once: true });
  return box;
}

function written_(row) {
  const [field, operator] = row.querySelectorAll(":scope > select");
  const values = valued(row.querySelector(".values")).map((each) => each.value);
  if (values.some((each) => each === "")) return "";
  const quoted = values.map((each) => `"${each.replace(/\\/g, "\\\\").replace(/"/g, '\\"')}"`);
  const said = `${field.value}__${operator.value}`;
  return quoted.length ? `${said}=${quoted.join("..")}` : said;
}

// Reads back what `written_` wrote; a filter written by hand, with OR or groups, is left alone.
function conditions(text, fields) {
  const found = [];
  const pattern = /^(\w+)__([a-z_]+?)(?:=("(?:[^"\\]|\\.)*"|[^\s()"]+)(?:\.\.("(?:[^"\\]|\\.)*"))?)?(?: AND |$)/;
  let rest = text;
  while (rest) {
    const match = pattern.exec(rest);
    const field = match && fields.find((each) => each.name === match[1]);
    if (!field || !field.filters.some((each) => each.name === match[2])) return [];
    const values = [match[3], match[4]].filter((each) => each !== undefined).map(unquoted);
    found.push({ field: match[1], operator: match[2], values });
    rest = rest.slice(match[0].length);
  }
  return found;
}

function unquoted(text) {
  return text.startsWith('"') ? text.slice(1, -1).replace(/\\(.)/g, "$1") : text;
}

// Secrets: one click to copy.
function copyable(output) {
  const button = element("button", { type: "button", textContent: "Copy" });
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(output.textContent);
    button.textContent = "Copied";
  });
  output.after(button);
}

// Bulk jobs: how far one is, without loading the page again until it is over.
function followJob(card) {
  const told = card.querySelector(".told");
  const bar = card.querySelector("progress");
  const look = async () => {
    try {
      const answer = await fetch(card.dataset.job, { headers: { Accept: "application/json" } });
      const job = answer.ok ? await answer.json() : null;
      if (job && (job.over || (job.total && !bar))) return location.reload();
      if (job && told.textContent !== job.text) told.textContent = job.text;
      if (job && bar) bar.value = job.handled;
    } catch {
      // The next look may be luckier.
    }
    setTimeout(look, 1500);
  };
  setTimeout(look, 500);
}

document.querySelectorAll("[data-all]").forEach(chooseAll);
document.querySelectorAll("select[data-lookup]").forEach(findWhileTyping);
document.querySelectorAll(".filter").forEach(filterPanel);
if (navigator.clipboard) document.querySelectorAll("[data-copy]").forEach(copyable);
document.querySelectorAll("[data-job]").forEach(followJob);
