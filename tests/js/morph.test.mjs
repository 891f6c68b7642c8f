// Turning what stands in a page into what markup says: what is the same stays the same node.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { morph } from "../../static/js/morph.js";
import { openPage } from "./page.mjs";

let document, place;

beforeEach(() => {
  document = openPage('<main id="place"></main>');
  place = document.getElementById("place");
});

function become(markup) {
  const wanted = document.createElement("template");
  wanted.innerHTML = markup;
  morph(place, wanted.content);
  assert.equal(place.innerHTML, markup);
}

test("the same markup leaves every node as it is", () => {
  become('<p class="a">one<b>two</b></p><!--note--><ul><li>1</li></ul>');
  const before = [...place.querySelectorAll("*")];
  become('<p class="a">one<b>two</b></p><!--note--><ul><li>1</li></ul>');
  assert.deepEqual([...place.querySelectorAll("*")], before);
});

test("texts and attributes change in place, attributes that are gone are taken away", () => {
  become('<p class="a" title="x">one</p>');
  const [paragraph] = place.children;
  const [text] = paragraph.childNodes;
  become('<p class="b" lang="en">two</p>');
  assert.equal(place.children[0], paragraph);
  assert.equal(paragraph.childNodes[0], text);
});

test("a style is the script's own and survives", () => {
  become('<i data-vars="share:40%"></i>');
  place.children[0].style.setProperty("--share", "40%");
  const wanted = document.createElement("template");
  wanted.innerHTML = '<i data-vars="share:50%"></i>';
  morph(place, wanted.content);
  assert.equal(place.children[0].style.getPropertyValue("--share"), "40%");
});

test("a list grows and shrinks at its end", () => {
  become("<li>1</li>");
  const [first] = place.children;
  become("<li>1</li><li>2</li><li>3</li>");
  assert.equal(place.children[0], first);
  become("<li>1</li>");
  assert.equal(place.children[0], first);
  become("");
});

test("what has the focus keeps it while its neighbours change", () => {
  become('<input><p class="a">1</p>');
  place.querySelector("input").focus();
  become('<input><p class="b">2</p><p>3</p>');
  assert.equal(document.activeElement, place.querySelector("input"));
});

test("a node of another kind is another node", () => {
  become("<p>1</p>");
  const [before] = place.children;
  become("<b>1</b>");
  assert.notEqual(place.children[0], before);
  become("text");
  become("<b>1</b>");
});

test("a button that does something else is another one; one that says something else is the same", () => {
  become('<button data-act="do" data-key="pause">Pause</button>');
  const [button] = place.children;
  become('<button data-act="do" data-key="pause" class="main">Pause it</button>');
  assert.equal(place.children[0], button);
  become('<button data-act="do" data-key="resume" class="main">Resume</button>');
  const [other] = place.children;
  assert.notEqual(other, button);
  become('<button data-act="open" data-key="resume">Resume</button>');
  assert.notEqual(place.children[0], other);
});

test("what is kept for the same instance keeps the children that came later, for another one it does not", () => {
  become('<div data-keep="1"><p>Loading.</p></div>');
  place.children[0].innerHTML = "<p>its history</p>";
  const wanted = document.createElement("template");
  wanted.innerHTML = '<div data-keep="1"><p>Loading.</p></div>';
  morph(place, wanted.content);
  assert.equal(place.textContent, "its history");
  become('<div data-keep="2"><p>Loading.</p></div>');
});
