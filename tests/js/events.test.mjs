// What happens before a page can answer is held, and happens again once it can.

import assert from "node:assert/strict";
import { test } from "node:test";

import { holdEvents, listen } from "../../static/js/events.js";
import { isOwnKey } from "../../static/js/own-keys.js";
import { openPage, press } from "./page.mjs";

test("what was done before there were handlers is done once there are", () => {
  openPage(`<button data-act="go"><i></i></button><button hx-post="/do">Do</button><p>Text</p>
    <input data-act="find" data-on="input"><form data-act="send" data-on="submit"></form>`);
  const said = [];
  const [go, post] = document.querySelectorAll("button"),
    input = document.querySelector("input"),
    form = document.querySelector("form");
  const held = holdEvents(isOwnKey);
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

test("the page's own keys are held too, and no other key", () => {
  openPage('<div id="grid"><b></b></div><input>');
  const cell = document.querySelector("b"),
    field = document.querySelector("input");
  const heard = [];
  const held = holdEvents(isOwnKey);
  const all = () => {
    press(document.body, "?");
    press(cell, " ");
    for (const key of ["F5", "Tab", "PageDown"]) press(document.body, key);
    press(field, "t");
    press(cell, "a", { ctrlKey: true });
  };
  all();
  document.addEventListener("keydown", (event) => heard.push(event.key));
  held.release();
  assert.deepEqual(heard, ["?", " "]);
  heard.length = 0;
  all();
  assert.deepEqual(heard, ["?", " ", "F5", "Tab", "PageDown", "t", "a"], "held no longer");
});
