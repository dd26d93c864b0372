// What an account kept on this device for visits, and wrote there without a network: in a cache of its own name, which
// is removed when the account signs out, or as soon as another one is signed in. A case is forgotten after 30 days, but
// never what was written: until it is sent, a link on every page leads to it.
const MAX_KEPT_MS = 30 * 86_400_000;

(() => {
  if (!("caches" in window)) return; // a page that is neither served by HTTPS nor on this computer
  const mine = `visits-${document.getElementById("kept-by").dataset.account}`;
  const isWaiting = ({ url }) => new URL(url).searchParams.has("waiting");
  const keys = async () => ((await caches.has(mine)) ? (await caches.open(mine)).keys() : []);
  const waiting = async () => (await keys()).filter(isWaiting);
  const isOld = (answer) => Date.now() - Date.parse(answer?.headers.get("date")) > MAX_KEPT_MS;
  const out = /** @type {HTMLFormElement | null} */ (document.getElementById("sign-out"));

  caches.keys().then((names) => {
    for (const name of names) if (name.startsWith("visits-") && name !== mine) caches.delete(name);
  }, console.warn);
  tidy().catch(console.warn);
  out?.addEventListener("submit", async (event) => {
    event.preventDefault();
    let stays = false;
    try {
      stays = (await waiting()).length > 0 && !confirm(out.dataset.unsent);
      if (!stays) await caches.delete(mine);
    } catch (error) {
      console.warn(error); // a browser that refuses its cache must not keep the account signed in
    }
    if (!stays) HTMLFormElement.prototype.submit.call(out);
  });
  Object.assign(window, { kept: { mine, waiting, isOld, tidy } });

  /** Forgets old cases but those with something unsent, and shows the link to what is unsent. */
  async function tidy() {
    const unsent = (await waiting()).map(({ url }) => new URL(url).pathname);
    for (const request of await keys()) {
      const { pathname } = new URL(request.url);
      if (!pathname.startsWith("/review/") || unsent.includes(pathname)) continue;
      const cache = await caches.open(mine);
      if (isOld(await cache.match(request))) await cache.delete(request);
    }
    const link = document.getElementById("unsent");
    if (!link) return;
    link.hidden = !unsent.length;
    link.href = unsent[0] ?? "";
  }
})();
