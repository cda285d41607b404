-- A table as puregram writes it: @puregram/storage-sqlite of puregram v3 (the files of the seed
-- document, read one by one: spec/seeds.md, section 4). Made by CREATE TABLE IF NOT EXISTS, filled by
-- an upsert, with what JSON.stringify gives (node 20.20.2) bound as text and the expiry in
-- milliseconds since 1970, or NULL. The column is TEXT: the JSON of a number stays text.
CREATE TABLE IF NOT EXISTS puregram_kv (key TEXT PRIMARY KEY, value TEXT NOT NULL, expires_at INTEGER);
BEGIN;
INSERT INTO puregram_kv (key, value, expires_at) VALUES ('zero', '0', NULL);
INSERT INTO puregram_kv (key, value, expires_at) VALUES ('answer', '42', NULL);
INSERT INTO puregram_kv (key, value, expires_at) VALUES ('negative', '-7', NULL);
INSERT INTO puregram_kv (key, value, expires_at) VALUES ('half', '1.5', NULL);
INSERT INTO puregram_kv (key, value, expires_at) VALUES ('sum', '0.30000000000000004', NULL);
INSERT INTO puregram_kv (key, value, expires_at) VALUES ('exponent', '1e+300', NULL);
INSERT INTO puregram_kv (key, value, expires_at) VALUES ('big', '12345678901234567000', NULL);
INSERT INTO puregram_kv (key, value, expires_at) VALUES ('minus zero', '-0', NULL);
INSERT INTO puregram_kv (key, value, expires_at) VALUES ('safe', '9007199254740991', NULL);
INSERT INTO puregram_kv (key, value, expires_at) VALUES ('yes', 'true', NULL);
INSERT INTO puregram_kv (key, value, expires_at) VALUES ('no', 'false', NULL);
INSERT INTO puregram_kv (key, value, expires_at) VALUES ('nothing', 'null', NULL);
INSERT INTO puregram_kv (key, value, expires_at) VALUES ('empty', '""', NULL);
INSERT INTO puregram_kv (key, value, expires_at) VALUES ('digits', '"42"', NULL);
INSERT INTO puregram_kv (key, value, expires_at) VALUES ('text', '"it''s \"é\" 😀"', NULL);
INSERT INTO puregram_kv (key, value, expires_at) VALUES ('surrogate', '"\ud83d"', NULL);
INSERT INTO puregram_kv (key, value, expires_at) VALUES ('control', '"\u0000\u001f\n\\/"', NULL);
INSERT INTO puregram_kv (key, value, expires_at) VALUES ('list', '[1,"a",null,1.5]', NULL);
INSERT INTO puregram_kv (key, value, expires_at) VALUES ('empties', '[{},[]]', NULL);
INSERT INTO puregram_kv (key, value, expires_at) VALUES ('user:1:chat:3', '{"counter":1}', 1700000100457);
INSERT INTO puregram_kv (key, value, expires_at) VALUES ('user:2:chat:3', '{"x":"v","__ttl":{"x":{"t":1000,"at":1700000000000}}}', NULL);
INSERT INTO puregram_kv (key, value, expires_at) VALUES ('default:77', '{"hits":1,"resetAt":1060000}', 1700000000458);
INSERT INTO puregram_kv (key, value, expires_at) VALUES ('enhanced', '{"__v":2,"data":{"a":1},"__exp":1718000000000}', NULL);
INSERT INTO puregram_kv (key, value, expires_at) VALUES ('over', '1', 1699999999999);
COMMIT;
