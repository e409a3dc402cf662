"use strict";
// Filters over all pages: every page carries the counts of every other, so that a filter set here
// says where its edits are. The state travels in the address' fragment.
(() => {
  const index = JSON.parse(document.getElementById("index").textContent);
  const byId = (id) => document.getElementById(id);
  const tiles = [...document.querySelectorAll("[data-facets]")].map((node) => ({
    node, at: node.dataset.facets.split(",").map(Number),
  }));
  const cards = [...document.querySelectorAll(".card[id]")];
  const selects = index.facets.map((facet) => byId(`by-${facet}`));
  const contours = byId("contours");
  const links = [...document.querySelectorAll("[data-page]")];
  const total = index.counts.flat().reduce((sum, row) => sum + row[row.length - 1], 0);
  const things = index.things ?? "edits";
  const format = (number) => number.toLocaleString("en");

  const chosen = () => selects.map((select) => (select.value === "" ? -1 : Number(select.value)));
  const fits = (at, wanted, but = -1) => wanted.every((value, i) => value < 0 || i === but || at[i] === value);
  const counted = (rows, wanted, but = -1) =>
    rows.reduce((sum, row) => (fits(row, wanted, but) ? sum + row[row.length - 1] : sum), 0);

  const readState = () => {
    const fragment = location.hash.slice(1);
    if (fragment !== "" && !fragment.includes("=")) return;
    const state = new URLSearchParams(fragment);
    index.facets.forEach((facet, i) => {
      const place = index.names[facet].indexOf(state.get(facet));
      selects[i].value = place < 0 ? "" : String(place);
    });
    if (contours) contours.checked = state.get("outlines") !== "no";
  };

  const state = () => {
    const found = new URLSearchParams();
    chosen().forEach((value, i) => {
      if (value >= 0) found.set(index.facets[i], index.names[index.facets[i]][value]);
    });
    if (contours && !contours.checked) found.set("outlines", "no");
    return found.toString();
  };

  const labelOptions = (wanted) => {
    selects.forEach((select, i) => {
      const rows = index.counts.flat().filter((row) => fits(row, wanted, i));
      const all = rows.reduce((sum, row) => sum + row[row.length - 1], 0);
      for (const option of select.options) {
        const value = option.value === "" ? -1 : Number(option.value);
        const count = value < 0 ? all : rows.reduce((sum, row) => (row[i] === value ? sum + row[row.length - 1] : sum), 0);
        option.textContent = `${option.dataset.name} (${format(count)})`;
      }
    });
  };

  const labelPages = (wanted, fragment) => {
    const matches = index.counts.map((rows) => counted(rows, wanted));
    const here = index.page - 1;
    for (const link of links) {
      let page = Number(link.dataset.page) - 1;
      if (link.rel === "prev" || link.rel === "next") {
        const step = link.rel === "next" ? 1 : -1;
        page = here + step;
        while (page >= 0 && page < matches.length && matches[page] === 0) page += step;
        link.hidden = page < 0 || page >= matches.length;
      } else {
        link.classList.toggle("empty", matches[page] === 0);
        link.title = `${format(matches[page])} of the ${things} shown`;
      }
      if (!link.hidden) link.href = index.files[page] + (fragment === "" ? "" : `#${fragment}`);
    }
    return matches;
  };

  const apply = () => {
    const wanted = chosen();
    let shown = 0;
    for (const tile of tiles) {
      const fit = fits(tile.at, wanted);
      tile.node.hidden = !fit;
      shown += fit ? 1 : 0;
    }
    const filtered = wanted.some((value) => value >= 0);
    for (const card of cards) {
      card.hidden = filtered && !card.querySelector("[data-facets]:not([hidden])");
      for (const lane of card.querySelectorAll(".lane")) {
        lane.hidden = filtered && !lane.querySelector("[data-facets]:not([hidden])");
      }
      const lanes = card.querySelectorAll(".lane:not([hidden])").length;
      card.classList.toggle("two", lanes > 1);
      for (const name of card.querySelectorAll(".lane-name")) name.hidden = lanes < 2;
      for (const empty of card.querySelectorAll("[data-unasked]")) empty.hidden = filtered;
    }
    document.body.classList.toggle("bare", contours !== null && !contours.checked);
    const fragment = state();
    const matches = labelPages(wanted, fragment);
    const everywhere = matches.reduce((sum, count) => sum + count, 0);
    labelOptions(wanted);
    byId("shown").textContent = filtered
      ? `${format(everywhere)} of ${format(total)} ${things} match, ${format(shown)} on this page`
      : `${format(total)} ${things}, ${format(shown)} on this page`;
    const elsewhere = matches.findIndex((count) => count > 0);
    byId("none-here").hidden = shown > 0 || total === 0;
    const jump = byId("jump");
    jump.hidden = elsewhere < 0;
    if (elsewhere >= 0) {
      jump.href = `${index.files[elsewhere]}#${fragment}`;
      jump.textContent = `Go to page ${elsewhere + 1}, which has ${format(matches[elsewhere])}`;
    }
    return fragment;
  };

  const changed = () => {
    const fragment = apply();
    history.replaceState(null, "", fragment === "" ? location.pathname + location.search : `#${fragment}`);
  };

  byId("toolbar").hidden = false;
  byId("panel").open = matchMedia("(min-width: 60rem)").matches;
  for (const select of selects) select.addEventListener("change", changed);
  contours?.addEventListener("change", changed);
  byId("reset").addEventListener("click", () => {
    for (const select of selects) select.value = "";
    changed();
    selects[0].focus();
  });
  addEventListener("hashchange", () => { readState(); apply(); });
  readState();
  apply();
})();
