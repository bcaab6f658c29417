-- What history, resume and explanations read.

-- name: runs
SELECT * FROM runs
WHERE (:pipeline = '' OR pipeline = :pipeline)
  AND (:states = '[]' OR state IN (SELECT value FROM json_each(:states)))
  AND (:since = 0 OR created >= :since)
  AND (:until = 0 OR created < :until)
  AND (SELECT count(DISTINCT value) FROM json_each(runs.tags)
       WHERE value IN (SELECT value FROM json_each(:tags))) = json_array_length(:tags)
ORDER BY created DESC, number DESC;

-- name: run
SELECT * FROM runs WHERE id = ?;

-- name: runs_with_prefix
SELECT * FROM runs WHERE id >= ? AND id < ? ORDER BY created DESC, number DESC LIMIT 6;

-- name: newest_ids
SELECT id FROM runs ORDER BY created DESC, number DESC LIMIT 500;

-- name: traces
SELECT number, graph, codes, reasons, time FROM traces
WHERE run = (SELECT number FROM runs WHERE id = ?) ORDER BY number;

-- name: trace
SELECT id FROM traces WHERE run = (SELECT number FROM runs WHERE id = ?) AND number = ?;

-- name: latest_trace
SELECT id FROM traces WHERE run = (SELECT number FROM runs WHERE id = ?)
ORDER BY number DESC LIMIT 1;

-- name: sources
SELECT sources.module, sources.path, texts.text, sources.is_package
FROM sources JOIN texts ON texts.id = sources.text
WHERE sources.trace = ? ORDER BY sources.module;

-- name: places
SELECT id, path, name FROM places WHERE id BETWEEN ? AND ?;

-- name: groups
SELECT places.path, places.name, tallies.state, tallies.count, tallies.seconds, tallies.ended,
       tallies.kept
FROM tallies JOIN places ON places.id = tallies.trace << 32 | tallies.place
WHERE tallies.trace = ? ORDER BY tallies.place, tallies.state;

-- name: outcomes
SELECT * FROM outcomes WHERE id > ? AND id <= ? ORDER BY id LIMIT ?;

-- name: outcomes_of_nodes
SELECT * FROM outcomes
WHERE id > ? AND id <= ? AND node IN (SELECT value FROM json_each(?)) ORDER BY id LIMIT ?;

-- name: bad_outcomes
SELECT * FROM outcomes INDEXED BY bad_outcomes
WHERE state BETWEEN 6 AND 8 AND id BETWEEN ? AND ? ORDER BY id LIMIT ?;

-- name: tries
SELECT * FROM tries WHERE id BETWEEN ? AND ? ORDER BY id;

-- name: batches
SELECT id, slot, batch, time, units FROM batches WHERE id BETWEEN ? AND ? ORDER BY id;

-- name: endings
SELECT id, node, first, count FROM outcomes WHERE id BETWEEN :low AND :high
UNION ALL
SELECT id, node, element, 1 FROM tries WHERE id BETWEEN :low AND :high
ORDER BY 1;

-- name: trace_ids
SELECT id FROM traces WHERE run = (SELECT number FROM runs WHERE id = ?) ORDER BY number;

-- name: written
SELECT id, key, time, level, logger, text FROM written
WHERE id BETWEEN max(:low, :after + 1) AND :high AND level >= :level
  AND (:key = '' OR key = :key OR substr(key, 1, length(:key) + 1) = :key || '[')
ORDER BY id;

-- name: cached
SELECT key, name, run_id, task_key, time, value, parts, expires, coded FROM cache
WHERE key = ? AND (expires = 0 OR expires > ?);

-- name: nearest
SELECT key, name, run_id, task_key, time, value, parts, expires, coded FROM cache
WHERE name = ? ORDER BY time DESC LIMIT ?;

-- name: files_of_home
SELECT DISTINCT name FROM files WHERE home = ?;
