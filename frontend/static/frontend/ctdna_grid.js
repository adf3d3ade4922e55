/* The new column of the ctDNA grid: moving by keyboard, more lines, and the draft that is kept while one types. */
(() => {
  "use strict";
  const form = document.getElementById("sample-entry");
  const table = document.getElementById("sample-grid");
  const submit = document.getElementById("submit-sample");
  const status = document.getElementById("draft-status");
  const discard = document.getElementById("draft-discard");
  const SAVE_AFTER_MS = 800;

  /* ---- moving ---- */

  const isShown = (element) => element.closest("[hidden]") === null;
  const lines = () => [...table.querySelectorAll("[data-entry-row]")].filter(isShown);
  const boxesOf = (line) => [...line.querySelectorAll("input:not([type=hidden]), select")];

  function goTo(box) {
    box.focus();
    if (box.select && box.type === "text") box.select();
  }

  function move(box, step, keepPlace) {
    const all = lines();
    const line = box.closest("[data-entry-row]");
    const next = all[all.indexOf(line) + step];
    if (!next) {
      if (step > 0) submit.focus();
      return;
    }
    const boxes = boxesOf(next);
    const place = keepPlace ? boxesOf(line).length - 1 - boxesOf(line).indexOf(box) : boxes.length - 1;
    goTo(boxes[Math.max(0, boxes.length - 1 - place)]);
  }

  function sideways(box, step) {
    const all = lines().flatMap(boxesOf);
    const next = all[all.indexOf(box) + step];
    if (next) goTo(next);
  }

  const atEdge = (box, step) =>
    box.selectionStart === box.selectionEnd
      ? box.selectionStart === (step < 0 ? 0 : box.value.length)
      : box.selectionStart === 0 && box.selectionEnd === box.value.length;

  table.addEventListener("keydown", (event) => {
    const box = event.target;
    if (!box.matches("[data-entry-row] input, [data-entry-row] select")) return;
    const isText = box.type === "text" && !box.list;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit(submit);
    } else if (event.key === "Enter") {
      event.preventDefault();
      move(box, event.shiftKey ? -1 : 1, false);
    } else if (isText && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      move(box, event.key === "ArrowDown" ? 1 : -1, true);
    } else if (isText && event.key === "ArrowLeft" && atEdge(box, -1)) {
      event.preventDefault();
      sideways(box, -1);
    } else if (isText && event.key === "ArrowRight" && atEdge(box, 1)) {
      event.preventDefault();
      sideways(box, 1);
    }
  });

  document.getElementById("another-analyte").addEventListener("click", (event) => {
    const spare = table.querySelector("tr[data-spare][hidden]");
    if (!spare) {
      event.target.disabled = true;
      return;
    }
    spare.hidden = false;
    goTo(boxesOf(spare)[0]);
  });

  /* ---- the draft ---- */

  let timer = 0;
  let underway = null;
  let submitted = false;

  async function save() {
    timer = 0;
    if (submitted) return;
    if (underway) underway.abort();
    underway = new AbortController();
    try {
      const answer = await fetch(form.dataset.draftUrl, {
        method: "POST",
        body: new FormData(form),
        headers: { Accept: "application/json" },
        credentials: "same-origin",
        signal: underway.signal,
      });
      if (!answer.ok) throw new Error(String(answer.status));
      status.textContent = `Draft saved at ${(await answer.json()).saved_at}.`;
      discard.hidden = false;
    } catch (error) {
      if (error.name !== "AbortError") status.textContent = "The draft could not be saved; keep this page open.";
    }
  }

  function saveSoon() {
    window.clearTimeout(timer);
    timer = window.setTimeout(save, SAVE_AFTER_MS);
  }

  table.addEventListener("input", saveSoon);
  table.addEventListener("change", saveSoon);
  form.addEventListener("submit", () => {
    submitted = true;
    window.clearTimeout(timer);
    if (underway) underway.abort();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden" && timer) {
      window.clearTimeout(timer);
      save();
    }
  });

  /* ---- where one begins ---- */

  const wrong = table.querySelector("[aria-invalid=true]");
  const first = wrong || (document.getElementById("to-confirm") ? null : lines().flatMap(boxesOf)[0]);
  if (first) first.focus({ preventScroll: !wrong });
})();
