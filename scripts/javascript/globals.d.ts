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
