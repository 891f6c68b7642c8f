// The texts of the wall in English, by key: beside those of texts.js where their modules are.

import { addTexts } from "./texts.js";

addTexts({
  "wall.active": "In progress",
  "wall.all_done": "All {count, plural, one {# instance is} other {# instances are}} up to date.",
  "wall.attention": "Attention",
  "wall.bad_value": "{name}={value} is not understood. It may be: {may}",
  "wall.calm":
    "All is calm: {of, plural, one {# scale set} other {# scale sets}}, {share} on the latest image.",
  "wall.done": "Up to date",
  "wall.empty": "There is no scale set to show.",
  "wall.ended": "Ended, {zone}",
  "wall.ends": "Expected end, {zone}",
  "wall.engine": "Upgrades stand still: no answer from the engine since {time} {zone}.",
  "wall.engine_more": "This picture may be old. It is renewed as soon as the engine works again.",
  "wall.failure": "Failed",
  "wall.fault": "This wall stopped working at {time} {zone}. The picture may be wrong.",
  "wall.fault_more": "It loads itself again within two minutes.",
  "wall.fleet_held":
    "{held, count} of {of, plural, one {# scale set is} other {# scale sets are}} held.",
  "wall.fleet_needs":
    "{needing, count} of {of, plural, one {# scale set needs} other {# scale sets need}} a person.",
  "wall.fleet_runs":
    "{running, count} of {of, plural, one {# scale set is} other {# scale sets are}} being upgraded, {share} on the latest image.",
  "wall.held_at":
    "{word} at {share}{of, plural, =0 {} other {, batch {current, count} of {of, count}}}.",
  "wall.late_more": "Nothing new comes of {set}. The wall keeps asking.",
  "wall.live": "Live",
  "wall.needs_a_person": "Needs a person, {share} up to date.",
  "wall.no_option": "{name} is no option of a wall. There are: {may}",
  "wall.no_set": "There is no scale set {set} for this wall.",
  "wall.nobody": "Nothing needs a person.",
  "wall.nothing_eligible": "No instance takes part in upgrades.",
  "wall.of_set": "{set}: {reason}",
  "wall.out": "Opted out",
  "wall.refused": "This link is not valid any more, since {time} {zone}.",
  "wall.refused_more": "Whoever manages this fleet can make another one.",
  "wall.rolls":
    "{word}, {share} up to date{of, plural, =0 {} other {, batch {current, count} of {of, count}}}.",
  "wall.share_done":
    "{share} up to date, {left, plural, one {# instance} other {# instances}} to come.",
  "wall.stale": "No news since {time} {zone}. This picture may be wrong.",
  "wall.stale_more": "The feed is silent. The wall keeps asking until it answers.",
  "wall.stopped_at": "{word}, {share} up to date.",
  "wall.summary": "{count, plural, one {# instance} other {# instances}}: {parts}",
  "wall.turn": "{place, count} of {of, count}",
  "wall.twin": "Scale sets on this wall",
  "wall.twin_bad": "Instances that need somebody",
  "wall.twin_reason": "Reason",
  "wall.twin_set": "Scale set",
  "wall.twin_state": "State",
  "wall.unknown_end": "not known yet",
  "wall.waiting": "Waiting",
});
