/* Draws the figures whose JSON the page carries, in the colours of the style sheet. */
"use strict";

(() => {
  const TOKENS = {
    ink: "--figure-ink",
    muted: "--ink-muted",
    grid: "--figure-grid",
    surface: "--surface-raised",
    band: "--figure-band",
    orange: "--okabe-orange",
    "orange-soft": "--figure-orange-soft",
    sky: "--okabe-sky",
    green: "--okabe-green",
    yellow: "--okabe-yellow",
    blue: "--okabe-blue",
    vermilion: "--okabe-vermilion",
    purple: "--okabe-purple",
  };
  const TOKEN_PATTERN = /@(orange-soft|ink|muted|grid|surface|band|orange|sky|green|yellow|blue|vermilion|purple)\b/g;

  const coloursOf = () => {
    const style = getComputedStyle(document.documentElement);
    return Object.fromEntries(Object.entries(TOKENS).map(([token, name]) => [token, style.getPropertyValue(name).trim()]));
  };

  const coloured = (value, colours) => {
    if (typeof value === "string") return value.replace(TOKEN_PATTERN, (_, token) => colours[token]);
    if (Array.isArray(value)) return value.map((item) => coloured(item, colours));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, coloured(item, colours)]));
    }
    return value;
  };

  const draw = async (box) => {
    const source = document.getElementById(box.dataset.figure);
    const figure = coloured(JSON.parse(source.textContent), coloursOf());
    const touch = window.matchMedia("(pointer: coarse)").matches;
    // A finger on the figure must scroll the page, not draw a zoom box.
    figure.layout.dragmode = touch ? false : "zoom";
    await window.Plotly.react(box, figure.data, figure.layout, {
      responsive: true,
      displaylogo: false,
      scrollZoom: false,
      modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d", "toImage"]],
    });
  };

  const openPoint = (event) => {
    const url = event.points.map((point) => point.customdata).find(Boolean);
    if (url) window.location.assign(url);
  };

  const start = async (box) => {
    await draw(box);
    box.on("plotly_click", openPoint);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw(box));
  };

  document.querySelectorAll("[data-figure]").forEach(start);
})();
