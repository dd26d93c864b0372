// Shows a message of this site and, when it is touched, opens what it is about. Browsers get it as /service-worker.js.
const worker = /** @type {ServiceWorkerScope} */ (/** @type {unknown} */ (self));

worker.addEventListener("push", (event) => {
  const { title, body, url, tag, lang, take } = event.data.json();
  const actions = take ? [{ action: "take", title: take }] : [];
  const look = { body, tag, lang, actions, renotify: true, data: url };
  event.waitUntil(worker.registration.showNotification(title, look));
});

worker.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const url = new URL(event.notification.data, worker.location.origin);
  if (url.origin !== worker.location.origin) return;
  const open = () => worker.clients.openWindow(url.href);
  if (event.action !== "take") event.waitUntil(open());
  // The page says whether it worked; where it did not, it has the button.
  else event.waitUntil(fetch(url, { method: "POST", body: new URLSearchParams({ deed: "take" }) }).then(open, open));
});

// Cases that an operator keeps for a visit (js/pages/reviews/visit.js): without a network they come from there, and so
// do the style sheets and scripts that they need. Nothing is kept here.
const KEPT = /^\/(review\/[^/]+\/visit\/$|static\/|words\/)/;

worker.addEventListener("install", () => worker.skipWaiting());

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== worker.location.origin || !KEPT.test(pathname)) return;
  event.respondWith(
    fetch(request).catch(async (fault) => {
      const kept = await caches.match(request, { ignoreVary: true });
      if (!kept) throw fault;
      return kept;
    }),
  );
});
