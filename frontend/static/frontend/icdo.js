/* Suggests the ICD-O code that goes with the chosen type and grade; a code typed by hand is left alone. */
(() => {
  "use strict";
  const codes = JSON.parse(document.getElementById("icdo-table").textContent);
  const type = document.getElementById("id_cns5_type");
  const grade = document.getElementById("id_grade");
  const icdo = document.getElementById("id_icdo");
  const list = document.getElementById("icdo-codes");
  let suggested = codes.some((code) => code.icdo === icdo.value) ? icdo.value : "";

  function fitting() {
    const ofType = codes.filter((code) => code.type === type.value);
    const ofGrade = ofType.filter((code) => String(code.grade) === grade.value.trim());
    return ofGrade.length ? ofGrade : ofType;
  }

  function offer(found) {
    list.replaceChildren(
      ...found.map((code) => {
        const option = document.createElement("option");
        option.value = code.icdo;
        option.textContent = code.name;
        return option;
      }),
    );
  }

  function suggest() {
    const found = fitting();
    offer(found.length ? found : codes);
    const grades = new Set(found.map((code) => code.grade));
    if (found.length === 0 || grades.size > 1) return;
    if (grade.value === "" && found[0].grade !== null) grade.value = String(found[0].grade);
    if (icdo.value === "" || icdo.value === suggested) {
      suggested = found[0].icdo;
      icdo.value = suggested;
    }
  }

  type.addEventListener("change", suggest);
  grade.addEventListener("change", suggest);
})();
