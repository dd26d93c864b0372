// Where the data of a page come from: the service, or the files that a site has published (manage.py publish).

/** What reads the files; null on a page of the service. */
export const published = document.body.dataset.published ? await import("gmm/published") : null;

/** As fetch: answers from files where there is no service. */
export const ask = published?.ask ?? ((...request) => fetch(...request));
