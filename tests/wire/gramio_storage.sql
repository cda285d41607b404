-- A table as GramIO writes it: gramiojs/storages, packages/sqlite, revision 98749d1 (1.0.0).
-- It is made by CREATE TABLE IF NOT EXISTS and filled by INSERT OR REPLACE, with what JSON.stringify
-- gives (node 20.20.2) bound as text and the expiry in whole seconds since 1970, or NULL.
-- JSONB is no type that SQLite knows: such a column turns the text of a number into a number.
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS gramio_storage (key TEXT PRIMARY KEY, value JSONB NOT NULL, expires_at BIGINT);
BEGIN;
INSERT OR REPLACE INTO gramio_storage VALUES ('zero', '0', NULL);
INSERT OR REPLACE INTO gramio_storage VALUES ('answer', '42', NULL);
INSERT OR REPLACE INTO gramio_storage VALUES ('negative', '-7', NULL);
INSERT OR REPLACE INTO gramio_storage VALUES ('half', '1.5', NULL);
INSERT OR REPLACE INTO gramio_storage VALUES ('sum', '0.30000000000000004', NULL);
INSERT OR REPLACE INTO gramio_storage VALUES ('big', '12345678901234567000', NULL);
INSERT OR REPLACE INTO gramio_storage VALUES ('bigger than js', '12345678901234567890', NULL);
INSERT OR REPLACE INTO gramio_storage VALUES ('ten to 16', '10000000000000000', NULL);
INSERT OR REPLACE INTO gramio_storage VALUES ('minus zero', '-0', NULL);
INSERT OR REPLACE INTO gramio_storage VALUES ('safe', '9007199254740991', NULL);
INSERT OR REPLACE INTO gramio_storage VALUES ('yes', 'true', NULL);
INSERT OR REPLACE INTO gramio_storage VALUES ('no', 'false', NULL);
INSERT OR REPLACE INTO gramio_storage VALUES ('nothing', 'null', NULL);
INSERT OR REPLACE INTO gramio_storage VALUES ('empty', '""', NULL);
INSERT OR REPLACE INTO gramio_storage VALUES ('digits', '"42"', NULL);
INSERT OR REPLACE INTO gramio_storage VALUES ('text', '"it''s \"é\" 😀"', NULL);
INSERT OR REPLACE INTO gramio_storage VALUES ('surrogate', '"\ud83d"', NULL);
INSERT OR REPLACE INTO gramio_storage VALUES ('control', '"\u0000\u001f\n\\/"', NULL);
INSERT OR REPLACE INTO gramio_storage VALUES ('list', '[1,"a",null,1.5]', NULL);
INSERT OR REPLACE INTO gramio_storage VALUES ('empties', '[{},[]]', NULL);
INSERT OR REPLACE INTO gramio_storage VALUES ('617580375', '{"counter":1}', 1700000100);
INSERT OR REPLACE INTO gramio_storage VALUES ('@gramio/scenes:617580375', '{"name":"scene-name","state":{},"stepId":0,"previousStepId":0,"firstTime":false}', NULL);
INSERT OR REPLACE INTO gramio_storage VALUES ('rl:cmd:77', '[1718000000000,1718000000500]', 1700000001);
INSERT OR REPLACE INTO gramio_storage VALUES ('over', '1', 1700000000);
COMMIT;
