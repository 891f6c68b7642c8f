// The grid and its keys: nodes that stay, one cell that Tab reaches, what is selected and asked, with 0, 1 and 1,000 cells.

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { aBoard, after, anInstance, anOptOut, figuresOf } from "./boards.mjs";
import { targetOf } from "../../static/js/moves.js";
import { openPage, press } from "./page.mjs";

const GRID =
  '<div id="grid" role="grid"></div><input id="find"><dialog id="d"><button></button></dialog>';

let document, grid, view, Grid, listenKeys, Selecting;

beforeEach(async () => {
  document = openPage(GRID);
  ({ Grid } = await import("../../static/js/grid.js"));
  ({ listenKeys } = await import("../../static/js/keys.js"));
  ({ Selecting } = await import("../../static/js/selecting.js"));
  view = {
    group: "zone",
    by: "state",
    filter: { states: [], text: "", reason: "", only: "", ids: null },
    selected: new Set(),
    sort: { column: "state", falling: false },
    table: false,
    open: null,
  };
  grid = new Grid(document.getElementById("grid"), view);
});

const cells = () => [...document.querySelectorAll(".cell")];
const inZones = (...zones) => aBoard(zones.map((zone, id) => anInstance(id, { zone })));
const reachable = () => cells().filter((cell) => cell.getAttribute("tabindex") === "0");

test("a board without instances is a grid without groups, in which nothing moves", () => {
  grid.build(aBoard(0));
  assert.deepEqual([cells().length, grid.focused, grid.shown], [0, null, []]);
  assert.equal(targetOf("ArrowRight", grid), undefined);
  grid.reach("1");
  grid.count();
});

test("of one instance its cell is reached by Tab", () => {
  grid.build(aBoard(1));
  assert.deepEqual([cells().length, grid.focused], [1, "0"]);
  assert.equal(reachable().length, 1);
  assert.equal(targetOf("ArrowRight", grid), undefined);
});

test("a thousand cells are made once, stand in their groups, and one of them is reached by Tab", () => {
  const zones = Array.from({ length: 1000 }, (_, id) => String(1 + (id % 3)));
  grid.build(inZones(...zones));
  const before = cells();
  assert.equal(before.length, 1000);
  assert.deepEqual(
    grid.headings.map((heading) => heading.cells.children.length),
    [334, 333, 333],
  );
  assert.equal(reachable().length, 1);
  grid.build(inZones(...zones));
  assert.deepEqual(cells(), before);
});

test("a cell that comes into another group is the same node, and keeps the focus", () => {
  grid.build(inZones("1", "1", "2"));
  grid.rove("1");
  const moved = grid.cellOf("1");
  assert.equal(document.activeElement, moved);
  grid.build(inZones("1", "2", "2"));
  assert.equal(grid.cellOf("1"), moved);
  assert.equal(moved.closest(".group").dataset.key, "2");
  assert.equal(document.activeElement, moved);
});

test("an instance that is gone takes its cell with it, its selection, and the one that Tab reaches", () => {
  grid.build(inZones("1", "1", "1"));
  grid.rove("2");
  view.selected.add("2").add("0");
  grid.build(inZones("1", "1"));
  assert.deepEqual([cells().length, [...view.selected], grid.focused], [2, ["0"], "0"]);
  assert.equal(reachable().length, 1);
});

test("only what was touched is painted", () => {
  const board = aBoard(3);
  grid.build(board);
  const next = after(board, { board: figuresOf({ unhealthy: "1", done: "0,2" }) });
  grid.paint(next, next.touched);
  assert.deepEqual(
    cells().map((cell) => cell.dataset.state),
    ["done", "unhealthy", "done"],
  );
  assert.deepEqual([...next.touched], [1]);
});

test("a cell says who it is, how it is, and that it is opted out", () => {
  const out = anInstance(0, { opt_out: anOptOut(), zone: "2" });
  grid.build(aBoard([out], { figures: figuresOf({ unhealthy: "0" }) }));
  const [cell] = cells();
  assert.equal(cell.getAttribute("aria-label"), "web_0, unhealthy, opted out, zone 2");
  assert.deepEqual([...cell.classList], ["cell", "locked"]);
});

test("what the filter hides is dim, and not among those that are shown", () => {
  view.filter.text = "web_1";
  grid.build(aBoard(3));
  assert.deepEqual(grid.shown, ["1"]);
  assert.deepEqual(
    cells().map((cell) => cell.classList.contains("dim")),
    [true, false, true],
  );
});

test("a cell that was asked is busy until the feed answers, or for ten seconds", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const board = aBoard(2);
    grid.build(board);
    const over = mock.fn();
    grid.ask(["1"], over);
    grid.paint(board, [0, 1]);
    assert.deepEqual(
      cells().map((cell) => cell.getAttribute("aria-busy")),
      [null, "true"],
    );
    mock.timers.tick(10_000);
    assert.equal(over.mock.callCount(), 1);
    grid.paint(board, [1]);
    assert.equal(cells()[1].getAttribute("aria-busy"), null);
  } finally {
    mock.timers.reset();
  }
});

test("an element within a cell is of its instance, one elsewhere of none", () => {
  grid.build(aBoard(2));
  assert.equal(grid.idOf(cells()[1]), "1");
  assert.equal(grid.idOf(document.body), undefined);
  assert.equal(grid.idOf(null), undefined);
});

// --- keys ---

function aKeyboard() {
  const heard = [];
  const hear = (name) => (id) => heard.push(id === undefined ? name : `${name} ${id}`);
  const names = [
    "details",
    "select",
    "extend",
    "optOut",
    "selectAll",
    "table",
    "filter",
    "sheet",
    "escape",
  ];
  const acts = Object.fromEntries(names.map((name) => [name, hear(name)]));
  listenKeys(grid, acts, (digits) => (digits === "12" ? "2" : digits === "1" ? "1" : undefined));
  return heard;
}

test("arrows move the focus, and stop at the edges", () => {
  aKeyboard();
  grid.build(inZones("1", "1", "2"));
  grid.rove("0");
  for (const key of ["ArrowLeft", "ArrowRight", "ArrowRight", "ArrowRight"])
    press(document.activeElement, key);
  assert.equal(grid.focused, "2");
  press(document.activeElement, "PageUp");
  assert.equal(grid.focused, "0");
});

test("letters act on the instance that has the focus", () => {
  const heard = aKeyboard();
  grid.build(aBoard(2));
  grid.rove("1");
  const [, cell] = cells();
  for (const key of ["Enter", " ", "o", "a"]) assert.equal(press(cell, key), false, "kept");
  press(cell, " ", { shiftKey: true });
  assert.deepEqual(heard, ["details 1", "select 1", "optOut 1", "selectAll", "extend 1"]);
});

test("where there is no instance no letter acts on one", () => {
  const heard = aKeyboard();
  grid.build(aBoard(0));
  for (const key of ["Enter", " ", "o", "ArrowRight"]) press(grid.root, key);
  assert.deepEqual(heard, []);
});

test("digits go to the instance with this number", () => {
  aKeyboard();
  grid.build(aBoard(3));
  grid.rove("0");
  press(document.activeElement, "1");
  assert.equal(grid.focused, "1");
  press(document.activeElement, "2");
  assert.equal(grid.focused, "2");
});

test("keys are the browser's in a field, in a dialog, and with Ctrl", () => {
  const heard = aKeyboard();
  grid.build(aBoard(1));
  assert.ok(press(document.getElementById("find"), "a"));
  assert.ok(press(document.querySelector("dialog button"), "o"));
  assert.ok(press(cells()[0], "a", { ctrlKey: true }));
  press(document.getElementById("find"), "Escape");
  assert.deepEqual(heard, ["escape"]);
});

test("keys of the page act anywhere, unless a person keeps them to the instances", () => {
  const heard = aKeyboard();
  grid.build(aBoard(1));
  press(document.body, "t");
  localStorage.setItem("rollgrid-keys", "grid");
  press(document.body, "t");
  press(cells()[0], "/");
  assert.deepEqual(heard, ["table", "filter"]);
});

// --- the mouse ---

const pointer = (element, type, how = {}) => {
  const event = new MouseEvent(type, { bubbles: true, buttons: 1, ...how });
  element.dispatchEvent(event);
};

test("a drag from one cell to another selects all between, and its click opens nothing", () => {
  grid.build(aBoard(5));
  const selecting = new Selecting(
    view.selected,
    () => grid.shown,
    () => {},
  );
  selecting.listen(grid.root, (element) => grid.idOf(element));
  pointer(cells()[1], "pointerdown");
  pointer(cells()[3], "pointerover");
  pointer(cells()[3], "pointerup");
  assert.deepEqual([...view.selected], ["1", "2", "3"]);
  assert.equal(selecting.click("3", {}), true);
  assert.equal(selecting.click("3", {}), false, "the next click opens it");
});

test("a drag that ends where it began selects nothing", () => {
  grid.build(aBoard(2));
  const selecting = new Selecting(
    view.selected,
    () => grid.shown,
    () => {},
  );
  selecting.listen(grid.root, (element) => grid.idOf(element));
  pointer(cells()[1], "pointerdown");
  pointer(cells()[1], "pointerover");
  pointer(cells()[1], "pointerup");
  assert.equal(view.selected.size, 0);
});

test("of a thousand all are selected, and none is when that is taken back", () => {
  grid.build(aBoard(1000));
  const changed = mock.fn();
  const selecting = new Selecting(view.selected, () => grid.shown, changed);
  selecting.all(grid.shown);
  assert.equal(view.selected.size, 1000);
  selecting.clear();
  assert.equal(view.selected.size, 0);
  assert.equal(changed.mock.calls[1].arguments[0].length, 1000);
});
