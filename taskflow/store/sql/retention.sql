-- What keeping house looks for and removes. Every change is one small transaction.

-- name: runs_to_judge
SELECT id, pipeline, created FROM runs WHERE state <> 'queued' ORDER BY created DESC, number DESC;

-- name: remove_run
DELETE FROM runs WHERE number = ?;

-- name: ownerless_traces
SELECT id FROM traces WHERE run NOT IN (SELECT number FROM runs);

-- name: remove_outcomes
DELETE FROM outcomes WHERE id IN (SELECT id FROM outcomes WHERE id BETWEEN ? AND ? LIMIT ?);

-- name: remove_written
DELETE FROM written WHERE id IN (SELECT id FROM written WHERE id BETWEEN ? AND ? LIMIT ?);

-- name: remove_places
DELETE FROM places WHERE id IN (SELECT id FROM places WHERE id BETWEEN ? AND ? LIMIT ?);

-- name: remove_tries
DELETE FROM tries WHERE id IN (SELECT id FROM tries WHERE id BETWEEN ? AND ? LIMIT ?);

-- name: remove_batches
DELETE FROM batches WHERE id IN (SELECT id FROM batches WHERE id BETWEEN ? AND ? LIMIT ?);

-- name: remove_files
DELETE FROM files WHERE outcome BETWEEN ? AND ?;

-- name: remove_tallies
DELETE FROM tallies WHERE trace = ?;

-- name: remove_sources
DELETE FROM sources WHERE trace = ?;

-- name: remove_trace
DELETE FROM traces WHERE id = ?;

-- name: remove_texts
DELETE FROM texts
WHERE id NOT IN (SELECT text FROM sources) AND id NOT IN (SELECT text FROM version_sources);

-- name: remove_expired_files
DELETE FROM files WHERE cached IN (SELECT key FROM cache WHERE expires > 0 AND expires <= ?);

-- name: remove_expired
DELETE FROM cache WHERE expires > 0 AND expires <= ?;

-- name: remove_cached_files
DELETE FROM files WHERE cached = ?;

-- name: bytes_of_values
SELECT coalesce(sum(size), 0) FROM (SELECT DISTINCT home, name, size FROM files WHERE home <> '');

-- name: values_to_drop
SELECT home, name, size FROM files WHERE home <> ''
GROUP BY home, name HAVING max(cached) = '' ORDER BY size DESC;

-- name: users_of_file
SELECT files.outcome, runs.id, runs.state
FROM files
LEFT JOIN traces ON traces.id = files.outcome >> 32
LEFT JOIN runs ON runs.number = traces.run
WHERE files.home = ? AND files.name = ?;

-- name: drop_value
UPDATE outcomes SET value = NULL, coded = 0 WHERE id = ?;

-- name: forget_files
DELETE FROM files WHERE outcome = ?;
