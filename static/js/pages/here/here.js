// A house or street: a search, the reader's position or a press on the map lead to the answer about a place.
import { published } from "gmm/ask";
import { createMap, fillBasemap, followDrawing, loaded, maplibre } from "gmm/basemap";
import { css, jsonOf } from "gmm/dom";
import { themed } from "gmm/ground";
import { addOutlines, boundsOf, fetchAlerts } from "gmm/marks";
import { addPoints } from "gmm/points";
import { locate } from "gmm/position";
import { setUpSearch } from "gmm/search";
import { gettext } from "gmm/words";

const HOUSE_ZOOM = 16;
const config = jsonOf("map-config");
const asked = new URLSearchParams(location.search);
if (published && asked.has("lat")) config.here = ["lon", "lat"].map((name) => Number(asked.get(name)));
const note = document.getElementById("position-note");
const ask = (query) => location.assign(`${document.getElementById("search").action}?${new URLSearchParams(query)}`);
const answer = (latitude, longitude) => ask({ lat: latitude.toFixed(4), lon: longitude.toFixed(4) });

async function drawMap(box) {
  const drawn = [...box.childNodes]; // by the server: it stays where a map cannot be made
  const bounds = config.around ? boundsOf(config.around) : !config.here && config.bounds;
  const view = bounds
    ? { bounds, fitBoundsOptions: { padding: 24 } }
    : config.here && { center: config.here, zoom: HOUSE_ZOOM };
  let map;
  try {
    box.replaceChildren();
    map = createMap(box, { cooperativeGestures: true, ...view });
  } catch (error) {
    console.warn(error);
    box.replaceChildren(...drawn);
    return;
  }
  map.on("error", ({ error }) => console.warn(error?.message));
  map.on("click", ({ lngLat }) => {
    const { lng, lat } = lngLat.wrap();
    answer(lat, lng);
  });
  if (config.here) new maplibre.Marker({ color: css("accent") }).setLngLat(config.here).addTo(map);
  await loaded(map);
  const ground = fillBasemap(map);
  const points =
    config.default_layer &&
    addPoints(map, { urls: config.urls, layer: config.default_layer, stretch: config.stretch_mm_yr ?? 10 });
  if (config.around) addAround(map, config.around);
  await fetchAlerts(config.urls.alerts).then((alerts) => addOutlines(map, alerts), console.warn);
  if (published && config.here) {
    const { showFiles } = await import("gmm/here-files");
    showFiles({ map, points, urls: config.urls, box: document.getElementById("here-files"), here: config.here });
  }
  followDrawing(map, ground);
}

/** The circle that holds the points of the answer. */
function addAround(map, geometry) {
  map.addSource("around", { type: "geojson", data: { type: "Feature", properties: {}, geometry } });
  map.addLayer({ id: "around", type: "line", source: "around", paint: { "line-width": 2, "line-dasharray": [3, 2] } });
  themed(map, "around", { "line-color": "accent" });
}

drawMap(document.getElementById("here-map"));
setUpSearch(({ name, at }) => (at ? answer(at[1], at[0]) : ask({ q: name })));
document.getElementById("my-position").addEventListener("click", () =>
  locate(
    ({ latitude, longitude }) => answer(latitude, longitude),
    (text) => (note.textContent = text),
  ),
);
const copy = document.getElementById("copy-link");
copy?.addEventListener("click", () =>
  navigator.clipboard.writeText(copy.dataset.link).then(
    () => (copy.textContent = gettext("Link copied")),
    () => (copy.textContent = gettext("Copy it from the address bar")),
  ),
);
