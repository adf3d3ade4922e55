/* The image viewer of a visit: one sequence, one overlay, three planes. Needs niivue (window.niivue). */
"use strict";

(() => {
  const root = document.getElementById("viewer");
  if (!root) return;
  const setup = JSON.parse(document.getElementById("viewer-setup").textContent);
  const part = (name) => root.querySelector(`[data-viewer="${name}"]`);
  const canvas = part("canvas");
  const status = part("status");
  const stage = part("stage");

  const say = (words) => {
    status.textContent = words;
    status.hidden = !words;
  };

  const hasWebgl = () => {
    try {
      return Boolean(document.createElement("canvas").getContext("webgl2"));
    } catch {
      return false;
    }
  };

  if (!hasWebgl()) {
    root.classList.add("viewer-off");
    say("This browser cannot draw the images: it offers no WebGL 2. The numbers below are complete without them.");
    return;
  }

  const { Niivue, NVImage, SLICE_TYPE } = window.niivue;
  const nv = new Niivue({
    backColor: [0, 0, 0, 1],
    crosshairColor: [0.2, 0.8, 1, 0.7],
    crosshairWidth: 0.6,
    isColorbar: false,
    isOrientationTextVisible: true,
    showAllOrientationMarkers: true,
    isRadiologicalConvention: true,
    multiplanarShowRender: 0,
    multiplanarPadPixels: 4,
    dragAndDropEnabled: false,
    clipPlaneHotKey: "",
    viewModeHotKey: "",
    loadingText: "",
    show3Dcrosshair: false,
  });

  const loading = new Map();
  const state = { base: setup.bases[0].kind, overlay: setup.labels ? "labels" : "none", turn: 0 };
  // A map is read by its colours, an outline must let the image through.
  const opacities = { labels: 0.5, none: 0 };
  const opacity = () => opacities[state.overlay] ?? 0.85;

  const rgb = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));

  const labelColours = () => {
    const entries = [{ value: 0, colour: "#000000", name: "" }, ...setup.legend].sort((a, b) => a.value - b.value);
    const channels = entries.map((entry) => rgb(entry.colour));
    return {
      R: channels.map((c) => c[0]),
      G: channels.map((c) => c[1]),
      B: channels.map((c) => c[2]),
      A: entries.map((entry) => (entry.value === 0 ? 0 : 255)),
      I: entries.map((entry) => entry.value),
      labels: entries.map((entry) => entry.name),
    };
  };

  const load = (image, options) => {
    if (!loading.has(image.kind)) {
      const wanted = NVImage.loadFromUrl({ url: image.url, name: `${image.kind}.nii.gz`, ...options });
      loading.set(image.kind, wanted);
      wanted.catch(() => loading.delete(image.kind));
    }
    return loading.get(image.kind);
  };

  const loadBase = (kind) => load(setup.bases.find((image) => image.kind === kind), { colormap: "gray" });

  const loadLabels = async () => {
    const volume = await load(setup.labels, {});
    if (!volume.colormapLabel) volume.setColormapLabel(labelColours());
    return volume;
  };

  /* Opaque from the second step on: voxels without a value come as 0 and must stay empty. */
  const colourMap = (map) => {
    const channels = [map.colours[0], ...map.colours].map(rgb);
    const steps = map.colours.map((_, at) => Math.round((at * 255) / (map.colours.length - 1)));
    return {
      R: channels.map((c) => c[0]),
      G: channels.map((c) => c[1]),
      B: channels.map((c) => c[2]),
      A: channels.map((_, at) => (at === 0 ? 0 : 255)),
      I: [0, 1, ...steps.slice(1)],
    };
  };

  const loadMap = async (map) => {
    const name = `gliomon-${map.colormap}`;
    nv.addColormap(name, colourMap(map));
    const volume = await load(map, { colormap: name });
    // Loading sets the window from the image's own percentiles; ours is fixed and stands beside the bar.
    volume.cal_min = map.low;
    volume.cal_max = map.high;
    return volume;
  };

  const loadOverlay = (kind) => {
    if (kind === "none") return null;
    return kind === "labels" ? loadLabels() : loadMap(setup.maps.find((map) => map.kind === kind));
  };

  /* What was asked for last is shown; an answer that comes late is kept for later. */
  const show = async () => {
    const turn = ++state.turn;
    say("Loading the images…");
    try {
      const [base, overlay] = await Promise.all([loadBase(state.base), loadOverlay(state.overlay)]);
      if (turn !== state.turn) return false;
      base.opacity = 1;
      if (overlay) overlay.opacity = opacity();
      nv.volumes = overlay ? [base, overlay] : [base];
      nv.back = base;
      nv.overlays = overlay ? [overlay] : [];
      nv.updateGLVolume();
      nv.createOnLocationChange();
      say("");
      return true;
    } catch (error) {
      console.error(error);
      if (turn === state.turn) say("The images could not be loaded. Reload the page to try again.");
      return false;
    }
  };

  const press = (name, kind) => {
    for (const button of root.querySelectorAll(`[data-${name}]`)) {
      button.setAttribute("aria-pressed", String(button.dataset[name] === kind));
    }
  };

  const drawBar = (map) => {
    const bar = part("bar");
    const context = bar.getContext("2d");
    bar.width = 256;
    bar.height = 1;
    const shades = context.createLinearGradient(0, 0, 256, 0);
    map.colours.forEach((colour, at) => shades.addColorStop(at / (map.colours.length - 1), colour));
    context.fillStyle = shades;
    context.fillRect(0, 0, 256, 1);
    const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => (map.low + share * (map.high - map.low)) * map.scale);
    part("ticks").replaceChildren(
      ...ticks.map((value) => Object.assign(document.createElement("span"), { textContent: value.toFixed(map.digits) })),
    );
    part("bar-title").textContent = `${map.title}, ${map.unit}`;
  };

  const showKeys = () => {
    const map = setup.maps.find((each) => each.kind === state.overlay);
    part("colour-bar").hidden = !map;
    part("legend").hidden = state.overlay !== "labels";
    part("opacity").disabled = state.overlay === "none";
    part("opacity").value = Math.round(100 * opacity());
    part("opacity-value").textContent = `${part("opacity").value} %`;
    if (map) drawBar(map);
  };

  const chooseBase = (kind) => {
    state.base = kind;
    press("base", kind);
    return show();
  };

  const chooseOverlay = (kind) => {
    state.overlay = kind;
    press("overlay", kind);
    showKeys();
    return show();
  };

  /* The outlined voxel nearest to the middle of the enhancing part, or of everything outlined where nothing enhances. */
  const lesionMillimetres = (volume) => {
    const enhancing = setup.legend.find((entry) => entry.key === "enhancing").value;
    const [nx, ny] = volume.hdr.dims.slice(1, 4);
    const voxels = volume.img;
    const found = [];
    for (const wanted of [(label) => label === enhancing, (label) => label > 0]) {
      for (let at = 0; at < voxels.length; at += 1) if (wanted(voxels[at])) found.push(at);
      if (found.length) break;
    }
    if (!found.length) return null;
    const place = (at) => [at % nx, Math.floor(at / nx) % ny, Math.floor(at / (nx * ny))];
    const places = found.map(place);
    const middle = [0, 1, 2].map((axis) => places.reduce((sum, each) => sum + each[axis], 0) / places.length);
    const distance = (each) => each.reduce((sum, value, axis) => sum + (value - middle[axis]) ** 2, 0);
    const nearest = places.reduce((best, each) => (distance(each) < distance(best) ? each : best), places[0]);
    return setup.labels.affine.slice(0, 3).map((row) => row[0] * nearest[0] + row[1] * nearest[1] + row[2] * nearest[2] + row[3]);
  };

  const goToLesion = async () => {
    if (!setup.labels) return;
    const place = lesionMillimetres(await loadLabels());
    if (!place) {
      part("place").textContent = "No lesion was outlined.";
      return;
    }
    nv.scene.crosshairPos = nv.mm2frac(place);
    nv.drawScene();
    nv.createOnLocationChange();
  };

  const directed = (value, positive, negative) => `${value >= 0 ? positive : negative} ${Math.abs(value).toFixed(1)}`;

  const tellPlace = (where) => {
    const [x, y, z] = where.mm;
    const words = [`${directed(x, "R", "L")}  ${directed(y, "A", "P")}  ${directed(z, "S", "I")} mm`];
    where.values.forEach((item, layer) => {
      const map = layer && setup.maps.find((each) => each.kind === state.overlay);
      const legend = layer && state.overlay === "labels" && setup.legend.find((each) => each.value === item.value);
      if (legend) words.push(legend.name);
      else if (map && item.value > 0) words.push(`${map.title} ${(item.value * map.scale).toFixed(map.digits)} ${map.unit}`);
    });
    part("place").textContent = words.join(" · ");
  };

  const step = (x, y, z) => nv.moveCrosshairInVox(x, y, z);

  const keys = {
    ArrowUp: () => step(0, 0, 1),
    ArrowDown: () => step(0, 0, -1),
    ArrowLeft: () => step(-1, 0, 0),
    ArrowRight: () => step(1, 0, 0),
    PageUp: () => step(0, 1, 0),
    PageDown: () => step(0, -1, 0),
    c: goToLesion,
    n: () => chooseOverlay("none"),
  };
  setup.bases.forEach((image, at) => {
    keys[String(at + 1)] = () => chooseBase(image.kind);
  });
  if (setup.labels) keys.l = () => chooseOverlay("labels");
  for (const map of setup.maps) keys[map.key.toLowerCase()] = () => chooseOverlay(map.kind);

  stage.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    act();
  }, true);

  const planes = { all: SLICE_TYPE.MULTIPLANAR, axial: SLICE_TYPE.AXIAL, coronal: SLICE_TYPE.CORONAL, sagittal: SLICE_TYPE.SAGITTAL };
  const choosePlane = (plane) => {
    press("plane", plane);
    nv.setSliceType(planes[plane]);
  };

  root.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.base) chooseBase(button.dataset.base);
    if (button.dataset.overlay) chooseOverlay(button.dataset.overlay);
    if (button.dataset.plane) choosePlane(button.dataset.plane);
    if (button.dataset.act === "centre") goToLesion();
  });

  part("opacity").addEventListener("input", (event) => {
    opacities[state.overlay] = Number(event.target.value) / 100;
    part("opacity-value").textContent = `${event.target.value} %`;
    if (nv.volumes.length > 1) nv.setOpacity(1, opacity());
  });

  const start = async () => {
    say("Loading the images…");
    nv.onLocationChange = tellPlace;
    await nv.attachToCanvas(canvas);
    nv.setInterpolation(false);
    choosePlane(window.matchMedia("(max-width: 599px)").matches ? "axial" : "all");
    showKeys();
    if (await show()) await goToLesion();
    root.dataset.ready = "yes";
  };

  start().catch((error) => {
    console.error(error);
    say("The viewer could not start in this browser. The numbers below are complete without it.");
  });
})();
