// Why not now: the last decision, and everything that is not moving or not well.

import assert from "node:assert/strict";
import { test } from "node:test";

import { briefly, idsOf, keyOf } from "../../static/js/reasons.js";
import { whyInstance, whyNotNow } from "../../static/js/why-instance.js";
import { reasonsOf } from "../../static/js/why.js";
import {
  aBatch,
  aBoard,
  aBreach,
  aDecision,
  aMember,
  anInstance,
  anOptOut,
  anUpgrade,
  aPlan,
  aReason,
  aSaying,
  aSentence,
  AT,
  figuresOf,
  NEW,
} from "./boards.mjs";

const codes = (board) => reasonsOf(board).map((one) => one.code);

test("a scale set at rest says so", () => {
  const [first, ...others] = reasonsOf(aBoard(2));
  assert.deepEqual([first.fill, first.text, others.length], ["done", "Nothing to do.", 0]);
  assert.equal(first.since, null, "since when matters to nobody");
  assert.equal(reasonsOf(aBoard(2, { decision: {} }))[0].code, "NotLookedAt");
});

test("a decision that holds everything up asks for attention", () => {
  const [stale] = reasonsOf(
    aBoard(2, { decision: { code: "HealthIsStale", text: "No news.", since: AT } }),
  );
  assert.deepEqual([stale.fill, stale.text, stale.since], ["attention", "No news.", AT]);
  const [calm] = reasonsOf(
    aBoard(2, { decision: { code: "PauseBetweenBatches", text: "Pausing.", since: AT } }),
  );
  assert.equal(calm.fill, "active");
});

test("what stopped, what failed, what is ill and what is opted out, in this order", () => {
  const upgrade = anUpgrade({
    status: "Faulted",
    ended_at: AT,
    error: { code: "Exceeded", message: "Too many." },
  });
  const list = [
    { failed_version: NEW },
    { health: "unhealthy" },
    { health: "unknown" },
    { opt_out: anOptOut() },
  ].map((changes, id) => anInstance(id, changes));
  const figures = figuresOf({ failed: "0", unhealthy: "1", unknown: "2", "opted-out": "3" });
  const board = aBoard(list, { upgrade, latest_version: NEW, figures });
  assert.deepEqual(codes(board), [
    "NothingToDo",
    "Exceeded",
    "failed",
    "unhealthy",
    "unknown",
    "opted-out",
  ]);
  assert.match(reasonsOf(board)[1].text, /^The upgrade to 16\.04\.2 stopped\. Too many\./);
  assert.equal(
    reasonsOf(board)[2].text,
    "1 instance did not become healthy on the new image: web_0.",
  );
});

test("why it stopped is said with its numbers, not in a sentence that is cut off before them", () => {
  const error = {
    code: "MaxUnhealthyInstancePercentExceededBeforeRollingUpgrade",
    message: "Rolling Upgrade failed. 30% of instances are ..., more than the threshold of 20%.",
  };
  const breach = aBreach("30 % unhealthy, limit 20 %");
  const board = aBoard(10, {
    latest_version: NEW,
    upgrade: anUpgrade({ status: "Faulted", ended_at: AT, error, breach }),
  });
  assert.equal(
    reasonsOf(board)[1].text,
    `The upgrade to ${NEW} stopped before its first batch: 30 % unhealthy, limit 20 %.`,
  );
});

test("the reasons of the feed in their order, the story of the stop behind the first", () => {
  const upgrade = anUpgrade({
    status: "Faulted",
    ended_at: AT,
    error: { code: "Exceeded", message: "Too many." },
  });
  const wait = aReason("WaitingToTryAgain", {
    until: "2018-09-25T12:30:00.000Z",
    act: "retry_now",
  });
  const quarantined = aReason("Quarantined", { instances: ["0", "1"], act: "release" });
  const list = [{ quarantined_at: AT }, { quarantined_at: AT }, {}].map((changes, id) =>
    anInstance(id, changes),
  );
  const found = reasonsOf(
    aBoard(list, { latest_version: NEW, upgrade, decision: aDecision(wait, quarantined) }),
  );
  assert.deepEqual(
    found.map((one) => one.code),
    ["WaitingToTryAgain", "Exceeded", "Quarantined"],
  );
  assert.deepEqual(
    [found[0].until, found[0].since, found[0].who],
    [wait.until, AT, "an operator can override this"],
  );
  assert.deepEqual(found[0].acts, [
    { act: "do", key: "retry_now", word: "Retry now", right: "steer", ids: "" },
  ]);
  assert.deepEqual(
    found[2].acts.map(({ act, key, word, ids }) => [act, key, word, ids]),
    [
      ["hold", "Quarantined", "See the 2", undefined],
      ["do", "release", "Release", "0,1"],
    ],
  );
});

test("a reason says once what else would be said of the same instances", () => {
  const list = [{ failed_version: NEW }, { opt_out: anOptOut() }].map((changes, id) =>
    anInstance(id, changes),
  );
  const decision = aDecision(
    aReason("FailedOnThisVersion", { instances: ["0"] }),
    aReason("OptedOut", { gate: "opt-out", instances: ["1"] }),
  );
  const figures = figuresOf({ failed: "0", "opted-out": "1" });
  assert.deepEqual(codes(aBoard(list, { latest_version: NEW, decision, figures })), [
    "FailedOnThisVersion",
    "OptedOut",
  ]);
});

test("only what the page can do is a button, and to those only that it can be done to", () => {
  const list = [{ opt_out: anOptOut() }, { quarantined_at: AT }].map((changes, id) =>
    anInstance(id, changes),
  );
  const act = (name, instances = null) =>
    reasonsOf(
      aBoard(list, { decision: aDecision(aReason("X", { act: name, instances })) }),
    )[0].acts.filter((one) => one.act === "do");
  assert.deepEqual(
    [act("publish_image"), act("change_policy"), act("constructor"), act("")],
    [[], [], [], []],
  );
  assert.equal(act("opt_in", ["0", "1"])[0].ids, "0");
  assert.deepEqual(act("opt_in", ["1"]), []);
  assert.deepEqual(act("release", ["7"]), [], "it is gone");
});

test("a sentence that ends in a person's own words is closed before the next begins", () => {
  assert.equal(
    reasonsOf(
      aBoard(1, {
        decision: aDecision(aReason("OptedOut", { text: "Opted out: holds sessions" })),
      }),
    )[0].text,
    "Opted out: holds sessions.",
  );
});

test("what was decided comes first, whatever else is so", () => {
  const reasons = [aReason("OptedOut"), aReason("Quarantined"), aReason("ReplacingOSDisks")];
  assert.deepEqual(
    codes(aBoard(1, { decision: { ...aDecision(...reasons), code: "ReplacingOSDisks" } })),
    ["ReplacingOSDisks", "OptedOut", "Quarantined"],
  );
});

test("an instance speaks for itself of what it is, not of what it waits for", () => {
  const texts = (code) => {
    const board = aBoard([anInstance(0, { health: "unhealthy", health_detail: "HTTP 503" })], {
      latest_version: NEW,
      figures: figuresOf({ unhealthy: "0" }),
      decision: aDecision(aReason(code, { instances: ["0"] })),
    });
    return whyNotNow(board.instances[0], board).map(({ text }) => text);
  };
  assert.deepEqual(
    [texts("TooManyUnhealthy"), texts("InstancesInitializing")],
    [["Health probe: HTTP 503. Counts as unhealthy."], ["InstancesInitializing."]],
  );
});

test("a second reason of what an instance is says its own sentence for one instance", () => {
  const own = (code, each) => aReason(code, { instances: ["0", "1"], each: aSentence(each) });
  const board = aBoard([anInstance(0), anInstance(1)], {
    latest_version: NEW,
    figures: figuresOf({ quarantined: "0-1" }),
    decision: aDecision(own("Quarantined", "Skipped."), own("FailedOnThisVersion", "Failed once.")),
  });
  const [first, second] = whyNotNow(board.instances[0], board);
  assert.match(first.text, /^It failed too often/);
  assert.equal(second.text, "Failed once.");
});

test("one that is ill on its old disk again says both", () => {
  const board = aBoard(
    [
      anInstance(0, {
        health: "unhealthy",
        health_detail: "HTTP 503",
        failed_version: NEW,
        member: aMember(1, "rolled_back"),
      }),
    ],
    {
      latest_version: NEW,
      figures: figuresOf({ unhealthy: "0" }, { says: [aSaying("unhealthy.rolled_back", "0")] }),
    },
  );
  assert.equal(
    whyInstance(board.instances[0], board),
    `Health probe: HTTP 503. Counts as unhealthy. It failed on ${NEW} and has its old OS disk again.`,
  );
});

test("what two reasons ask for is one button", () => {
  const held = { gate: "opt-out", act: "opt_in", instances: ["0"] };
  const board = aBoard([anInstance(0, { opt_out: anOptOut() })], {
    latest_version: NEW,
    decision: aDecision(aReason("OptOutsLeaveNothing", held), aReason("OptedOut", held)),
  });
  assert.deepEqual(
    reasonsOf(board).map((one) => one.acts.map(({ act }) => act)),
    [["open", "do"], ["open"]],
  );
});

test("an instance is held by its own reasons, and while it waits by those of the scale set", () => {
  const decision = aDecision(
    aReason("Paused", { act: "resume" }),
    aReason("Quarantined", { instances: ["1"], act: "release" }),
  );
  const board = aBoard(
    [{}, { quarantined_at: AT }, { version: NEW }].map((changes, id) => anInstance(id, changes)),
    {
      latest_version: NEW,
      decision,
      figures: figuresOf({ held: "0", quarantined: "1", done: "2" }, { waiting: "0" }),
    },
  );
  const held = board.instances.map((one) =>
    whyNotNow(one, board).map(({ code, acts }) => [code, acts.length]),
  );
  assert.deepEqual(
    held,
    [[["Paused", 1]], [["Quarantined", 0]], []],
    "the panel has a button of its own for one instance",
  );
  assert.equal(whyInstance(board.instances[0], board), "Paused.");
});

test("one that was rolled back waits for the next attempt as all do", () => {
  const decision = aDecision(aReason("WaitingToTryAgain", { until: AT, act: "retry_now" }));
  const board = aBoard(
    [
      anInstance(0, { failed_version: NEW, member: aMember(0, "rolled_back") }),
      anInstance(1, { version: NEW, health: "unhealthy" }),
    ],
    {
      latest_version: NEW,
      decision,
      figures: figuresOf({ "rolled-back": "0", unhealthy: "1" }, { waiting: "0" }),
    },
  );
  assert.deepEqual(
    board.instances.map((one) => whyNotNow(one, board).length),
    [1, 0],
  );
});

test("the instances of a reason can be shown alone, one opt-out apart from the other", () => {
  const two = ["3", "5"].map((id) =>
    aReason("OptedOut", { gate: "opt-out", instances: [id, "9"] }),
  );
  const board = aBoard(10, { decision: aDecision(aReason("Paused"), ...two) });
  assert.deepEqual(two.map(keyOf), ["OptedOut.3", "OptedOut.5"]);
  assert.deepEqual([...idsOf(board, "OptedOut.5")], ["5", "9"]);
  assert.deepEqual(
    [idsOf(board, "Paused"), idsOf(board, "Gone"), idsOf(board, "")],
    [null, null, null],
  );
});

test("few words where there is room for few", () => {
  assert.equal(
    briefly(aReason("Quarantined", { brief: aSentence("1 in quarantine") })),
    "1 in quarantine",
  );
  assert.equal(
    briefly(aReason("OptedOut", { brief: null })),
    "",
    "nothing new beside the row's own numbers",
  );
  assert.equal(briefly(aReason("Another")), "Another.", "of a server that sends none");
});

test("a code that nobody here knows looks as the feed says", () => {
  const reason = aReason("OfANewerServer", {
    face: { fill: "failure", glyph: "failed" },
    needs_person_after: 0,
  });
  const [first] = reasonsOf(aBoard(1, { decision: aDecision(reason) }));
  assert.deepEqual([first.fill, first.glyph, first.text], ["failure", "failed", "OfANewerServer."]);
});

test("one without a face is neutral beside its text, as a reason and as a decision, and said in the console once", (t) => {
  const warn = t.mock.method(console, "warn", () => {});
  const paint = (face) =>
    reasonsOf(aBoard(1, { decision: aDecision(aReason("Faceless", { face })) }))[0];
  const decided = reasonsOf(
    aBoard(1, {
      decision: { ...aDecision(aReason("Faceless", { face: undefined })), reasons: [] },
    }),
  )[0];
  for (const one of [paint(undefined), paint({ fill: "plaid", glyph: "?" }), decided]) {
    assert.deepEqual([one.fill, one.glyph, one.text], ["waiting", "unknown", "Faceless."]);
  }
  assert.deepEqual(
    warn.mock.calls.map(({ arguments: [said] }) => /"Faceless"/.test(said)),
    [true],
  );
});

test("every instance says what it waits for", () => {
  const say = (state, changes = {}, set = {}, more = {}) => {
    const board = aBoard([anInstance(0, changes)], {
      ...set,
      figures: figuresOf({ [state]: "0" }, { target: NEW, ...more }),
    });
    return whyInstance(board.instances[0], board);
  };
  const running = { upgrade: anUpgrade() };
  assert.equal(
    say("pending", {}, {}, { says: [aSaying("pending.to_begin", "0")] }),
    `Waiting for an upgrade to ${NEW}.`,
  );
  assert.equal(say("pending", {}, running), `Waiting for the next upgrade to ${NEW}.`);
  assert.equal(say("pending", {}, running, { planned: [aPlan(3, "0")] }), "Waiting for batch 3.");
  assert.equal(say("done", { version: NEW }), `Up to date on ${NEW}, and healthy.`);
  assert.match(
    say("queued", {}, running, { batches: [aBatch(2, { queued: "0" })] }),
    /^Chosen for batch 2/,
  );
  assert.match(say("creating"), /being created/);
  assert.match(say("unhealthy", { health_detail: "HTTP 503" }), /^Health probe: HTTP 503\. Counts/);
  assert.match(say("failed", { failed_version: NEW }), new RegExp(`healthy on ${NEW} in time`));
  for (const state of ["unknown", "opted-out", "verifying", "deleting", "switched-off", "unseen"])
    assert.notEqual(say(state), "");
});

test("one that answers badly while it is verified says so at once", () => {
  const board = aBoard(4, {
    upgrade: anUpgrade(),
    figures: figuresOf({ unhealthy: "0-3" }, { batches: [aBatch(1, { verifying: "0-3" })] }),
  });
  const ill = board.instances.map((one) => ({ ...one, health_detail: "HTTP 503" }));
  assert.match(
    reasonsOf({ ...board, instances: ill }).find(({ code }) => code === "unhealthy").text,
    /^4 instances unhealthy, HTTP 503: web_0/,
  );
});
