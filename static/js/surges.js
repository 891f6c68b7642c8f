// Batches that make new instances (maxSurge): what is under way with the two that share a place, in a sentence. Pure.

const IN_FLIGHT = ["queued", "upgrading", "verifying"];

/** "" where nothing is under way. */
export function swapping(one) {
  const { id, operation, member } = one;
  if (!member?.replacement) return "";
  return member.replacement === id ? ofTheNewOne(one, operation, member) : ofTheOldOne(member);
}

function ofTheOldOne({ state, replacement }) {
  if (state === "succeeded")
    return `Instance ${replacement} has taken its place; the machine is being removed.`;
  if (!IN_FLIGHT.includes(state)) return "";
  return `It stays in service until instance ${replacement}, which is to take its place, is healthy.`;
}

function ofTheNewOne({ health_detail: said }, operation, { state, instance }) {
  if (state === "succeeded") return "";
  if (operation === "delete")
    return `It does not take the place of instance ${instance}, and is being removed.`;
  if (operation || state === "queued")
    return `The machine is being created; it is to take the place of instance ${instance}.`;
  if (state !== "verifying")
    return `It was to take the place of instance ${instance}, but does not. It counts for nothing, and is removed when no opt-out keeps it.`;
  return `It takes the place of instance ${instance} when it is healthy, in five minutes at most.${said ? ` So far: ${said}.` : ""}`;
}
