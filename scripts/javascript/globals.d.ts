// What browsers, libraries and pages define, as far as static/js uses it.

// Libraries in static/vendor.
declare module "maplibre-gl";
declare module "pmtiles";
declare module "terra-draw";
declare module "terra-draw-maplibre-gl-adapter";
declare module "uplot";
declare var Plotly: LibraryObject;
// Of Dash.
declare var DashRenderer: LibraryObject;
declare var dash_clientside: LibraryObject;
type LibraryObject = any; // a map, a chart or a popup of a library, whose own documents describe it

// A page's elements: which exist, and of which kind, is decided by its template, and held by the tests in a browser.
type AnyElement = HTMLInputElement & HTMLFormElement & HTMLDetailsElement & HTMLTimeElement;
type PageElement = Omit<AnyElement, "elements" | "dataset" | "type"> &
  HTMLFormElement & { dataset: { [name: string]: string }; elements: any; type: string };
interface ParentNode {
  querySelector(selectors: string): PageElement;
  querySelectorAll(selectors: string): NodeListOf<PageElement>;
}
interface Element {
  closest(selectors: string): PageElement;
}
interface Document {
  getElementById(id: string): PageElement;
}
interface Navigator {
  standalone?: boolean; // Safari's, of a page on the home screen
}

// The scope of notifications/push/worker.js, of whose library TypeScript allows none beside that of pages.
interface ServiceWorkerScope {
  addEventListener(type: "push" | "notificationclick", listener: (event: PushOrClick) => void): void;
  addEventListener(type: "fetch", listener: (event: Fetched) => void): void;
  addEventListener(type: "install", listener: () => void): void;
  skipWaiting(): Promise<void>;
  clients: { openWindow(url: string): Promise<unknown> };
  location: Location;
  registration: ServiceWorkerRegistration;
}
interface Fetched {
  request: Request;
  respondWith(answer: Promise<Response>): void;
}
interface PushOrClick {
  data: { json(): { title: string; body: string; url: string; tag: string; lang: string; take?: string } };
  action: string;
  notification: Notification;
  waitUntil(done: Promise<unknown>): void;
}
