// Elements without innerHTML: text from the server stays text.

/** element("p", {class: "soft"}, "text", child, null): an element; null and false children are left out. */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** The value of a CSS custom property of the page: colours live in variables.css only. */
export function css(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Call back now and whenever light or dark mode changes. Returns a function that ends it. */
export function onTheme(callback) {
  const query = matchMedia("(prefers-color-scheme: dark)");
  callback();
  query.addEventListener("change", callback);
  return () => query.removeEventListener("change", callback);
}

/** Lets the browser answer and draw between two pieces of long work. */
export const pause = () => new Promise((resolve) => setTimeout(resolve));

/** Loads a classic script; scripts asked for together run in this order. Resolves when it has run. */
export function loadScript(src) {
  return new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement("script"), { src, async: false });
    script.addEventListener("load", resolve);
    script.addEventListener("error", () => reject(new Error(`${src} cannot be loaded`)));
    document.head.append(script);
  });
}

export const jsonOf = (id) => JSON.parse(document.getElementById(id)?.textContent ?? "null");
