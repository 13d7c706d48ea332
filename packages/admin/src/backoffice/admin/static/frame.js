"use strict";

// Looks: light or dark, and how close lines stand, without the page being loaded again.
function chooseLooks(form) {
  form.addEventListener("submit", (event) => {
    const chosen = event.submitter;
    if (!chosen) return;
    event.preventDefault();
    fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form, chosen)), redirect: "manual" });
    const page = document.documentElement;
    const density = chosen.name === "density";
    if (chosen.value) page.dataset[density ? "density" : "look"] = chosen.value;
    else delete page.dataset[density ? "density" : "look"];
    for (const each of form.elements) {
      if (each.name === "scheme") each.setAttribute("aria-pressed", String(each.value === (page.dataset.look || "")));
      if (each.name === "density") each.setAttribute("aria-pressed", String("density" in page.dataset));
    }
    if (density) chosen.value = "density" in page.dataset ? "" : "compact";
  });
}

// The side bar: what is folded away stays so on the next page.
function keepFolded(side) {
  const groups = [...side.querySelectorAll("details[data-group]")];
  const keep = () => {
    const folded = groups.filter((each) => !each.open).map((each) => each.dataset.group);
    const value = encodeURIComponent(folded.join("|"));
    document.cookie = `backoffice_folded=${value}; path=${side.dataset.root}; max-age=31536000; samesite=lax`;
  };
  for (const each of groups) each.addEventListener("toggle", keep);
}

// The side bar is longer than some screens: where one is stands in sight.
function showCurrent(entry) {
  const menu = entry.closest(".menu");
  const below = entry.getBoundingClientRect().bottom - menu.getBoundingClientRect().bottom;
  if (below > 0) menu.scrollTop += below + entry.offsetHeight;
}

// Forms: what was typed is not lost by a click beside it.
function warnUnsaved(form) {
  const written = () => JSON.stringify([...new FormData(form)].map(([name, value]) => [name, String(value)]));
  const opened = form.dataset.unsaved ? "" : written();
  let sent = false;
  form.addEventListener("submit", () => (sent = true));
  addEventListener("pageshow", () => (sent = false));
  addEventListener("beforeunload", (event) => {
    if (!sent && written() !== opened) event.preventDefault();
  });
}

document.querySelectorAll("form.looks").forEach(chooseLooks);
document.querySelectorAll(".side").forEach(keepFolded);
document.querySelectorAll(".menu a[aria-current]").forEach(showCurrent);
document.querySelectorAll("form[data-unsaved]").forEach(warnUnsaved);
