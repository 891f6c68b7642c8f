// What a page knows of a scale set, and how deltas change it: the board of the feed says what everything is.

import assert from "node:assert/strict";
import { test } from "node:test";

import { FILLS, HEALTH, STATES, WORST_FIRST } from "../../static/js/faces.js";
import { idsIn, sizeOf } from "../../static/js/ranges.js";
import { emptyBoard, isReady } from "../../static/js/board.js";
import { applyDelta, follows } from "../../static/js/state.js";
import {
  aBatch,
  aBoard,
  aCurrent,
  aDelta,
  after,
  aMember,
  anInstance,
  anOptOut,
  anUpgrade,
  aPlan,
  aRecord,
  AT,
  figuresOf,
  NEW,
  OLD,
  statesOf,
} from "./boards.mjs";

test("an upgrade that ended is said to be over with the numbers of the look after it, not beside those of before", () => {
  const figures = figuresOf({ done: "0-8", verifying: "9" }, { batch: aCurrent() });
  const running = aBoard(10, { upgrade: anUpgrade(), figures });
  const ended = after(running, {
    upgrade: anUpgrade({ ended_at: AT, status: "Completed", record: aRecord([]) }),
  });
  assert.equal(ended.upgrade.status, "RollingForward");
  const looked = after(ended, { board: figuresOf({ done: "0-9" }) });
  assert.equal(looked.upgrade.status, "Completed");
  const begun = after(looked, { upgrade: anUpgrade({ id: "u2" }) });
  assert.equal(
    begun.upgrade.id,
    "u1",
    "nor is one that has just begun running beside what was so before",
  );
  assert.equal(after(begun, { board: figures }).upgrade.id, "u2");
});

test("ranges of ids", () => {
  assert.deepEqual([idsIn("1-3,7"), idsIn("0"), idsIn("")], [["1", "2", "3", "7"], ["0"], []]);
  assert.deepEqual([sizeOf("1-3,7"), sizeOf("")], [4, 0]);
});

test("every state has one of the six fills, and a place among the worst", () => {
  for (const { fill } of [...Object.values(STATES), ...Object.values(HEALTH)])
    assert.ok(FILLS.includes(fill));
  assert.deepEqual([...WORST_FIRST].sort(), Object.keys(STATES).sort());
});

test("what somebody holds back is painted as waiting, not as ill", () =>
  assert.equal(STATES.held.fill, "waiting"));

test("an instance is in the state that the board says, whatever its version, health and opt-out are", () => {
  const list = [
    anInstance(0, { version: OLD, health: "unhealthy", opt_out: anOptOut() }),
    anInstance(1, { failed_version: NEW, power: "stopped" }),
  ];
  const board = aBoard(list, {
    latest_version: NEW,
    figures: figuresOf({ done: "0", pending: "1" }),
  });
  assert.deepEqual(statesOf(board), ["done", "pending"]);
});

test("whom no board has named yet was not looked at", () => {
  assert.deepEqual(statesOf(aBoard(2, { figures: null })), ["unseen", "unseen"]);
  assert.deepEqual(statesOf(after(aBoard(1), { instances: [anInstance(1)] })), ["done", "unseen"]);
});

test("a delta replaces instances by their ids and touches nothing else", () => {
  const before = aBoard(3);
  const board = after(before, { instances: [anInstance(1, { health: "unhealthy" })] });
  assert.deepEqual(
    board.instances.map((one) => one.health),
    ["healthy", "unhealthy", "healthy"],
  );
  assert.deepEqual([...board.touched], [1]);
  assert.equal(board.rebuilt, false);
  assert.equal(board.instances[0], before.instances[0]);
  assert.equal(before.instances[1].health, "healthy", "the board before is as it was");
});

test("another board touches those of whom it says something else", () => {
  const before = aBoard(4),
    board = after(before, { board: figuresOf({ done: "0,3", pending: "1-2" }) });
  assert.deepEqual(
    [statesOf(board), [...board.touched]],
    [
      ["done", "pending", "pending", "done"],
      [1, 2],
    ],
  );
  assert.equal(board.instances[0], before.instances[0]);
  assert.deepEqual(
    statesOf(after(board, { scale_set: board.scale_set })),
    statesOf(board),
    "absent: unchanged",
  );
});

test("a newer image alone changes no state: the look says what it means, with its decision", () => {
  const before = aBoard(3);
  assert.deepEqual(
    statesOf(
      after(before, {
        scale_set: { ...before.scale_set, latest_version: NEW, wanted_version: NEW },
      }),
    ),
    ["done", "done", "done"],
  );
});

test("instances come and go, and stay in the order of their numbers", () => {
  const board = after(aBoard(3), {
    removed: ["0", "2"],
    instances: [anInstance(10), anInstance(4)],
  });
  assert.deepEqual(
    board.instances.map((one) => one.id),
    ["1", "4", "10"],
  );
  assert.deepEqual(
    [...board.places],
    [
      ["1", 0],
      ["4", 1],
      ["10", 2],
    ],
  );
  assert.equal(board.rebuilt, true);
});

test("one that is removed and made anew in the same delta is there", () => {
  const board = after(aBoard(2), { removed: ["1"], instances: [anInstance(1, { version: NEW })] });
  assert.deepEqual(
    board.instances.map((one) => one.version),
    [OLD, NEW],
  );
});

test("batches are those of the board while it runs, and those of the record when it is over", () => {
  const figures = figuresOf(
    { done: "0", upgrading: "1", pending: "2" },
    {
      batches: [aBatch(1, { succeeded: "0" }), aBatch(2, { upgrading: "1" })],
      planned: [aPlan(3, "2")],
    },
  );
  const running = aBoard(3, { upgrade: anUpgrade(), figures });
  assert.deepEqual(
    running.instances.map(({ batch, planned }) => [batch, planned]),
    [
      [1, null],
      [2, null],
      [null, 3],
    ],
  );
  const over = after(running, {
    upgrade: anUpgrade({
      ended_at: AT,
      status: "Cancelled",
      record: aRecord([aBatch(1, { succeeded: "0-1" })]),
    }),
  });
  assert.deepEqual(
    over.instances.map(({ batch, planned }) => [batch, planned]),
    [
      [1, null],
      [1, null],
      [null, null],
    ],
  );
});

test("a new instance is in the batch of the one whose place it takes", () => {
  const member = aMember(1, "upgrading", { instance: "0", replacement: "5" });
  const figures = figuresOf(
    { upgrading: "0", creating: "5" },
    { batches: [aBatch(1, { upgrading: "0" })] },
  );
  const board = aBoard([anInstance(0, { member }), anInstance(5, { member })], {
    upgrade: anUpgrade(),
    figures,
  });
  assert.deepEqual(
    board.instances.map(({ batch }) => batch),
    [1, 1],
  );
});

test("only what begins where the board is may be applied", () => {
  const board = { ...aBoard(1), seq: 5 };
  assert.ok(follows(board, aDelta({ since: 5, seq: 6 })));
  assert.ok(
    follows(board, aDelta({ since: 3, seq: 6 })),
    "it began earlier, and holds whole resources",
  );
  assert.ok(!follows(board, aDelta({ since: 6, seq: 7 })), "a gap");
  assert.ok(!follows(board, aDelta({ since: 3, seq: 5 })), "old");
  assert.ok(!follows(board, aDelta({ since: 5, seq: 6, stream: "another" })));
  assert.equal(applyDelta(board, aDelta({ since: 3, seq: 9 })).seq, 9);
});

test("a board of which nothing is known yet is not ready", () => {
  assert.equal(isReady(emptyBoard("fleet/web")), false);
  assert.equal(isReady(aBoard(0)), true);
});
