// Run by node. Arguments: the folder of packages, flags of Chromium and addresses as JSON. Writes what is not perfect.
import { pathToFileURL } from "node:url";

const [packages, flags, addresses] = process.argv.slice(2).map((text, at) => (at ? JSON.parse(text) : text));
const load = (file) => import(pathToFileURL(`${packages}/${file}`).href);
const { default: lighthouse } = await load("lighthouse/core/index.js");
const { launch } = await load("chrome-launcher/dist/index.js");
const chrome = await launch({ chromeFlags: ["--headless=new", ...flags] });
const faults = [];
try {
  for (const address of addresses) {
    const { lhr } = await lighthouse(address, {
      port: chrome.port,
      onlyCategories: ["accessibility", "best-practices", "seo"],
      throttlingMethod: "simulate", // Every other method waits for five quiet seconds several times.
      disableFullPageScreenshot: true,
      disableStorageReset: true,
      logLevel: "error",
    });
    if (lhr.runtimeError) faults.push([address, lhr.runtimeError.message]);
    for (const category of Object.values(lhr.categories)) {
      for (const { id, weight } of category.auditRefs) {
        const { score, details } = lhr.audits[id];
        if (weight && score !== null && score < 1) {
          const places = (details?.items ?? []).map((item) => item.node?.snippet ?? item.description ?? item.reason);
          faults.push([address, category.id, category.score, id, places.slice(0, 8)]);
        }
      }
    }
  }
} finally {
  chrome.kill();
}
process.stdout.write(JSON.stringify(faults));
