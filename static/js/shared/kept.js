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
  });
  out?.addEventListener("submit", async (event) => {
    event.preventDefault();
    if ((await waiting()).length && !confirm(out.dataset.unsent)) return;
    await caches.delete(mine);
    HTMLFormElement.prototype.submit.call(out);
  });
  Object.assign(window, { kept: { mine, waiting } });
})();
