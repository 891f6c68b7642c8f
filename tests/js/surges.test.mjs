// Batches that make new instances: of two that share one place each says what becomes of it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { whyInstance } from "../../static/js/why.js";
import { aBoard, aMember, anInstance, anOptOut, anUpgrade, NEW } from "./boards.mjs";

const made = { operation: "create", version: "", health: "initializing", provisioning: "creating" };

test("each of the two says what becomes of it", () => {
  const says = (id, state, changes = {}) => {
    const member = aMember(1, state, { instance: "0", replacement: "5" });
    const board = aBoard([anInstance(id, { member, version: NEW, ...changes })], {
      upgrade: anUpgrade(),
    });
    return whyInstance(board.instances[0], board);
  };
  assert.match(
    says("0", "upgrading"),
    /^It stays in service until instance 5, which is to take its place, is healthy/,
  );
  assert.match(
    says("5", "upgrading", made),
    /^The machine is being created; it is to take the place of instance 0/,
  );
  assert.match(
    says("5", "verifying", { health_detail: "HTTP 503" }),
    /^It takes the place of instance 0 when it is healthy.*So far: HTTP 503/,
  );
  assert.match(
    says("0", "succeeded", { operation: "delete" }),
    /^Instance 5 has taken its place; the machine is being removed/,
  );
  assert.match(
    says("5", "failed", { operation: "delete" }),
    /^It does not take the place of instance 0/,
  );
  assert.match(
    says("5", "failed", { opt_out: anOptOut() }),
    /^It was to take the place of instance 0/,
  );
  assert.equal(says("5", "succeeded"), `Up to date on ${NEW}, and healthy.`);
});
