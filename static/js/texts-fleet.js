// The texts of the fleet page and of the images page in English, by key: beside those of texts.js where their modules are.

import { addTexts } from "./texts.js";

addTexts({
  "attention.act_of": "{act} of {name}",
  "attention.automatic_off":
    "{count, plural, one {# scale set} other {# scale sets}} with automatic upgrades off",
  "attention.count": "{count, plural, one {# {singular}} other {# {plural}}}",
  "attention.expected": "Expected: {list}",
  "map.cell": "{name}: {state}, in {set}",
  "map.label":
    "{count, plural, one {# instance} other {# instances}} of {sets, plural, one {# scale set} other {# scale sets}}, each a cell",
  "needs.failed":
    "{count, plural, one {# instance} other {# instances}} {version, select, none {could not be created or changed} other {did not become healthy on {version}}}: {names}.",
  "needs.unhealthy_now": "Now {share} are unhealthy ({count, count} of {of, count}).",
  "publishing.latest": "Latest: {version}. Suggested next: {next}",
  "publishing.none_yet":
    "None published yet. A version is 2 to 4 numbers separated by dots, e.g. 16.04.2018.",
  "row.automatic": "Automatic",
  "row.automatic_of": "Automatic upgrades of {name}",
  "row.creating": "Creating {count, plural, one {# instance} other {# instances}}.",
  "row.deleting": "Being deleted",
  "row.ends": "ends {when}",
  "row.limits": "Max unhealthy {all}, failed after upgrade {upgraded}",
  "row.no_instances": "No instances.",
  "row.off": "Off",
  "row.on": "On",
  "row.opted_out": "{count, count} opted out",
  "row.pinned": "{versions} (pinned)",
  "row.place":
    "{word, select, none {Batch {current, count} of {of, count}} other {{word}, batch {current, count} of {of, count}}}",
  "row.policy": "Batch {size}{pause, select, none {} other {, pause {pause}}}",
  "row.since": "since {when}",
  "row.starting": "{word, select, none {Starting} other {{word}, starting}}",
  "totals.all_shown": "{all, count}, active and needing attention first. Times are in {zone}.",
  "totals.calm": "Nothing needs attention.",
  "totals.calm_then": "Nothing needed attention at the last update.",
  "totals.needs": "{count, plural, one {# scale set needs} other {# scale sets need}} attention.",
  "totals.shown": "{shown, count} of {all, count} shown. Times are in {zone}.",
});
