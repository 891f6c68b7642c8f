-- A state file as simulators made it that knew no restores: instance 0 of rg/web is being reimaged, instance 1 was.
BEGIN TRANSACTION;
CREATE TABLE machines (
    serial INTEGER PRIMARY KEY AUTOINCREMENT, scale_set TEXT NOT NULL, instance TEXT NOT NULL, version TEXT NOT NULL,
    os_disk TEXT NOT NULL, power TEXT NOT NULL, provisioning TEXT NOT NULL, made_by TEXT NOT NULL, imaged_by TEXT NOT NULL,
    address TEXT NOT NULL, sick INTEGER NOT NULL, stopped INTEGER NOT NULL, reported INTEGER NOT NULL, custom_data INTEGER NOT NULL,
    extensions TEXT NOT NULL, data_disks TEXT NOT NULL, UNIQUE (scale_set, instance)
);
INSERT INTO "machines" VALUES(1,'rg/web','0','16.04.1','web_web_0_OsDisk_1_11111111','starting','updating','birth-0','birth-0','127.64.0.1:20001',0,0,1,1,'["agent", "app", "health"]','[[0, "web_web_0_disk2_22222222", "7ce07b6caf5d25517e2d58d7ee6c2745"]]');
INSERT INTO "machines" VALUES(2,'rg/web','1','16.04.2','web_web_1_OsDisk_1_33333333','running','succeeded','birth-1','swap-1','127.64.0.2:20001',0,0,1,1,'["agent", "app", "health"]','[[0, "web_web_1_disk2_44444444", "df9af82b8bfb3a44ec3540492e697cde"]]');
CREATE TABLE operations (
    id TEXT PRIMARY KEY, work TEXT NOT NULL, scale_set TEXT NOT NULL, instance TEXT NOT NULL, model TEXT NOT NULL,
    started_at REAL NOT NULL, due_at REAL NOT NULL, progress TEXT NOT NULL, finished_at REAL, code TEXT NOT NULL,
    message TEXT NOT NULL, view TEXT
) WITHOUT ROWID;
INSERT INTO "operations" VALUES('birth-0','create','rg/web','0','["16.04.1", true, [["app", ["agent"]], ["agent", []], ["health", ["app"]]], [[0, 32]]]',1700000000.0,1700000000.0,'succeeded',1700000000.0,'','','{"instance":"0","os_disk":"web_web_0_OsDisk_1_11111111","version":"16.04.1","power":"running","provisioning":"succeeded","address":"127.64.0.1:20001","data_disks":[[0,"web_web_0_disk2_22222222","7ce07b6caf5d25517e2d58d7ee6c2745"]],"extensions":[["agent","succeeded"],["app","succeeded"],["health","succeeded"]],"runs":[["customData","2023-11-14T22:13:20.256107+00:00"],["agent","2023-11-14T22:13:20.256108+00:00"],["app","2023-11-14T22:13:20.256109+00:00"],["health","2023-11-14T22:13:20.256110+00:00"]]}');
INSERT INTO "operations" VALUES('birth-1','create','rg/web','1','["16.04.1", true, [["app", ["agent"]], ["agent", []], ["health", ["app"]]], [[0, 32]]]',1700000000.0,1700000000.0,'succeeded',1700000000.0,'','','{"instance":"1","os_disk":"web_web_1_OsDisk_1_55555555","version":"16.04.1","power":"running","provisioning":"succeeded","address":"127.64.0.2:20001","data_disks":[[0,"web_web_1_disk2_44444444","df9af82b8bfb3a44ec3540492e697cde"]],"extensions":[["agent","succeeded"],["app","succeeded"],["health","succeeded"]],"runs":[["customData","2023-11-14T22:13:20.256107+00:00"],["agent","2023-11-14T22:13:20.256108+00:00"],["app","2023-11-14T22:13:20.256109+00:00"],["health","2023-11-14T22:13:20.256110+00:00"]]}');
INSERT INTO "operations" VALUES('swap-0','reimage','rg/web','0','["16.04.2", true, [["app", ["agent"]], ["agent", []], ["health", ["app"]]], [[0, 32]]]',1700000000.0,1700000000.0,'running',NULL,'','',NULL);
INSERT INTO "operations" VALUES('swap-1','reimage','rg/web','1','["16.04.2", true, [["app", ["agent"]], ["agent", []], ["health", ["app"]]], [[0, 32]]]',1700000000.0,1700000000.0,'succeeded',1700000000.0,'','','{"instance":"1","os_disk":"web_web_1_OsDisk_1_33333333","version":"16.04.2","power":"running","provisioning":"succeeded","address":"127.64.0.2:20001","data_disks":[[0,"web_web_1_disk2_44444444","df9af82b8bfb3a44ec3540492e697cde"]],"extensions":[["agent","succeeded"],["app","succeeded"],["health","succeeded"]],"runs":[["customData","2023-11-14T22:13:20.304674+00:00"],["agent","2023-11-14T22:13:20.304675+00:00"],["app","2023-11-14T22:13:20.304676+00:00"],["health","2023-11-14T22:13:20.304677+00:00"]]}');
CREATE TABLE runs (
    scale_set TEXT NOT NULL, instance TEXT NOT NULL, os_disk TEXT NOT NULL, what TEXT NOT NULL, at TEXT NOT NULL
);
INSERT INTO "runs" VALUES('rg/web','0','web_web_0_OsDisk_1_11111111','customData','2023-11-14T22:13:20.256107+00:00');
INSERT INTO "runs" VALUES('rg/web','0','web_web_0_OsDisk_1_11111111','agent','2023-11-14T22:13:20.256108+00:00');
INSERT INTO "runs" VALUES('rg/web','0','web_web_0_OsDisk_1_11111111','app','2023-11-14T22:13:20.256109+00:00');
INSERT INTO "runs" VALUES('rg/web','0','web_web_0_OsDisk_1_11111111','health','2023-11-14T22:13:20.256110+00:00');
INSERT INTO "runs" VALUES('rg/web','1','web_web_1_OsDisk_1_55555555','customData','2023-11-14T22:13:20.256107+00:00');
INSERT INTO "runs" VALUES('rg/web','1','web_web_1_OsDisk_1_55555555','agent','2023-11-14T22:13:20.256108+00:00');
INSERT INTO "runs" VALUES('rg/web','1','web_web_1_OsDisk_1_55555555','app','2023-11-14T22:13:20.256109+00:00');
INSERT INTO "runs" VALUES('rg/web','1','web_web_1_OsDisk_1_55555555','health','2023-11-14T22:13:20.256110+00:00');
INSERT INTO "runs" VALUES('rg/web','1','web_web_1_OsDisk_1_33333333','customData','2023-11-14T22:13:20.304674+00:00');
INSERT INTO "runs" VALUES('rg/web','1','web_web_1_OsDisk_1_33333333','agent','2023-11-14T22:13:20.304675+00:00');
INSERT INTO "runs" VALUES('rg/web','1','web_web_1_OsDisk_1_33333333','app','2023-11-14T22:13:20.304676+00:00');
INSERT INTO "runs" VALUES('rg/web','1','web_web_1_OsDisk_1_33333333','health','2023-11-14T22:13:20.304677+00:00');
CREATE TABLE scale_sets (key TEXT PRIMARY KEY, tags TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "scale_sets" VALUES('rg/web','{"rollgrid-sim-boot-seconds": "3"}');
CREATE INDEX operations_running ON operations (id) WHERE progress = 'running';
CREATE INDEX operations_finished ON operations (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX runs_of_disk ON runs (os_disk);
CREATE INDEX runs_at ON runs (at);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('machines',2);
COMMIT;
