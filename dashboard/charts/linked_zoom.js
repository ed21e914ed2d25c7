const LARGEST = __LARGEST__, DRAG = 4;
const page = document.documentElement;
const zoom = { factor: 1, x: 0, y: 0 };  // x, y: the upper left corner, in widths of a tile of the magnified map

function show(factor, x, y) {
  const inside = (value) => Math.min(Math.max(value, 0), factor - 1);
  Object.assign(zoom, { factor, x: inside(x), y: inside(y) });
  page.style.setProperty("--focus-zoom", String(zoom.factor));
  page.style.setProperty("--focus-zoom-x", String(zoom.x));
  page.style.setProperty("--focus-zoom-y", String(zoom.y));
  page.dataset.focusZoom = String(zoom.factor);
}

function about(factor, u, v) {  // the point at (u, v) of a tile stays where it is
  show(factor, (zoom.x + u) * factor / zoom.factor - u, (zoom.y + v) * factor / zoom.factor - v);
}

function listen() {
  let held = null;
  document.addEventListener("pointerdown", (event) => {
    const tile = event.target.closest?.(".focus-matrix .cell");
    if (!tile || event.button !== 0) return;
    held = { box: tile.getBoundingClientRect(), at: [event.clientX, event.clientY], from: { ...zoom }, moved: false };
    if (event.pointerType === "mouse") event.preventDefault();  // no ghost of the picture under the mouse
  });
  document.addEventListener("pointermove", (event) => {
    if (!held) return;
    const [dx, dy] = [event.clientX - held.at[0], event.clientY - held.at[1]];
    held.moved = held.moved || Math.hypot(dx, dy) > DRAG;
    if (held.moved) show(held.from.factor, held.from.x - dx / held.box.width, held.from.y - dy / held.box.height);
  });
  document.addEventListener("pointerup", () => {
    if (held && !held.moved) {
      const [u, v] = [(held.at[0] - held.box.left) / held.box.width, (held.at[1] - held.box.top) / held.box.height];
      if (zoom.factor < LARGEST) about(2 * zoom.factor, u, v); else show(1, 0, 0);
    }
    held = null;
  });
  document.addEventListener("pointercancel", () => { held = null; });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || !event.target.querySelector?.(":scope > .focus-matrix")) return;
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === "+" && zoom.factor < LARGEST) about(2 * zoom.factor, 0.5, 0.5);
    else if (event.key === "-" && zoom.factor > 1) about(zoom.factor / 2, 0.5, 0.5);
    else if (event.key === "0" || event.key === "Escape") show(1, 0, 0);
    else if (steps && zoom.factor > 1) show(zoom.factor, zoom.x + steps[0] / 4, zoom.y + steps[1] / 4);
    else return;
    event.preventDefault();
  });
}

export default function () {
  if (window.__focusLinkedZoom) return;
  window.__focusLinkedZoom = true;
  listen();
}
