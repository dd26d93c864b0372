// Starts the script of a page once its words are on the screen: drawing a map takes the processor for a while.
const { start } = document.querySelector("script[data-start]").dataset;
if (document.hidden) import(start);
else requestAnimationFrame(() => setTimeout(() => import(start)));
