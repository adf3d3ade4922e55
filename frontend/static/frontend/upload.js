/* Drag and drop, whole folders, and how much has been sent. Without this file the form still sends what was chosen. */
"use strict";

(() => {
  const form = document.getElementById("upload-form");
  if (!form) return;
  const part = (name) => form.querySelector(`[data-upload="${name}"]`);
  const limits = { files: Number(form.dataset.limitFiles), bytes: Number(form.dataset.limitBytes) };
  let chosen = [];

  const mebibytes = (bytes) => `${(bytes / 1024 ** 2).toFixed(bytes < 10 * 1024 ** 2 ? 1 : 0)} MiB`;
  const total = () => chosen.reduce((sum, file) => sum + file.size, 0);

  const fault = (words) => {
    part("fault").textContent = words;
    part("fault").hidden = !words;
  };

  const refusal = () => {
    if (!chosen.length) return "Choose a zip, files or a folder first.";
    if (chosen.length > limits.files) return `${chosen.length} files; at most ${limits.files} can be sent at once.`;
    if (total() > limits.bytes) return `${mebibytes(total())}; at most ${mebibytes(limits.bytes)} can be sent at once.`;
    return "";
  };

  const choose = (files) => {
    chosen = files.filter((file) => file.size > 0 && !file.name.startsWith("."));
    part("chosen").textContent = chosen.length
      ? `${chosen.length} ${chosen.length === 1 ? "file" : "files"}, ${mebibytes(total())}`
      : "Nothing chosen yet.";
    fault(chosen.length ? refusal() : "");
  };

  const readAll = async (reader) => {
    const found = [];
    for (;;) {
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!some.length) return found;
      found.push(...some);
    }
  };

  const filesOf = async (entry) => {
    if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
    const found = [];
    for (const inner of await readAll(entry.createReader())) found.push(...(await filesOf(inner)));
    return found;
  };

  const dropped = async (transfer) => {
    const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    if (!entries.length) return [...transfer.files];
    const found = [];
    for (const entry of entries) found.push(...(await filesOf(entry)));
    return found;
  };

  const zone = part("zone");
  const lit = (on) => zone.classList.toggle("drop-zone-lit", on);
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    lit(true);
  });
  zone.addEventListener("dragleave", () => lit(false));
  zone.addEventListener("drop", async (event) => {
    event.preventDefault();
    lit(false);
    choose(await dropped(event.dataTransfer));
  });

  const files = part("files");
  const folder = part("folder");
  files.addEventListener("change", () => {
    folder.value = "";
    choose([...files.files]);
  });
  folder.addEventListener("change", () => {
    files.value = "";
    choose([...folder.files]);
  });

  const body = () => {
    const data = new FormData();
    data.append("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
    data.append("patient", form.elements.patient.value);
    if (form.elements.patient_confirmed.checked) data.append("patient_confirmed", "1");
    for (const file of chosen) data.append("files", file, file.name);
    return data;
  };

  const busy = (on) => {
    part("sending").hidden = !on;
    part("send").disabled = on;
    part("stop").hidden = !on;
  };

  const tell = (event) => {
    if (!event.lengthComputable) return;
    const share = event.loaded / event.total;
    part("bar").value = share;
    part("sent").textContent =
      share < 1 ? `${mebibytes(event.loaded)} of ${mebibytes(event.total)} sent` : "All sent; the server stores it…";
  };

  const finished = (request) => {
    const answer = request.response || {};
    if (request.status === 201 && answer.url) {
      window.location.assign(answer.url);
      return;
    }
    busy(false);
    fault(answer.detail || `The server refused the upload (${request.status}).`);
  };

  const send = () => {
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.responseType = "json";
    request.setRequestHeader("Accept", "application/json");
    request.upload.addEventListener("progress", tell);
    request.addEventListener("load", () => finished(request));
    request.addEventListener("error", () => {
      busy(false);
      fault("The connection broke before everything was sent. Nothing was kept; send it again.");
    });
    request.addEventListener("abort", () => {
      busy(false);
      fault("Stopped. Nothing was kept.");
    });
    part("stop").onclick = () => request.abort();
    part("bar").value = 0;
    busy(true);
    request.send(body());
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!form.reportValidity()) return;
    fault(refusal());
    if (!refusal()) send();
  });
})();
