// The review queue: keys for everything that its forms and links do, cases one by one without reloading the page, and
// the claim on a case, renewed while it is open.
import { jsonOf } from "gmm/dom";

const STORED = "review-keys";
const VERDICTS = new Set(["c", "n", "r", "d", "f"]);
const BESIDE = matchMedia("(min-width: 1101px)"); // the queue stands beside the case, not below it
let page = document.getElementById("content");
let overview = /** @type {LibraryObject} */ (null);
let renewal = 0;
let going = /** @type {AbortController | null} */ (null);

const part = (selector) => page.querySelector(selector);

// ---- keys ----

function remembered() {
  try {
    return localStorage.getItem(STORED) !== "off";
  } catch {
    return true;
  }
}

function setUpKeys() {
  const keysOn = part("#keys-on");
  if (!keysOn) return;
  keysOn.checked = remembered();
  keysOn.addEventListener("change", () => {
    try {
      localStorage.setItem(STORED, keysOn.checked ? "on" : "off");
    } catch {
      // a browser that keeps nothing: the choice holds for this page
    }
  });
  part("#keys-open").addEventListener("click", () => part("#keys").showModal());
}

const writing = (node) => node.matches("textarea, select, input:not([type=radio], [type=checkbox], [type=range])");
const openForm = () => part("details[name=verdict][open] form");

function pressed(event) {
  if (!part("#keys-on")?.checked || document.querySelector("dialog[open]")) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    openForm()?.requestSubmit();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || writing(event.target)) return;
  const act = actionOf(event.key);
  if (!act) return;
  event.preventDefault();
  act();
}

// ---- the table: keys go from row to row, and those of a verdict open the case ----

const rows = () => [...page.querySelectorAll("#case-table tbody a")];

/** Moves the focus down by a number of rows. */
function step(by) {
  const links = rows();
  const at = links.findIndex((link) => link === document.activeElement);
  reach(links[Math.min(links.length - 1, Math.max(0, at + by))]);
}

async function judge(key) {
  const link = rows().find((one) => one === document.activeElement);
  if (!link) return;
  await go(link.href);
  actionOf(key)?.();
}

const focusOn = (selector) => part(selector) && (() => reach(part(selector)));
const click = (selector) => part(selector) && (() => part(selector).click());

function reach(node) {
  node.scrollIntoView({ block: "nearest" });
  node.focus();
}

const ACTIONS = {
  j: () => (rows().length ? () => step(1) : page.dataset.next && (() => go(page.dataset.next))),
  k: () => (rows().length ? () => step(-1) : page.dataset.previous && (() => go(page.dataset.previous))),
  u: () => click("button[data-key=u]"),
  x: () => click("button[data-key=x]"),
  l: () => focusOn("#layer"),
  s: () => focusOn(".swipe input"),
  "/": () => part("#queue-filters") && filter,
  "?": () => part("#keys") && (() => part("#keys").showModal()),
};

function actionOf(key) {
  if (ACTIONS[key]) return ACTIONS[key]();
  if (/^[1-9]$/.test(key)) {
    const radio = openForm()?.querySelectorAll("[name=reason_code][type=radio]")[Number(key) - 1];
    return radio && (() => choose(radio));
  }
  if (rows().length) return VERDICTS.has(key) ? () => judge(key) : null;
  const verdict = [...page.querySelectorAll("details[name=verdict]")].find((one) => one.dataset.key === key);
  return verdict && (() => open(verdict));
}

function filter() {
  part("#queue-filters").open = true;
  reach(part("#queue-filters select"));
}

function choose(radio) {
  radio.checked = true;
  radio.dispatchEvent(new Event("change", { bubbles: true }));
  radio.form.querySelector("textarea").focus(); // the public note, or where there is none, the internal one
}

function open(verdict) {
  for (const other of page.querySelectorAll("details[name=verdict]")) other.open = other === verdict;
  verdict.querySelector("[name=other], [type=radio]:checked, [type=radio], textarea, button[type=submit]").focus();
}

/** An empty public note shows the sentence that will stand in its place. */
function setUpNotes() {
  for (const form of page.querySelectorAll("details[name=verdict] form")) {
    if (!form.elements.public_note) continue; // an answer to what a colleague proposed
    const hint = () => {
      const chosen = form.querySelector("[name=reason_code]:checked, [name=reason_code][type=hidden]");
      form.elements.public_note.placeholder = chosen?.dataset.sentence ?? "";
    };
    form.addEventListener("change", hint);
    hint();
  }
}

// ---- the claim ----

function keepClaim() {
  clearInterval(renewal);
  const form = part("#claim");
  if (form) renewal = setInterval(() => renew(form), Number(form.dataset.renewSeconds) * 1000);
}

async function renew(form) {
  const body = new FormData(form);
  body.set("act", "renew");
  try {
    const response = await fetch(form.action, { method: "POST", body });
    const held = response.ok && (await response.json()).held;
    form.hidden = !held;
    part("#claim-lost").hidden = held;
  } catch (error) {
    console.warn("claim:", error.message); // no network: the next try may get through
  }
}

// ---- from case to case ----

/** Shows another page of the queue in the place of this one; the address follows. A page that is none is opened. */
async function go(url, remember = true) {
  going?.abort();
  const mine = (going = new AbortController());
  try {
    const response = await fetch(url, { signal: mine.signal });
    const next = new DOMParser().parseFromString(await response.text(), "text/html");
    const main = next.querySelector("main.review");
    if (!response.ok || !main) throw new Error(`HTTP ${response.status}`);
    if (remember) history.pushState(null, "", response.url);
    document.title = next.title;
    show(document.adoptNode(main));
  } catch (error) {
    if (error.name !== "AbortError") location.assign(url);
  }
}

function show(main) {
  const [scrolled, map] = [part(".queue").scrollTop, part("#small-map.maplibregl-map")];
  overview?.remove();
  overview = null;
  if (map) main.querySelector("#small-map")?.replaceWith(map); // one map serves every case
  page.replaceWith(main);
  page = main;
  part(".queue").scrollTop = scrolled;
  setUp();
  const heading = part("h1");
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

function clicked(event) {
  const link = event.target.closest("a[href]");
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (!page.contains(link) || !link.pathname.startsWith("/review/") || link.origin !== location.origin) return;
  event.preventDefault();
  go(link.href);
}

async function drawOverview(box) {
  const config = jsonOf("map-config");
  const [{ createMap, fillBasemap, followDrawing }, { addAlerts }, { addPoints }] = await Promise.all([
    import("gmm/basemap"),
    import("gmm/marks"),
    import("gmm/points"),
  ]);
  try {
    overview = createMap(
      box,
      config.bounds ? { bounds: config.bounds, fitBoundsOptions: { padding: 48, maxZoom: 14 } } : {},
    );
  } catch (error) {
    console.warn(error);
    box.hidden = true;
    return;
  }
  const map = overview;
  map.once("load", async () => {
    const ground = fillBasemap(map);
    if (config.default_layer) addPoints(map, { urls: config.urls, layer: config.default_layer, stretch: 20 });
    const visit = ({ properties }) => go(`/review/${properties.code}/`);
    await addAlerts(map, config.urls.alerts, visit).catch((error) => console.warn(error));
    followDrawing(map, ground);
  });
}

function setUp() {
  setUpKeys();
  setUpNotes();
  keepClaim();
  part("#fault")?.focus();
  if (BESIDE.matches) part(".queue [data-selected]")?.scrollIntoView({ block: "nearest" });
  const box = part("#review-map");
  if (box?.offsetParent) drawOverview(box);
  if (part("#small-map")) import("gmm/case").then(({ openCase }) => openCase(page));
}

document.addEventListener("keydown", pressed);
document.addEventListener("click", clicked);
addEventListener("popstate", () => go(location.href, false));
setUp();
