// How far the ground moved, date by date: points of the view coloured by displacement, with a slider that plays.
import { boxInView } from "gmm/basemap";
import { css, element as h, onTheme } from "gmm/dom";
import { date, signed } from "gmm/format";
import { makePlayer } from "gmm/player";
import { velocityColour } from "gmm/points";
import { gettext, interpolate } from "gmm/words";

const STRETCHES = [5, 10, 20, 50, 100, 200, 500, 1000, 5000, 20000, 100000];
const EMPTY = { type: "FeatureCollection", features: [] };

/** The step of the scale that nine of ten points stay within at the end. */
export function stretchOf(points) {
  const ends = points.map(([, , values]) => Math.abs(values.findLast((value) => value !== null) ?? 0));
  const high = ends.sort((a, b) => a - b)[Math.floor(ends.length * 0.95)] ?? 0;
  return STRETCHES.find((one) => one >= high) ?? STRETCHES[STRETCHES.length - 1];
}

/**
 * Opens the bar below the map. url: of the frames; layer(): { name, negative_word, positive_word } shown;
 * startAt: a date of a link; remember(changes); onClose(). Returns { close(), layerChanged() }.
 */
export function openPlay({ map, bar, url, layer, startAt, remember, onClose }) {
  let frames = /** @type {LibraryObject} */ (null); // what the server answered
  let running = /** @type {AbortController | null} */ (null);
  let [at, stretch] = [0, 10];
  const wanted = { day: startAt };
  const play = h("button", { type: "button", class: "button" });
  const label = gettext("Date of the displacement");
  const slider = h("input", { type: "range", min: 0, max: 0, value: 0, "aria-label": label });
  const shown = h("output", { class: "play-date", "aria-live": "off" });
  const status = h("p", { class: "fault", role: "alert", hidden: true });
  const words = h("p", { class: "words" }, ...[0, 1, 2].map(() => h("span")));
  const ticks = h("p", { class: "ticks" }, ...[0, 1, 2].map(() => h("span")));
  bar.replaceChildren(
    h(
      "div",
      { class: "play-row" },
      play,
      slider,
      shown,
      h(
        "button",
        { type: "button", class: "button button--icon", "aria-label": gettext("Close the slider"), onclick: close },
        "×",
      ),
    ),
    status,
    words,
    h("div", { class: "bar", "aria-hidden": "true" }),
    ticks,
  );
  bar.hidden = false;

  map.addSource("frames", { type: "geojson", data: EMPTY });
  map.addLayer(
    {
      id: "frames",
      type: "circle",
      source: "frames",
      paint: {
        "circle-radius": ["interpolate", ["linear"], ["zoom"], 8, 3, 12, 4.5, 16, 8],
        "circle-stroke-width": 0.5,
      },
    },
    map.getLayer("alert-fill") ? "alert-fill" : undefined,
  );

  function paint() {
    if (!frames) return;
    const value = ["get", `d${at}`];
    const ramp = velocityColour(stretch).map((part) => (Array.isArray(part) && part[0] === "get" ? value : part));
    map.setPaintProperty("frames", "circle-color", ["case", ["has", `d${at}`], ramp, "rgba(0,0,0,0)"]);
    map.setPaintProperty("frames", "circle-stroke-color", css("point-edge"));
    map.setPaintProperty("frames", "circle-stroke-opacity", ["case", ["has", `d${at}`], 1, 0]);
  }

  function show(i) {
    at = i;
    wanted.day = frames.dates[i];
    slider.value = i;
    shown.textContent = date(wanted.day);
    slider.setAttribute("aria-valuetext", date(wanted.day));
    remember({ time: wanted.day });
    paint();
    return new Promise((drawn) => map.once("idle", drawn));
  }

  const player = makePlayer({ button: play, show, count: () => frames?.dates.length ?? 0, at: () => at });
  slider.addEventListener("input", () => {
    player.pause();
    if (frames) show(Number(slider.value));
  });

  async function load() {
    running?.abort();
    running = new AbortController();
    const { signal } = running;
    const edges = boxInView(map).map((one) => one.toFixed(4));
    const params = new URLSearchParams({ layer: layer().name, bbox: edges.join(",") });
    bar.setAttribute("aria-busy", "true");
    try {
      const response = await fetch(`${url}?${params}`, { signal });
      const body = await response.json().catch(() => ({}));
      const fault = [body.error, body.remedy].filter(Boolean).join(". ") || gettext("Please try again.");
      if (!response.ok) throw new Error(fault);
      take(body);
    } catch (error) {
      if (signal.aborted) return;
      player.pause();
      status.textContent = `${error.message.replace(/\.$/, "")}.`;
      status.hidden = false;
    }
    bar.setAttribute("aria-busy", "false");
    play.disabled = slider.disabled = !frames;
  }

  function take(body) {
    const same = frames?.dates.length === body.dates.length;
    frames = body;
    status.hidden = true;
    stretch = stretchOf(body.points);
    const features = body.points.map(([x, y, values]) => ({
      type: "Feature",
      properties: Object.fromEntries(values.flatMap((value, i) => (value === null ? [] : [[`d${i}`, value]]))),
      geometry: { type: "Point", coordinates: [x, y] },
    }));
    map.getSource("frames").setData({ type: "FeatureCollection", features });
    slider.max = body.dates.length - 1;
    const last = body.dates.findLastIndex((day) => day <= (wanted.day ?? "9"));
    describe();
    show(same ? at : Math.max(0, last));
  }

  function describe() {
    const { negative_word: low, positive_word: high, fast } = layer();
    const [per, since] = fast ? [1000, gettext("m since %(date)s")] : [1, gettext("mm since %(date)s")];
    const put = (row, texts) => texts.forEach((text, i) => (row.children[i].textContent = text));
    put(words, [low, interpolate(since, { date: date(frames.dates[0]) }), high]);
    put(ticks, [signed(-stretch / per, 0), "0", signed(stretch / per, 0)]);
  }

  const endTheme = onTheme(paint);
  map.on("moveend", load);
  load();

  function close() {
    running?.abort();
    player.pause();
    endTheme();
    map.off("moveend", load);
    map.removeLayer("frames");
    map.removeSource("frames");
    bar.hidden = true;
    bar.replaceChildren();
    remember({ time: null });
    onClose();
  }

  return { close, layerChanged: load };
}
