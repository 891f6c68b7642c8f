// Markup, finding elements, painting without losing the focus, one listener, a paint no more often than asked.

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { $, $$, field, find, html, painter, show, turn, word } from "../../static/js/dom.js";
import { elementOf, keepFreshOff, listen } from "../../static/js/events.js";
import { click, openPage } from "./page.mjs";

let document;

beforeEach(() => {
  document = openPage('<main id="place"></main>');
});

test("values are escaped, markup is not, lists are joined, nothing is nothing", () => {
  const name = `<i>&"'`;
  assert.equal(
    String(html`<b title="${name}">${html`<u>${name}</u>`}</b>`),
    '<b title="&lt;i&gt;&amp;&quot;&#39;"><u>&lt;i&gt;&amp;&quot;&#39;</u></b>',
  );
  assert.equal(String(html`${[1, 2].map((n) => html`<li>${n}</li>`)}`), "<li>1</li><li>2</li>");
  assert.equal(String(html`${["<", "b"]}${null}${undefined}${""}`), "&lt;b");
  assert.equal(String(html`<b aria-checked="${false}">${0}</b>`), '<b aria-checked="false">0</b>');
});

test("what a page must have is named where it is missing; what it may have is null", () => {
  assert.equal($("#place").id, "place");
  assert.throws(() => $("#nowhere"), /no element that fits #nowhere/);
  assert.equal(find("#nowhere"), null);
  assert.deepEqual($$("li"), []);
});

test("a list in which each has a key keeps its nodes when it is painted again, and only where it differs", () => {
  const list = (...keys) =>
    html`${keys.map((key) => html`<button data-key="${key}">${key}</button>`)}`;
  assert.equal(show($("#place"), list("a", "b", "c")), true);
  const before = $$("button");
  assert.equal(show($("#place"), list("a", "b", "c")), false);
  assert.equal(show($("#place"), list("a", "b", "c", "d")), true);
  assert.deepEqual($$("button").slice(0, 3), before);
});

test("what has the focus keeps it where it stands elsewhere afterwards", () => {
  const list = (...keys) =>
    html`${keys.map((key) => html`<button data-key="${key}">${key}</button>`)}`;
  show($("#place"), list("a", "b", "c"));
  $('[data-key="c"]').focus();
  show($("#place"), list("c", "a", "b"));
  assert.equal(document.activeElement.dataset.key, "c");
  show($("#place"), list("new", "c"));
  assert.equal(document.activeElement.dataset.key, "c");
});

test("where what had the focus is gone, nothing else takes it", () => {
  show($("#place"), html`<button data-key="a" data-act="x">a</button>`);
  $("button").focus();
  show($("#place"), html`<button data-key="b" data-act="x">b</button>`);
  assert.equal(document.activeElement, document.body);
});

test("data-vars become custom properties", () => {
  show($("#place"), html`<i data-vars="share:40%;size:3"></i>`);
  assert.equal($("i").style.getPropertyValue("--share"), "40%");
  assert.equal($("i").style.getPropertyValue("--size"), "3");
});

test("a control that is off says why, and is on again without a reason", () => {
  show($("#place"), html`<button id="pause"></button><span id="why-pause"></span>`);
  turn($("#pause"), "No upgrade is running.");
  assert.equal($("#pause").getAttribute("aria-disabled"), "true");
  assert.equal($("#pause").getAttribute("aria-describedby"), "why-pause");
  assert.equal($("#why-pause").textContent, "No upgrade is running.");
  turn($("#pause"), "");
  assert.equal($("#pause").getAttribute("aria-disabled"), "false");
  assert.equal($("#pause").hasAttribute("aria-describedby"), false);
});

test("a state has its mark and its word", () => {
  const markup = String(word({ fill: "done", glyph: "done", word: "Up to date" }));
  assert.match(markup, /data-fill="done".*#g-done.*Up to date/);
});

test("an input of a form is found by its name", () => {
  show($("#place"), html`<form><input name="ids" value="1,2"></form>`);
  assert.equal(field($("form"), "ids").value, "1,2");
});

test("one listener hands each event to the act that its element names", () => {
  const heard = [];
  listen({
    open: (element) => heard.push(`open ${element.dataset.key}`),
    find: (element, event) => heard.push(`${event.type} ${element.value}`),
    send: (_, event) => heard.push(`${event.type} ${event.defaultPrevented}`),
  });
  show(
    $("#place"),
    html`<button data-act="open" data-key="7"><b>7</b></button><input data-act="find" data-on="input" value="web">
    <form data-act="send" data-on="submit"></form><button data-act="nobody"></button>`,
  );
  click($("b"));
  click($("input"));
  $("input").dispatchEvent(new Event("input", { bubbles: true }));
  $("form").dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
  click($('[data-act="nobody"]'));
  assert.deepEqual(heard, ["open 7", "input web", "submit true"]);
});

test("an event of the document is of no element", () => {
  let seen;
  document.addEventListener("visibilitychange", (event) => {
    seen = elementOf(event);
  });
  document.dispatchEvent(new Event("visibilitychange"));
  assert.equal(seen, null);
});

test("what has just appeared takes no click", () => {
  keepFreshOff();
  const heard = [];
  listen({ do: (element) => heard.push(element.dataset.key) });
  show(
    $("#place"),
    html`<button class="button" data-act="do" data-key="fresh"></button><button class="button" data-act="do" data-key="old"></button>`,
  );
  $('[data-key="fresh"]').style.pointerEvents = "none";
  for (const button of $$("button")) click(button);
  assert.deepEqual(heard, ["old"]);
});

test("a paint that is asked for often happens once in its pause, and never unasked", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  let now = 10_000,
    paints = 0;
  mock.method(performance, "now", () => now);
  const passes = (ms) => {
    now += ms;
    mock.timers.tick(ms);
    mock.timers.tick(1);
  };
  try {
    const ask = painter(() => {
      paints += 1;
    }, 100);
    passes(500);
    assert.equal(paints, 0);
    for (let i = 0; i < 50; i++) ask();
    passes(1);
    assert.equal(paints, 1);
    ask();
    passes(50);
    assert.equal(paints, 1, "the pause is not over");
    passes(60);
    assert.equal(paints, 2);
    passes(1000);
    assert.equal(paints, 2);
  } finally {
    mock.timers.reset();
    mock.restoreAll();
  }
});
