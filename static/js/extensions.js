// Upgrades of the extensions: how they are spoken of. Pure.

export const isOfExtensions = (upgrade) => upgrade?.kind === "extensions";

/** Does such an upgrade run? */
export const runsExtensions = ({ upgrade }) => isOfExtensions(upgrade) && !upgrade.ended_at;

/** In words, after "upgrade": what it brings. */
export const aim = (upgrade) =>
  isOfExtensions(upgrade) ? "of extensions" : `to ${upgrade.target.version}`;
