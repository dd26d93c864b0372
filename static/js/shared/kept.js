// What an account kept on this device for visits, and wrote there without a network: in a cache of its own name, which
// is removed when the account signs out, or as soon as another one is signed in.
(() => {
  if (!("caches" in window)) return; // a page that is neither served by HTTPS nor on this computer
  const mine = `visits-${document.getElementById("kept-by").dataset.account}`;
  const isWaiting = ({ url }) => new URL(url).searchParams.has("waiting");
  const keys = async () => ((await caches.has(mine)) ? (await caches.open(mine)).keys() : []);
  const waiting = async () => (await keys()).filter(isWaiting);
  const out = /** @type {HTMLFormElement | null} */ (document.getElementById("sign-out"));

  caches.keys().then((names) => {
    for (const name of names) if (name.startsWith("visits-") && name !== mine) caches.delete(name);
  }, console.warn);
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
  Object.assign(window, { kept: { mine, waiting } });
})();
