/* Strikes the recorded value through while another one is entered beside it. */
(() => {
  "use strict";
  for (const mark of document.querySelectorAll("[data-before-of]")) {
    const control = document.getElementById(mark.dataset.beforeOf);
    const value = () => (control.type === "checkbox" ? String(control.checked) : control.value.trim());
    const show = () => mark.classList.toggle("struck", value() !== mark.dataset.recorded);
    control.addEventListener("input", show);
    control.addEventListener("change", show);
    show();
  }
})();
