// The components of sheets, under the names by which Dash looks them up; they do no more than the workbench needs.
import { endChart, showChart } from "gmm/desk-charts";

const TAGS = "A Caption Code Details H2 P Section Strong Summary Table Tbody Td Th Thead Tr".split(" ");
const make = (...parts) => window.React.createElement(...parts); // Dash loads React after this module

/** Returns the component of an HTML element. It leaves out `setProps`, because such elements report nothing to Dash. */
const plain = (tag) =>
  function Plain({ setProps: _unused, children, ...attributes }) {
    return make(tag, attributes, children);
  };

/** A box, marked while a callback fills it. The last box to be filled removes the server's copy of the sheet. */
function Div({ setProps: _unused, children, ...attributes }) {
  const isLoading = window.dash_component_api.useDashContext().useLoading();
  const { id } = attributes;
  window.React.useLayoutEffect(() => {
    const isLast = id === "chosen" || (id === "sheet" && !document.getElementById("chosen"));
    if (isLast && children?.length) document.querySelector(".desk-first")?.remove();
  }, [children]);
  return make("div", { ...attributes, "data-dash-is-loading": isLoading || undefined }, children);
}

/** Reports the page's address to Dash, at first and after each change. */
function Location({ setProps }) {
  window.React.useEffect(() => {
    const report = () => setProps({ search: location.search });
    const changes = ["popstate", "desk-address"];
    for (const name of changes) addEventListener(name, report);
    report();
    return () => changes.forEach((name) => removeEventListener(name, report));
  }, []);
  return null;
}

/** Data for callbacks, which Dash keeps: nothing to show. */
const Store = () => null;

function Checklist({ id, className, options, value, setProps }) {
  const boxes = options.map(({ value: one, label }) => {
    const onChange = ({ target }) =>
      setProps({ value: target.checked ? [...value, one] : value.filter((other) => other !== one) });
    return make(
      "label",
      { key: one },
      make("input", { type: "checkbox", checked: value.includes(one), onChange }),
      make("span", {}, label),
    );
  });
  return make("div", { id, className }, boxes);
}

function Graph({ id, figure, config, style }) {
  const box = window.React.useRef(null);
  window.React.useEffect(() => showChart(box.current, figure, config), [figure]);
  window.React.useEffect(() => {
    const { current } = box;
    return () => endChart(current);
  }, []);
  return make("div", { id, style }, make("div", { ref: box, className: "desk-figure" }));
}

export const components = {
  ...Object.fromEntries(TAGS.map((name) => [name, plain(name.toLowerCase())])),
  ...{ Checklist, Div, Graph, Location, Store },
};
