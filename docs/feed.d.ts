// Made from the schema in docs/feed.md by `npm run types`. Of each message: its fields and what they hold.

declare namespace Feed {
export type Anything = Message | Answer;
export type Message = Delta | Reset | Heartbeat | Error;
export type Time = string | null;
export type Sentence = {
  text: string;
  template: string;
  key: string;
  params: Params;
} | null;
export type Numbers = string;
export type Board = {
  target: string;
  urgency: number | null;
  needs: {
    code: string;
    face: Face;
    urgency: number;
    begins_at: Time;
    reason: number | null;
  }[];
  eligible: Numbers;
  up_to_date: Numbers;
  waiting: Numbers;
  behind: [string, number][];
  left_behind: Numbers;
  approval: {
    version: string;
    waiting: Numbers;
    approved: Numbers;
  } | null;
  says: {
    key: string;
    template: string;
    instances: Numbers;
  }[];
  states: {
    [k: string]: Numbers;
  };
  counts: {
    total: number;
    counted: number;
    eligible: number;
    up_to_date: number;
    current: number;
    opted_out: number;
    [k: string]: number;
  };
  unhealthy: Gauge;
  over_limit: Sentence;
  failed: Gauge | null;
  batch: {
    size: number | null;
    replaced: number | null;
    healthy: number | null;
    current: number;
    of: number;
    step: "gate" | "choose" | "replace" | "wait";
    since: string;
    held: boolean;
  } | null;
  batches: Ran[];
  /**
   * @maxItems 100
   */
  planned: Planned[];
  planned_more: number;
  planned_by: "platform" | "user" | null;
  progress: Progress;
  ends: {
    earliest: string;
    latest: string;
    late: boolean;
  } | null;
} | null;
export type Answer = Snapshot | Heads | Refusal;

export interface Delta {
  type: "delta";
  set: string;
  stream: string;
  since: number;
  seq: number;
  at: string;
  scale_set?: ScaleSet;
  upgrade?: Upgrade;
  board?: Board;
  instances?: Instance[];
  removed?: string[];
}
export interface ScaleSet {
  resource_group: string;
  name: string;
  location: string;
  image: Image;
  latest_version: string | null;
  wanted_version: string | null;
  withdrawn: {
    version: string;
    owner: string;
    reason: string;
    created_at: Time;
  }[];
  capacity: number;
  kept_os_disk: "exact" | "copy" | "version" | "none";
  automatic_upgrade: boolean;
  extensions: string[];
  policy: Policy;
  probe: {
    protocol: "http" | "https" | "tcp";
    port: number;
    path: string;
    interval_seconds: number;
    threshold: number;
    rich: boolean;
    grace_seconds: number;
  } | null;
  decision: {
    code?: string;
    text?: string;
    template?: string;
    key?: string;
    params?: Params;
    since?: string;
    face?: Face;
    word?: string;
    passes?: boolean;
    works?: boolean;
    holds?: boolean;
    at_the_gate?: boolean;
    reasons?: Reason[];
    actions?: {
      [k: string]: {
        possible: boolean;
        why: string;
        key: string;
        params: Params;
      };
    };
  };
  fleet_stop: {
    owner: string;
    reason: string;
    created_at: Time;
    until: Time;
  } | null;
  deleting: boolean;
}
export interface Image {
  publisher: string;
  offer: string;
  sku: string;
  version: string;
}
export interface Policy {
  max_batch_percent: number;
  max_unhealthy_percent: number;
  max_unhealthy_upgraded_percent: number;
  pause_seconds: number;
  max_surge: boolean;
  deferral: boolean;
  words: string[];
  word_keys: string[];
  [k: string]: number | boolean | unknown[];
}
export interface Params {
  [k: string]: {
    type: "instant" | "version" | "count" | "percent" | "text" | "instances" | "versions" | "flag";
    value: string | number | boolean | unknown[];
  };
}
export interface Face {
  fill: "done" | "active" | "attention" | "failure" | "waiting" | "out";
  glyph: string;
}
export interface Reason {
  code: string;
  text: string;
  template: string;
  key: string;
  params: Params;
  brief: Sentence;
  each: Sentence;
  face: Face;
  passes: boolean;
  needs_person_after: number | null;
  is_own: boolean;
  explains: string[];
  gauge: "" | "unhealthy" | "failed";
  tries_again: boolean;
  expected: {
    one: string;
    other: string;
  } | null;
  gate: string;
  since: string;
  until: Time;
  who: "nobody" | "operator" | "owner" | "publisher";
  remedy: string;
  act: string;
  numbers: {
    [k: string]: number;
  };
  instances: string[] | null;
}
export interface Upgrade {
  id: string;
  kind: "image" | "extensions";
  target: Image;
  started_by: "Platform" | "User";
  started_by_name: string;
  status: "RollingForward" | "RollingBack" | "Cancelled" | "Completed" | "Faulted";
  started_at: Time;
  ended_at: Time;
  cancel_requested_by: string;
  paused_by: string;
  only_failed: boolean;
  takes_failed: boolean;
  takes_newer: boolean;
  retry_skipped_by: string;
  extensions: string[];
  policy: Policy;
  progress: {
    successful: number;
    failed: number;
    in_progress: number;
    pending: number;
    [k: string]: number;
  };
  error: {
    code: string;
    message: string;
  } | null;
  breach: {
    code: string;
    text: string;
    template: string;
    key: string;
    params: Params;
    brief: Sentence;
    instances: string[];
    exceeded: {
      share_percent: number;
      limit_percent: number;
      of_upgraded: boolean;
    } | null;
  } | null;
  batches: {
    number: number;
    started_at: Time;
    finished_at: Time;
    why: string;
  }[];
  record: {
    counts: {
      succeeded: number;
      failed: number;
      left: number;
      [k: string]: number;
    };
    batches: Ran[];
    failed: Gauge;
    unhealthy: Gauge | null;
    progress: Progress;
    left: number;
  } | null;
}
export interface Ran {
  number: number;
  instances: Numbers;
  size: number;
  members: {
    [k: string]: Numbers;
  };
  started_at: Time;
  finished_at: Time;
  why: string;
  key: string;
  params: Params;
}
export interface Gauge {
  count: number;
  of: number;
  percent: number;
  limit_percent: number;
  most: number;
  room: number;
  over: boolean;
  instances: Numbers;
}
export interface Progress {
  up_to_date: number;
  of: number;
  percent: number | null;
}
export interface Planned {
  number: number;
  instances: Numbers;
  size: number;
  zones: string[];
  starts_at: Time;
  ends_at: Time;
  waits_for_approval: boolean;
  why: string;
  key: string;
  params: Params;
}
export interface Instance {
  id: string;
  name: string;
  zone: string;
  version: string;
  reported_version: string;
  os_disk: string;
  data_disks: {
    lun: number;
    id: string;
    marker: string;
  }[];
  power: "starting" | "running" | "stopped" | "deallocated" | "unknown";
  provisioning: "creating" | "updating" | "succeeded" | "failed" | "deleting";
  extensions: {
    name: string;
    state: string;
    message: string;
    version: string;
  }[];
  health: "initializing" | "healthy" | "unhealthy" | "unknown";
  health_since: Time;
  health_began_at: Time;
  health_detail: string;
  operation:
    "" | "create" | "reimage" | "restore" | "extensions" | "delete" | "start" | "restart" | "power_off" | "deallocate";
  failed_version: string;
  approved_version: string;
  quarantined_at: Time;
  missing_since: Time;
  member: {
    upgrade: string;
    instance: string;
    replacement: string | null;
    kind: "image" | "extensions";
    batch: number;
    state: "queued" | "upgrading" | "verifying" | "succeeded" | "failed" | "rolling_back" | "rolled_back" | "skipped";
    swapped_at: Time;
    ended_at: Time;
    error_code: string;
    error_message: string;
    rollback_error: string;
  } | null;
  opt_out: {
    owner: string;
    reason: string;
    scope: "upgrade" | "until";
    created_at: Time;
    until: Time;
    ending_by: string;
  } | null;
}
export interface Reset {
  type: "reset";
  set: string;
  stream: string;
  seq: number;
  reason: "new" | "gap" | "stream" | "gone";
  version: number;
  at: string;
}
export interface Heartbeat {
  type: "heartbeat";
  n: number;
  heads: {
    [k: string]: string;
  };
  version: number;
  at: string;
}
export interface Error {
  type: "error";
  code: string;
  message: string;
  at: string;
}
export interface Snapshot {
  stream: string;
  seq: number;
  scale_set: ScaleSet;
  upgrade: Upgrade | null;
  board: Board;
  instances: {
    [k: string]: Instance;
  };
}
export interface Heads {
  at: string;
  heads: {
    [k: string]: string;
  };
}
export interface Refusal {
  error: {
    code: string;
    message: string;
  };
}
}
