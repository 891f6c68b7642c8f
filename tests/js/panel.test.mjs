// What the panel tells of one instance is what the feed has: disks, extensions, its part in the upgrade.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import { aBoard, aMember, anInstance, anOptOut, AT, NEW } from "./boards.mjs";
import { openPage } from "./page.mjs";

const NOW = Date.parse(AT) + 60_000;

let document, factsOf, actionsOf;

before(async () => {
  document = openPage('<p id="place"></p>');
  document.body.dataset.may = "opt_out opt_in steer";
  ({ factsOf } = await import("../../static/js/panel-facts.js"));
  ({ actionsOf } = await import("../../static/js/panel-actions.js"));
});

/** {heading: {name: value}} of an instance with these changes. */
function told(changes, set = {}) {
  const board = aBoard([anInstance(7, changes)], set);
  const place = document.createElement("div");
  place.innerHTML = factsOf(board.instances[0], board, NOW).join("");
  const sections = [...place.querySelectorAll("section")].map((section) => {
    const terms = [...section.querySelectorAll("dt")].map((term) => term.textContent);
    const values = [...section.querySelectorAll("dd")].map((value) => value.textContent);
    return [
      section.querySelector("h3").textContent,
      Object.fromEntries(terms.map((term, i) => [term, values[i]])),
    ];
  });
  return Object.fromEntries(sections);
}

const buttons = (changes) => {
  const board = aBoard([anInstance(7, changes)]);
  const place = document.createElement("div");
  place.innerHTML = String(actionsOf(board.instances[0], board));
  return [...place.querySelectorAll("button")].map(({ dataset, textContent }) => [
    dataset.act,
    dataset.key,
    textContent,
  ]);
};

test("data disks are told with what becomes of them", () => {
  const data_disks = [{ lun: 0, id: "disk 0", marker: "m" }];
  assert.deepEqual(told({ data_disks }).Disks, { "OS disk": "disk 7", "Data disk 0": "kept" });
  const policy = { max_surge: true, words: [] };
  assert.equal(told({ data_disks }, { policy }).Disks["Data disk 0"], "goes with the instance");
});

test("an extension that failed says why", () => {
  const extensions = [
    { name: "agent", state: "succeeded", message: "", version: "1.2" },
    { name: "probe", state: "failed", message: "exit code 3", version: "" },
  ];
  assert.deepEqual(told({ extensions }).Extensions, {
    agent: "1.2, succeeded",
    probe: "failed, exit code 3",
  });
});

test("what says nothing of an instance is left out", () =>
  assert.deepEqual(Object.keys(told({})), ["Placement", "Health", "Disks"]));

test("its part in the latest upgrade: how it went, what was done, how long that took", () => {
  const member = aMember(1, "rolled_back", {
    swapped_at: AT,
    ended_at: new Date(NOW).toISOString(),
    error_code: "HealthTimeout",
  });
  const part = told({ member })["Latest upgrade"];
  assert.deepEqual(
    [part.Result, part.Ended, part.Error],
    ["failed, rolled back", "1 m 0 s after its OS disk was replaced", "HealthTimeout"],
  );
});

test("who is opted out until an upgrade, until a day, or for ever", () => {
  const end = (changes) => told({ opt_out: { ...anOptOut(), ...changes } })["Opted out"].Until;
  assert.equal(end({ scope: "upgrade" }), "An upgrade to this version is complete");
  assert.equal(end({}), "No end");
  assert.match(end({ until: AT }), /2018-09-25/);
});

test("each moment has its own buttons", () => {
  assert.deepEqual(buttons({}), [["opt-out-one", "7", "Opt out…"]]);
  assert.deepEqual(buttons({ opt_out: anOptOut() }), [["do", "opt_in", "Opt in again"]]);
  assert.deepEqual(buttons({ opt_out: { ...anOptOut(), ending_by: "ada" } }), [
    ["do", "undo_opt_in", "Keep opted out"],
  ]);
  assert.deepEqual(buttons({ quarantined_at: AT, failed_version: NEW }).at(-1), [
    "do",
    "release",
    "Release",
  ]);
});
