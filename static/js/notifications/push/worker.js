// Shows a message of this site and, when it is touched, opens what it is about. Browsers get it as /service-worker.js.
const worker = /** @type {ServiceWorkerScope} */ (/** @type {unknown} */ (self));

worker.addEventListener("push", (event) => {
  const { title, body, url, tag, lang } = event.data.json();
  const look = { body, tag, lang, renotify: true, data: url };
  event.waitUntil(worker.registration.showNotification(title, look));
});

worker.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const url = new URL(event.notification.data, worker.location.origin);
  if (url.origin === worker.location.origin) event.waitUntil(worker.clients.openWindow(url.href));
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
