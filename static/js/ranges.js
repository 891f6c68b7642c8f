// Many ids in few words, as the board of the feed and addresses have them: "0-3,7". Pure.

/** Ids (strings or numbers), in any order. */
export function rangesOf(ids) {
  const runs = [];
  for (const id of [...ids].map(Number).sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last && id <= last[1] + 1) last[1] = id;
    else runs.push([id, id]);
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join();
}

const MOST = 10000; // whatever an address says

/** The ids, as strings, ascending; what is no range is left out. */
export function idsIn(text) {
  const ids = [];
  for (const part of text.split(",")) {
    const [, from, to = from] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part) ?? [];
    for (let id = Number(from); id <= Number(to) && ids.length < MOST; id++) ids.push(String(id));
  }
  return ids;
}

/** How many there are. */
export const sizeOf = (text) => idsIn(text).length;

/** {name: ids in few words} as a map from each id to its name. */
export function namesById(entries) {
  const names = new Map();
  for (const [name, text] of entries) for (const id of idsIn(text)) names.set(id, name);
  return names;
}
