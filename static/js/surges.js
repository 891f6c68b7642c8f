// Batches that surge (maxSurge): new instances that take the places of old ones, and which of the two counts. Pure.

/** It was made to take the place of another, which still counts. */
export const isSpare = ({ id, member }) => Boolean(member) && member.replacement === id && member.state !== "succeeded";

/** Another has taken its place: it goes. */
export const isReplaced = ({ id, member }) => Boolean(member?.replacement) && member.instance === id && member.state === "succeeded";

/** Of two that share one place it is the one that counts for nothing. */
export const isExtra = (one) => isSpare(one) || isReplaced(one);

/** The scale set's instances, one for each place. */
export const proper = (instances) => (instances.some(isExtra) ? instances.filter((one) => !isExtra(one)) : instances);

const IN_FLIGHT = ["queued", "upgrading", "verifying"];

/** What is under way with one of two, in a sentence; "" where nothing is. */
export function swapping(one) {
  const { id, operation, member } = one;
  if (!member?.replacement || !(IN_FLIGHT.includes(member.state) || isExtra(one))) return "";
  if (isReplaced(one)) return `Instance ${member.replacement} has taken its place; the machine is being removed.`;
  if (member.replacement !== id) return `It serves on until instance ${member.replacement}, which is to take its place, is healthy.`;
  if (operation === "delete") return `It does not take the place of instance ${member.instance}, and is being removed.`;
  if (operation || member.state === "queued") return `The machine is being made; it is to take the place of instance ${member.instance}.`;
  if (member.state !== "verifying") return `It was to take the place of instance ${member.instance}, and does not. It counts for nothing, and goes when nobody holds it.`;
  return `It takes the place of instance ${member.instance} when it is healthy, in five minutes at most.${one.health_detail ? ` So far: ${one.health_detail}.` : ""}`;
}
