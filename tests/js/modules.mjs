// Loaded before the tests: says that our .js files are modules, which a browser hears from its script element.

import { register } from "node:module";

const hook = `export async function load(url, context, next) {
  return next(url, url.includes("/static/js/") ? { ...context, format: "module" } : context);
}`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
