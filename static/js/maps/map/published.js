// Files in place of the service: the addresses that a map asks are answered from what a site has published. Tiles are
// PMTiles, series a Zarr store of the version 3 with shards, of which a click reads a few ranges.
import { Protocol } from "pmtiles";
import * as maplibre from "maplibre-gl";
import { gettext } from "gmm/words";

const NEAR_DEG = 1e-4; // A tile of the coarsest zoom with single points rounds positions to about 5 m.
const MISSING = -(2 ** 31);
const ABSENT = 2n ** 64n - 1n; // in an index: nothing but missing values

const about = await read(document.body.dataset.published ?? "").then((response) => response.json());
const stores = new Map();
maplibre.addProtocol("pmtiles", new Protocol().tile);

const archive = (path) => ({ type: "vector", url: `pmtiles://${location.origin}${path}` });
export const world = archive(about.world);
export const points = (layer) => archive(about.tiles[layer]);

/** Answers as the service would answer a request for this address. */
export async function ask(address, options = {}) {
  const { pathname, searchParams, hash } = new URL(address, location.origin);
  const [, product, pid] = pathname.match(/^\/api\/points\/(\d+)\/(.+)\/series\/$/) ?? [];
  if (pid) {
    const series = await seriesOf(about.products[product], decodeURIComponent(pid), numbersOf(hash.slice(1)));
    return series ? Response.json(series) : new Response(null, { status: 404 });
  }
  if (pathname === about.list) return cardsIn(numbersOf(searchParams.get("bbox") ?? ""));
  if (pathname === "/alerts.geojson") return read(about.alerts);
  if (pathname === "/rasters.json") return Response.json({ layers: [], min_zoom: 0 });
  if (pathname === "/places.json")
    return Response.json({
      hits: [],
      text: searchParams.get("q"),
      note: gettext("Searching needs the service: see the link at the top."),
    });
  return fetch(address, options);
}

/** @returns {any} */
const numbersOf = (text) => text.split(",").map(Number);

async function read(path, range = "") {
  const response = await fetch(path, range ? { headers: { Range: `bytes=${range}` } } : {});
  if (!response.ok) throw new Error(`${path}: HTTP ${response.status}`);
  return response;
}

/** The pages of the list that show the alerts with a middle in a box of west, south, east, north; as one document. */
async function cardsIn([west, south, east, north]) {
  const { features } = await read(about.alerts).then((response) => response.json());
  const inside = ({ properties: { longitude: x, latitude: y } }) => x >= west && x <= east && y >= south && y <= north;
  const numbers = features.flatMap((one, i) => (inside(one) ? [Math.floor(i / about.on_a_page) + 1] : []));
  const paths = [...new Set(numbers)].map((number) => about.list + (number > 1 ? `page-${number}/` : ""));
  const pages = await Promise.all(paths.map((path) => read(path).then((response) => response.text())));
  return new Response(pages.join(""));
}

/** @returns {Promise<any>} */
const unpacked = (packed) =>
  new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();

/** Bytes of a file, all or of a range, as they were before they were packed by gzip. */
const readPacked = (path, range = "") =>
  read(path, range).then(async (response) => unpacked(await response.arrayBuffer()));

/** A shard's file of an array: its index, of which every chunk has an offset and a length, and its chunks. */
function shardOf(store, metadata, name, number) {
  const { shape, chunk_grid: grid, codecs } = metadata[name];
  const rows = codecs[0].configuration.chunk_shape[0];
  const path = `${store}/${name}/c/${number}/0`;
  const bytes = 16 * (grid.configuration.chunk_shape[0] / rows);
  // Its checksum of four bytes follows.
  const index = read(path, `-${bytes + 4}`).then(async (response) => new DataView(await response.arrayBuffer()));
  return {
    rows,
    width: shape[1],
    async chunk(i) {
      const [offset, length] = [0, 8].map((at) => index.then((view) => view.getBigUint64(16 * i + at, true)));
      const first = await offset;
      if (first === ABSENT) return null;
      return readPacked(path, `${first}-${first + (await length) - 1n}`);
    },
  };
}

/** A point's series as the service has it, without its sentence and its fit; null where there is no such point. */
async function seriesOf(product, pid, [x, y]) {
  const { series: store } = product;
  if (!stores.has(store)) stores.set(store, read(`${store}/zarr.json`).then((response) => response.json()));
  const { metadata } = (await stores.get(store)).consolidated_metadata;
  const { boxes, dates, n_released: released } = metadata.click.attributes;
  const holds = (/** @type {number[]} */ [west, south, east, north]) =>
    x >= west - NEAR_DEG && x <= east + NEAR_DEG && y >= south - NEAR_DEG && y <= north + NEAR_DEG;
  for (const [number, box] of boxes.entries()) {
    if (!holds(box)) continue;
    const [ids, figures, values] = ["click/pid", "click/figures", "displacement_mm"].map((name) =>
      shardOf(store, metadata, name, number),
    );
    const edges = new Float32Array(await readPacked(`${store}/click/boxes/c/${number}/0`));
    for (let i = 0; i < edges.length / 4; i += 1) {
      if (!holds([...edges.subarray(4 * i, 4 * i + 4)])) continue;
      const row = rowOf(await ids.chunk(i), ids, pid);
      if (row < 0) continue;
      const [known, steps] = await Promise.all([figures.chunk(i), values.chunk(i)]);
      const part = (of, data) => [...data.subarray(row * of.width, (row + 1) * of.width)];
      const { columns } = metadata["click/figures"].attributes;
      const shown = part(figures, new Float32Array(known));
      const found = shown.map((value, n) => [columns[n], Number.isNaN(value) ? null : value]);
      const scale = metadata.displacement_mm.attributes.scale_factor;
      const measured = steps ? part(values, new Int32Array(steps)) : dates.map(() => MISSING);
      const millimetres = measured.map((step) => (step === MISSING ? null : step * scale));
      const passes = { dates: dates.slice(released), displacement_mm: millimetres.slice(released) };
      return {
        product,
        pid,
        longitude: x,
        latitude: y,
        ...Object.fromEntries(found),
        dates: dates.slice(0, released),
        displacement_mm: millimetres.slice(0, released),
        provisional: passes.dates.length ? passes : null,
        fit_mm: null,
        zero_mm: millimetres.find((value) => value !== null) ?? 0,
        band_mm: null,
        changes: [],
        negative_word: product.negative_word,
        positive_word: product.positive_word,
      };
    }
  }
  return null;
}

/** The row of an id among a chunk's ids, which are filled up with zeros; -1 if it is not there. */
function rowOf(chunk, { rows, width }, pid) {
  const decoder = new TextDecoder();
  const bytes = new Uint8Array(chunk);
  for (let row = 0; row < rows; row += 1)
    if (decoder.decode(bytes.subarray(row * width, (row + 1) * width)).replace(/\0+$/, "") === pid) return row;
  return -1;
}
