// What happens before a page can answer is held, and happens again once it can.

import assert from "node:assert/strict";
import { test } from "node:test";

import { holdEvents, listen } from "../../static/js/events.js";
import { openPage } from "./page.mjs";

test("what was done before there were handlers is done once there are", () => {
  openPage(`<button data-act="go"><i></i></button><button hx-post="/do">Do</button><p>Text</p>
    <input data-act="find" data-on="input"><form data-act="send" data-on="submit"></form>`);
  const said = [];
  const [go, post] = document.querySelectorAll("button"),
    input = document.querySelector("input"),
    form = document.querySelector("form");
  const held = holdEvents();
  document
    .querySelector("i")
    .dispatchEvent(new MouseEvent("click", { bubbles: true, ctrlKey: true }));
  document.querySelector("p").click();
  post.click();
  input.value = "web";
  input.dispatchEvent(new Event("input", { bubbles: true }));
  const sent = new Event("submit", { bubbles: true, cancelable: true });
  form.dispatchEvent(sent);
  assert.ok(sent.defaultPrevented, "the page is not left");
  post.addEventListener("click", () => said.push("post"));
  listen({
    go: (element, event) => said.push(["go", element === go, event.ctrlKey].join()),
    find: (element) => said.push(`find ${element.value}`),
    send: () => said.push("send"),
  });
  assert.deepEqual(said, []);
  held.release();
  assert.deepEqual(said, ["go,true,true", "post", "find web", "send"]);
  go.click();
  assert.equal(said.at(-1), "go,true,false");
});
