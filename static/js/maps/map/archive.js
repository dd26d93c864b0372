// A base map in one PMTiles file of this site, in the schema of Protomaps or of OpenMapTiles.
import { PMTiles, Protocol } from "pmtiles";
import { themed, width } from "gmm/ground";

const among = (property, ...values) => ["in", ["get", property], ["literal", values]];
const NAME = ["coalesce", ["get", `name:${document.documentElement.lang.slice(0, 2)}`], ["get", "name"]];
const COAST_UNTIL_ZOOM = 5; // from there on the archive's own coasts and borders are finer than the world's
const ROADS_OF = {
  protomaps: { roads: ["highway", "major_road"], lanes: ["minor_road"], railways: ["rail"] },
  openmaptiles: {
    roads: ["motorway", "trunk", "primary", "secondary"],
    lanes: ["tertiary", "minor", "service"],
    railways: ["rail", "transit"],
  },
};
const SCHEMAS = {
  protomaps: {
    kind: "kind",
    areas: { "base-land": ["earth"], "base-green": ["landuse", "forest", "park", "wood", "nature_reserve"] },
    water: "water",
    rivers: ["water", "river", "canal", "stream"],
    roads: "roads",
    buildings: "buildings",
    boundaries: ["boundaries", "kind", "country", "region"],
    places: ["places", "locality"],
  },
  openmaptiles: {
    kind: "class",
    areas: { "base-green": ["landcover", "wood", "grass", "farmland"] },
    water: "water",
    rivers: ["waterway"],
    roads: "transportation",
    buildings: "building",
    boundaries: ["boundary", "admin_level", 2, 4],
    places: ["place", "city", "town", "village", "suburb", "hamlet"],
  },
};

/** Which schema the layers of an archive are of; undefined: neither. */
export function schemaOf(layers) {
  const names = layers.map(({ id }) => id);
  if (names.includes("earth")) return "protomaps";
  return names.includes("transportation") ? "openmaptiles" : undefined;
}

/** Adds the archive's layers below `before`; throws where its schema is neither of the two. */
export async function addArchive(map, maplibre, path, before) {
  const archive = new PMTiles(new URL(path, location.href).href);
  const [header, metadata] = await Promise.all([archive.getHeader(), archive.getMetadata()]);
  const name = schemaOf(metadata.vector_layers ?? []);
  if (!name) throw new Error("its layers are neither those of Protomaps nor those of OpenMapTiles");
  const protocol = new Protocol();
  protocol.add(archive);
  maplibre.addProtocol("pmtiles", protocol.tile);
  map.addSource("archive", {
    type: "vector",
    url: `pmtiles://${archive.source.getKey()}`,
    maxzoom: header.maxZoom,
    attribution: metadata.attribution ?? "",
  });
  if (name === "openmaptiles") addLand(map, header, before); // it has waters, and no land
  for (const id of ["coast", "borders"]) map.setLayerZoomRange(id, 0, COAST_UNTIL_ZOOM);
  for (const { colours, ...layer } of layersOf(name)) {
    map.addLayer({ source: "archive", ...layer }, layer.type === "symbol" ? undefined : before);
    themed(map, layer.id, colours);
  }
}

/** Everything within the bounds of the archive is land, until its waters are drawn on it. */
function addLand(map, { minLon, minLat, maxLon, maxLat, minZoom }, before) {
  const [west, south, east, north] = [minLon, Math.max(minLat, -85), maxLon, Math.min(maxLat, 85)];
  const ring = [[west, south], [east, south], [east, north], [west, north], [west, south]];
  map.addSource("archive-land", { type: "geojson", data: { type: "Polygon", coordinates: [ring] } });
  const paint = { "fill-antialias": false };
  const minzoom = Math.max(minZoom, COAST_UNTIL_ZOOM); // further out the world's own land is good enough
  map.addLayer({ id: "base-land", type: "fill", source: "archive-land", minzoom, paint }, before);
  themed(map, "base-land", { "fill-color": "map-land" });
}

function layersOf(name) {
  const schema = SCHEMAS[name];
  const of_ = (...values) => (values.length ? among(schema.kind, ...values) : true);
  const road = (id, paint, colour) => ({
    id: `base-${id}`,
    type: "line",
    "source-layer": schema.roads,
    filter: of_(...ROADS_OF[name][id]),
    paint,
    colours: { "line-color": colour },
  });
  const areas = Object.entries(schema.areas).map(([id, [layer, ...values]]) => ({
    id,
    type: "fill",
    "source-layer": layer,
    filter: of_(...values),
    colours: { "fill-color": id === "base-land" ? "map-land" : "map-green" },
  }));
  const [rivers, ...flowing] = schema.rivers;
  const [places, ...settled] = schema.places;
  const [borders, borderKind, ...bordering] = schema.boundaries;
  return [
    ...areas,
    {
      id: "base-water",
      type: "fill",
      "source-layer": schema.water,
      filter: ["==", ["geometry-type"], "Polygon"],
      colours: { "fill-color": "map-water" },
    },
    {
      id: "base-rivers",
      type: "line",
      "source-layer": rivers,
      filter: ["all", ["==", ["geometry-type"], "LineString"], of_(...flowing)],
      paint: { "line-width": width(7, 0.8, 14, 4) },
      colours: { "line-color": "map-river" },
    },
    road("lanes", { "line-width": width(12, 0.8, 17, 8) }, "map-lane"),
    road("roads", { "line-width": width(6, 0.6, 17, 11) }, "map-road"),
    road("railways", { "line-width": width(9, 0.8, 17, 4), "line-dasharray": [4, 2] }, "map-rail"),
    {
      id: "base-buildings",
      type: "fill",
      minzoom: 13,
      "source-layer": schema.buildings,
      colours: { "fill-color": "map-building" },
    },
    {
      id: "base-boundaries",
      type: "line",
      "source-layer": borders,
      filter: ["all", among(borderKind, ...bordering), ["!=", ["get", "maritime"], 1]],
      paint: { "line-width": 1, "line-dasharray": [4, 2] },
      colours: { "line-color": "map-border" },
    },
    {
      id: "base-names",
      type: "symbol",
      "source-layer": places,
      filter: of_(...settled),
      layout: {
        "text-field": NAME,
        "text-font": ["sans-serif"],
        "text-size": width(5, 11, 14, 16),
        "text-max-width": 8,
      },
      paint: { "text-halo-width": 2 },
      colours: { "text-color": "map-name", "text-halo-color": "map-halo" },
    },
  ];
}
