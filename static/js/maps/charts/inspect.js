// Several points, an area, a profile: what is chosen, in the address bar, drawn on the map, and shown in the panel.
import { addChosen } from "gmm/chosen";
import { areaForm, lineForm } from "gmm/places";
import { openProfile } from "gmm/profile";
import { openSeries } from "gmm/series";
import { gettext, interpolate } from "gmm/words";

const MOST_POINTS = 6;
const NOTHING = { points: [], area: null, line: null, width: 200, from: null, until: null, reference: null };

/**
 * urls: of the page's configuration; layer(): name of the points shown; remember(changes): into the address bar.
 * onPeriod({from, until}): what the rates of the chart are fitted to, or null. say(text): for screen
 * readers; show(bounds): moves the map where they are out of view.
 * Returns what the page asks of it: { toggle, compare, everyDirection, area, profile, restore, leave, isComparing,
 * isDrawing, layerChanged }.
 */
export function setUpInspect({ map, urls, layer, remember, say, show, onPeriod }) {
  const chosen = addChosen(map);
  let state = /** @type {Record<string, any>} */ ({ ...NOTHING });
  let mode = /** @type {"series" | "profile" | null} */ (null);
  let view = /** @type {LibraryObject} */ (null); // the panel that is open
  let tool = /** @type {LibraryObject} */ (null); // the drawing that is under way
  let running = /** @type {AbortController | null} */ (null);

  async function fetchJson(url) {
    running?.abort();
    running = new AbortController();
    const response = await fetch(url, { signal: running.signal, headers: { Accept: "application/json" } });
    const body = await response.json().catch(() => ({}));
    if (!response.ok)
      throw new Error([body.error, body.remedy].filter(Boolean).join(". ") || `HTTP ${response.status}`);
    return body;
  }

  function address(form) {
    const params = new URLSearchParams();
    if (mode === "profile") {
      params.set("line", state.line);
      params.set("width", String(state.width));
      params.set("layer", layer());
    } else {
      for (const key of state.points) params.append("point", key);
      if (state.area) params.set("area", state.area);
      if (state.area && layer()) params.set("layer", layer());
      for (const name of ["from", "until"]) if (state[name]) params.set(name, state[name]);
    }
    if (state.reference) params.set("reference", state.reference);
    return `${(mode === "profile" ? urls.chart_profile : urls.chart_series).replace("{form}", form)}?${params}`;
  }

  function keep() {
    const series = mode === "series";
    remember({
      compare: series ? state.points : null,
      area: series ? state.area : null,
      from: series ? state.from : null,
      until: series ? state.until : null,
      line: mode === "profile" ? state.line : null,
      width: mode === "profile" && state.width !== NOTHING.width ? state.width : null,
      reference: mode ? state.reference : null,
    });
    onPeriod(series && (state.from || state.until) ? { from: state.from, until: state.until } : null);
  }

  /** Fetches what is chosen and shows it; what was wrong stands in the panel, and the chart before it stays. */
  async function refresh() {
    keep();
    view.busy(true);
    try {
      const body = await fetchJson(address("json"));
      if (mode === "profile") {
        chosen.showLine(coordinatesOf(state.line), body.reference);
        show(coordinatesOf(state.line));
      } else {
        const known = body.traces.filter((trace) => !trace.is_area).map((trace) => trace.key);
        state.points = state.points.filter((key) => known.includes(key));
        const corners = state.area ? coordinatesOf(state.area) : [];
        chosen.showTraces(body.traces, corners, body.reference);
        show([...body.traces.map((trace) => [trace.longitude, trace.latitude]), ...corners]);
      }
      view.update(body);
      say(body.sentence);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (mode === "profile") chosen.showLine(coordinatesOf(state.line), null);
      view?.fail(error.message);
    } finally {
      view?.busy(false);
    }
  }

  function openAs(next) {
    stopDrawing();
    if (mode === next && view) return;
    mode = next;
    view = next === "profile" ? openProfile(actions) : openSeries(actions);
  }

  function change(changes) {
    Object.assign(state, changes);
    return refresh();
  }

  function compare(keys) {
    openAs("series");
    const room = MOST_POINTS - state.points.length;
    const added = keys.filter((key) => !state.points.includes(key));
    state.points = [...state.points, ...added.slice(0, Math.max(0, room))];
    const full = added.length > room;
    if (!state.points.length && !state.area) return view.empty();
    const tooMany = interpolate(gettext("At most %(most)s points fit on one chart."), { most: MOST_POINTS });
    return refresh().then(() => full && view?.fail(tooMany));
  }

  function remove(key) {
    if (key.includes("/")) state.points = state.points.filter((one) => one !== key);
    else state.area = null;
    if (state.points.length || state.area) return refresh();
    chosen.clear();
    keep();
    return view.empty();
  }

  async function near(longitude, latitude) {
    const { points } = await fetchJson(`${urls.chart_near}?at=${longitude.toFixed(6)},${latitude.toFixed(6)}`);
    return points;
  }

  // ---- drawing ----
  function stopDrawing() {
    tool?.stop();
    tool = null;
  }

  async function draw(kind, done) {
    stopDrawing();
    const { drawArea, drawLine } = await import("gmm/draw");
    tool = (kind === "line" ? drawLine : drawArea)(map, (geometry) => {
      if (!geometry) return;
      const corners = kind === "line" ? geometry.coordinates : geometry.coordinates[0].slice(0, -1);
      setTimeout(() => {
        stopDrawing();
        done(corners.map(([x, y]) => `${x.toFixed(6)},${y.toFixed(6)}`).join(";"));
      });
    });
    tool.start();
  }

  function area() {
    mode = view = null;
    const chooseArea = (text) => {
      openAs("series");
      change({ area: text });
    };
    areaForm({ map, onPlace: chooseArea });
    draw("area", chooseArea);
  }

  function profile() {
    mode = view = null;
    const chooseLine = (text) => {
      openAs("profile");
      change({ line: text });
    };
    lineForm({ map, onPlace: chooseLine });
    draw("line", chooseLine);
  }

  const actions = {
    address,
    /** The workbench on the chosen area; nothing without one. */
    desk: () => state.area && `${urls.desk}?${new URLSearchParams({ area: state.area, layer: layer() ?? "" })}`,
    change,
    remove,
    near,
    compare,
    area,
    profile,
    state: () => state,
    centre: () => map.getCenter().wrap(),
    reference(longitude, latitude, metres) {
      return change({ reference: `${longitude.toFixed(6)},${latitude.toFixed(6)},${metres}` });
    },
  };

  return {
    compare,
    area,
    profile,
    toggle: (key) => (state.points.includes(key) ? remove(key) : compare([key])),
    everyDirection: async (longitude, latitude) => {
      const found = await near(longitude, latitude);
      return compare(found.map((one) => one.key));
    },
    isComparing: () => mode === "series",
    isDrawing: () => tool !== null,
    layerChanged() {
      if (mode === "profile" || (mode === "series" && state.area)) refresh();
    },
    /** What a link says. */
    restore(query) {
      state = {
        ...NOTHING,
        points: query.getAll("compare").slice(0, MOST_POINTS),
        area: query.get("area"),
        line: query.get("line"),
        width: Number(query.get("width")) || NOTHING.width,
        from: query.get("from"),
        until: query.get("until"),
        reference: query.get("reference"),
      };
      openAs(state.line ? "profile" : "series");
      return refresh();
    },
    /** Something else is shown. */
    leave() {
      running?.abort();
      stopDrawing();
      mode = view = null;
      state = { ...NOTHING };
      chosen.clear();
      keep();
    },
  };
}

/** Corners of "longitude,latitude;…", or of a box "west,south,east,north". */
export function coordinatesOf(text) {
  const corners = text.split(";").map((part) => part.split(",").map(Number));
  if (corners.length > 1 || corners[0].length !== 4) return corners;
  const [west, south, east, north] = corners[0];
  return [
    [west, south],
    [east, south],
    [east, north],
    [west, north],
  ];
}
