// The map of the workbench: points on the ground, and the tools that choose points.
import { createMap, fillBasemap, followDrawing, loaded, longitudeNear, maplibre } from "gmm/basemap";
import { element as h, onTheme } from "gmm/dom";
import { signed } from "gmm/format";
import { themed } from "gmm/ground";
import { velocityColour } from "gmm/points";
import { gettext, interpolate, pgettext } from "gmm/words";

const MOST_CORNERS = 30; // of a drawn shape, as an address holds them
const REACH = 9; // pixels from a click to the farthest point that it chooses
const DIMMED = 0.25;
const MANY = 500; // chosen points whose edges would hide their colours
const POINT_SIZES = ["interpolate", ["linear"], ["zoom"], 6, 1.6, 9, 2.2, 12, 3.5, 15, 6, 18, 9];
const touch = matchMedia("(pointer: coarse)");

const collection = (features) => ({ type: "FeatureCollection", features });

function featuresOf({ longitude, latitude, value }, rows) {
  return collection(
    Array.from(rows, (row) => ({
      type: "Feature",
      geometry: { type: "Point", coordinates: [longitude[row], latitude[row]] },
      properties: { row, v: value[row] },
    })),
  );
}

/**
 * Draws one map into a box. given: longitude, latitude, value (arrays), unit, reach (mm/yr of the full colour).
 * onChoose(rows, outline) makes the points choosable; onView(area) loads more points; describe(row) returns
 * the text of a point.
 * Returns {mark(rows), focus(row), remove()}, or null.
 * @param {HTMLElement} box
 * @param {any} given
 * @param {Record<string, Function>} tools
 */
export function drawGround(box, given, { onChoose, onView, describe }) {
  const { latitude } = given;
  const longitude = given.longitude.map((x) => longitudeNear(x, given.longitude[0]));
  const data = { ...given, longitude };
  const bounds = new maplibre.LngLatBounds();
  longitude.forEach((x, row) => bounds.extend([x, latitude[row]]));
  const fitBoundsOptions = { padding: 28, maxZoom: 15 };
  let map;
  try {
    map = createMap(box, { bounds, fitBoundsOptions, cooperativeGestures: touch.matches });
  } catch (error) {
    console.warn(error);
    box.replaceChildren(h("p", { class: "empty" }, gettext("This browser cannot draw the map. The table has it all.")));
    return null;
  }
  const readout = h("p", { class: "desk-readout", "aria-hidden": "true", hidden: true });
  box.append(legendOf(data), readout);
  const ready = loaded(map).then(() => {
    const ground = fillBasemap(map);
    addMarks(map, data);
    followDrawing(map, ground);
  });
  const every = longitude.keys();
  ready.then(() => map.getSource("points").setData(featuresOf(data, every)));

  const nearest = ({ point: { x, y } }, reach = touch.matches ? 2 * REACH : REACH) => {
    const corners = [
      [x - reach, y - reach],
      [x + reach, y + reach],
    ];
    const distance = ({ geometry }) => map.project(geometry.coordinates).dist(new maplibre.Point(x, y));
    const found = map.queryRenderedFeatures(corners, { layers: ["points"] });
    return found.sort((a, b) => distance(a) - distance(b))[0]?.properties.row ?? null;
  };
  const read = (row) => {
    readout.hidden = row === null;
    if (row !== null) readout.textContent = describe?.(row) ?? textOf(data, row);
  };
  const tools = setUpTools(box, map, data, { onChoose, onView, nearest });
  ready.then(() => map.on("mousemove", (event) => read(nearest(event))));
  map.on("mouseout", () => read(null));

  return {
    mark(rows) {
      ready.then(() => {
        map.getSource("marked").setData(featuresOf(data, rows));
        map.setPaintProperty("marked", "circle-stroke-width", rows.length > MANY ? 0.3 : 1.2);
        const opacity = rows.length ? DIMMED : 1;
        map.setPaintProperty("points", "circle-opacity", opacity);
        tools?.toggleClear(rows.length > 0);
      });
    },
    focus(row) {
      ready.then(() => map.getSource("focus").setData(featuresOf(data, row === null ? [] : [row])));
    },
    remove: () => map.remove(),
  };
}

function textOf({ value, unit }, row) {
  return interpolate(gettext("%(value)s %(unit)s"), { value: signed(value[row]), unit });
}

/** Adds the sources and layers of the data, which follow the theme until the map is removed. */
function addMarks(map, { reach }) {
  for (const id of ["points", "marked", "focus"]) map.addSource(id, { type: "geojson", data: collection([]) });
  map.addLayer({ id: "points", type: "circle", source: "points", paint: { "circle-radius": POINT_SIZES } });
  map.addLayer({ id: "marked", type: "circle", source: "marked", paint: { "circle-radius": POINT_SIZES } });
  map.addLayer({
    id: "focus",
    type: "circle",
    source: "focus",
    paint: { "circle-radius": 10, "circle-opacity": 0, "circle-stroke-width": 3 },
  });
  const endTheme = onTheme(() => {
    for (const id of ["points", "marked"]) map.setPaintProperty(id, "circle-color", velocityColour(reach));
  });
  map.once("remove", endTheme);
  themed(map, "marked", { "circle-stroke-color": "text" });
  themed(map, "focus", { "circle-stroke-color": "accent" });
}

function legendOf({ unit, reach }) {
  const ticks = [-reach, 0, reach].map((value) => h("span", {}, signed(value, reach % 1 ? 1 : 0)));
  return h(
    "div",
    { class: "desk-legend" },
    h("div", { class: "bar" }),
    h("p", { class: "ticks" }, ticks),
    h("p", { class: "unit" }, unit),
  );
}

/** The buttons on a map; of those that stay pressed, one at a time is active. */
function toolbar(box) {
  const bar = h("div", { class: "desk-tools", role: "group", "aria-label": gettext("Tools of the map") });
  box.append(bar);
  let active = /** @type {{button: PageElement, stop: () => void} | null} */ (null);
  const stop = () => {
    active?.stop();
    active?.button.setAttribute("aria-pressed", "false");
    active = null;
  };
  const action = (text, act, attributes = {}) => {
    const button = h("button", { type: "button", class: "button", onclick: () => act(button), ...attributes }, text);
    bar.append(button);
    return button;
  };
  const press = async (button, start) => {
    const wasOn = active?.button === button;
    stop();
    if (wasOn) return;
    button.setAttribute("aria-pressed", "true");
    active = { button, stop: await start() };
  };
  return {
    stop,
    action,
    isActive: () => active !== null,
    /** start() returns what stops the tool. */
    tool: (text, start) => action(text, (button) => press(button, start), { "aria-pressed": "false" }),
  };
}

/** The tools of one map. Returns {toggleClear(shown)}, or null where nothing can be chosen. */
function setUpTools(box, map, data, { onChoose, onView, nearest }) {
  if (!onChoose) return null;
  const tools = toolbar(box);
  const frame = addShapes(tools, map, data, onChoose);
  const boxed = () => textOfBox(map.getBounds());
  tools.action(gettext("All in view"), () => onChoose(rowsIn(data, map.getBounds()), boxed()));
  tools.action(gettext("More points of this view"), () => onView(boxed()));
  const clear = tools.action(gettext("Clear"), () => {
    tools.stop();
    onChoose([], "");
  });
  clear.hidden = true;
  map.on("click", (event) => {
    if (tools.isActive() || frame.isBusy()) return;
    const row = nearest(event);
    onChoose(row === null ? [] : [row], "", event.originalEvent.shiftKey || event.originalEvent.ctrlKey);
  });
  return {
    toggleClear(shown) {
      clear.hidden = !shown;
    },
  };
}

/** A box and a shape to choose points with. Returns the tool of the box. */
function addShapes(tools, map, data, onChoose) {
  const frame = boxTool(map, (bounds) => {
    tools.stop();
    onChoose(rowsIn(data, bounds), textOfBox(bounds));
  });
  tools.tool(pgettext("tool", "Box"), () => frame.start());
  tools.tool(pgettext("tool", "Shape"), async () => {
    const { drawArea } = await import("gmm/draw");
    const draw = drawArea(map, (geometry) => {
      if (!geometry) return;
      const ring = geometry.coordinates[0].slice(0, -1);
      const step = Math.ceil(ring.length / MOST_CORNERS);
      const corners = ring.filter((_, i) => i % step === 0).map((corner) => corner.map(degreesOf).join(","));
      const rows = Array.from(data.longitude.keys());
      const inside = rows.filter((row) => within(ring, data.longitude[row], data.latitude[row]));
      onChoose(inside, corners.join(";"));
    });
    draw.start(null);
    return () => {
      draw.again();
      draw.stop();
    };
  });
  return frame;
}

const degreesOf = (value) => value.toFixed(5);
const textOfBox = (bounds) => bounds.toArray().flat().map(degreesOf).join(",");

function rowsIn({ longitude, latitude }, bounds) {
  const [[west, south], [east, north]] = bounds.toArray();
  return Array.from(longitude.keys()).filter(
    (row) => longitude[row] >= west && longitude[row] <= east && latitude[row] >= south && latitude[row] <= north,
  );
}

/** Returns whether a position lies within a ring of corners. */
function within(ring, x, y) {
  let odd = false;
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
    const [[ax, ay], [bx, by]] = [ring[i], ring[j]];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) odd = !odd;
  }
  return odd;
}

/** Lets a box be dragged over the map with Shift, or after start(), which returns the function that stops it. */
function boxTool(map, onBox) {
  const canvas = map.getCanvasContainer();
  let from = /** @type {number[] | null} */ (null);
  let [on, frame, busy] = [false, h("div"), false];
  map.boxZoom.disable();
  const at = ({ clientX, clientY }) => {
    const { left, top } = canvas.getBoundingClientRect();
    return [clientX - left, clientY - top];
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (!(on || event.shiftKey) || event.button !== 0) return;
    [from, busy] = [at(event), true];
    frame = h("div", { class: "desk-frame" });
    canvas.append(frame);
    map.dragPan.disable();
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!from) return;
    const to = at(event);
    const [left, top] = [Math.min(from[0], to[0]), Math.min(from[1], to[1])];
    frame.style.transform = `translate(${left}px, ${top}px)`;
    frame.style.width = `${Math.abs(to[0] - from[0])}px`;
    frame.style.height = `${Math.abs(to[1] - from[1])}px`;
  });
  const end = (event) => {
    if (!from) return;
    const [start, to] = [from, at(event)];
    frame.remove();
    from = null;
    map.dragPan.enable();
    setTimeout(() => (busy = false)); // only after the click event that this drag causes
    if (event.type === "pointercancel" || Math.hypot(to[0] - start[0], to[1] - start[1]) < 5) return;
    onBox(new maplibre.LngLatBounds().extend(map.unproject(start)).extend(map.unproject(to)));
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  return {
    isBusy: () => busy,
    start() {
      on = true;
      canvas.classList.add("desk-drawing");
      return () => {
        on = false;
        canvas.classList.remove("desk-drawing");
      };
    },
  };
}
