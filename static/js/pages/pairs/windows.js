// Pictures of one grid, drawn on a canvas that zooms and moves.
// Of each, the window in view is fetched at the resolution of the screen.

const OVERVIEW_PX = 600;
const MOST_PX = 1200; // along a side; the server makes no larger ones
const SETTLED_MS = 150;
const CLOSEST = 16; // pixels of the screen for one of the grid
const STEP = 1.6;
const GRIP_PX = 18; // how near a hand must come to the line between two layers
const SCALES_M = [1, 2, 5];

/**
 * grid: { rows, cols, posting_m }; urls: name → address of a picture of the whole grid.
 * onChange(what) receives what is in view, onFault(failed) whether something could not be loaded,
 * onDivide(share) where the line between two layers is dragged to.
 * Returns { show(layers), zoom(factor), whole(), move(right, down), retry() }.
 * A layer is { name, alpha, from, to }: drawn between two shares of the width.
 */
export function createWindows(canvas, { grid, urls, onChange, onFault, onDivide }) {
  const pen = canvas.getContext("2d");
  /** @type {Record<string, {overview: any, piece: any, requested: string, failed: boolean}>} */
  const stores = Object.fromEntries(
    Object.keys(urls).map((name) => [name, { overview: null, piece: null, requested: "", failed: false }]),
  );
  let layers = /** @type {{name: string, alpha?: number, from?: number, to?: number}[]} */ ([]);
  let [timer, frame] = [0, 0];
  let [width, height, dpr] = [0, 0, 1];
  let view = { x: 0, y: 0, scale: 0 }; // middle in pixels of the grid; CSS pixels for one of them, 0: not drawn yet

  const fit = () => Math.min(width / grid.cols, height / grid.rows);
  const closest = () => Math.max(CLOSEST, fit());

  function settle() {
    view.scale = Math.min(Math.max(view.scale, fit()), closest());
    const [halfX, halfY] = [width / 2 / view.scale, height / 2 / view.scale];
    view.x = halfX * 2 >= grid.cols ? grid.cols / 2 : Math.min(Math.max(view.x, halfX), grid.cols - halfX);
    view.y = halfY * 2 >= grid.rows ? grid.rows / 2 : Math.min(Math.max(view.y, halfY), grid.rows - halfY);
    canvas.parentElement.toggleAttribute("data-zoomed", view.scale > fit() * 1.001);
    draw();
    clearTimeout(timer);
    timer = setTimeout(load, SETTLED_MS);
    onChange({
      metresPerPixel: grid.posting_m / view.scale,
      whole: view.scale <= fit() * 1.001,
      closest: view.scale >= closest() * 0.999,
      bar: bar(),
    });
  }

  /** A round length that is about a fifth of the width, and how long it is on the screen. */
  function bar() {
    const most = (grid.posting_m / view.scale) * Math.min(160, width / 3);
    const ten = 10 ** Math.floor(Math.log10(most));
    const metres = Math.max(...SCALES_M.map((one) => one * ten).filter((one) => one <= most));
    return { metres, pixels: (metres / grid.posting_m) * view.scale };
  }

  /** The window of the grid that is in view, in whole pixels. */
  function inView() {
    const col = Math.max(0, Math.floor(view.x - width / 2 / view.scale));
    const row = Math.max(0, Math.floor(view.y - height / 2 / view.scale));
    const right = Math.min(grid.cols, Math.ceil(view.x + width / 2 / view.scale));
    const bottom = Math.min(grid.rows, Math.ceil(view.y + height / 2 / view.scale));
    return { row, col, rows: Math.max(1, bottom - row), cols: Math.max(1, right - col) };
  }

  /** Pixels of a piece's picture for one pixel of the grid. */
  const fineness = (piece, most) => Math.min(1, most / Math.max(piece.rows, piece.cols));
  const holds = (piece, part) =>
    piece &&
    piece.row <= part.row &&
    piece.col <= part.col &&
    piece.row + piece.rows >= part.row + part.rows &&
    piece.col + piece.cols >= part.col + part.cols;

  async function fetched(name, part) {
    const image = new Image();
    image.src = `${urls[name]}?${new URLSearchParams(part)}`;
    await image.decode();
    return image;
  }

  async function load() {
    const part = inView();
    await Promise.all(layers.map(({ name }) => loadOne(name, part)));
    onFault(layers.some(({ name }) => stores[name].failed));
  }

  async function loadOne(name, part) {
    const store = stores[name];
    try {
      if (!store.overview) {
        store.overview = fetched(name, { side: OVERVIEW_PX });
        store.overview = await store.overview.catch((error) => {
          store.overview = null;
          throw error;
        });
        draw();
      } else if (store.overview instanceof Promise) await store.overview;
      const wanted = Math.min(1, view.scale * dpr, fineness(part, MOST_PX));
      const enough = Math.max(
        fineness(grid, OVERVIEW_PX),
        holds(store.piece, part) ? fineness(store.piece, MOST_PX) : 0,
      );
      store.failed = false;
      if (enough >= wanted * 0.95) return;
      const requested = Object.values(part).join();
      if (store.requested === requested) return;
      store.requested = requested;
      const image = await fetched(name, part);
      if (store.requested === requested) store.piece = { ...part, image };
      draw();
    } catch (error) {
      console.warn(`${name}:`, error.message);
      Object.assign(store, { requested: "", failed: true });
    }
  }

  const left = (col) => (col - view.x) * view.scale + width / 2;
  const top = (row) => (row - view.y) * view.scale + height / 2;

  function put(image, { row, col, rows, cols }) {
    const enlargement = (cols * view.scale * dpr) / image.naturalWidth;
    pen.imageSmoothingEnabled = enlargement < 1.5; // pixels that are enlarged stay pixels
    pen.drawImage(image, left(col), top(row), cols * view.scale, rows * view.scale);
  }

  /** Draw only inside a box, or only outside it. */
  function clip(x, y, wide, high, outside = false) {
    pen.beginPath();
    if (outside) pen.rect(0, 0, width, height);
    pen.rect(x, y, wide, high);
    pen.clip("evenodd");
  }

  function paint() {
    frame = 0;
    if (!view.scale) return;
    pen.setTransform(dpr, 0, 0, dpr, 0, 0);
    pen.clearRect(0, 0, width, height);
    for (const { name, alpha = 1, from = 0, to = 1 } of layers) {
      if (alpha === 0) continue; // kept ready, not shown
      const { overview, piece } = stores[name];
      const finer = piece && fineness(piece, MOST_PX) > fineness(grid, OVERVIEW_PX);
      pen.save();
      pen.globalAlpha = alpha;
      clip(from * width, 0, (to - from) * width, height);
      if (finer) put(piece.image, piece);
      if (finer) clip(left(piece.col), top(piece.row), piece.cols * view.scale, piece.rows * view.scale, true);
      if (overview instanceof Image) put(overview, { row: 0, col: 0, ...grid });
      pen.restore();
    }
    for (const { from = 0 } of layers) {
      if (from <= 0 || from >= 1) continue;
      for (const more of [1, 0]) {
        pen.fillStyle = more ? "#000" : "#fff";
        pen.fillRect(from * width - 1 - more, 0, 2 + 2 * more, height);
        pen.beginPath();
        pen.arc(from * width, height / 2, GRIP_PX / 2 + more, 0, 2 * Math.PI);
        pen.fill();
      }
    }
    canvas.dataset.drawn = layers
      .filter(({ name }) => stores[name].overview instanceof Image)
      .map(({ name }) => name)
      .join(" ");
  }

  function draw() {
    frame ||= requestAnimationFrame(paint);
  }

  /** Zoom about a place of the canvas, by default its middle. */
  function zoom(factor, x = width / 2, y = height / 2) {
    const before = view.scale;
    view.scale = Math.min(Math.max(before * factor, fit()), closest());
    view.x += (x - width / 2) * (1 / before - 1 / view.scale);
    view.y += (y - height / 2) * (1 / before - 1 / view.scale);
    settle();
  }

  function move(right, down) {
    view.x += right / view.scale;
    view.y += down / view.scale;
    settle();
  }

  function whole() {
    view = { x: grid.cols / 2, y: grid.rows / 2, scale: fit() };
    settle();
  }

  function resize() {
    const box = canvas.getBoundingClientRect();
    if (!box.width || !box.height) return;
    const stays = view.scale > fit() * 1.001;
    [width, height, dpr] = [box.width, box.height, Math.min(2, devicePixelRatio || 1)];
    canvas.width = Math.round(width * dpr);
    canvas.height = Math.round(height * dpr);
    if (stays) settle();
    else whole();
  }

  const onLine = (x) => layers.some(({ from = 0 }) => from > 0 && from < 1 && Math.abs(x - from * width) < GRIP_PX);
  setUpPointers(canvas, { zoom, move, onLine, divide: (x) => onDivide(Math.min(1, Math.max(0, x / width))) });
  new ResizeObserver(resize).observe(canvas);
  resize();

  return {
    show(next) {
      const names = (some) => some.map(({ name }) => name).join();
      const same = names(next) === names(layers);
      layers = next;
      draw();
      if (!same && view) load();
    },
    zoom: (closer) => zoom(closer ? STEP : 1 / STEP),
    whole,
    move: (right, down) => move((right * width) / 5, (down * height) / 5),
    retry() {
      for (const store of Object.values(stores)) Object.assign(store, { requested: "", failed: false });
      load();
    },
  };
}

/**
 * Drag the line between two layers, or what is around it to move; two fingers or the wheel to zoom.
 * The wheel scrolls the page until the picture has the focus.
 */
function setUpPointers(canvas, { zoom, move, onLine, divide }) {
  const down = new Map();
  let dividing = null;
  const spot = ({ clientX, clientY }) => {
    const box = canvas.getBoundingClientRect();
    return { x: clientX - box.left, y: clientY - box.top };
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    if (!down.size && onLine(spot(event).x)) dividing = event.pointerId;
    down.set(event.pointerId, spot(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = down.get(event.pointerId);
    canvas.classList.toggle("on-line", dividing !== null || (!before && onLine(spot(event).x)));
    if (!before) return;
    if (dividing === event.pointerId) return divide(spot(event).x);
    const now = spot(event);
    const other = [...down].find(([id]) => id !== event.pointerId)?.[1];
    down.set(event.pointerId, now);
    if (!other) return move(before.x - now.x, before.y - now.y);
    const apart = (one) => Math.max(1, Math.hypot(one.x - other.x, one.y - other.y));
    move((before.x - now.x) / 2, (before.y - now.y) / 2);
    zoom(apart(now) / apart(before), (now.x + other.x) / 2, (now.y + other.y) / 2);
  });
  for (const kind of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(kind, ({ pointerId }) => {
      down.delete(pointerId);
      if (dividing === pointerId) dividing = null;
    });
  }
  canvas.addEventListener(
    "wheel",
    (event) => {
      if (document.activeElement !== canvas && !event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const { x, y } = spot(event);
      zoom(Math.exp(-Math.max(-200, Math.min(200, event.deltaY)) / 250), x, y);
    },
    { passive: false },
  );
  canvas.addEventListener("dblclick", (event) => {
    const { x, y } = spot(event);
    zoom(STEP, x, y);
  });
}
