// Batches that make new instances: of two that share one place each says what becomes of it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { whyInstance } from "../../static/js/why-instance.js";
import { aBoard, aMember, anInstance, anUpgrade, aSaying, figuresOf } from "./boards.mjs";

test("each of the two names the other one", () => {
  const says = (id, key, changes = {}) => {
    const member = aMember(1, "verifying", { instance: "0", replacement: "5" });
    const figures = figuresOf({ verifying: id }, { says: [aSaying(key, id)] });
    const board = aBoard([anInstance(id, { member, ...changes })], {
      upgrade: anUpgrade(),
      figures,
    });
    return whyInstance(board.instances[0], board);
  };
  assert.match(
    says("0", "stays_until_replaced"),
    /^It stays in service until instance 5, which replaces it, is healthy/,
  );
  assert.match(
    says("5", "replaces_when_created"),
    /^The machine is being created; it will replace instance 0/,
  );
  assert.match(
    says("5", "replaces_when_healthy", { health_detail: "HTTP 503" }),
    /^It takes the place of instance 0 when it is healthy.*So far: HTTP 503\.$/,
  );
  assert.match(
    says("0", "replaced"),
    /^Instance 5 has taken its place; the machine is being removed/,
  );
  assert.match(says("5", "removed_unused"), /^It does not take the place of instance 0/);
  assert.match(says("5", "does_not_replace"), /^It was to replace instance 0/);
});
