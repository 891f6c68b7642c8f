// Upgrades of the extensions, as docs/feed.md tells of them: which instances have the model's, and how they are spoken of. Pure.

/** "name version" of what was run on it, sorted; what failed there is as good as absent. */
export const extensionsOf = ({ extensions }) => extensions.filter(({ state }) => state !== "failed").map(({ name, version = "" }) => `${name.toLowerCase()} ${version}`.trimEnd()).sort();

export const hasAll = (instance, wanted = []) => extensionsOf(instance).join("\n") === wanted.join("\n");

export const isOfExtensions = (upgrade) => upgrade?.kind === "extensions";

/** Does such an upgrade run? */
export const runsExtensions = ({ upgrade }) => isOfExtensions(upgrade) && !upgrade.ended_at;

/** In words, after "upgrade": what it brings. */
export const aim = (upgrade) => (isOfExtensions(upgrade) ? "of extensions" : `to ${upgrade.target.version}`);
