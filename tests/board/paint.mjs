// What the pages say of scale sets: snapshots of the feed come in as JSON, one list of them; words and numbers go out.

import { readFileSync } from "node:fs";

const scripts = new URL("../../static/js/", import.meta.url);
const page = (name) => import(new URL(`${name}.js`, scripts));

const [
  { batchesOf, countIn },
  { STATES },
  instruments,
  { summaryOf, inWords },
  { versionsIn },
  { needsOf },
  why,
  { whyInstance, whyNotNow },
  { fromSnapshot },
  view,
] = await Promise.all(
  [
    "batches",
    "faces",
    "instruments",
    "summary",
    "versions",
    "needs",
    "why",
    "why-instance",
    "state",
    "view",
  ].map(page),
);
const { idsIn } = await page("ranges");
const { unapproved } = await page("approval");
const steps = await page("steps");
const { urgencyOf } = await page("wall-shown");

/** As a person reads it. */
const plain = (markup) =>
  String(markup)
    .replace(/<[^>]*>/g, " ")
    .replace(/[ \n]+/g, " ")
    .trim();

function painted({ body, now }) {
  const board = fromSnapshot("fleet/web", body, now),
    batches = batchesOf(board),
    sum = summaryOf(board);
  const { instances } = board;
  return {
    counts: sum.counts,
    result: body.upgrade ? steps.countsOf(body.upgrade) : "",
    states: Object.fromEntries(instances.map((one) => [one.id, one.state])),
    legend: Object.fromEntries(
      Object.keys(STATES).map((code) => [
        code,
        instances.filter((one) => view.isIn(one, code, "state")).length,
      ]),
    ),
    groups: groupsOf(board, batches),
    gauges: plain(instruments.gauges(board)),
    steps: plain(instruments.steps(board, batches, now)),
    rail: plain(instruments.rail(board, batches)),
    batches: batches.map((one) => ({
      ...one,
      ids: idsIn(one.instances).map(Number),
      succeeded: countIn(one, "succeeded"),
    })),
    reasons: why.reasonsOf(board).map(({ code, text }) => ({ code, text })),
    needs: needsOf(board, sum, now).map(({ code, text, urgency }) => ({ code, text, urgency })),
    urgency: urgencyOf({ board, needs: needsOf(board, sum, now) }),
    says: Object.fromEntries(instances.map((one) => [one.id, whyInstance(one, board)])),
    held: Object.fromEntries(
      instances.map((one) => [one.id, whyNotNow(one, board).map(({ code }) => code)]),
    ),
    unapproved: unapproved(board).map(Number),
    row: { ...sum, words: inWords(sum), versions: versionsIn(sum, body.scale_set.wanted_version) },
    status: instruments.statusOf(board).word,
  };
}

/** {grouping: [[key, heading], ...]} */
function groupsOf(board, batches) {
  const heading = (by, key, places) => {
    const batch = by === "batch" ? batches.find((one) => one.number === key) : undefined;
    return view.tally(
      places.map((place) => board.instances[place]),
      batch,
    );
  };
  return Object.fromEntries(
    Object.keys(view.GROUPS).map((by) => [
      by,
      view
        .grouped(board.instances, by)
        .map(([key, places]) => [
          key,
          heading(by, key, places),
          places.map((place) => Number(board.instances[place].id)),
        ]),
    ]),
  );
}

console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(painted)));
