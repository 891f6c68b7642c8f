// What a viewer chose stands in the address: a reload, a link and the back button show the same.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { openPage } from "./page.mjs";

const PAGE = "http://rollgrid.example/scale-sets/fleet/web/";

let viewer;

beforeEach(async () => {
  openPage("", PAGE);
  viewer = await import("../../static/js/viewer.js");
  viewer.recall(PAGE);
});

/** As the view is when somebody opens this address. */
function seenAt(address) {
  viewer.recall(String(address));
  const { filter, selected, ...others } = viewer.view;
  const { ids, ...more } = filter;
  return { ...others, ...more, ids: ids && [...ids], selected: [...selected] };
}

test("what is usual leaves the address as it is", () =>
  assert.equal(viewer.addressOf(PAGE).href, PAGE));

test("every choice comes back from the address that it makes", () => {
  const choices = [
    "?group=zone",
    "?by=health&health=unhealthy&health=unknown",
    "?state=failed&state=opted-out",
    "?q=zone+2",
    "?q=a%26b%3Dc+%23%3F",
    "?reason=opt-out.7",
    "?only=0-3%2C7",
    "?selected=1%2C4-6",
    "?table=1",
    "?open=12",
    "?group=version&by=health&q=web&selected=0&table=1&open=0&health=healthy",
  ];
  for (const choice of choices) {
    const seen = seenAt(PAGE + choice);
    const address = viewer.addressOf(PAGE);
    assert.equal(address.href, PAGE + choice);
    assert.deepEqual(seenAt(address), seen, choice);
  }
});

test("what an address must not say is as if it said nothing", () => {
  const usual = seenAt(PAGE);
  for (const query of [
    "?group=planet",
    "?by=mood",
    "?state=__proto__",
    "?selected=x,-1",
    "?health=healthy",
  ])
    assert.deepEqual(seenAt(PAGE + query), usual, query);
});

test("what is not the page's own stays in the address", () =>
  assert.equal(viewer.addressOf(`${PAGE}?theme=dark&table=1#top`).href, `${PAGE}?theme=dark#top`));

test("a choice is a step that the back button takes back; what is typed is none", () => {
  const steps = history.length;
  viewer.view.table = true;
  viewer.remember();
  assert.deepEqual([location.search, history.length], ["?table=1", steps + 1]);
  viewer.view.filter.text = "web";
  viewer.remember({ step: false });
  assert.deepEqual([location.search, history.length], ["?q=web&table=1", steps + 1]);
  viewer.remember();
  assert.equal(history.length, steps + 1, "the same again is no step");
});

test("the set of what is selected stays the same one, for the grid holds it too", () => {
  const { selected } = viewer.view;
  viewer.recall(`${PAGE}?selected=3`);
  assert.equal(viewer.view.selected, selected);
  assert.deepEqual([...selected], ["3"]);
});
