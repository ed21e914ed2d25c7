const TOKENS = __TOKENS__;
const AXIS = "__AXIS__";
const ROUTE = "__ROUTE__";

function loadPlotly() {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  if (!window.__focusPlotly) {
    window.__focusPlotly = new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = ROUTE;
      script.onload = () => resolve(window.Plotly);
      script.onerror = () => { window.__focusPlotly = null; reject(new Error("plotly.min.js did not arrive")); };
      document.head.appendChild(script);
    });
  }
  return window.__focusPlotly;
}

function pageColours(element) {
  const style = getComputedStyle(element), colours = {};
  for (const [token, variable] of Object.entries(TOKENS)) colours[token] = style.getPropertyValue(variable).trim();
  const gray = colours[AXIS];
  if (/^#[0-9a-f]{6}$/i.test(gray)) {
    const [r, g, b] = [1, 3, 5].map((i) => parseInt(gray.slice(i, i + 2), 16));
    colours[AXIS] = `rgba(${r},${g},${b},.6)`;
  }
  return colours;
}

function recoloured(text, colours) {
  let result = text;
  for (const [token, colour] of Object.entries(colours)) {
    if (colour) result = result.replaceAll(`"${token}"`, `"${colour}"`);
  }
  return JSON.parse(result);
}

const PURGE_MS = 2000;

const RANGE = /^([xy]axis[0-9]*)[.]range(?:\[[01]\])?$/;

function keepZoom(Plotly, box) {
  box.focusRanges = {};
  box.on("plotly_relayout", (change) => {
    if (box.focusResetting) return;
    for (const key of Object.keys(change)) {
      const match = RANGE.exec(key);
      if (match) box.focusRanges[match[1]] = [...box._fullLayout[match[1]].range];
    }
  });
  box.on("plotly_doubleclick", () => setTimeout(() => resetZoom(Plotly, box), 0));
}

function resetZoom(Plotly, box) {
  box.focusRanges = {};
  box.focusResetting = true;
  draw(Plotly, box);
  box.focusDrawing.then(() => { box.focusResetting = false; });
}

// On a telephone there is no place among the curves that a legend would leave free.
const NARROW = 520, ABOVE = { orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom" };

const isNarrow = (box) => box.clientWidth < NARROW;

function draw(Plotly, box) {
  const colours = pageColours(box), figure = recoloured(box.focusFigure, colours);
  box.focusNarrow = isNarrow(box);
  if (box.focusNarrow && figure.layout.legend) figure.layout.legend = { ...figure.layout.legend, ...ABOVE };
  box.focusColours = JSON.stringify(colours);
  const revision = figure.layout.uirevision;
  if (box.focusRevision !== revision) { box.focusRevision = revision; box.focusRanges = {}; }
  for (const [axis, range] of Object.entries(box.focusRanges)) {
    figure.layout[axis] = { ...figure.layout[axis], range: [...range], autorange: false };
  }
  const config = {
    displaylogo: false, responsive: true, doubleClick: false,
    typesetMath: false, showSendToCloud: false, plotlyServerURL: "",  // nothing leaves, see dashboard/server/doors.py
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d", "resetScale2d"],
    modeBarButtonsToAdd: [{ name: "Reset axes", icon: Plotly.Icons.home, click: () => resetZoom(Plotly, box) }],
    toImageButtonOptions: { format: "svg", filename: box.focusName },
  };
  box.focusDrawing = (box.focusDrawing || Promise.resolve())
    .then(() => Plotly.react(box, figure.data, figure.layout, config))
    .then(() => {
      if (!box.focusWatched) { box.focusWatched = true; keepZoom(Plotly, box); watchTheme(Plotly, box); watchWidth(Plotly, box); }
      box.dataset.draws = String(Number(box.dataset.draws || 0) + 1);
    });
}

function watchTheme(Plotly, box) {
  // Streamlit changes the variables on an ancestor; a hidden element whose colour depends on them tells when.
  const probe = document.createElement("span");
  probe.style.cssText = "position:absolute;opacity:0;pointer-events:none;width:0;height:0;" +
    "color:var(--st-text-color);transition:color 1ms";
  box.parentElement.appendChild(probe);
  probe.addEventListener("transitionend", () => {
    if (box.isConnected && JSON.stringify(pageColours(box)) !== box.focusColours) draw(Plotly, box);
  });
}

function watchWidth(Plotly, box) {
  new ResizeObserver(() => {
    if (box.isConnected && isNarrow(box) !== box.focusNarrow) draw(Plotly, box);
  }).observe(box);
}

export default function ({ data, parentElement }) {
  let box = parentElement.querySelector(".focus-chart");
  if (!box) {
    box = document.createElement("div");
    box.className = "focus-chart";
    box.setAttribute("role", "figure");
    parentElement.appendChild(box);
  }
  box.style.height = data.height + "px";
  box.dataset.testid = "chart-" + data.name;
  box.setAttribute("aria-label", data.label);
  box.focusName = data.name;
  if (box.focusFigure !== data.figure) {
    box.focusFigure = data.figure;
    loadPlotly().then((Plotly) => {
      box.focusRanges = box.focusRanges || {};
      draw(Plotly, box);
    }).catch((error) => { box.textContent = "The chart could not be drawn: " + error.message + ". Reload the page."; });
  }
  return () => {
    // Neither in the middle of a drawing nor under a pointer: their next step would find nothing left of the chart. And
    // a box that is put elsewhere on the page is away for a moment only.
    setTimeout(() => { if (!box.isConnected && window.Plotly) window.Plotly.purge(box); }, PURGE_MS);
  };
}
