// Rail, steps and gauges: a board in, markup out. No listeners, no timers.

import { waitsForApproval } from "./approval.js";
import { html, mark } from "./dom.js";
import { aim, runsExtensions } from "./extensions.js";
import { ahead, dayAt, exactTimeAt, many, momentAt, number, percentText, timeAt, zoneName } from "./format.js";
import { eligible, hasFailed, isDone, percent, runs, safety } from "./state.js";
import { may, off, whyNot } from "./shell.js";
import { elapsed, remaining } from "./ticking.js";
import { endOf } from "./view.js";

/** One segment per batch, as wide as the batch is large; done share, failed share, size and start of each. */
export function rail(board, batches) {
  if (!batches.length) return html`<ol><li class="rest" data-vars="size:1"><span class="track"><span>No batches yet</span></span></li></ol>`;
  const running = runs(board) ? batches.findLast((one) => !one.planned && !one.ended)?.number : null;
  return html`<ol>${batches.map((batch) => segment(batch, board, running))}${untried(board)}</ol>`;
}

/** What an upgrade that ended early left as it was. */
function untried({ upgrade }) {
  const { pending } = upgrade.progress;
  return upgrade.ended_at && pending ? html`<li class="rest" data-vars="size:${pending}"><span class="track"><span>${number(pending)} not tried</span></span></li>` : "";
}

function segment(batch, board, running) {
  const mine = batch.ids.map((place) => board.instances[place]);
  const share = (is) => percent(mine.filter(is).length, mine.length);
  const done = share(isDone), under = share((one) => ["upgrading", "verifying"].includes(one.state));
  const isBad = (one) => one.state === "failed" || hasFailed(one);
  const failed = share(isBad), bad = share((one) => isBad(one) || one.state === "unhealthy");
  const isNow = batch.number === running;
  const about = batch.began ? `${batch.planned ? "about " : ""}${timeAt(batch.began)}` : "";
  const says = isNow ? `running, ${Math.round(done)} % up to date` : batch.planned ? `planned ${about}` : `done, began ${about}`;
  return html`<li data-vars="size:${Math.max(1, mine.length)}"><button type="button" class="batch ${isNow ? "is-now" : batch.planned ? "" : "is-done"}" data-act="batch" data-key="${batch.number}" title="${batch.why}">
    <span class="sr">Batch ${batch.number}, ${many(mine.length, "instance")}, ${says}${batch.why ? `; ${batch.why}` : ""}</span><span class="track" aria-hidden="true"><i data-fill="active" data-vars="share:${done + under}%"></i><i data-fill="done" data-vars="share:${done}%"></i>${strip("attention", bad)}${strip("failure", failed)}<b>${batch.number}</b><span>${mine.length}</span></span>
    <span class="foot" aria-hidden="true">${batch.planned && batch.began ? "≈ " : ""}${batch.began ? timeAt(batch.began) : ""}</span></button></li>`;
}

const strip = (fill, share) => (share ? html`<i class="bad" data-fill="${fill}" data-vars="share:${share}%"></i>` : "");

const STEPS = [["gate", "Gate"], ["choose", "Choose"], ["replace", "Replace"], ["wait", "Wait for health"], ["loop", "Loop"]];
const AT_THE_GATE = new Set(["HealthIsStale", "InstancesInitializing", "PauseBetweenBatches", "Paused", "FleetStopped", "WaitsForApproval"]);

/** Which of the rule's five steps a running upgrade is at, and since when. */
export function stepOf(board, batches) {
  const current = batches.findLast((one) => !one.planned);
  if (!current || current.ended) {
    const waits = AT_THE_GATE.has(board.scale_set.decision.code);
    return { at: waits ? 0 : 1, held: waits, mine: [], since: waits ? board.scale_set.decision.since : current?.ended ?? board.upgrade.started_at };
  }
  const mine = current.ids.map((place) => board.instances[place]);
  const replacing = mine.some((one) => one.state === "queued" || one.state === "upgrading");
  return { at: replacing ? 2 : 3, held: false, mine, since: current.began };
}

export function steps(board, batches, now) {
  return runs(board) ? running(board, batches, now) : resting(board, now);
}

function running(board, batches, now) {
  const { at, held, mine, since: began } = stepOf(board, batches);
  const replaced = mine.filter((one) => !["queued", "upgrading"].includes(one.state)).length;
  const of = (count) => (mine.length ? `${count} of ${mine.length}` : "");
  const says = [held ? "held" : "open", mine.length || "", of(replaced), of(mine.filter(isDone).length), ""];
  const current = batches.findLast((one) => !one.planned)?.number ?? 0;
  const heading = Math.max(1, mine.length ? current : Math.min(batches.length, current + 1));
  return html`<header><h2>Batch ${heading} of ${Math.max(heading, batches.length)}</h2><span class="small quiet">this step ${elapsed(began)}</span></header>
    <ol class="steps">${STEPS.map(([, name], i) => html`<li class="${i < at ? "past" : i === at ? "now" : ""}" data-fill="${held ? "attention" : "active"}" ${i === at ? html`aria-current="step"` : ""}><span>${name === "Replace" && runsExtensions(board) ? "Run extensions" : name}</span><span>${mine.length ? (i <= at || i === 3 && at === 2 ? says[i] : "") : i === at ? says[i] : ""}</span></li>`)}</ol>
    ${chosen(batches)}${outlook(board, batches, now)}`;
}

/** How the latest batch came about. */
function chosen(batches) {
  const why = batches.findLast((one) => !one.planned)?.why;
  return why ? html`<p class="small quiet">Chosen because ${why}</p>` : "";
}

function outlook(board, batches, now) {
  const mine = eligible(board.instances);
  const done = mine.filter((one) => (runsExtensions(board) || one.version === board.upgrade.target.version) && isDone(one)).length;
  const end = endOf(board, batches, now);
  return html`<dl class="outlook"><div><dt>Up to date</dt><dd class="number">${percentText(Math.floor(percent(done, mine.length)))}</dd></div><div><dt>Done</dt><dd class="number">${number(done)} / ${number(mine.length)}</dd></div><div><dt>Expected end, ${zoneName()}</dt><dd class="number">${end ? ahead(end) : "–"}</dd></div></dl>`;
}

const STATUS = { Completed: ["done", "done", "Completed"], Cancelled: ["attention", "held", "Cancelled"], Faulted: ["failure", "failed", "Stopped"], RollingForward: ["active", "upgrading", "Rolling forward"], RollingBack: ["attention", "rolling-back", "Rolling back"] };
const HELD = new Set(["HealthIsStale", "FleetStopped"]);

/** The state of an upgrade in one word. */
export function statusOf(board) {
  const { upgrade } = board;
  if (!upgrade) return { fill: "waiting", glyph: "pending", word: "Never upgraded" };
  const held = upgrade.status === "RollingForward" && heldBy(board);
  if (held) return { fill: "attention", glyph: "held", word: held };
  const [fill, glyph, word] = STATUS[upgrade.status];
  return { fill, glyph, word };
}

/** What keeps a running upgrade from its next batch, in few words; "" where nothing does. */
function heldBy(board) {
  const { upgrade, scale_set: { decision } } = board;
  if (upgrade.cancel_requested_by) return "Stopping";
  if (upgrade.paused_by) return "Paused";
  if (waitsForApproval(board)) return "Waits for approval";
  return HELD.has(decision.code) ? "Held" : "";
}

function resting(board, now) {
  const { upgrade } = board;
  const mine = eligible(board.instances), done = mine.filter(isDone).length;
  const figures = html`<dl class="outlook"><div><dt>Up to date</dt><dd class="number">${percentText(Math.floor(percent(done, mine.length)))}</dd></div><div><dt>Done</dt><dd class="number">${number(done)} / ${number(mine.length)}</dd></div></dl>`;
  if (!upgrade) return html`<header><h2>No upgrade yet</h2></header><p class="quiet">The first begins by itself when a newer version of the image is published.</p>${figures}`;
  const { successful, failed, pending } = upgrade.progress;
  const { fill, glyph, word } = statusOf(board);
  return html`<header><h2>Last upgrade</h2><span class="small quiet">${momentAt(upgrade.ended_at, now)} ${zoneName()}</span></header>
    <p><span class="state">${mark(fill, glyph)}<b>${word}</b></span> <span class="quiet">${aim(upgrade)}, by ${upgrade.started_by_name || upgrade.started_by}: ${number(successful)} upgraded, ${number(failed)} failed, ${number(pending)} not tried.</span></p>${figures}${upgrade.error ? html`<details class="small quiet"><summary>In Azure's words</summary>${upgrade.error.message}</details>` : ""}`;
}

/** Two tapes: the gate before every batch (all instances count), and the check of those already upgraded. */
export function gauges(board) {
  const { all, upgraded } = safety(board);
  return html`<header><h2>Safety</h2><span class="small quiet">more than the limit stops</span></header>
    ${tape("Unhealthy of all", all, "no instances")}${tape("Failed of upgraded", upgraded, "none upgraded yet")}`;
}

function tape(name, r, none) {
  const full = Math.min(100, Math.max(2 * r.limit, Math.ceil(r.percent / 10) * 10)) || 1;
  const fill = r.over ? "failure" : r.count ? "attention" : "done";
  return html`<div class="gauge"><div class="row"><span>${name}</span><span><b>${percentText(r.percent)}</b></span></div>
    <div class="tape" role="meter" aria-label="${name}" aria-valuemin="0" aria-valuemax="${full}" aria-valuenow="${Math.min(full, r.percent).toFixed(1)}" aria-valuetext="${percentText(r.percent)}, limit ${percentText(r.limit)}" data-fill="${fill}" data-vars="full:${full};limit:${r.limit};value:${r.percent}"><i></i><u></u></div>
    <div class="row small quiet"><span>${r.of ? `${number(r.count)} of ${number(r.of)}, limit ${percentText(r.limit)}` : `limit ${percentText(r.limit)}`}</span><span>${r.of ? (r.over ? `${number(-r.room)} over` : `room for ${number(r.room)}`) : none}</span></div></div>`;
}

const MOST_REASONS = 6;

/** Ranked: what holds it now, then whatever else is not well; each with its way there and what lifts it. `held`: whose instances are shown alone. */
export const reasons = (list, held = "") => html`<header><h2>Last decision</h2><span class="small quiet">${list.length > 1 ? `and ${many(list.length - 1, "more thing")} to know` : ""}</span></header>
  <ol class="reasons">${list.slice(0, MOST_REASONS).map((one) => reason(one, held))}</ol>`;

export function reason(one, held = "") {
  const links = one.acts.filter(({ right }) => !right), buttons = one.acts.filter(({ right }) => right);
  return html`<li>${mark(one.fill, one.glyph)}<p>${one.text}${links.map((act) => html` ${link(act, held)}`)}</p>${terms(one)}${buttons.length ? html`<div class="actions">${buttons.map(button)}</div>` : ""}</li>`;
}

function link({ act, key, word, toggles }, held) {
  if (!toggles) return html`<button type="button" class="link" data-act="${act}" data-key="${key}">${word}</button>`;
  return html`<button type="button" class="link" data-act="${act}" data-key="${key}" aria-pressed="${held === key}">${held === key ? "Show all" : word}</button>`;
}

const button = ({ act, key, word, right, ids, version = "" }) => (may(right) ? html`<button type="button" class="button" data-act="${act}" data-key="${key}" data-ids="${ids}" data-version="${version}">${word}</button>` : off(word, whyNot(right), `no-${key}`));

/** For how long, until when, and who can lift it. */
function terms({ since, until, who, detail }) {
  const words = [since && html`For ${elapsed(since)}`, until && html`until ${momentOf(until)}, ${remaining(until)} left`, who, detail].filter(Boolean);
  return words.length ? html`<span class="small">${words.map((one, i) => html`${i ? " · " : ""}${one}`)}</span>` : "";
}

const momentOf = (at) => html`<time datetime="${at}">${dayAt(at) === dayAt(Date.now()) ? exactTimeAt(at) : momentAt(at)}</time>`;
