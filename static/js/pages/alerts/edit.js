// Drawing the outline of an alert: the map writes GeoJSON into the form, and the form's text draws on the map.
import { createMap, fillBasemap, followDrawing } from "gmm/basemap";
import { jsonOf } from "gmm/dom";
import { drawArea } from "gmm/draw";
import { addOutlines, boundsOf } from "gmm/marks";
import { addPoints } from "gmm/points";

const box = document.getElementById("edit-map");
const form = document.getElementById("edit");
const config = jsonOf("map-config");
const known = document.getElementById("alert-area") && jsonOf("alert-area");
const again = document.getElementById("draw-again");

const isNew = () => !known || form.elements.outline_is.value === "drawn";

function written() {
  try {
    const given = JSON.parse(form.elements.outline.value);
    return given.geometry ?? given;
  } catch {
    return null;
  }
}

/** What drawing begins with: what is written, else what is known where it is one ring, which corners can change. */
function beginning() {
  if (written() || !known) return written();
  const parts = known.type === "Polygon" ? [known.coordinates] : known.coordinates;
  return parts.length === 1 && parts[0].length === 1 ? { type: "Polygon", coordinates: parts[0] } : null;
}

function drawMap() {
  let map;
  const bounds = written() ? boundsOf(written()) : known ? boundsOf(known) : config.bounds;
  try {
    map = createMap(box, {
      cooperativeGestures: true,
      ...(bounds ? { bounds, fitBoundsOptions: { padding: 60, maxZoom: 15 } } : {}),
    });
  } catch (error) {
    console.warn(error);
    box.hidden = true;
    return;
  }
  map.once("load", () => {
    fillBasemap(map).catch((error) => console.warn("base map:", error.message));
    if (config.default_layer) addPoints(map, { urls: config.urls, layer: config.default_layer, stretch: 20 });
    if (known) addOutlines(map, { type: "Feature", properties: {}, geometry: known });
    const tool = drawArea(map, (geometry) => {
      form.elements.outline.value = geometry ? JSON.stringify(geometry) : "";
    });
    const show = () => {
      again.disabled = !isNew();
      if (isNew()) tool.start(beginning());
      else tool.stop();
    };
    again.addEventListener("click", () => tool.again());
    form.addEventListener("change", ({ target }) => {
      const { name } = /** @type {PageElement} */ (target);
      if (name === "outline_is") show();
      if (name === "outline") {
        tool.stop();
        show();
      }
    });
    show();
    followDrawing(map);
  });
}

if (box && form && box.offsetParent) drawMap();
document.getElementById("fault")?.focus();
