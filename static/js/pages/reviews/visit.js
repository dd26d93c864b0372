// A case taken along to a visit: kept on the device on a press, read there without a network; what is written is sent
// when there is one, with a key by which the server takes it once. Kept in a cache: the page, what it needs, and each
// note as the form it will be sent as.
import { element } from "gmm/dom";
import { gettext } from "gmm/words";

const { mine, waiting, isOld, tidy } = /** @type {any} */ (window).kept ?? {};
const form = document.querySelector(".visit form");
const part = (id) => document.getElementById(id);
const [state, keep, forget, list] = [part("kept-state"), part("keep"), part("forget"), part("waiting")];
const here = location.pathname;
let sending = false;
let told = ""; // what the last act came to

// ---- the page ----

/** The style sheets, scripts and pictures of this page, beside the page itself. */
const parts = () =>
  performance
    .getEntriesByType("resource")
    .map(({ name }) => new URL(name))
    .filter(({ origin, pathname }) => origin === location.origin && /^\/(static|words)\//.test(pathname))
    .map(({ href }) => href);

async function keepPage() {
  keep.disabled = true;
  try {
    await navigator.serviceWorker.register("/service-worker.js", { scope: "/" });
    await navigator.serviceWorker.ready;
    await navigator.storage?.persist?.();
    const answer = await fetch(here);
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    if (answer.redirected || !isMine(parsed(await answer.clone().text()))) {
      told = gettext("You are no longer signed in. Load this page again and sign in.");
    } else {
      const cache = await caches.open(mine);
      await cache.addAll([...new Set(parts())]);
      await cache.put(here, answer);
      told = "";
    }
  } catch (error) {
    console.warn(error);
    told = gettext("This browser could not keep the page.");
  }
  keep.disabled = false;
  await show();
}

async function forgetPage() {
  await (await caches.open(mine)).delete(here);
  await show();
}

// ---- what is written ----

async function written(event) {
  event.preventDefault();
  const data = new FormData(form);
  data.set("key", crypto.randomUUID());
  if (!data.getAll("files").some((file) => /** @type {File} */ (file).size)) data.delete("files");
  try {
    await store(`${here}?waiting=${data.get("key")}`, form.getAttribute("action"), data);
  } catch (error) {
    console.warn(error);
    state.textContent = gettext("This device has no room for it. It was not kept, and is still in the form below.");
    return;
  }
  form.reset();
  await send();
}

/** Keeps a form that waits: the address that it is for, what is in it, and why the server did not take it. */
async function store(request, to, data, refused = "") {
  const headers = { "x-to": to, "x-refused": encodeURIComponent(refused) };
  await (await caches.open(mine)).put(request, new Response(data, { headers }));
}

/** What waits on this device, of any case. */
async function all() {
  const notes = [];
  for (const request of await waiting()) {
    const answer = await caches.match(request);
    const [to, refused] = ["x-to", "x-refused"].map((name) => decodeURIComponent(answer?.headers.get(name) ?? ""));
    if (answer) notes.push({ request, to, refused, data: await answer.formData() });
  }
  return notes;
}

/** Sends what waits and was not refused; without a network, or signed out, it goes on waiting. */
async function send() {
  if (sending) return;
  sending = true;
  try {
    for (const note of (await all()).filter(({ refused }) => !refused)) await sendOne(note);
  } catch (error) {
    console.warn("visit:", error.message);
  }
  sending = false;
  show();
}

async function sendOne({ request, to, data }) {
  const fresh = parsed(await (await fetch(here, { cache: "no-store" })).text());
  const token = fresh.querySelector(".visit [name=csrfmiddlewaretoken]")?.getAttribute("value");
  if (!token || !isMine(fresh)) throw new Error("nobody is signed in");
  data.set("csrfmiddlewaretoken", token);
  const answer = await fetch(to, { method: "POST", body: data });
  if (answer.ok && new URL(answer.url).pathname.startsWith("/review/")) {
    await (await caches.open(mine)).delete(request);
    told = gettext("What you wrote was recorded.");
  } else if ([400, 403, 404, 409, 413].includes(answer.status)) {
    const page = parsed(await answer.text());
    const places = ["#fault", "[role=alert]:not([hidden])", "main p"].map((one) => page.querySelector(one));
    const reason = places.find(Boolean);
    await store(request, to, data, reason?.textContent?.trim() || `HTTP ${answer.status}`);
  }
}

const parsed = (text) => new DOMParser().parseFromString(text, "text/html");

/** Whether a page was made for the account that is signed in here; the one to sign in is for nobody. */
const isMine = (page) => `visits-${page.getElementById("kept-by")?.dataset.account}` === mine;

// ---- what is shown ----

async function show() {
  await tidy();
  const page = (await caches.has(mine)) ? await (await caches.open(mine)).match(here) : null;
  const notes = await all();
  forget.hidden = !page;
  state.textContent = [
    told,
    page
      ? gettext("This page is kept on this device and opens without a network.")
      : gettext("Keep this page before you leave: it then opens, and takes notes and photos, without a network."),
    isOld(page) && gettext("It is older than 30 days, and is removed once what you wrote is sent."),
  ]
    .filter(Boolean)
    .join(" ");
  list.replaceChildren(...notes.map(row));
}

/** A note that waits: what it says, why it was refused if it was, and what can be done. */
function row({ request, to, data, refused }) {
  const files = data.getAll("files").map((file) => /** @type {File} */ (file).name);
  const text = [data.get("note"), ...files].filter(Boolean).join(" · ");
  const said = refused
    ? `${gettext("Not taken, but kept here:")} ${refused}`
    : gettext("Waits for a network, and for you to be signed in.");
  const act = (label, onclick) => element("button", { type: "button", class: "button", onclick }, label);
  const again = (address) => async () => {
    await store(request, address, data);
    await send();
  };
  const drop = async () => {
    await (await caches.open(mine)).delete(request);
    await show();
  };
  return element(
    "li",
    {},
    element("p", {}, text),
    element("p", { class: refused ? "fault" : "soft" }, said),
    element(
      "p",
      { class: "buttons" },
      act(gettext("Send now"), again(to)),
      refused &&
        to.endsWith("/visit/") &&
        act(gettext("Send as a private note instead"), again(to.replace(/visit\/$/, "notes/"))),
      act(gettext("Delete"), drop),
    ),
  );
}

if (mine && form && "serviceWorker" in navigator) {
  keep.addEventListener("click", keepPage);
  forget.addEventListener("click", forgetPage);
  form.addEventListener("submit", written);
  addEventListener("online", send);
  send();
} else {
  part("kept")?.remove();
}
