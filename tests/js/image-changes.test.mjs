// What changes in an image: each package on request, whatever an image calls its packages.

import assert from "node:assert/strict";
import { test } from "node:test";

import { openPage } from "./page.mjs";

openPage("");
const { changesOf } = await import("../../static/js/image-changes.js");
const SAYS = { text: "2 packages change.", template: "2 packages change.", key: "", params: {} };

/** The elements that are shown. */
function shown(packages, more = 0) {
  document.body.innerHTML = String(changesOf({ says: SAYS, packages, more }));
  return document.body;
}

test("without packages there is only the sentence", () => {
  const body = shown([]);
  assert.equal(body.querySelector("details"), null);
  assert.equal(body.textContent.trim(), SAYS.text);
});

test("packages are rows of name, before and after", () => {
  const body = shown(
    [
      ["bash", "5.2", "5.3"],
      ["nano", "", "7.2"],
    ],
    3,
  );
  const rows = [...body.querySelectorAll("tbody tr")].map((row) =>
    [...row.children].map((cell) => cell.textContent),
  );
  assert.deepEqual(rows, [
    ["bash", "5.2", "5.3"],
    ["nano", "–", "7.2"],
  ]);
  assert.match(body.textContent, /And 3 more/);
});

test("names of packages are text", () => {
  const body = shown([["<img src=x onerror=alert(1)>", "1", "2"]]);
  assert.equal(body.querySelector("img"), null);
  assert.match(body.textContent, /<img src=x/);
});
