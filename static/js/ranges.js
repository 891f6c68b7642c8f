// Many ids in few words, as the board of the feed and addresses have them: "0-3,7". Pure.

/**
 * Ids in any order, in few words.
 * @param {Iterable<string | number>} ids
 */
export function rangesOf(ids) {
  /** @type {[number, number][]} */
  const runs = [];
  for (const id of [...ids].map(Number).sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last && id <= last[1] + 1) last[1] = id;
    else runs.push([id, id]);
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join();
}

const MAX_IDS = 10000; // whatever an address says

/**
 * The ids, as strings, ascending; what is no range is left out.
 * @param {string} text
 */
export function idsIn(text) {
  /** @type {string[]} */
  const ids = [];
  for (const part of text.split(",")) {
    const [, from, to = from] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part) ?? [];
    for (let id = Number(from); id <= Number(to) && ids.length < MAX_IDS; id++)
      ids.push(String(id));
  }
  return ids;
}

/**
 * How many ids there are.
 * @param {string} text
 */
export const sizeOf = (text) => idsIn(text).length;

/**
 * [name, ids in few words] of each, as a map from each id to its name.
 * @template Name
 * @param {[Name, string][]} entries
 * @returns {Map<string, Name>}
 */
export function namesById(entries) {
  const names = new Map();
  for (const [name, text] of entries) for (const id of idsIn(text)) names.set(id, name);
  return names;
}
