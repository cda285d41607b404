-- The library's own layout, revision 1: what any later version must still read, and what this one
-- writes. JSON text as JavaScript writes it, except that 1.0 and -0.0 stay floats; the expiry in
-- milliseconds since 1970, or NULL. `~` opens a reserved segment, and a key that starts with it is
-- written with two.
CREATE TABLE "storage" (key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL, expires_at INTEGER) WITHOUT ROWID;
CREATE INDEX "storage_expires_at" ON "storage" (expires_at) WHERE expires_at IS NOT NULL;
BEGIN;
INSERT INTO "storage" VALUES ('', '"the empty key"', NULL);
INSERT INTO "storage" VALUES ('answer', '42', NULL);
INSERT INTO "storage" VALUES ('control', '"\u0000\u001f\n\\/"', NULL);
INSERT INTO "storage" VALUES ('empties', '[{},[],"",0,false,null]', NULL);
INSERT INTO "storage" VALUES ('float', '1.0', NULL);
INSERT INTO "storage" VALUES ('half', '1.5', 1700003600457);
INSERT INTO "storage" VALUES ('minus zero', '-0.0', NULL);
INSERT INTO "storage" VALUES ('moment', 'null', 1700000000458);
INSERT INTO "storage" VALUES ('safe', '9007199254740991', NULL);
INSERT INTO "storage" VALUES ('session', '{"step":3,"name":"é😀","nested":{"list":[1,2]}}', 1700000001957);
INSERT INTO "storage" VALUES ('sum', '0.30000000000000004', NULL);
INSERT INTO "storage" VALUES ('surrogate', '"\ud83d"', NULL);
INSERT INTO "storage" VALUES ('ключ 😀', 'true', NULL);
INSERT INTO "storage" VALUES ('~~', '"two tildes were one"', NULL);
INSERT INTO "storage" VALUES ('~~ns~carts~5', '"a key that looks like a namespace"', NULL);
INSERT INTO "storage" VALUES ('~ns~carts~5', '{"items":["a"]}', NULL);
INSERT INTO "storage" VALUES ('~ns~carts~~~5', '"a key with a tilde in a namespace"', NULL);
INSERT INTO "storage" VALUES ('~ns~carts~~ns~archive~5', '"a namespace in a namespace"', 1700000060457);
INSERT INTO "storage" VALUES ('~ns~50%25%7E~5', '"escaped"', NULL);
COMMIT;
