"use strict";
// Keeps the answers in the browser as they are given, and saves them as the list that
// `varifactory calibrate read` takes. Without this script the list is filled by hand.
(() => {
  const { sample, columns } = document.body.dataset;
  const byId = (id) => document.getElementById(id);
  const cards = [...document.querySelectorAll(".one")];
  const questions = [...new Set([...document.querySelectorAll("[data-question]")].map((i) => i.dataset.question))];
  const place = `labels/${sample}`;

  const answers = (card) =>
    Object.fromEntries(questions.map((name) => {
      const chosen = card.querySelector(`[data-question="${name}"]:checked`);
      return [name, chosen ? chosen.value : ""];
    }));
  const given = (card) => Object.values(answers(card)).filter(Boolean).length;

  const remember = () => {
    const kept = Object.fromEntries(cards.map((card) => [card.dataset.key, answers(card)]));
    // A browser may refuse to keep anything for a file; then answers last as long as the page.
    try { localStorage.setItem(place, JSON.stringify({ rater: byId("rater").value, kept })); } catch { return; }
  };

  const recall = () => {
    let found = null;
    try { found = JSON.parse(localStorage.getItem(place)); } catch { return; }
    if (!found) return;
    byId("rater").value = found.rater || "";
    for (const card of cards) {
      for (const [name, value] of Object.entries((found.kept || {})[card.dataset.key] || {})) {
        const input = [...card.querySelectorAll(`[data-question="${name}"]`)].find((i) => i.value === value);
        if (input) input.checked = true;
      }
    }
  };

  const show = () => {
    for (const card of cards) {
      card.classList.toggle("done", given(card) === questions.length);
      card.classList.toggle("half", given(card) > 0 && given(card) < questions.length);
    }
    const done = cards.filter((card) => given(card) === questions.length).length;
    byId("progress").textContent = `${done} of ${cards.length} answered`;
    byId("next").disabled = done === cards.length;
  };

  const cell = (text) => {
    const line = String(text).replace(/\s+/g, " ");
    const inert = /^[=+\-@]/.test(line) ? `'${line}` : line;
    return /[",]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
  };

  const list = () => {
    const rater = byId("rater").value.trim();
    const names = columns.split(",");
    const lines = cards.map((card) => {
      const row = { sample, rater, ...card.dataset, ...answers(card) };
      return names.map((name) => cell(row[name] ?? "")).join(",");
    });
    return `\ufeff${[columns, ...lines].join("\r\n")}\r\n`;
  };

  byId("save").addEventListener("click", () => {
    const link = document.createElement("a");
    const rater = byId("rater").value.trim().replace(/[^A-Za-z0-9_-]+/g, "-");
    link.href = URL.createObjectURL(new Blob([list()], { type: "text/csv" }));
    link.download = rater ? `sheet-${rater}.csv` : "sheet.csv";
    link.click();
  });
  byId("next").addEventListener("click", () => {
    const open = cards.find((card) => given(card) < questions.length);
    if (!open) return;
    open.scrollIntoView();
    open.querySelector("input").focus({ preventScroll: true });
  });
  document.addEventListener("change", () => { show(); remember(); });
  document.documentElement.classList.add("live");
  recall();
  show();
})();
