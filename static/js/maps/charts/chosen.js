// What is on the chart, on the map: numbered marks in the colours of the lines, the area, the line, the reference.
import { maplibre } from "gmm/basemap";
import { element as h } from "gmm/dom";
import { themed } from "gmm/ground";
import { colourName } from "gmm/lines";
import { gettext, interpolate } from "gmm/words";

const NOTHING = { type: "FeatureCollection", features: [] };
const feature = (what, geometry) => ({ type: "Feature", properties: { what }, geometry });

export function addChosen(map) {
  let marks = [];
  map.addSource("inspected", { type: "geojson", data: NOTHING });
  const of = (what) => ["==", ["get", "what"], what];
  map.addLayer({
    id: "inspected-area",
    type: "fill",
    source: "inspected",
    filter: of("area"),
    paint: { "fill-opacity": 0.12 },
  });
  map.addLayer({
    id: "inspected-reference",
    type: "line",
    source: "inspected",
    filter: of("reference"),
    paint: { "line-width": 2, "line-dasharray": [2, 2] },
  });
  map.addLayer({
    id: "inspected-casing",
    type: "line",
    source: "inspected",
    filter: ["!", of("reference")],
    paint: { "line-width": 5 },
  });
  map.addLayer({
    id: "inspected-line",
    type: "line",
    source: "inspected",
    filter: ["!", of("reference")],
    paint: { "line-width": 2.5 },
  });
  themed(map, "inspected-area", { "fill-color": "accent" });
  themed(map, "inspected-casing", { "line-color": "alert-casing" });
  for (const id of ["inspected-line", "inspected-reference"]) themed(map, id, { "line-color": "accent" });

  function clearMarks() {
    for (const marker of marks) marker.remove();
    marks = [];
  }

  function mark(at, label, name, colour) {
    const node = h("span", { class: `trace-mark trace-mark--${colour}`, role: "img", "aria-label": name }, label);
    marks.push(new maplibre.Marker({ element: node }).setLngLat(at).addTo(map));
  }

  function draw(shapes, reference) {
    const features = shapes.map(([what, geometry]) => feature(what, geometry));
    if (reference) features.push(feature("reference", reference.outline));
    map.getSource("inspected").setData({ type: "FeatureCollection", features });
  }

  return {
    showTraces(traces, corners, reference) {
      clearMarks();
      traces.forEach((trace, i) => {
        const at = [trace.longitude, trace.latitude];
        const name = interpolate(gettext("Line %(number)s"), { number: i + 1 });
        if (!trace.is_area) mark(at, String(i + 1), name, colourName(i + 1));
      });
      draw(corners.length ? [["area", { type: "Polygon", coordinates: [[...corners, corners[0]]] }]] : [], reference);
    },
    showLine(corners, reference) {
      clearMarks();
      mark(corners[0], "A", gettext("Start of the profile"), "trace-1");
      mark(corners.at(-1), "B", gettext("End of the profile"), "trace-1");
      draw([["line", { type: "LineString", coordinates: corners }]], reference);
    },
    clear() {
      clearMarks();
      map.getSource("inspected").setData(NOTHING);
    },
  };
}
