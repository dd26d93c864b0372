// Lines of longitude and latitude, as dense as the zoom allows, with their degrees at the edges of the map.
import { element } from "gmm/dom";
import { degrees } from "gmm/format";
import { themed } from "gmm/ground";

const STEPS = [30, 15, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001];
const SPACING_PX = 130;

const wrap = (longitude) => ((((longitude + 180) % 360) + 360) % 360) - 180;

function ticks(from, to, step) {
  const list = [];
  for (let i = Math.ceil(from / step); i * step <= to; i++) list.push(Number((i * step).toFixed(4)));
  return list;
}

function line(coordinates) {
  return { type: "Feature", properties: {}, geometry: { type: "LineString", coordinates } };
}

export function addGraticule(map, before) {
  const labels = element("div", { "aria-hidden": "true" });
  map.getCanvas().after(labels); // marks, which follow it, lie above
  map.addSource("graticule", { type: "geojson", data: { type: "FeatureCollection", features: [] } });
  map.addLayer({ id: "graticule", type: "line", source: "graticule", paint: { "line-width": 0.75 } }, before);
  themed(map, "graticule", { "line-color": "map-grid" });

  let marks = [];

  function place() {
    const height = map.getContainer().clientHeight;
    for (const { node, at, axis } of marks) {
      const { x, y } = map.project(at);
      node.hidden = axis === "lat" ? y < 96 || y > height - 60 : x < 64; // the buttons and the scale stand there
      node.style.transform =
        axis === "lat" ? `translate(2px, calc(${y}px - 50%))` : `translate(calc(${x}px - 50%), 2px)`;
    }
  }

  function draw() {
    const bounds = map.getBounds();
    const [west, east] = [bounds.getWest(), bounds.getEast()];
    const [south, north] = [Math.max(bounds.getSouth(), -85), Math.min(bounds.getNorth(), 85)];
    const degreesPerPx = 360 / (512 * 2 ** map.getZoom());
    const step = STEPS.findLast((candidate) => candidate >= SPACING_PX * degreesPerPx) ?? STEPS[0];
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    const meridians = ticks(west, east, step);
    const parallels = ticks(south, north, step);
    // a whole band for the far zooms, only the window for the near ones, where it must be exact
    const [left, right] =
      east - west > 180 ? [-180, 180] : [wrap(west - step), wrap(west - step) + (east - west) + 2 * step];
    map.getSource("graticule").setData({
      type: "FeatureCollection",
      features: [
        ...meridians.map((x) =>
          line([
            [wrap(x), Math.max(south - step, -85)],
            [wrap(x), Math.min(north + step, 85)],
          ]),
        ),
        ...parallels.map((y) =>
          line([
            [left, y],
            [right, y],
          ]),
        ),
      ],
    });
    marks = [
      ...meridians.map((x) => ({ at: [x, north], axis: "lon", text: degrees(wrap(x), "lon", digits) })),
      ...parallels.map((y) => ({ at: [west, y], axis: "lat", text: degrees(y, "lat", digits) })),
    ].map((mark) => ({ ...mark, node: element("span", { class: "grid-label" }, mark.text) }));
    labels.replaceChildren(...marks.map((mark) => mark.node));
    place();
  }

  map.on("move", place);
  map.on("moveend", draw);
  map.on("resize", draw);
  draw();
}
